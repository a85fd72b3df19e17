//! One direction of a TCP conversation: which bytes come next, which came early, which never will.

use crate::packet::{Carrier, TcpSegment};
use crate::sip::framing::{Scan, is_familiar, is_start, keep_alive};
use crate::time::Timestamp;

use super::assembler::Assembler;
use super::held::Held;
use super::reader::is_opaque;
use super::shared::Work;
use super::websocket;

/// A sequence number further than this from the expected one belongs to another connection whose SYN was not seen. No
/// reordering and no usual window reaches so far.
const FAR: u32 = 4 << 20;
/// As [`FAR`], around the point of a recent join.
const JOIN_FAR: u32 = 1 << 20;
/// From a sequence number to one that is before all pieces around it.
const BASE: u32 = 1 << 30;

/// What is known of a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Mode {
    /// Nothing was seen but, at most, acknowledgements.
    #[default]
    Fresh,
    /// Joined mid-stream, where no message starts: all bytes are kept for a moment (`behind`), `origin` is one of them.
    Joining,
    /// Read from its first byte; that is not enough yet to tell a start line.
    Undecided,
    /// At a message start, or inside a message that is kept.
    Sip,
    /// Inside a message with a hole; `span` bytes are left of it.
    Skip,
    /// The next start line is searched, for `span` bytes so far.
    Lost,
    /// Inside a header block that may be half of a WebSocket handshake.
    Http,
    WebSocket,
    /// Not SIP. Nothing is kept, and `next` means nothing.
    Other,
    /// FIN or RST was seen. `next` still tells what is old.
    Closed,
}

/// Where a byte stands, as far as a search for a start line is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Inside a line.
    Inside,
    /// At the beginning of a segment: a start line here counts if its method is a familiar one.
    Segment,
    /// At the beginning of a line.
    Line,
}

/// One direction of a TCP conversation.
///
/// Invariants: in the modes that read in order (`is_reading`) and in `Closed`, `next` is the sequence number after the last
/// byte that was read or passed over; `held.buffer` ends there, and `held.ahead` begins beyond it. What was delivered is
/// before `next` and is never looked at again. `held` is absent when it would be empty. `armed` is the entry in the timer set,
/// and is never later than `due`.
#[derive(Debug)]
pub(super) struct Direction {
    pub(super) next: u32,
    /// The first byte that was read; while a join is recent, bytes before it are still taken.
    pub(super) origin: u32,
    /// The highest acknowledgement beyond `next`, while `held.ack_until` is set.
    acked: u32,
    pub(super) span: u32,
    /// Entry in the timer set; [`Timestamp::MAX`] for none.
    pub(super) armed: Timestamp,
    pub(super) held: Option<Box<Held>>,
    pub(super) mode: Mode,
    /// The next message is the first after a gap or a search.
    pub(super) after_gap: bool,
    /// `Lost`: where the next byte is.
    pub(super) place: Place,
    /// SIP was read here.
    pub(super) sip: bool,
}

impl Default for Direction {
    fn default() -> Self {
        Self {
            next: 0,
            origin: 0,
            acked: 0,
            span: 0,
            armed: Timestamp::MAX,
            held: None,
            mode: Mode::Fresh,
            after_gap: false,
            place: Place::Inside,
            sip: false,
        }
    }
}

/// How far `at` is after `from`; negative when it is before.
fn distance(at: u32, from: u32) -> i32 {
    at.wrapping_sub(from) as i32
}

impl Direction {
    /// Whether the first segment seen of a conversation makes it worth an entry.
    pub(super) fn is_worth_following(segment: &TcpSegment<'_>) -> bool {
        segment.syn || may_be_sip(segment.payload) || websocket::begins_sip(segment.payload)
    }

    /// The usual case: the next segment in order, nothing held. True when it is done with.
    #[inline]
    pub(super) fn segment_in_order(&mut self, work: &mut Work<'_>, segment: &TcpSegment<'_>) -> bool {
        let plain = !(segment.syn | segment.fin | segment.rst);
        if !plain || self.held.is_some() || segment.wire_len as usize > segment.payload.len() {
            return false;
        }
        if segment.payload.is_empty() {
            return true;
        }
        match self.mode {
            Mode::Other => !may_turn_sip(segment.payload),
            Mode::Sip if segment.sequence == self.next => {
                self.read(work, segment.payload, work.seen);
                true
            }
            _ => false,
        }
    }

