//! What all streams share: limits, counts, the account of buffered bytes; and the view a stream has while it works.

use crate::packet::{Carrier, Hop, InterfaceId};
use crate::sip::Carriage;
use crate::time::Timestamp;

use super::counts::{Missing, StreamCounts};
use super::delivery::{Delivery, Gap, Message};
use super::held::Held;
use super::limits::StreamLimits;

/// Most idle boxes kept for the next message that spans segments, so that it allocates nothing.
const SPARE: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) limits: StreamLimits,
    pub(super) counts: StreamCounts,
    /// Of these, what is missing by interface.
    pub(super) missing: Vec<Missing>,
    /// Where the segment at hand was captured.
    pub(super) interface: InterfaceId,
    /// Bytes buffered by all streams, as their boxes were last accounted.
    pub(super) buffered: usize,
    /// Number of the segment at hand.
    pub(super) number: u64,
    /// Room for one message while it is unmasked.
    pub(super) scratch: Vec<u8>,
    #[expect(clippy::vec_box, reason = "the boxes themselves are what is spared")]
    spare: Vec<Box<Held>>,
}

impl Shared {
    pub(super) fn new(limits: StreamLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// An empty box.
    pub(super) fn take_held(&mut self) -> Box<Held> {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes a box back, with whatever it holds.
    pub(super) fn give_back(&mut self, mut held: Box<Held>) {
        self.buffered = self.buffered.saturating_sub(held.accounted);
        if self.spare.len() < SPARE && held.make_spare() {
            self.spare.push(held);
        }
    }

    /// Brings the account up to date with what a box holds now.
    pub(super) fn account(&mut self, held: &mut Held) {
        let cost = held.cost();
        self.buffered = self.buffered.saturating_sub(held.accounted) + cost;
        held.accounted = cost;
    }
}

/// One stream's view while it handles a frame or a timeout.
pub(super) struct Work<'a> {
    pub(super) shared: &'a mut Shared,
    pub(super) hop: Hop,
    /// Where the stream's own segments are captured.
    pub(super) interface: InterfaceId,
    /// The clock, which ages what is kept.
    pub(super) now: Timestamp,
    /// Capture time of the frame at hand, which its bytes carry with them. Within the reorder window it may be behind the
    /// clock.
    pub(super) seen: Timestamp,
    pub(super) deliver: &'a mut dyn FnMut(Delivery<'_>),
}

impl Work<'_> {
    /// A whole message.
    pub(super) fn message(&mut self, carrier: Carrier, bytes: &[u8], time: Timestamp, after_gap: bool) {
        // A WebSocket message (RFC 7118 §5) and an SCTP user message (RFC 4168 §5.1) end with the transport's own mark.
        let carriage = if carrier == Carrier::Tcp { Carriage::Stream } else { Carriage::Datagram };
        self.hand_on((carrier, carriage), bytes, time, after_gap);
    }

    /// A message without a Content-Length, and without a body.
    pub(super) fn bare_message(&mut self, bytes: &[u8], time: Timestamp, after_gap: bool) {
        self.hand_on((Carrier::Tcp, Carriage::Datagram), bytes, time, after_gap);
    }

    /// A message whose end will never be seen: what a record needs stands in its headers.
    pub(super) fn cut_message(&mut self, carrier: Carrier, bytes: &[u8], time: Timestamp, after_gap: bool) {
        self.shared.counts.cut_messages += 1;
        self.hand_on((carrier, Carriage::CutDatagram), bytes, time, after_gap);
    }

    fn hand_on(&mut self, brought: (Carrier, Carriage), bytes: &[u8], time: Timestamp, after_gap: bool) {
        let (carrier, carriage) = brought;
        let counts = &mut self.shared.counts;
        match carrier {
            Carrier::WebSocket => counts.websocket_messages += 1,
            Carrier::Sctp => counts.sctp_messages += 1,
            Carrier::Tcp | Carrier::Udp => counts.tcp_messages += 1,
        }
        (self.deliver)(Delivery::Message(Message { hop: self.hop, carrier, carriage, time, bytes, after_gap }));
    }

    pub(super) fn gap(&mut self, carrier: Carrier, missing: u32) {
        let counts = &mut self.shared.counts;
        counts.gaps += 1;
        let bytes = if carrier == Carrier::Sctp { 0 } else { u64::from(missing) };
        counts.gap_bytes += bytes;
        let missing_here = self.missing();
        missing_here.gaps += 1;
        missing_here.bytes += bytes;
        (self.deliver)(Delivery::Gap(Gap { hop: self.hop, carrier, time: self.now, missing }));
    }

    /// What is missing where this stream is captured.
    pub(super) fn missing(&mut self) -> &mut Missing {
        let index = usize::from(self.interface.0);
        let by_interface = &mut self.shared.missing;
        if by_interface.len() <= index {
            by_interface.resize(index + 1, Missing::default());
        }
        &mut by_interface[index]
    }
}
