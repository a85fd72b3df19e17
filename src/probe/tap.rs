//! The reader's side: from segments to sightings. It owns the streams, by inner address.

use core::hash::BuildHasher;
use core::time::Duration;

use foldhash::fast::RandomState;

use super::counts::Counts;
use super::gate::Seen;
use super::sighting::{Sighting, Sink};
use crate::packet::{Segment, Transport};
use crate::session::Lost;
use crate::sip::Carriage;
use crate::stream::{Delivery, Missing, StreamLimits, Streams};
use crate::time::Timestamp;

/// Takes segments and finds the SIP messages in them.
///
/// Invariants: what a Tap sees in a segment depends on the segments of the same addresses before it, and on nothing else; so
/// segments may be shared out over Taps by their innermost addresses. What time alone brings happens when it is due, not when
/// the next segment comes.
pub(crate) struct Tap {
    streams: Streams,
    /// When time alone brings something.
    due: Timestamp,
    now: Timestamp,
    /// What the streams had dropped when they were last looked at.
    evicted: u64,
}

impl Tap {
    /// `reorder`: how late a segment may come and still be taken as if it had not.
    pub(crate) fn new(reorder: Duration) -> Self {
        Self::with_limits(StreamLimits { reorder, ..StreamLimits::default() })
    }

    /// One of `taps` that have the room of one between them.
    pub(crate) fn one_of(taps: usize, reorder: Duration) -> Self {
        let whole = StreamLimits { reorder, ..StreamLimits::default() };
        let (conversations, buffered) = (whole.conversations / taps.max(1), whole.buffered / taps.max(1));
        Self::with_limits(StreamLimits { conversations, buffered, ..whole })
    }

    fn with_limits(limits: StreamLimits) -> Self {
        Self {
            streams: Streams::new(StreamLimits { seed: hash_seed(), ..limits }),
            due: Timestamp::MAX,
            now: Timestamp::MIN,
            evicted: 0,
        }
    }

    /// The capture clock stands at `now`: what was due by then happens, each at its time.
    #[inline]
    pub(crate) fn at(&mut self, now: Timestamp, sink: &mut impl Sink) {
        while self.due <= now {
            self.come_due(sink);
        }
        self.now = self.now.max(now);
        sink.at(self.now);
    }

    /// The same, where the clock stands.
    pub(crate) fn catch_up(&mut self, sink: &mut impl Sink) {
        self.at(self.now, sink);
    }

    #[inline(never)]
    fn come_due(&mut self, sink: &mut impl Sink) {
        let Some((due, born)) = self.streams.first_due() else { return };
        self.now = self.now.max(due);
        sink.at(self.now);
        sink.due(due, born, false);
        self.streams.expire_first(self.now, &mut |delivery| deliver(delivery, sink));
        self.look_again(sink);
    }

    /// Takes one segment, of which a datagram begins as SIP.
    #[inline]
    pub(crate) fn segment(&mut self, seen: Seen, segment: &Segment<'_>, sink: &mut impl Sink) {
        let hop = segment.hop;
        self.streams.number(seen.number);
        self.streams.captured_on(seen.interface);
        match segment.transport {
            Transport::Udp(bytes) => {
                let carriage = if segment.cut { Carriage::CutDatagram } else { Carriage::Datagram };
                sink.sighting(&Sighting { time: seen.time, hop, carriage, bytes });
            }
            Transport::Tcp(tcp) => {
                self.streams.tcp(seen.now, seen.time, &hop, &tcp, &mut |delivery| deliver(delivery, sink));
                self.look_again(sink);
            }
            Transport::Sctp(chunks) => {
                self.streams.sctp(seen.now, seen.time, &hop, chunks, &mut |delivery| deliver(delivery, sink));
                self.look_again(sink);
            }
        }
    }

    /// No more segments: what waits behind holes is read.
    pub(crate) fn end(&mut self, sink: &mut impl Sink) {
        while let Some((due, born)) = self.streams.first_due() {
            sink.due(due, born, true);
            self.streams.finish_first(self.now, &mut |delivery| deliver(delivery, sink));
        }
        self.look_again(sink);
    }

    pub(crate) fn next_timeout(&self) -> Option<Timestamp> {
        self.streams.next_timeout()
    }

    /// What was counted here; the rest is zero.
    pub(crate) fn counts(&self) -> Counts {
        Counts { stream: self.streams.counts(), ..Counts::default() }
    }

    /// What is missing in streams by interface, in the order of their numbers.
    pub(crate) fn missing(&self) -> &[Missing] {
        self.streams.missing()
    }

    /// What the streams wait for now, and whether some went at a bound.
    #[inline]
    fn look_again(&mut self, sink: &mut impl Sink) {
        self.due = self.streams.next_timeout().unwrap_or(Timestamp::MAX);
        let evicted = self.streams.evicted();
        if evicted != self.evicted {
            sink.lost(Lost::State, self.now, self.now, evicted - self.evicted);
            self.evicted = evicted;
        }
    }
}

/// Addresses and fragment ids are the sender's to choose: tables are seeded anew in each process. The seed decides where
/// things lie, and nothing else.
pub(super) fn hash_seed() -> u64 {
    RandomState::default().hash_one(0)
}

fn deliver(delivery: Delivery<'_>, sink: &mut impl Sink) {
    match delivery {
        Delivery::Message(message) => sink.sighting(&Sighting {
            time: message.time,
            hop: message.hop,
            carriage: message.carriage,
            bytes: message.bytes,
        }),
        Delivery::Gap(gap) => sink.lost(Lost::StreamBytes, gap.time, gap.time, 1),
    }
}