    /// Takes any segment of this direction.
    pub(super) fn segment(&mut self, work: &mut Work<'_>, segment: &TcpSegment<'_>) {
        let wire_len = segment.wire_len.max(segment.payload.len() as u32);
        let mut at = segment.sequence;
        if segment.syn {
            at = at.wrapping_add(1);
            self.synchronise(work, at);
        }
        if wire_len > 0 {
            self.data(work, at, segment.payload, wire_len);
        }
        if segment.rst {
            self.reset(work, at);
        } else if segment.fin {
            self.finish_at(work, at.wrapping_add(wire_len));
        }
        self.tidy(work);
    }

    /// A SYN: the first byte will be at `origin`.
    fn synchronise(&mut self, work: &mut Work<'_>, origin: u32) {
        if origin == self.origin && !matches!(self.mode, Mode::Fresh | Mode::Closed) {
            return; // The same SYN again, or its copy.
        }
        // A SYN that was overtaken by its data.
        let recent = self.held.as_deref().is_some_and(|held| held.join_until.is_some());
        if recent && self.mode == Mode::Joining && distance(self.origin, origin).unsigned_abs() < JOIN_FAR {
            self.anchor(work, origin, Mode::Undecided);
            return self.drain(work);
        }
        if recent && (1..JOIN_FAR as i32).contains(&distance(self.origin, origin)) {
            return;
        }
        self.flush_held(work);
        self.forget(work);
        (self.mode, self.origin, self.next) = (Mode::Undecided, origin, origin);
    }

    fn data(&mut self, work: &mut Work<'_>, at: u32, payload: &[u8], wire_len: u32) {
        match self.mode {
            Mode::Fresh | Mode::Other => self.probe(work, at, payload, wire_len),
            Mode::Joining => self.join(work, at, payload, wire_len),
            Mode::Closed if distance(at, self.next) >= 0 || distance(at, self.next).unsigned_abs() > FAR => {
                self.forget(work);
                self.probe(work, at, payload, wire_len);
            }
            Mode::Closed => work.shared.counts.retransmissions += 1,
            _ => self.in_sequence(work, at, payload, wire_len),
        }
    }

