//! One direction of a TCP conversation: which bytes come next, which came early, which never will.

mod join;
mod looks;
mod sequence;

use crate::packet::{Carrier, InterfaceId, TcpSegment};
use crate::time::Timestamp;

use super::held::Held;
use super::shared::Work;
use super::websocket;

use looks::{may_be_sip, may_turn_sip};

pub(super) use looks::{begins_familiar, is_text};

/// A sequence number further than this from the expected one belongs to another connection whose SYN was not seen. No
/// reordering and no usual window reaches so far.
const FAR: u32 = 4 << 20;
/// As [`FAR`], around the point of a recent join.
const JOIN_FAR: u32 = 1 << 20;

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
    /// An acknowledgement beyond `next`, while `held.ack_until` is set.
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
    /// Where its segments are captured.
    pub(super) interface: Option<InterfaceId>,
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
            interface: None,
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

    /// Whether bytes are read in order.
    pub(super) fn is_reading(&self) -> bool {
        use Mode::{Http, Lost, Sip, Skip, Undecided, WebSocket};
        matches!(self.mode, Sip | Undecided | Skip | Lost | Http | WebSocket)
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
        *self = Self { armed: self.armed, interface: self.interface, ..Self::default() };
    }

    /// Does what is due.
    pub(super) fn expire_held(&mut self, work: &mut Work<'_>) {
        let now = work.now;
        if self.held.as_deref().is_some_and(|held| held.join_until.is_some_and(|until| until <= now)) {
            self.settle(work);
        }
        while self.held.as_deref().is_some_and(|held| held.ack_until.is_some_and(|until| until <= now)) {
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
        if distance(self.acked, self.next) <= 0 {
            self.take_later_acknowledgement();
        }
        let Some(held) = self.held.as_deref_mut() else { return };
        if held.is_idle() || matches!(self.mode, Mode::Other | Mode::Closed) {
            self.release(work);
        } else {
            held.trim();
            work.shared.account(held);
        }
    }
}
