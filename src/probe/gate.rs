//! Where frames come in: the one clock, and everything below the transport payload.

use core::time::Duration;

use super::clock::Clock;
use super::counts::{Counts, SipCounts};
use super::input::Loss;
use super::interface::ByInterface;
use super::notes::Notes;
use super::output::Note;
use super::tap::hash_seed;
use crate::packet::{Frame, InterfaceId, Overdue, PeelLimits, Peeled, Peeler, Segment, Transport};
use crate::session::Lost;
use crate::sip::framing;
use crate::time::Timestamp;

/// A port on which compressed SIP and keep-alives are counted for what they are; everywhere else such bytes are noise.
///
/// A pattern, not a list: this is asked of every frame of media.
const fn is_sip_port(port: u16) -> bool {
    matches!(port, 5060 | 5061)
}

/// When a segment was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// What its messages are stamped with.
    pub(crate) time: Timestamp,
    /// The clock, which ages what is kept.
    pub(crate) now: Timestamp,
    /// Its number, of all that passed the Gate.
    pub(crate) number: u64,
    /// Where it was captured.
    pub(crate) interface: InterfaceId,
}

/// Who takes what passes the Gate, in the order in which it happens.
pub(crate) trait Onward {
    /// The capture clock stands at `now`; called before all that happens then.
    fn at(&mut self, now: Timestamp);

    /// A datagram that begins as SIP, or a segment of a stream.
    fn segment(&mut self, seen: Seen, segment: &Segment<'_>);

    /// Something was lost, which concerns every session.
    fn lost(&mut self, lost: Lost, from: Timestamp, to: Timestamp, count: u64);
}

/// Takes frames, and lets pass what may be SIP.
///
/// There is one, however many threads share the work behind it: what it keeps (the clock, IP fragments, what was learned of
/// ESP) is of all frames, and media, which are most of them, end here.
pub(crate) struct Gate {
    clock: Clock,
    peeler: Peeler,
    counts: Counts,
    notes: Notes,
    /// Segments that may have passed: each has a number of its own, and some numbers are left out.
    passed: u64,
    /// What the peeler had dropped when it was last looked at.
    evicted: u64,
    unread: ByInterface,
}

impl Gate {
    /// `reorder`: how late a frame may come and still be taken as if it had not.
    pub(crate) fn new(reorder: Duration) -> Self {
        Self {
            clock: Clock::new(reorder),
            peeler: Peeler::new(PeelLimits { reorder, hash_seed: hash_seed(), ..PeelLimits::default() }),
            counts: Counts::default(),
            notes: Notes::default(),
            passed: 0,
            evicted: 0,
            unread: ByInterface::default(),
        }
    }

    /// Takes one frame.
    #[inline]
    pub(crate) fn frame(&mut self, frame: &Frame<'_>, onward: &mut impl Onward) {
        let before = self.clock.now();
        let reading = self.clock.read(frame.interface, frame.time);
        let now = self.clock.now();
        if reading.stepped_back {
            self.counts.clock_steps += 1;
            onward.lost(Lost::ClockStep, frame.time, before, 1);
            self.notes.add(Note::ClockSteppedBack { interface: frame.interface, from: before, to: frame.time });
        }
        if let Some(from) = reading.gap_from {
            self.counts.clock_gaps += 1;
            onward.lost(Lost::ClockGap, from, now, 1);
            self.notes.add(Note::ClockGap { interface: frame.interface, from, to: now });
        }
        onward.at(now);
        if self.peeler.is_due(now) {
            self.overdue(now, onward);
        }
        self.passed += 1;
        let seen = Seen { time: reading.time, now, number: self.passed, interface: frame.interface };
        let Some(plain) = self.peeler.peel_plain(frame) else {
            return self.descend(seen, frame, onward);
        };
        match plain.transport {
            // Media, before anything is made of its addresses.
            Transport::Udp(payload) if !framing::is_start(payload) => {
                count_other(&mut self.counts.sip, plain.ports, payload);
            }
            _ => onward.segment(seen, &plain.segment()),
        }
    }

