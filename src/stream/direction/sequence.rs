//! What comes in, early or again; what is missing, and when that is given up.

use crate::stream::shared::Work;

use super::{Direction, FAR, distance};

impl Direction {
    /// A segment of a stream that is read in order.
    pub(super) fn in_sequence(&mut self, work: &mut Work<'_>, at: u32, payload: &[u8], wire_len: u32) {
        let ahead = distance(at, self.next);
        if ahead.unsigned_abs() > FAR {
            return self.jump(work, at, payload, wire_len);
        }
        let (seen, next) = (work.seen, self.next);
        if ahead > 0 {
            work.shared.counts.out_of_order += 1;
            let inserted = self.hold(work).ahead.insert(next, at, seen, payload);
            work.shared.counts.overlaps_differ += u64::from(inserted.differs);
            work.shared.counts.retransmissions += u64::from(inserted.fresh == 0);
            self.note_cut(work, at, payload, wire_len);
            return self.bound_ahead(work);
        }
        let known = (ahead.unsigned_abs() as usize).min(payload.len());
        let (old, new) = payload.split_at(known);
        let earlier = !old.is_empty() && self.take_earlier(work, at, old);
        if !old.is_empty() && self.differs_from_buffer(at, old) {
            work.shared.counts.overlaps_differ += 1;
        }
        if new.is_empty() {
            work.shared.counts.retransmissions += u64::from(!earlier);
        } else if self.held.as_deref().is_none_or(|held| held.ahead.is_empty()) {
            self.read(work, new, seen);
        } else {
            let inserted = self.hold(work).ahead.insert(next, next, seen, new);
            work.shared.counts.overlaps_differ += u64::from(inserted.differs);
            self.drain(work);
        }
        self.note_cut(work, at, payload, wire_len);
    }

    /// What the snap length cut off a segment was sent, so it is missing as if it had been acknowledged: a tap that cuts
    /// less, or a retransmission, may still bring it.
    fn note_cut(&mut self, work: &mut Work<'_>, at: u32, payload: &[u8], wire_len: u32) {
        let end = at.wrapping_add(wire_len);
        if wire_len as usize > payload.len() && self.is_behind(end) {
            self.acknowledge(work, end);
        }
    }

    /// Whether bytes that were read before came again with another text, as far as they are still held.
    fn differs_from_buffer(&self, at: u32, old: &[u8]) -> bool {
        let Some(held) = self.held.as_deref() else { return false };
        let begin = distance(at, self.next.wrapping_sub(held.buffer.len() as u32));
        let (buffer, old) = match usize::try_from(begin) {
            Ok(begin) => (held.buffer.get(begin..), Some(old)),
            Err(_) => (Some(held.buffer.as_slice()), old.get(begin.unsigned_abs() as usize..)),
        };
        buffer.zip(old).is_some_and(|(buffer, old)| buffer.iter().zip(old).any(|(held, new)| held != new))
    }

    /// Reads the pieces that follow with nothing missing between.
    pub(super) fn drain(&mut self, work: &mut Work<'_>) {
        loop {
            let next = self.next;
            let Some(held) = self.held.as_deref_mut() else { return };
            let Some(old) = held.ahead.first().map(|piece| distance(next, piece.at)).filter(|old| *old >= 0) else {
                return;
            };
            let Some(piece) = held.ahead.pop() else { return };
            if let Some(bytes) = piece.bytes.get(old as usize..).filter(|bytes| !bytes.is_empty()) {
                self.read(work, bytes, piece.time);
            }
        }
    }

    /// Too much waits behind the first hole: give it up.
    fn bound_ahead(&mut self, work: &mut Work<'_>) {
        while let Some(held) = self.held.as_deref() {
            if held.ahead.len() <= work.shared.limits.ahead && !held.ahead.is_full() {
                return;
            }
            self.pass_hole(work);
        }
    }

    /// Passes over the first hole and reads on behind it.
    pub(super) fn pass_hole(&mut self, work: &mut Work<'_>) {
        let Some(first) = self.held.as_deref().and_then(|held| held.ahead.first()) else { return };
        let missing = distance(first.at, self.next);
        if !self.is_reading() {
            return self.release(work);
        }
        if missing > 0 {
            self.pass_over(work, missing.unsigned_abs());
        }
        self.drain(work);
    }

    /// Whether an acknowledgement tells of bytes that were not read.
    #[inline]
    pub(in crate::stream) fn is_behind(&self, acknowledged: u32) -> bool {
        self.is_reading() && (1..=FAR as i32).contains(&distance(acknowledged, self.next))
    }

    /// The other side acknowledges bytes up to `acknowledged`. If some of them were never seen they may only be late.
    ///
    /// A segment that is late by less than the reorder window comes within that time of *its* acknowledgement, so a later
    /// one has a time of its own. Two are enough: by the time of the first, all that followed it are as one, of the latest.
    pub(in crate::stream) fn acknowledge(&mut self, work: &mut Work<'_>, acknowledged: u32) {
        let until = work.now.plus(work.shared.limits.reorder);
        let held = self.held.get_or_insert_with(|| work.shared.take_held());
        if held.ack_until.is_none() {
            (self.acked, held.ack_until) = (acknowledged, Some(until));
        } else if distance(acknowledged, held.acked_later.map_or(self.acked, |later| later.0)) > 0 {
            held.acked_later = Some((acknowledged, until));
        }
    }

    /// The first acknowledgement is done with; a later one takes its place.
    pub(super) fn take_later_acknowledgement(&mut self) {
        let Some(held) = self.held.as_deref_mut() else { return };
        held.ack_until = None;
        if let Some((acked, until)) = held.acked_later.take()
            && distance(acked, self.next) > 0
        {
            (self.acked, held.ack_until) = (acked, Some(until));
        }
    }

    /// Bytes that the receiver has, and that were not seen for the whole reorder window, were lost by the mirror.
    pub(super) fn pass_acknowledged(&mut self, work: &mut Work<'_>) {
        self.pass_up_to_acknowledged(work);
        self.take_later_acknowledgement();
    }

    fn pass_up_to_acknowledged(&mut self, work: &mut Work<'_>) {
        loop {
            let left = distance(self.acked, self.next);
            let hole = self.held.as_deref().and_then(|held| held.ahead.first());
            let hole = hole.map_or(i32::MAX, |piece| distance(piece.at, self.next));
            if !self.is_reading() || left <= 0 || hole <= 0 {
                return;
            }
            if left == 1 && hole > 1 && !self.held.as_deref().is_some_and(|held| held.is_inside()) {
                // A FIN that was not seen counts as one byte. If it was a byte after all, a message begins with a hole.
                self.next = self.next.wrapping_add(1);
                self.abandon(work);
                self.lose_place();
                return;
            }
            let before = work.shared.counts.gap_bytes;
            self.pass_over(work, left.min(hole).unsigned_abs());
            let passed = work.shared.counts.gap_bytes - before;
            work.missing().acknowledged += passed;
            self.drain(work);
        }
    }
}
