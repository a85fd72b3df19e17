//! Reading the bytes of one direction in order: SIP, WebSocket, or the search for where SIP goes on.

use crate::packet::Carrier;
use crate::sip::framing::{
    Fault, Framing, Scan, Search, StartLine, frame_on, is_familiar, keep_alive, search_start, start_line,
};
use crate::time::Timestamp;

use super::direction::{Direction, Mode, Place, begins_familiar};
use super::shared::Work;
use super::websocket::{self, Skipped};

/// A search for the next start line ends after this many bytes: then the stream is as any other, and a segment that begins
/// with a start line brings it back.
const SEARCH_LIMIT: u32 = 256 * 1024;

impl Direction {
    /// Takes bytes that follow `next` with nothing missing between. `bytes` begin where a segment did.
    pub(super) fn read(&mut self, work: &mut Work<'_>, bytes: &[u8], time: Timestamp) {
        self.next = self.next.wrapping_add(bytes.len() as u32);
        if self.mode == Mode::Lost && (begins_familiar(bytes) || websocket::begins_sip(bytes)) {
            // Senders write a message at a time: where a segment begins with a start line, a message begins. The bytes
            // before it need not have ended in a line end, as a body does not. But a strange method may be the end of a
            // familiar one whose beginning was lost.
            self.resume(work, if begins_familiar(bytes) { Mode::Sip } else { Mode::WebSocket });
            let held = self.hold(work);
            held.clear_buffer();
            // Some senders write a body by itself, and a body may begin with a start line (RFC 3420).
            held.scan = Scan::unsure();
        }
        if self.place == Place::Inside && self.held.as_deref().is_none_or(|held| held.buffer.is_empty()) {
            self.place = Place::Segment;
        }
        let mut bytes = bytes;
        if let Some(held) = self.held.as_deref_mut().filter(|held| !held.buffer.is_empty()) {
            held.time = held.time.max(time);
            held.progress = work.now;
            if held.buffer.len() + bytes.len() < held.need {
                held.buffer.extend_from_slice(bytes);
                return;
            }
            if let Some(whole) = held.scan.whole() {
                // Only the tail of one message is missing: the bytes after it are read where they stand.
                let missing = whole.saturating_sub(held.buffer.len()).min(bytes.len());
                let (tail, rest) = bytes.split_at(missing);
                held.buffer.extend_from_slice(tail);
                let (message, stamp) = (core::mem::take(&mut held.buffer), held.time);
                work.message(Carrier::Tcp, &message, stamp, core::mem::take(&mut self.after_gap));
                held.buffer = message;
                held.clear_buffer();
                self.mode = Mode::Sip;
                bytes = rest;
            } else {
                held.buffer.extend_from_slice(bytes);
                let (mut buffer, first_time) = (core::mem::take(&mut held.buffer), held.time);
                let done = self.consume(work, &buffer, first_time, time);
                buffer.drain(..done.min(buffer.len()));
                let held = self.hold(work);
                held.buffer = buffer;
                if held.buffer.is_empty() {
                    held.clear_buffer();
                } else if done > 0 {
                    held.time = time;
                }
                return;
            }
        }
        let done = self.consume(work, bytes, time, time);
        let rest = bytes.get(done..).unwrap_or_default();
        if !rest.is_empty() {
            let now = work.now;
            let held = self.hold(work);
            held.buffer.clear();
            held.buffer.extend_from_slice(rest);
            (held.time, held.progress) = (time, now);
        }
    }