    /// The long way down a frame.
    #[inline(never)]
    fn descend(&mut self, seen: Seen, frame: &Frame<'_>, onward: &mut impl Onward) {
        let peeled = self.peeler.descend(seen.now, &Frame { time: seen.time, ..*frame });
        match peeled {
            Peeled::Segment(segment) => pass(&mut self.counts.sip, seen, &segment, onward),
            Peeled::Damaged => self.unread.of(frame.interface).damaged += 1,
            Peeled::Opaque => self.unread.of(frame.interface).opaque += 1,
            Peeled::Held | Peeled::Other => {}
        }
        let evicted = self.peeler.counts().fragments.evicted;
        if evicted != self.evicted {
            onward.lost(Lost::State, seen.now, seen.now, evicted - self.evicted);
            self.evicted = evicted;
        }
    }

    /// Capture time has reached `time` without a frame.
    pub(crate) fn tick(&mut self, time: Timestamp, onward: &mut impl Onward) {
        self.clock.tick(time);
        let now = self.clock.now();
        onward.at(now);
        self.overdue(now, onward);
        // A message that was held back has its own time, and what it starts may be over by now.
        onward.at(now);
    }

    /// Frames were lost before they could be captured.
    pub(crate) fn loss(&mut self, loss: &Loss, onward: &mut impl Onward) {
        self.counts.frames_lost = self.counts.frames_lost.saturating_add(loss.count);
        onward.lost(Lost::Frames, loss.from, loss.to, loss.count);
    }

    /// No more frames: what waits for other fragments is read.
    pub(crate) fn end(&mut self, onward: &mut impl Onward) {
        onward.at(self.clock.now());
        self.overdue(Timestamp::MAX, onward);
    }

    /// Reads the beginnings of datagrams whose other fragments have not come by `until`.
    #[inline(never)]
    fn overdue(&mut self, until: Timestamp, onward: &mut impl Onward) {
        let now = self.clock.now();
        while let Some(Overdue { frame, peeled }) = self.peeler.overdue(until) {
            self.unread.of(frame.interface).incomplete_datagrams += 1;
            if let Peeled::Segment(segment) = peeled {
                self.passed += 1;
                let seen = Seen { time: frame.time, now, number: self.passed, interface: frame.interface };
                pass(&mut self.counts.sip, seen, &segment, onward);
            }
        }
    }

    /// Whether there is no anomaly to be told.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.notes.is_empty()
    }

    /// The next anomaly, if there is one.
    pub(crate) fn pop_note(&mut self) -> Option<Note> {
        self.notes.pop()
    }

    /// The capture clock; absent before the first frame.
    pub(crate) fn now(&self) -> Option<Timestamp> {
        Some(self.clock.now()).filter(|now| *now != Timestamp::MIN)
    }

    /// When a tick would change something here.
    pub(crate) fn next_timeout(&self) -> Option<Timestamp> {
        self.peeler.next_timeout()
    }

    /// What each interface did not show here.
    pub(crate) fn interfaces(&self) -> ByInterface {
        self.unread.clone()
    }

    /// What was counted here; the rest is zero.
    pub(crate) fn counts(&self) -> Counts {
        Counts { packet: *self.peeler.counts(), ..self.counts }
    }
}

/// Lets a segment pass if it may be SIP.
#[inline]
fn pass(sip: &mut SipCounts, seen: Seen, segment: &Segment<'_>, onward: &mut impl Onward) {
    match segment.transport {
        Transport::Udp(payload) if !framing::is_start(payload) => {
            count_other(sip, (segment.hop.source.port, segment.hop.destination.port), payload);
        }
        _ => onward.segment(seen, segment),
    }
}

/// Datagrams on the SIP ports that are no messages.
#[inline]
fn count_other(sip: &mut SipCounts, ports: (u16, u16), payload: &[u8]) {
    if !is_sip_port(ports.0) && !is_sip_port(ports.1) {
        return;
    }
    match payload.first() {
        // RFC 3320 §7: a SigComp message begins with five one bits.
        Some(0xf8..) => sip.opaque += 1,
        None | Some(b'\r' | b'\n' | 0) => sip.keep_alives += 1,
        Some(_) => {}
    }
}
