//! SIP over WebSocket: the upgrade, frames of every kind, segments of every length.

use tolltap::packet::TcpSegment;
use tolltap::sip::{is_start, keep_alive};
use tolltap::stream::{Delivery, StreamLimits, Streams};

// The fuzzer has this folder without the other; where both are, the file is in both.
#[allow(clippy::duplicate_mod)]
#[path = "../common/websocket.rs"]
mod frames;

use frames::frame;

use super::script::{Script, at, hop};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: im.example.net\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Protocol: sip\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n";

/// The number of steps, the steps of 4 bytes each, and the messages to be sent, each ended by a zero.
///
/// A step is the side and the kind; the number of the message; the length of its pieces; the length of the segments.
/// The bytes of one side come in their order. What is sent whole must be delivered, in its order and byte for byte.
pub fn websocket(bytes: &[u8]) {
    let mut script = Script(bytes);
    let count = usize::from(script.byte());
    let mut steps = Script(script.take(4 * count));
    let messages: Vec<&[u8]> = script.0.split(|byte| *byte == 0).collect();

    let mut run = Run::default();
    run.send(false, REQUEST, 0);
    run.send(true, ANSWER, 0);
    while !steps.is_empty() {
        let (what, number, piece, segment) = (steps.byte(), steps.byte(), steps.byte(), steps.byte());
        let back = what & 1 != 0;
        let mask = if back { None } else { Some([number, piece, 0x55, what]) };
        let message = messages.get(usize::from(number)).copied().unwrap_or_default();
        let mut sent = Vec::new();
        match what >> 1 {
            0 => sent.extend(message),
            1 => sent.extend(frame(0x89, mask, &message[..message.len().min(125)])),
            2 => sent.extend(frame(0xc1, mask, message)),
            3 => sent.extend(frame(0x88, mask, b"\x03\xe8")),
            // Any first byte: fragments that do not fit together, reserved bits.
            4 => sent.extend(frame(piece, mask, message)),
            5 => {
                let lost = message.len() as u32;
                run.sequence[usize::from(back)] = run.sequence[usize::from(back)].wrapping_add(lost);
            }
            _ => {
                let pieces: Vec<&[u8]> = message.chunks(usize::from(piece).max(1)).collect();
                for (index, part) in pieces.iter().enumerate() {
                    let last = index + 1 == pieces.len();
                    sent.extend(frame(u8::from(last) << 7 | u8::from(index == 0), mask, part));
                    if segment & 1 != 0 && !last {
                        sent.extend(frame(0x89, mask, b"ping"));
                    }
                }
                if is_start(message) {
                    run.expected.push(message.get(keep_alive(message)..).unwrap_or_default().to_vec());
                }
            }
        }
        // What was not sent as whole frames leaves nothing to be expected.
        run.honest &= matches!(what >> 1, 1 | 6..);
        run.send(back, &sent, usize::from(segment));
    }
    run.finish();
}

struct Run {
    streams: Streams,
    sequence: [u32; 2],
    now: u64,
    honest: bool,
    expected: Vec<Vec<u8>>,
    delivered: Vec<Vec<u8>>,
}

impl Default for Run {
    fn default() -> Self {
        let mut streams = Streams::new(StreamLimits { buffered: 1 << 20, ..StreamLimits::default() });
        for back in [false, true] {
            streams.tcp(at(0), at(0), &hop(0, back), &segment(u32::MAX, true, &[]), &mut |_| {});
        }
        Self { streams, sequence: [0; 2], now: 0, honest: true, expected: Vec::new(), delivered: Vec::new() }
    }
}

impl Run {
    fn send(&mut self, back: bool, bytes: &[u8], length: usize) {
        let length = if length == 0 { 1460 } else { length };
        for part in bytes.chunks(length) {
            self.now += 1;
            let sequence = &mut self.sequence[usize::from(back)];
            let segment = segment(*sequence, false, part);
            *sequence = sequence.wrapping_add(part.len() as u32);
            let delivered = &mut self.delivered;
            self.streams
                .tcp(at(self.now), at(self.now), &hop(0, back), &segment, &mut |delivery| take(&delivery, delivered));
        }
        assert!(self.streams.counts().buffered <= 1 << 20);
    }

    fn finish(mut self) {
        let delivered = &mut self.delivered;
        self.streams.finish(&mut |delivery| take(&delivery, delivered));
        if self.honest {
            assert_eq!(self.delivered.len(), self.expected.len(), "messages delivered, and messages sent");
            assert!(self.delivered == self.expected, "a message came out other than it was sent");
        }
    }
}

fn take(delivery: &Delivery<'_>, delivered: &mut Vec<Vec<u8>>) {
    if let Delivery::Message(message) = delivery {
        assert!(is_start(message.bytes));
        delivered.push(message.bytes.to_vec());
    }
}

fn segment(sequence: u32, syn: bool, payload: &[u8]) -> TcpSegment<'_> {
    TcpSegment {
        sequence,
        acknowledgement: 0,
        syn,
        ack: false,
        fin: false,
        rst: false,
        payload,
        wire_len: payload.len() as u32,
    }
}
