//! Finding a beginning: in a stream that was not seen from its first byte, or of which the mirror shows the first segments
//! in another order.

use crate::sip::framing::{Scan, is_start, keep_alive};
use crate::stream::assembler::Assembler;
use crate::stream::reader::is_opaque;
use crate::stream::shared::Work;
use crate::stream::websocket;

use super::looks::{begins_familiar, may_be_sip};
use super::{Direction, JOIN_FAR, Mode, distance};

/// From a sequence number to one that is before all pieces around it.
const BASE: u32 = 1 << 30;

impl Direction {
    /// A segment of which it is not known what came before.
    pub(super) fn probe(&mut self, work: &mut Work<'_>, at: u32, payload: &[u8], wire_len: u32) {
        if let Some(mode) = self.anchorage(payload) {
            return self.anchor_and_read(work, mode, at, payload, wire_len);
        }
        if self.mode != Mode::Fresh {
            return;
        }
        if may_be_sip(payload) {
            (self.mode, self.origin) = (Mode::Joining, at);
            let until = work.now.plus(work.shared.limits.reorder);
            self.hold(work).join_until = Some(until);
            self.join(work, at, payload, wire_len);
        } else {
            work.shared.counts.opaque += u64::from(is_opaque(payload));
            self.mode = Mode::Other;
        }
    }

    /// How to read on from a segment that shows by itself where something starts.
    fn anchorage(&self, payload: &[u8]) -> Option<Mode> {
        // At a first sight a strange method may be the end of a familiar one, split over segments; `join` finds out.
        if begins_familiar(payload) || (self.mode == Mode::Other && is_start(payload)) {
            Some(Mode::Sip)
        } else if websocket::begins_sip(payload) {
            Some(Mode::WebSocket)
        } else {
            websocket::begins_handshake(payload).then_some(Mode::Http)
        }
    }

    /// Reads in order from a segment that begins with a message.
    fn anchor_and_read(&mut self, work: &mut Work<'_>, mode: Mode, at: u32, payload: &[u8], wire_len: u32) {
        // Line ends before it may be keep-alives, or the end of a body of which the rest is still to come: they are left to
        // what is before the join.
        let blank = if mode == Mode::Sip { keep_alive(payload) } else { 0 };
        self.anchor(work, at.wrapping_add(blank as u32), mode);
        work.shared.counts.joins += u64::from(mode != Mode::Http);
        self.in_sequence(work, at, payload, wire_len);
    }

    /// A message starts at `at`: read in order from here, and for a moment take what comes before it too.
    pub(super) fn anchor(&mut self, work: &mut Work<'_>, at: u32, mode: Mode) {
        (self.mode, self.origin, self.next) = (mode, at, at);
        let until = work.now.plus(work.shared.limits.reorder);
        let held = self.hold(work);
        held.join_until = held.join_until.or(Some(until));
        held.scan = Scan::unsure();
        // The pieces from here on are no longer behind.
        let mut earlier = Assembler::default();
        while let Some(mut piece) = held.behind.pop() {
            if let Some(later) = piece.split_off(at) {
                held.ahead.push(later);
            }
            if !piece.bytes.is_empty() {
                earlier.push(piece);
            }
        }
        held.behind = earlier;
    }

    /// A segment while nothing is known but pieces.
    pub(super) fn join(&mut self, work: &mut Work<'_>, at: u32, payload: &[u8], wire_len: u32) {
        if distance(at, self.origin).unsigned_abs() > JOIN_FAR {
            return self.jump(work, at, payload, wire_len);
        }
        if let Some(mode) = self.anchorage(payload) {
            return self.anchor_and_read(work, mode, at, payload, wire_len);
        }
        let (limit, seen, base) = (work.shared.limits.join, work.seen, self.origin.wrapping_sub(BASE));
        let held = self.hold(work);
        held.behind.insert(base, at, seen, payload);
        let full = held.behind.len() > limit || held.behind.is_full();
        // A start line that is split over segments.
        let start = held.behind.run_start(at);
        if let Some(start) = start.and_then(|start| familiar_start(&held.behind, start)) {
            self.anchor(work, start, Mode::Sip);
            work.shared.counts.joins += 1;
            self.drain(work);
        } else if full {
            self.settle(work);
        }
    }