    /// Reads messages from the start of `bytes`; returns how many bytes are done with. The others must come again, with
    /// more behind them. `first_time` is that of the first message, which may have begun in earlier frames.
    fn consume(&mut self, work: &mut Work<'_>, bytes: &[u8], first_time: Timestamp, time: Timestamp) -> usize {
        let mut scan = self.held.as_deref_mut().map(|held| core::mem::take(&mut held.scan)).unwrap_or_default();
        let mut stamp = first_time;
        let mut at = 0;
        // Each round consumes bytes, or changes to a mode that will, or leaves.
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match self.mode {
                Mode::Undecided | Mode::Sip => {
                    let blank = keep_alive(rest);
                    if blank > 0 {
                        at += blank;
                        continue;
                    }
                    match frame_on(rest, &mut scan) {
                        Framing::Message(length) => {
                            (self.mode, self.sip) = (Mode::Sip, true);
                            let message = rest.get(..length).unwrap_or_default();
                            work.message(Carrier::Tcp, message, stamp, core::mem::take(&mut self.after_gap));
                            at += length;
                            (scan, stamp) = (Scan::default(), time);
                        }
                        Framing::Need(more) => {
                            if scan.has_start_line() {
                                (self.mode, self.sip) = (Mode::Sip, true);
                            }
                            let need = rest.len() + more;
                            let held = self.hold(work);
                            (held.scan, held.need) = (scan, need);
                            return at;
                        }
                        Framing::NotSip if self.mode == Mode::Undecided => self.decide(work, rest),
                        Framing::NotSip => {
                            work.shared.counts.lost_start += 1;
                            self.lose_place();
                            scan = Scan::default();
                        }
                        Framing::Resync => {
                            if let Some((head, has_body)) = self.read_bare(work, rest, &scan, at == 0, stamp) {
                                at += head;
                                stamp = time;
                                if !has_body {
                                    scan = Scan::default();
                                    continue;
                                }
                            }
                            let counts = &mut work.shared.counts;
                            match scan.fault() {
                                Some(Fault::NoLength) => counts.no_length += 1,
                                Some(Fault::HeadTooLong) => counts.head_too_long += 1,
                                Some(Fault::BodyTooLong) => counts.body_too_long += 1,
                                Some(Fault::BadLength) | None => counts.bad_length += 1,
                                Some(Fault::StartLineInside) => counts.lost_start += 1,
                            }
                            self.lose_place();
                            scan = Scan::default();
                        }
                    }
                }
                Mode::Lost => match self.search(rest) {
                    Search::Found(offset) => {
                        at += offset;
                        scan = Scan::unsure();
                        stamp = if at == 0 { first_time } else { time };
                        self.resume(work, Mode::Sip);
                    }
                    Search::Nothing { keep, begins_line } => {
                        at += keep;
                        if keep > 0 {
                            self.place = if begins_line { Place::Line } else { Place::Inside };
                        }
                        self.span = self.span.saturating_add(keep as u32);
                        if self.span > SEARCH_LIMIT {
                            self.give_up_search(work);
                            return bytes.len();
                        }
                        break;
                    }
                },
                Mode::Skip => {
                    let skipped = rest.len().min(self.span as usize);
                    at += skipped;
                    self.span -= skipped as u32;
                    if self.span == 0 {
                        self.resume(work, Mode::Sip);
                        (scan, stamp) = (Scan::default(), time);
                    }
                }
                Mode::Http => match websocket::handshake_len(rest) {
                    Some(length) => {
                        at += length;
                        let upgrades = websocket::upgrades(rest.get(..length).unwrap_or_default());
                        self.mode = if upgrades { Mode::WebSocket } else { Mode::Other };
                    }
                    None if rest.len() >= websocket::UPGRADE_LIMIT => self.mode = Mode::Other,
                    None => {
                        self.hold(work).need = rest.len() + 1;
                        return at;
                    }
                },
                Mode::WebSocket => {
                    self.read_websocket(work, rest, time);
                    return bytes.len();
                }
                Mode::Fresh | Mode::Joining | Mode::Other | Mode::Closed => return bytes.len(),
            }
        }
        if let Some(held) = self.held.as_deref_mut() {
            (held.scan, held.need) = (Scan::default(), 0);
        }
        at
    }

    /// Reads a message whose whole header block has no Content-Length, which a stream needs (RFC 3261 §20.14) and some peers
    /// leave out; returns the length of the block,
    /// and whether a body follows.
    ///
    /// Where the segment ends with it, or the next message begins behind it, there is no body. Else there is one, of a
    /// length that nobody knows: the headers, which are all that a record needs, are handed on.
    fn read_bare(
        &mut self,
        work: &mut Work<'_>,
        bytes: &[u8],
        scan: &Scan,
        begins_segment: bool,
        time: Timestamp,
    ) -> Option<(usize, bool)> {
        let head = scan.head_without_length(begins_segment)?;
        let (message, behind) = bytes.split_at_checked(head)?;
        (self.mode, self.sip) = (Mode::Sip, true);
        let has_body = !behind.is_empty() && !begins_familiar(behind);
        let after_gap = core::mem::take(&mut self.after_gap);
        match has_body {
            true => work.cut_message(Carrier::Tcp, message, time, after_gap),
            false => work.bare_message(message, time, after_gap),
        }
        Some((head, has_body))
    }

    /// Searches for the next start line, from the place where `bytes` are.
    fn search(&self, bytes: &[u8]) -> Search {
        if self.place == Place::Segment {
            match start_line(bytes) {
                StartLine::Whole(_) if is_familiar(bytes) => return Search::Found(0),
                StartLine::Partial => return Search::Nothing { keep: 0, begins_line: false },
                StartLine::Whole(_) | StartLine::No => {}
            }
        }
        search_start(bytes, self.place == Place::Line)
    }

    /// The first bytes of a stream are not SIP: what are they?
    fn decide(&mut self, work: &mut Work<'_>, bytes: &[u8]) {
        self.mode = if websocket::may_begin_handshake(bytes) {
            Mode::Http
        } else if websocket::begins_sip(bytes) {
            Mode::WebSocket
        } else {
            if is_opaque(bytes) {
                work.shared.counts.opaque += 1;
            }
            Mode::Other
        };
    }

    /// The next message start is not known: search for it.
    pub(super) fn lose_place(&mut self) {
        // One more hole in a search does not begin it anew.
        if self.mode != Mode::Lost {
            (self.mode, self.span) = (Mode::Lost, 0);
        }
        self.place = Place::Inside;
    }

    /// A message start, or the next frame of a WebSocket, is found again.
    fn resume(&mut self, work: &mut Work<'_>, mode: Mode) {
        work.shared.counts.resynchronised += 1;
        self.mode = mode;
        self.after_gap = true;
    }

    fn give_up_search(&mut self, work: &mut Work<'_>) {
        (self.mode, self.sip) = (Mode::Other, false);
        self.release(work);
    }

    fn read_websocket(&mut self, work: &mut Work<'_>, bytes: &[u8], time: Timestamp) {
        let now = work.now;
        let held = self.hold(work);
        held.progress = now;
        let mut socket = held.websocket.take().unwrap_or_default();
        let mut skipped = Skipped::default();
        let (after_gap, sip) = (&mut self.after_gap, &mut self.sip);
        let mut scratch = core::mem::take(&mut work.shared.scratch);
        let result = socket.read(bytes, time, &mut scratch, &mut skipped, &mut |message, time| {
            *sip = true;
            work.message(Carrier::WebSocket, message, time, core::mem::take(after_gap));
        });
        work.shared.scratch = scratch;
        work.shared.counts.unfinished += skipped.unfinished;
        work.shared.counts.opaque += skipped.opaque;
        if result.is_err() {
            work.shared.counts.lost_start += 1;
            self.lose_place();
            return;
        }
        self.hold(work).websocket = Some(socket);
    }

    /// Passes over bytes that will never be seen. What is known of the message they belong to tells where it ends, and the
    /// next one is then found without searching its body for look-alikes.
    pub(super) fn pass_over(&mut self, work: &mut Work<'_>, missing: u32) {
        if !self.is_reading() {
            return;
        }
        let carrier = if self.mode == Mode::WebSocket { Carrier::WebSocket } else { Carrier::Tcp };
        if self.sip {
            work.gap(carrier, missing);
        }
        self.next = self.next.wrapping_add(missing);
        let left = match self.mode {
            Mode::Skip => Some(self.span),
            Mode::Sip => self.held.as_deref().and_then(|held| {
                let left = held.scan.whole()?.checked_sub(held.buffer.len())?;
                u32::try_from(left).ok()
            }),
            Mode::WebSocket => return self.pass_over_frames(work, missing),
            _ => None,
        };
        self.abandon(work);
        self.lose_place();
        match left.and_then(|left| left.checked_sub(missing)) {
            Some(0) => self.resume(work, Mode::Sip),
            Some(left) => (self.mode, self.span) = (Mode::Skip, left),
            None => {}
        }
    }

    fn pass_over_frames(&mut self, work: &mut Work<'_>, missing: u32) {
        let mut skipped = Skipped::default();
        let (held, sip, after_gap) = (self.held.as_deref_mut(), &mut self.sip, &mut self.after_gap);
        let socket = held.and_then(|held| held.websocket.as_mut());
        let kept = socket.is_some_and(|socket| {
            let cut = &mut |message: &[u8], time| {
                *sip = true;
                work.cut_message(Carrier::WebSocket, message, time, core::mem::take(after_gap));
            };
            socket.lose(missing, &mut skipped, cut).is_ok()
        });
        work.shared.counts.unfinished += skipped.unfinished;
        self.after_gap = true;
        if !kept {
            self.abandon(work);
            self.lose_place();
        }
    }

    /// Gives up a message that will not be completed. If its header block is there it is handed on as it is.
    pub(super) fn abandon(&mut self, work: &mut Work<'_>) {
        let Some(held) = self.held.as_deref_mut() else { return };
        let websocket = held.websocket.take();
        let begun = held.scan.has_start_line() || websocket.as_ref().is_some_and(|socket| socket.is_inside());
        if held.scan.whole().is_some() {
            work.cut_message(Carrier::Tcp, &held.buffer, held.time, core::mem::take(&mut self.after_gap));
        } else if let Some((message, time)) = websocket.as_ref().and_then(|socket| socket.beginning()) {
            self.sip = true;
            work.cut_message(Carrier::WebSocket, message, time, core::mem::take(&mut self.after_gap));
        }
        held.clear_buffer();
        if begun {
            work.shared.counts.unfinished += 1;
        }
    }
}

/// TLS records (RFC 8446 §5.1) and SigComp (RFC 3320 §7): SIP may be inside, but cannot be read.
pub(super) fn is_opaque(bytes: &[u8]) -> bool {
    matches!(bytes, [0x14..=0x17, 0x03, 0x00..=0x04, ..] | [0xf8..=0xff, ..])
}
