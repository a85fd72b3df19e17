//! What TCP conversations and SCTP associations have in common: room, age, timers.

use core::time::Duration;

use crate::packet::{Hop, InterfaceId};
use crate::time::Timestamp;

use super::delivery::Delivery;
use super::limits::StreamLimits;
use super::shared::{Shared, Work};
use super::table::{Rank, Table, canonical};
use super::timers::{Side, Timers};

/// One direction of a conversation, as far as room and age are concerned.
pub(super) trait OneWay: Default {
    /// Its entry in the timer set; [`Timestamp::MAX`] for none.
    fn armed(&mut self) -> &mut Timestamp;
    /// Where its segments are captured, or else those that acknowledge them; known whenever something is due.
    fn interface(&mut self) -> &mut Option<InterfaceId>;
    fn is_sip(&self) -> bool;
    /// When [`OneWay::expire`] has something to do. `Some` whenever bytes are held.
    fn due(&self, limits: &StreamLimits) -> Option<Timestamp>;
    /// Does what is due.
    fn expire(&mut self, work: &mut Work<'_>);
    /// Delivers all that waits, as if its time had passed.
    fn flush(&mut self, work: &mut Work<'_>);
    /// Drops all that is held, for want of room.
    fn drop_held(&mut self, work: &mut Work<'_>);
    /// The conversation goes.
    fn dismiss(&mut self, shared: &mut Shared);
}

/// Conversations of one transport.
///
/// Invariant: a direction that holds bytes has an entry in `timers`, so that age and the bound on all bytes reach it.
#[derive(Debug)]
pub(super) struct Conversations<D> {
    table: Table<[D; 2]>,
    timers: Timers,
}

impl<D: OneWay> Conversations<D> {
    pub(super) fn new(seed: u64) -> Self {
        Self { table: Table::new(seed), timers: Timers::default() }
    }

    /// The conversation on this hop and the side that the hop is; admitted when `worth` says so.
    ///
    /// One that has been idle for too long is not found, whether or not its room was needed since: what becomes of a
    /// conversation must not depend on how many others there were.
    pub(super) fn find(
        &mut self,
        shared: &mut Shared,
        now: Timestamp,
        hop: &Hop,
        worth: impl FnOnce() -> bool,
    ) -> Option<Side> {
        let (key, direction) = canonical(hop);
        if let Some(id) = self.table.find(&key) {
            let age = self.table.age(id, now);
            if age.is_none_or(|(rank, idle)| idle <= most_idle(shared, rank)) {
                return Some(self.side(id, direction));
            }
            shared.counts.aged += 1;
            self.remove(shared, id);
        }
        worth().then(|| {
            let id = self.admit(shared, now, &key);
            self.side(id, direction)
        })
    }

    fn side(&self, slot: u32, direction: usize) -> Side {
        Side { born: self.table.born(slot), slot, direction }
    }

    /// The direction of this side, then the other one.
    pub(super) fn pair(&mut self, side: Side) -> Option<(&mut D, &mut D)> {
        let (_, [first, second]) = self.table.get_mut(side.slot)?;
        Some(if side.direction == 0 { (first, second) } else { (second, first) })
    }

    /// Sees to it that a side is called when something is due.
    pub(super) fn arm(&mut self, side: Side, limits: &StreamLimits) {
        let Some((_, direction)) = direction(&mut self.table, side) else { return };
        let due = direction.due(limits);
        self.timers.arm(side, direction.armed(), due);
    }

    /// Notes a sign of life, and keeps to the bound on all bytes.
    pub(super) fn touch(
        &mut self,
        shared: &mut Shared,
        now: Timestamp,
        id: u32,
        deliver: &mut dyn FnMut(Delivery<'_>),
    ) {
        let Some((_, directions)) = self.table.get_mut(id) else { return };
        let rank = if directions.iter().any(D::is_sip) { Rank::Sip } else { Rank::Other };
        self.table.touch(id, now, rank);
        // The nearest deadline first: it has waited longest.
        let mut emptied = Vec::new();
        while shared.buffered > shared.limits.buffered {
            let Some(side) = self.timers.pop() else { break };
            let Some((hop, direction)) = direction(&mut self.table, side) else { continue };
            *direction.armed() = Timestamp::MAX;
            let interface = direction.interface().unwrap_or_default();
            direction.drop_held(&mut Work { shared, hop, interface, now, seen: now, deliver });
            emptied.push(side);
        }
        // Something may still be due there, though nothing is held; only now, or it would be found empty again.
        for side in emptied {
            self.arm(side, &shared.limits);
        }
    }

    /// Does what is due first.
    pub(super) fn expire_first(&mut self, shared: &mut Shared, now: Timestamp, deliver: &mut dyn FnMut(Delivery<'_>)) {
        let Some(side) = self.timers.pop() else { return };
        let Some((hop, direction)) = direction(&mut self.table, side) else { return };
        *direction.armed() = Timestamp::MAX;
        let interface = direction.interface().unwrap_or_default();
        direction.expire(&mut Work { shared, hop, interface, now, seen: now, deliver });
        // Never due again at this very time, so that whoever does all that is due comes to an end whatever the limits are.
        let due = direction.due(&shared.limits).map(|due| due.max(now.plus(Duration::from_nanos(1))));
        if now < Timestamp::MAX {
            self.timers.arm(side, direction.armed(), due);
        }
    }

    /// Delivers what waits in the direction that is due first.
    pub(super) fn finish_first(&mut self, shared: &mut Shared, now: Timestamp, deliver: &mut dyn FnMut(Delivery<'_>)) {
        let Some(side) = self.timers.pop() else { return };
        let Some((hop, direction)) = direction(&mut self.table, side) else { return };
        *direction.armed() = Timestamp::MAX;
        let interface = direction.interface().unwrap_or_default();
        direction.flush(&mut Work { shared, hop, interface, now, seen: now, deliver });
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// What is due first, and when.
    #[inline]
    pub(super) fn first_due(&self) -> Option<(Timestamp, Side)> {
        self.timers.first()
    }

    /// A new conversation. Makes room for it: old age first, then the bound on their number.
    fn admit(&mut self, shared: &mut Shared, now: Timestamp, key: &Hop) -> u32 {
        for rank in [Rank::Other, Rank::Sip] {
            // Two for each one that comes: more is never needed to keep up.
            for _ in 0..2 {
                let Some((id, touched)) = self.table.oldest(rank) else { break };
                if now.since(touched) <= most_idle(shared, rank) {
                    break;
                }
                shared.counts.aged += 1;
                self.remove(shared, id);
            }
        }
        while self.table.len() >= shared.limits.conversations.max(1) {
            let Some((id, _)) = self.table.oldest(Rank::Other).or_else(|| self.table.oldest(Rank::Sip)) else { break };
            shared.counts.evicted += 1;
            self.remove(shared, id);
        }
        self.table.insert(key, shared.number, now)
    }

    /// Forgets a conversation.
    pub(super) fn remove(&mut self, shared: &mut Shared, id: u32) {
        let sides = [self.side(id, 0), self.side(id, 1)];
        let Some(mut directions) = self.table.remove(id) else { return };
        for (side, direction) in sides.into_iter().zip(&mut directions) {
            self.timers.disarm(side, *direction.armed());
            direction.dismiss(shared);
        }
    }
}

/// How long a conversation of this rank may be idle.
fn most_idle(shared: &Shared, rank: Rank) -> Duration {
    match rank {
        Rank::Other => shared.limits.idle_other,
        Rank::Sip => shared.limits.idle_sip,
    }
}

/// A direction, and the hop it travels.
fn direction<D: Default>(table: &mut Table<[D; 2]>, side: Side) -> Option<(Hop, &mut D)> {
    let (key, directions) = table.get_mut(side.slot)?;
    let hop = if side.direction == 0 { *key } else { key.reversed() };
    directions.get_mut(side.direction).map(|direction| (hop, direction))
}
