//! The reader's side: from frames to sightings. It owns the streams, by inner address.

use core::hash::BuildHasher;
use core::time::Duration;

use foldhash::fast::RandomState;

use super::counts::SipCounts;
use super::sighting::{Sighting, Sink};
use crate::packet::{Carrier, Frame, Hop, Overdue, PacketCounts, PeelLimits, Peeled, Peeler, Segment, Transport};
use crate::sip::{Carriage, Message, framing};
use crate::stream::{Delivery, StreamCounts, StreamLimits, Streams};
use crate::time::Timestamp;

/// Ports on which compressed SIP and keep-alives are counted for what they are; everywhere else such bytes are noise.
const SIP_PORTS: [u16; 2] = [5060, 5061];

/// Takes frames and finds the SIP messages in them.
///
/// Invariant: what a Tap sees of a frame depends on the frames of the same addresses before it, and on nothing else; so
/// frames may be shared out over Taps by their innermost addresses.
pub(crate) struct Tap {
    peeler: Peeler,
    streams: Streams,
    sip: SipCounts,
}

impl Tap {
    /// `reorder`: how late a frame may come and still be taken as if it had not.
    pub(crate) fn new(reorder: Duration) -> Self {
        // Addresses and fragment ids are the sender's to choose: tables are seeded anew in each process. The seed decides
        // where things lie, and nothing else.
        let seed = RandomState::default().hash_one(0);
        Self {
            peeler: Peeler::new(PeelLimits { reorder, hash_seed: seed, ..PeelLimits::default() }),
            streams: Streams::new(StreamLimits { reorder, seed, ..StreamLimits::default() }),
            sip: SipCounts::default(),
        }
    }

    /// Takes one frame. `time` is what its messages are stamped with, `now` the clock, which ages what is kept.
    #[inline]
    pub(crate) fn frame(&mut self, time: Timestamp, now: Timestamp, frame: &Frame<'_>, sink: &mut impl Sink) {
        if self.peeler.is_due(now) {
            self.overdue(now, now, sink);
        }
        let Self { peeler, streams, sip } = self;
        let Some(plain) = peeler.peel_plain(frame) else {
            if let Peeled::Segment(segment) = peeler.descend(now, &Frame { time, ..*frame }) {
                carry(streams, sip, (time, now), frame, &segment, sink);
            }
            return;
        };
        match plain.transport {
            Transport::Udp(payload) if framing::is_start(payload) => {
                read_datagram(sip, time, frame, &plain.segment(), payload, sink);
            }
            // Media, before anything is made of its addresses.
            Transport::Udp(payload) => count_other(sip, plain.ports, payload),
            _ => carry(streams, sip, (time, now), frame, &plain.segment(), sink),
        }
    }

    /// Capture time has passed without a frame.
    pub(crate) fn tick(&mut self, now: Timestamp, frame: &Frame<'_>, sink: &mut impl Sink) {
        self.overdue(now, now, sink);
        let Self { streams, sip, .. } = self;
        streams.tick(now, &mut |delivery| deliver(sip, frame, delivery, sink));
    }

    /// No more frames: what waits for other fragments or behind holes is read.
    pub(crate) fn end(&mut self, frame: &Frame<'_>, sink: &mut impl Sink) {
        self.overdue(Timestamp::MAX, frame.time, sink);
        let Self { streams, sip, .. } = self;
        streams.finish(&mut |delivery| deliver(sip, frame, delivery, sink));
    }

    /// Reads the beginnings of datagrams whose other fragments have not come by `until`.
    #[inline(never)]
    fn overdue(&mut self, until: Timestamp, now: Timestamp, sink: &mut impl Sink) {
        let Self { peeler, streams, sip } = self;
        while let Some(Overdue { frame, peeled }) = peeler.overdue(until) {
            if let Peeled::Segment(segment) = peeled {
                carry(streams, sip, (frame.time, now), &frame, &segment, sink);
            }
        }
    }

