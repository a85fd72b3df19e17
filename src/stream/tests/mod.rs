//! TCP streams as a mirror delivers them, through the public API.

mod bodies_cut;
mod bounds;
mod connections;
mod disorder;
mod holes;
mod in_order;
mod joining;
mod other_protocols;
mod websockets;

use core::net::Ipv4Addr;
use core::time::Duration;

use super::websocket::tests::frame;
use super::*;
use crate::packet::{Carrier, Domain, Endpoint, Hop, InterfaceId, TcpSegment};
use crate::sip::Carriage;
use crate::time::Timestamp;

/// A probe at the tap, in virtual time.
struct Tap {
    streams: Streams,
    now: Timestamp,
    messages: Vec<Seen>,
    gaps: Vec<Gap>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    text: Bytes,
    /// Milliseconds.
    time: i64,
    carrier: Carrier,
    after_gap: bool,
    from: u16,
    cut: bool,
}

/// Bytes that a failed assertion shows as text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Bytes(Vec<u8>);

impl core::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?}", self.0.escape_ascii().to_string())
    }
}

impl core::ops::Deref for Bytes {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl core::borrow::Borrow<[u8]> for Bytes {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

fn hop() -> Hop {
    let end = |last, port| Endpoint { address: Ipv4Addr::new(192, 0, 2, last).into(), port };
    Hop { source: end(1, 40000), destination: end(2, 5060), domain: Domain(7) }
}

fn hop_from(port: u16) -> Hop {
    let mut hop = hop();
    hop.source.port = port;
    hop
}

/// A segment that carries `payload` and nothing else.
fn data(sequence: u32, payload: &[u8]) -> TcpSegment<'_> {
    TcpSegment {
        sequence,
        acknowledgement: 0,
        syn: false,
        ack: false,
        fin: false,
        rst: false,
        payload,
        wire_len: payload.len() as u32,
    }
}

fn syn(sequence: u32) -> TcpSegment<'static> {
    TcpSegment { syn: true, ..data(sequence, b"") }
}

fn ack(acknowledgement: u32) -> TcpSegment<'static> {
    TcpSegment { ack: true, acknowledgement, ..data(1, b"") }
}

impl Tap {
    fn new() -> Self {
        Self::with(StreamLimits::default())
    }

    fn with(limits: StreamLimits) -> Self {
        Self { streams: Streams::new(limits), now: Timestamp::from_nanos(0), messages: Vec::new(), gaps: Vec::new() }
    }

    /// One millisecond later, this segment on this hop.
    fn on(&mut self, hop: &Hop, segment: TcpSegment<'_>) {
        self.now = self.now.plus(Duration::from_millis(1));
        let (messages, gaps) = (&mut self.messages, &mut self.gaps);
        self.streams.tcp(self.now, self.now, hop, &segment, &mut |delivery| take(messages, gaps, delivery));
    }

    fn see(&mut self, segment: TcpSegment<'_>) {
        self.on(&hop(), segment);
    }

    fn wait(&mut self, millis: u64) {
        self.now = self.now.plus(Duration::from_millis(millis));
        let (messages, gaps) = (&mut self.messages, &mut self.gaps);
        self.streams.tick(self.now, &mut |delivery| take(messages, gaps, delivery));
    }

    fn finish(&mut self) {
        let (messages, gaps) = (&mut self.messages, &mut self.gaps);
        self.streams.finish(&mut |delivery| take(messages, gaps, delivery));
    }

    fn texts(&self) -> Vec<&Bytes> {
        self.messages.iter().map(|seen| &seen.text).collect()
    }

    fn sorted(&self) -> Vec<&Bytes> {
        let mut texts = self.texts();
        texts.sort();
        texts
    }
}

fn take(messages: &mut Vec<Seen>, gaps: &mut Vec<Gap>, delivery: Delivery<'_>) {
    match delivery {
        Delivery::Message(message) => messages.push(Seen {
            text: Bytes(message.bytes.to_vec()),
            time: message.time.nanos() / 1_000_000,
            carrier: message.carrier,
            after_gap: message.after_gap,
            from: message.hop.source.port,
            cut: message.carriage == Carriage::CutDatagram,
        }),
        Delivery::Gap(gap) => gaps.push(gap),
    }
}

fn message(id: usize, body: &[u8]) -> Bytes {
    let head = format!("MESSAGE sip:b@example.com SIP/2.0\r\nCall-ID: {id}\r\nContent-Length: {}\r\n\r\n", body.len());
    Bytes([head.as_bytes(), body].concat())
}

const LOOK_ALIKE: &[u8] = b"text\r\nBYE sip:x SIP/2.0\r\nCall-ID: forged\r\nContent-Length: 0\r\n\r\nmore text\r\n";

/// A client's half of the handshake.
const UPGRADE: &[u8] = b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n";
