//! One direction of an association: what is done with each chunk, and what falls due.

use crate::packet::{Carrier, InterfaceId};
use crate::sip::framing::{is_start, keep_alive};
use crate::stream::conversations::OneWay;
use crate::stream::limits::StreamLimits;
use crate::stream::shared::{Shared, Work};
use crate::time::Timestamp;

use super::chunk::Data;
use super::fragments::Fragments;
use super::numbers::Numbers;

/// What is kept of a direction while it carries SIP, or may.
#[derive(Debug)]
struct Followed {
    numbers: Numbers,
    fragments: Fragments,
    /// What the shared account holds for `fragments`.
    accounted: usize,
}

/// One direction of an association.
///
/// Invariant: `followed` is absent until SIP, or text that may be a part of it, was seen.
#[derive(Debug)]
pub(in crate::stream) struct Lane {
    followed: Option<Box<Followed>>,
    /// The first TSN, from INIT.
    initial: Option<u32>,
    /// While `followed` is absent: the next TSN, if all from the first one on were seen.
    expected: Option<u32>,
    armed: Timestamp,
    /// Where its chunks are captured.
    interface: Option<InterfaceId>,
    sip: bool,
    after_gap: bool,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            followed: None,
            initial: None,
            expected: None,
            armed: Timestamp::MAX,
            interface: None,
            sip: false,
            after_gap: false,
        }
    }
}

impl Lane {
    /// The association begins, and its first TSN is this.
    pub(super) fn begin(&mut self, work: &mut Work<'_>, tsn: u32) {
        if self.initial == Some(tsn) {
            return; // The same INIT again.
        }
        self.dismiss(work.shared);
        let (initial, expected) = (Some(tsn), Some(tsn));
        *self = Self { armed: self.armed, interface: self.interface, initial, expected, ..Self::default() };
    }

    pub(super) fn data(&mut self, work: &mut Work<'_>, data: &Data<'_>) {
        let wanted = self.sip || data.may_be_sip() || self.may_continue(data);
        if !wanted && (self.followed.is_none() || !data.begins) {
            // Another protocol's, or so it seems: no hole before what follows.
            self.expected = self.expected.map(|tsn| if tsn == data.tsn { tsn.wrapping_add(1) } else { tsn });
            return;
        }
        if self.followed.as_deref().is_some_and(|followed| followed.numbers.is_far(data.tsn)) {
            work.shared.counts.jumps += 1;
            self.dismiss(work.shared);
            (self.initial, self.expected) = (None, None);
        }
        let until = work.now.plus(work.shared.limits.reorder);
        let expected = self.expected.take();
        let followed = self.followed.get_or_insert_with(|| {
            work.shared.counts.joins += u64::from(expected.is_none());
            let numbers = Numbers::new(data.tsn, expected, until);
            Box::new(Followed { numbers, fragments: Fragments::default(), accounted: 0 })
        });
        if followed.numbers.is_done(data.tsn) {
            work.shared.counts.retransmissions += 1;
            return;
        }
        let (lost, late) = followed.numbers.note(data.tsn, work.now);
        work.shared.counts.out_of_order += u64::from(late);
        self.tell(work, lost);
        if !wanted {
            return;
        }
        if data.cut && data.begins {
            // All that a record needs may be there.
            self.deliver(work, data.payload, work.seen, true);
        } else if data.begins && data.ends {
            self.deliver(work, data.payload, work.seen, false);
        } else {
            self.fragment(work, data);
        }
        self.tell(work, u32::from(data.cut));
    }

    /// Whether a chunk that does not look like SIP may go on with a message of which the beginning is held: the middle of a
    /// body is any bytes.
    fn may_continue(&self, data: &Data<'_>) -> bool {
        !data.begins && self.followed.as_deref().is_some_and(|followed| followed.fragments.hold_beginning(data.group))
    }

    fn fragment(&mut self, work: &mut Work<'_>, data: &Data<'_>) {
        let Some(Followed { numbers, fragments, .. }) = self.followed.as_deref_mut() else { return };
        if let Some(range) = fragments.keep(data, numbers.base(), work.seen) {
            let mut message = core::mem::take(&mut work.shared.scratch);
            let (time, cut) = fragments.take(range, &mut message);
            self.deliver(work, &message, time, cut);
            work.shared.scratch = message;
        } else if fragments.are_too_many() {
            work.shared.counts.buffers_dropped += 1;
            work.shared.counts.unfinished += 1;
            self.drop_stale(work, true);
        }
    }