    /// State that was dropped at a bound so far: fragments, conversations, stream buffers.
    pub(crate) fn evicted(&self) -> u64 {
        self.peeler.counts().fragments.evicted + self.streams.evicted()
    }

    pub(crate) fn next_timeout(&self) -> Option<Timestamp> {
        [self.peeler.next_timeout(), self.streams.next_timeout()].into_iter().flatten().min()
    }

    pub(crate) fn counts(&self) -> (&PacketCounts, StreamCounts, &SipCounts) {
        (self.peeler.counts(), self.streams.counts(), &self.sip)
    }
}

/// Takes one segment. `times`: what its messages are stamped with, and the clock.
#[inline(never)]
fn carry(
    streams: &mut Streams,
    sip: &mut SipCounts,
    (time, now): (Timestamp, Timestamp),
    frame: &Frame<'_>,
    segment: &Segment<'_>,
    sink: &mut impl Sink,
) {
    let hop = &segment.hop;
    match segment.transport {
        Transport::Udp(payload) if framing::is_start(payload) => {
            read_datagram(sip, time, frame, segment, payload, sink);
        }
        Transport::Udp(payload) => count_other(sip, (hop.source.port, hop.destination.port), payload),
        Transport::Tcp(tcp) => {
            streams.tcp(now, time, hop, &tcp, &mut |delivery| deliver(sip, frame, delivery, sink));
        }
        Transport::Sctp(chunks) => {
            streams.sctp(now, time, hop, chunks, &mut |delivery| deliver(sip, frame, delivery, sink));
        }
    }
}

/// Reads a datagram that begins with a start line.
#[inline(never)]
fn read_datagram(
    sip: &mut SipCounts,
    time: Timestamp,
    frame: &Frame<'_>,
    segment: &Segment<'_>,
    payload: &[u8],
    sink: &mut impl Sink,
) {
    let carriage = if segment.cut { Carriage::CutDatagram } else { Carriage::Datagram };
    read(sip, &Place { frame, hop: segment.hop, carrier: Carrier::Udp, time }, payload, carriage, sink);
}

/// Where and when a message was seen.
struct Place<'a> {
    frame: &'a Frame<'a>,
    hop: Hop,
    carrier: Carrier,
    time: Timestamp,
}

fn deliver(sip: &mut SipCounts, frame: &Frame<'_>, delivery: Delivery<'_>, sink: &mut impl Sink) {
    match delivery {
        Delivery::Message(message) => {
            let place = Place { frame, hop: message.hop, carrier: message.carrier, time: message.time };
            read(sip, &place, message.bytes, message.carriage, sink);
        }
        Delivery::Gap(gap) => sink.gap(gap.time),
    }
}

fn read(sip: &mut SipCounts, place: &Place<'_>, bytes: &[u8], carriage: Carriage, sink: &mut impl Sink) {
    let mut sighting = Sighting {
        time: place.time,
        source: place.frame.interface,
        ordinal: place.frame.number,
        hop: place.hop,
        carrier: place.carrier,
        message: Message::unread(),
    };
    if let Err(defect) = sighting.message.read(bytes, carriage) {
        sip.drop(defect);
        return;
    }
    sip.count(sighting.message.start());
    sip.odd += u64::from(!sighting.message.anomalies().is_empty());
    sink.sighting(&sighting);
}

/// Datagrams on the SIP ports that are no messages.
fn count_other(sip: &mut SipCounts, ports: (u16, u16), payload: &[u8]) {
    if !SIP_PORTS.contains(&ports.0) && !SIP_PORTS.contains(&ports.1) {
        return;
    }
    match payload.first() {
        // RFC 3320 §7: a SigComp message begins with five one bits.
        Some(0xf8..) => sip.opaque += 1,
        None | Some(b'\r' | b'\n' | 0) => sip.keep_alives += 1,
        Some(_) => {}
    }
}