    /// Keeps the part of a segment that is before the point of a recent join; false when there is none.
    ///
    /// A run of such pieces that ends exactly there and begins with a start line is read at once: the mirror had reordered
    /// the first segments. What else is there is read when the join stops being recent.
    pub(super) fn take_earlier(&mut self, work: &mut Work<'_>, at: u32, old: &[u8]) -> bool {
        let (origin, seen, limit) = (self.origin, work.seen, work.shared.limits.join);
        let before = distance(origin, at);
        let Some(held) = self.held.as_deref_mut().filter(|held| held.join_until.is_some()) else { return false };
        if before <= 0 || before.unsigned_abs() > JOIN_FAR {
            return false;
        }
        let part = old.get(..old.len().min(before as usize)).unwrap_or_default();
        let inserted = held.behind.insert(origin.wrapping_sub(BASE), at, seen, part);
        let full = held.behind.len() > limit || held.behind.is_full();
        let start = held.behind.run_before(origin).and_then(|start| familiar_start(&held.behind, start));
        if full {
            self.settle(work);
        } else if let Some(start) = start {
            let mut run = Assembler::default();
            let mut rest = Assembler::default();
            while let Some(mut piece) = held.behind.pop() {
                if let Some(later) = piece.split_off(start) {
                    run.push(later);
                }
                if !piece.bytes.is_empty() {
                    rest.push(piece);
                }
            }
            held.behind = rest;
            self.origin = start;
            Self::read_apart(work, run);
        }
        inserted.fresh > 0
    }

    /// Reads pieces that precede the point of joining, as a stream of their own that ends there.
    fn read_apart(work: &mut Work<'_>, pieces: Assembler) {
        let mut apart = Self::default();
        apart.begin_search(work, pieces);
        apart.abandon(work);
        apart.release(work);
    }

    /// Reads pieces of which it is not known where a message starts. No gap is told of: nothing was followed yet.
    fn begin_search(&mut self, work: &mut Work<'_>, pieces: Assembler) {
        let Some(first) = pieces.first().map(|piece| piece.at) else { return };
        (self.origin, self.next) = (first, first);
        self.lose_place();
        self.hold(work).ahead = pieces;
        self.drain(work);
        while let Some(piece) = self.held.as_deref().and_then(|held| held.ahead.first()) {
            if self.mode == Mode::Sip && self.held.as_deref().is_some_and(|held| held.is_inside()) {
                return; // The hole is inside a message; it may be filled yet.
            }
            self.next = piece.at;
            self.abandon(work);
            self.lose_place();
            self.drain(work);
        }
    }

    /// The join stops being recent: what is before it is all that will be. Where it shows no start line, what follows may:
    /// it may be the middle of a long body, so the search goes on, up to its own limit.
    pub(super) fn settle(&mut self, work: &mut Work<'_>) {
        let Some(held) = self.held.as_deref_mut() else { return };
        held.join_until = None;
        let pieces = core::mem::take(&mut held.behind);
        if self.mode != Mode::Joining {
            return Self::read_apart(work, pieces);
        }
        self.begin_search(work, pieces);
        if self.sip {
            work.shared.counts.joins += 1;
        } else if self.mode != Mode::Lost {
            self.forget(work);
            self.mode = Mode::Other;
        }
    }
}

/// Where the start line is, when the run of pieces from `start` on begins with a whole and familiar one. Line ends before it
/// are left out: they may be the end of a body of which the rest is still to come.
fn familiar_start(pieces: &Assembler, start: u32) -> Option<u32> {
    let mut head = [0; 1024];
    let len = pieces.copy_run(start, &mut head);
    let head = head.get(..len).filter(|head| begins_familiar(head))?;
    Some(start.wrapping_add(keep_alive(head) as u32))
}