    fn deliver(&mut self, work: &mut Work<'_>, bytes: &[u8], time: Timestamp, cut: bool) {
        if is_start(bytes) {
            self.sip = true;
            let message = bytes.get(keep_alive(bytes)..).unwrap_or_default();
            let after_gap = core::mem::take(&mut self.after_gap);
            match cut {
                true => work.cut_message(Carrier::Sctp, message, time, after_gap),
                false => work.message(Carrier::Sctp, message, time, after_gap),
            }
        }
    }

    /// Drops fragments that will not be completed, and hands on the beginnings among them. Whether there were any.
    fn drop_stale(&mut self, work: &mut Work<'_>, all: bool) -> bool {
        let Some(mut followed) = self.followed.take() else { return false };
        let mut message = core::mem::take(&mut work.shared.scratch);
        let Followed { numbers, fragments, .. } = &mut *followed;
        let begun = &mut |bytes: &[u8], time| self.deliver(work, bytes, time, true);
        let dropped = fragments.drop_stale(numbers.next(), all, &mut message, begun);
        work.shared.scratch = message;
        self.followed = Some(followed);
        dropped > 0
    }

    /// Tells of chunks that were never seen.
    fn tell(&mut self, work: &mut Work<'_>, lost: u32) {
        if lost > 0 && self.sip {
            work.gap(Carrier::Sctp, lost);
            self.after_gap = true;
        }
    }

    pub(super) fn acknowledge(&mut self, work: &Work<'_>, tsn: u32) {
        if let Some(followed) = self.followed.as_deref_mut() {
            followed.numbers.acknowledge(tsn, work.now);
        }
    }

    pub(super) fn forward(&mut self, tsn: u32) {
        if let Some(followed) = self.followed.as_deref_mut() {
            followed.numbers.forward(tsn);
        }
    }

    /// Brings the account up to date with what is held now.
    pub(super) fn account(&mut self, shared: &mut Shared) {
        let Some(followed) = self.followed.as_deref_mut() else { return };
        let cost = followed.fragments.cost();
        shared.buffered = shared.buffered.saturating_sub(followed.accounted) + cost;
        followed.accounted = cost;
    }
}

impl OneWay for Lane {
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
        let Followed { numbers, fragments, .. } = self.followed.as_deref()?;
        let stall = (!fragments.is_empty()).then(|| fragments.progress().plus(limits.stall));
        [numbers.due(limits), stall].into_iter().flatten().min()
    }

    fn expire(&mut self, work: &mut Work<'_>) {
        let (now, limits) = (work.now, &work.shared.limits);
        let Some(Followed { numbers, fragments, .. }) = self.followed.as_deref_mut() else { return };
        let lost = numbers.expire(now, limits);
        let stalled = !fragments.is_empty() && fragments.progress().plus(limits.stall) <= now;
        if lost > 0 || stalled {
            work.shared.counts.unfinished += u64::from(self.drop_stale(work, stalled));
        }
        let empty = self.followed.as_deref().is_none_or(|followed| followed.fragments.is_empty());
        self.tell(work, lost);
        self.account(work.shared);
        if !self.sip && empty {
            self.followed = None;
        }
    }

    fn flush(&mut self, work: &mut Work<'_>) {
        // Nothing whole ever waits.
        work.shared.counts.unfinished += u64::from(self.drop_stale(work, true));
        self.account(work.shared);
    }

    fn drop_held(&mut self, work: &mut Work<'_>) {
        if self.drop_stale(work, true) {
            work.shared.counts.buffers_dropped += 1;
            self.tell(work, 1);
            self.account(work.shared);
        }
    }

    fn dismiss(&mut self, shared: &mut Shared) {
        if let Some(followed) = self.followed.take() {
            shared.counts.unfinished += u64::from(!followed.fragments.is_empty());
            shared.buffered = shared.buffered.saturating_sub(followed.accounted);
        }
    }
}