    /// A segment of which it is not known what came before.
    fn probe(&mut self, work: &mut Work<'_>, at: u32, payload: &[u8], wire_len: u32) {
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
    fn anchor(&mut self, work: &mut Work<'_>, at: u32, mode: Mode) {
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
    fn join(&mut self, work: &mut Work<'_>, at: u32, payload: &[u8], wire_len: u32) {
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

    fn in_sequence(&mut self, work: &mut Work<'_>, at: u32, payload: &[u8], wire_len: u32) {
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
        // What the snap length cut off will never come.
        let end = at.wrapping_add(wire_len);
        if wire_len as usize > payload.len() && self.next == at.wrapping_add(payload.len() as u32) {
            let first = self.held.as_deref().and_then(|held| held.ahead.first()).map(|piece| piece.at);
            let stop = first.filter(|first| distance(*first, end) < 0).unwrap_or(end);
            self.pass_over(work, stop.wrapping_sub(self.next));
            self.drain(work);
        }
    }

    /// Reads the pieces that follow with nothing missing between.
    fn drain(&mut self, work: &mut Work<'_>) {
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
    fn pass_hole(&mut self, work: &mut Work<'_>) {
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

    /// The other side acknowledges bytes up to `acknowledged`. If some of them were never seen they may only be late.
    pub(super) fn acknowledge(&mut self, work: &mut Work<'_>, acknowledged: u32) {
        let until = work.now.plus(work.shared.limits.reorder);
        let held = self.hold(work);
        let first = held.ack_until.is_none();
        held.ack_until = held.ack_until.or(Some(until));
        if first || distance(acknowledged, self.next) > distance(self.acked, self.next) {
            self.acked = acknowledged;
        }
    }

    /// Whether an acknowledgement tells of bytes that were not read.
    #[inline]
    pub(super) fn is_behind(&self, acknowledged: u32) -> bool {
        self.is_reading() && (1..=FAR as i32).contains(&distance(acknowledged, self.next))
    }

    /// Whether bytes are read in order.
    pub(super) fn is_reading(&self) -> bool {
        use Mode::{Http, Lost, Sip, Skip, Undecided, WebSocket};
        matches!(self.mode, Sip | Undecided | Skip | Lost | Http | WebSocket)
    }

    /// Keeps the part of a segment that is before the point of a recent join; false when there is none.
    ///
    /// A run of such pieces that ends exactly there and begins with a start line is read at once: the mirror had reordered
    /// the first segments. What else is there is read when the join stops being recent.
    fn take_earlier(&mut self, work: &mut Work<'_>, at: u32, old: &[u8]) -> bool {
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

    /// The join stops being recent: what is known by now is all that will be.
    fn settle(&mut self, work: &mut Work<'_>) {
        let Some(held) = self.held.as_deref_mut() else { return };
        held.join_until = None;
        let pieces = core::mem::take(&mut held.behind);
        if self.mode != Mode::Joining {
            return Self::read_apart(work, pieces);
        }
        self.begin_search(work, pieces);
        if self.sip {
            work.shared.counts.joins += 1;
        } else {
            self.forget(work);
            self.mode = Mode::Other;
        }
    }

    /// Another connection, or a stray segment: start over with it.
    fn jump(&mut self, work: &mut Work<'_>, at: u32, payload: &[u8], wire_len: u32) {
        work.shared.counts.jumps += 1;
        self.flush_held(work);
        if self.sip {
            work.gap(Carrier::Tcp, 1);
        }
        self.forget(work);
        self.probe(work, at, payload, wire_len);
    }

    /// RST at `at`.
    fn reset(&mut self, work: &mut Work<'_>, at: u32) {
        if self.mode == Mode::Joining {
            self.settle(work);
        }
        if !self.is_reading() || distance(at, self.next).unsigned_abs() > FAR {
            return;
        }
        self.flush_held(work);
        self.close(work);
    }

    /// FIN behind the byte before `end`. One that comes early is not waited for: nothing depends on it.
    fn finish_at(&mut self, work: &mut Work<'_>, end: u32) {
        if !self.is_reading() || end != self.next {
            return;
        }
        self.flush_held(work);
        self.next = self.next.wrapping_add(1);
        self.close(work);
    }

    fn close(&mut self, work: &mut Work<'_>) {
        self.abandon(work);
        self.release(work);
        self.mode = Mode::Closed;
    }

    /// Delivers all that waits, as if every time had passed.
    pub(super) fn flush_held(&mut self, work: &mut Work<'_>) {
        self.settle(work);
        while self.held.as_deref().is_some_and(|held| !held.ahead.is_empty()) {
            self.pass_hole(work);
        }
    }

    /// Back to the beginning, but for the timer.
    fn forget(&mut self, work: &mut Work<'_>) {
        self.abandon(work);
        self.release(work);
        *self = Self { armed: self.armed, ..Self::default() };
    }

    /// Does what is due.
    pub(super) fn expire_held(&mut self, work: &mut Work<'_>) {
        let now = work.now;
        if self.held.as_deref().is_some_and(|held| held.join_until.is_some_and(|until| until <= now)) {
            self.settle(work);
        }
        if self.held.as_deref().is_some_and(|held| held.ack_until.is_some_and(|until| until <= now)) {
            self.pass_acknowledged(work);
        }
        let age = work.shared.limits.hole_age;
        while let Some(first) = self.held.as_deref().and_then(|held| held.ahead.first()) {
            if first.time.plus(age) > now {
                break;
            }
            self.pass_hole(work);
        }
        let stall = work.shared.limits.stall;
        if self.held.as_deref().is_some_and(|held| held.is_inside() && held.progress.plus(stall) <= now) {
            self.drop_message(work);
        }
        self.tidy(work);
    }

    /// Bytes that the receiver has, and that were not seen for the whole reorder window, were lost by the mirror.
    fn pass_acknowledged(&mut self, work: &mut Work<'_>) {
        if let Some(held) = self.held.as_deref_mut() {
            held.ack_until = None;
        }
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
            self.pass_over(work, left.min(hole).unsigned_abs());
            self.drain(work);
        }
    }

    /// Drops the message being read, and searches for the next.
    fn drop_message(&mut self, work: &mut Work<'_>) {
        self.abandon(work);
        if self.sip {
            self.lose_place();
        } else {
            self.forget(work);
            self.mode = Mode::Other;
        }
    }

    /// Drops all that is held, for want of room.
    pub(super) fn drop_for_room(&mut self, work: &mut Work<'_>) {
        let Some(held) = self.held.as_deref().filter(|held| held.cost() > 0) else { return };
        let last = held.ahead.pieces().next_back().map(|piece| piece.end());
        work.shared.counts.buffers_dropped += 1;
        if self.sip {
            let missing = last.map_or(0, |last| last.wrapping_sub(self.next)).max(1);
            work.gap(Carrier::Tcp, missing);
        }
        self.next = last.unwrap_or(self.next);
        self.abandon(work);
        self.release(work);
        if self.sip && self.is_reading() {
            self.lose_place();
        } else {
            self.mode = Mode::Other;
        }
    }

    /// The box, taken when there is none.
    pub(super) fn hold(&mut self, work: &mut Work<'_>) -> &mut Held {
        self.held.get_or_insert_with(|| work.shared.take_held())
    }

    /// Gives the box back.
    pub(super) fn release(&mut self, work: &mut Work<'_>) {
        if let Some(held) = self.held.take() {
            work.shared.give_back(held);
        }
    }

    /// Accounts for what is held, and gives back an empty box.
    pub(super) fn tidy(&mut self, work: &mut Work<'_>) {
        let Some(held) = self.held.as_deref_mut() else { return };
        if held.ack_until.is_some() && distance(self.acked, self.next) <= 0 {
            held.ack_until = None;
        }
        if held.is_idle() || matches!(self.mode, Mode::Other | Mode::Closed) {
            self.release(work);
        } else {
            held.trim();
            work.shared.account(held);
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
}

/// Whether a segment without a beginning may belong to a SIP stream: text, at least where it starts.
///
/// Encrypted and binary streams fail here, so that nothing of them is ever kept; MSRP and HTTP name themselves.
pub(super) fn may_be_sip(payload: &[u8]) -> bool {
    websocket::begins_handshake(payload) || is_text(payload) && !begins_msrp(payload) && !payload.starts_with(b"HTTP/")
}

/// Whether these bytes may be from the middle of a SIP message, which is text where it is not a body of another kind.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(16)).unwrap_or_default();
    let control = |byte: &u8| (*byte < b' ' && !matches!(byte, b'\t' | b'\r' | b'\n')) || *byte == 0x7f;
    !(head.is_empty() || head.iter().any(control) || is_opaque(head))
}

/// Whether these bytes begin as an MSRP message does, with a transaction identifier (RFC 4975 §9). The asterisk that ends
/// a media line of an SDP is none.
fn begins_msrp(bytes: &[u8]) -> bool {
    bytes.strip_prefix(b"MSRP ").is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_alphanumeric))
}

/// A quick look at a segment of a stream that is not SIP: whether it deserves [`Direction::probe`].
#[inline]
fn may_turn_sip(payload: &[u8]) -> bool {
    is_start(payload) || websocket::begins_handshake(payload) || websocket::begins_sip(payload)
}

/// Whether a segment begins with a whole start line, of a response or a registered method, after any keep-alives.
pub(super) fn begins_familiar(payload: &[u8]) -> bool {
    is_start(payload) && is_familiar(payload.get(keep_alive(payload)..).unwrap_or_default())
}

/// Where the start line is, when the run of pieces from `start` on begins with a whole and familiar one. Line ends before it
/// are left out: they may be the end of a body of which the rest is still to come.
fn familiar_start(pieces: &Assembler, start: u32) -> Option<u32> {
    let mut head = [0; 1024];
    let len = pieces.copy_run(start, &mut head);
    let head = head.get(..len).filter(|head| begins_familiar(head))?;
    Some(start.wrapping_add(keep_alive(head) as u32))
}
