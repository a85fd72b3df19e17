//! TCP: each conversation's two directions, and what each says about the other.

use crate::packet::{Hop, InterfaceId, TcpSegment};
use crate::time::Timestamp;

use super::conversations::{Conversations, OneWay};
use super::delivery::Delivery;
use super::direction::{Direction, Mode};
use super::limits::StreamLimits;
use super::reader::is_opaque;
use super::shared::{Shared, Work};

/// Takes one segment.
pub(super) fn segment(
    conversations: &mut Conversations<Direction>,
    shared: &mut Shared,
    (now, seen): (Timestamp, Timestamp),
    hop: &Hop,
    segment: &TcpSegment<'_>,
    deliver: &mut dyn FnMut(Delivery<'_>),
) {
    let worth = || Direction::is_worth_following(segment);
    let Some(side) = conversations.find(shared, now, hop, worth) else { return };
    let Some((own, other)) = conversations.pair(side) else { return };

    let interface = shared.interface;
    own.interface = Some(interface);
    let mut work = Work { shared, hop: *hop, interface, now, seen, deliver };
    if !own.segment_in_order(&mut work, segment) {
        own.segment(&mut work, segment);
    }
    own.tidy(&mut work);
    // An encrypted conversation needs no entry: its segments fail `is_worth_following` by themselves, which is cheaper.
    let opaque = own.mode == Mode::Other && is_opaque(segment.payload) && !other.sip && other.held.is_none();
    if opaque {
        return conversations.remove(shared, side.slot);
    }
    let held = own.held.is_some();
    let behind = segment.ack && other.is_behind(segment.acknowledgement);
    if behind {
        // What is missing is missing where the other side is seen, if it ever was.
        (work.hop, work.interface) = (hop.reversed(), *other.interface.get_or_insert(interface));
        other.acknowledge(&mut work, segment.acknowledgement);
    }
    if held {
        conversations.arm(side, &shared.limits);
    }
    if behind {
        conversations.arm(side.other(), &shared.limits);
    }
    conversations.touch(shared, now, side.slot, deliver);
}

impl OneWay for Direction {
    fn armed(&mut self) -> &mut Timestamp {
        &mut self.armed
    }

    fn interface(&mut self) -> &mut Option<InterfaceId> {
        &mut self.interface
    }

    fn is_sip(&self) -> bool {
        self.sip
    }

    fn due(&self, limits: &StreamLimits) -> Option<Timestamp> {
        let held = self.held.as_deref()?;
        let hole = held.ahead.first().map(|piece| piece.time.plus(limits.hole_age));
        let stall = held.is_inside().then(|| held.progress.plus(limits.stall));
        [held.join_until, held.ack_until, hole, stall].into_iter().flatten().min()
    }

    fn expire(&mut self, work: &mut Work<'_>) {
        self.expire_held(work);
    }

    fn flush(&mut self, work: &mut Work<'_>) {
        self.flush_held(work);
        self.abandon(work);
        self.tidy(work);
    }

    fn drop_held(&mut self, work: &mut Work<'_>) {
        self.drop_for_room(work);
    }

    fn dismiss(&mut self, shared: &mut Shared) {
        if let Some(held) = self.held.take() {
            shared.counts.unfinished += u64::from(held.is_inside());
            shared.give_back(held);
        }
    }
}
