//! TCP streams as a mirror delivers them, through the public API.

use core::net::Ipv4Addr;
use core::time::Duration;

use proptest::prelude::*;

use super::websocket::tests::frame;
use super::*;
use crate::packet::{Carrier, Domain, Endpoint, Hop, TcpSegment};
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
        }),
        Delivery::Gap(gap) => gaps.push(gap),
    }
}

fn message(id: usize, body: &[u8]) -> Bytes {
    let head = format!("MESSAGE sip:b@example.com SIP/2.0\r\nCall-ID: {id}\r\nContent-Length: {}\r\n\r\n", body.len());
    Bytes([head.as_bytes(), body].concat())
}

const LOOK_ALIKE: &[u8] = b"text\r\nBYE sip:x SIP/2.0\r\nCall-ID: forged\r\nContent-Length: 0\r\n\r\nmore text\r\n";

// One direction, in order.

#[test]
fn a_message_a_segment() {
    let mut tap = Tap::new();
    let (first, second) = (message(1, b"hello"), message(2, LOOK_ALIKE));
    tap.see(syn(99));
    tap.see(data(100, &first));
    tap.see(data(100 + first.len() as u32, &second));
    assert_eq!(tap.texts(), [&first, &second]);
    assert_eq!(tap.messages[1].time, 3);
    assert!(tap.gaps.is_empty() && !tap.messages[0].after_gap);
    assert_eq!(tap.streams.counts().buffered, 0);
}

#[test]
fn several_messages_a_segment_with_keep_alives() {
    let (first, second) = (message(1, b"hello"), message(2, b""));
    let stream = [b"\r\n\r\n", first.as_slice(), b"\r\n", &second, b"\r\n\r\n"].concat();
    for start in [None, Some(syn(99))] {
        let mut tap = Tap::new();
        start.into_iter().for_each(|syn| tap.see(syn));
        tap.see(data(100, &stream));
        assert_eq!(tap.texts(), [&first, &second]);
    }
}

#[test]
fn split_at_every_byte_from_the_first_or_mid_stream() {
    let messages = [message(1, LOOK_ALIKE), Bytes(b"SIP/2.0 200 OK\nl : 0\n\n".to_vec()), message(3, &[0; 30])];
    let stream = [messages[0].as_slice(), b"\r\n\r\n", &messages[1], &messages[2]].concat();
    for start in [None, Some(syn(u32::MAX - 60))] {
        for at in 0..=stream.len() {
            let mut tap = Tap::new();
            start.into_iter().for_each(|syn| tap.see(syn));
            let base = u32::MAX - 59;
            tap.see(data(base, &stream[..at]));
            tap.see(data(base.wrapping_add(at as u32), &stream[at..]));
            assert_eq!(tap.texts(), messages.iter().collect::<Vec<_>>(), "split at {at}");
        }
    }
}

#[test]
fn one_byte_a_segment() {
    let messages = [message(1, LOOK_ALIKE), message(2, b"")];
    let stream = messages.concat();
    for start in [None, Some(syn(9))] {
        let mut tap = Tap::new();
        start.into_iter().for_each(|syn| tap.see(syn));
        for (at, byte) in (10..).zip(stream.chunks(1)) {
            tap.see(data(at, byte));
        }
        tap.finish();
        assert_eq!(tap.texts(), messages.iter().collect::<Vec<_>>());
    }
}

#[test]
fn a_direction_alone_and_both_directions_are_read() {
    let mut tap = Tap::new();
    let (request, answer) = (message(1, b""), Bytes(b"SIP/2.0 200 OK\r\nl:0\r\n\r\n".to_vec()));
    tap.see(data(1, &request));
    tap.on(&hop().reversed(), data(70_000, &answer));
    assert_eq!(tap.texts(), [&request, &answer]);
    assert_eq!((tap.messages[0].from, tap.messages[1].from), (40000, 5060));
    assert_eq!(tap.streams.counts().conversations, 1);
}

// Where a stream is joined.

#[test]
fn joins_inside_a_message_at_the_next_segment_that_begins_one() {
    let (first, second) = (message(1, b"some text"), message(2, b""));
    let stream = [first.as_slice(), &second].concat();
    let mut tap = Tap::new();
    tap.see(data(20, &stream[20..first.len()]));
    tap.see(data(first.len() as u32, &second));
    assert_eq!(tap.texts(), [&second]);
    assert!(!tap.messages[0].after_gap);
}

#[test]
fn joins_at_a_start_line_inside_a_segment() {
    let (first, second, third) = (message(1, b"some text\r\n"), message(2, LOOK_ALIKE), message(3, b""));
    let stream = [first.as_slice(), &second, &third].concat();
    let mut tap = Tap::new();
    tap.see(data(20, &stream[20..first.len() + 50]));
    tap.see(data(first.len() as u32 + 50, &stream[first.len() + 50..]));
    tap.wait(201);
    assert_eq!(tap.texts(), [&second, &third]);
    assert!(tap.messages[0].after_gap);
    assert_eq!(tap.messages[0].time, 2, "its last byte came with the second frame");
    assert!(tap.gaps.is_empty());
}

#[test]
fn a_body_that_ends_in_a_sip_fragment_does_not_swallow_the_next_message() {
    let (first, second) = (message(1, b"SIP/2.0 200 OK\r\n"), message(2, b""));
    let stream = [first.as_slice(), &second].concat();
    let mut tap = Tap::new();
    tap.see(data(20, &stream[20..]));
    tap.finish();
    assert_eq!(tap.texts(), [&second]);
    // Some senders write the body by itself.
    let mut tap = Tap::new();
    let body = first.len() - 16;
    tap.see(data(body as u32, &stream[body..first.len()]));
    tap.see(data(first.len() as u32, &second));
    tap.finish();
    assert_eq!(tap.texts(), [&second]);
}

#[test]
fn an_earlier_segment_that_comes_late_is_still_read() {
    let messages = [message(1, b""), message(2, b"x"), message(3, LOOK_ALIKE)];
    let mut tap = Tap::new();
    let (second, third) = (1 + messages[0].len() as u32, 1 + messages[..2].concat().len() as u32);
    tap.see(data(third, &messages[2]));
    tap.see(data(1, &messages[0]));
    tap.see(data(second, &messages[1]));
    assert_eq!(tap.texts(), [&messages[2], &messages[0], &messages[1]]);
    tap.see(data(1, &messages.concat()));
    tap.wait(1000);
    assert_eq!(tap.messages.len(), 3, "nothing twice");
    assert_eq!(tap.messages[1].time, 2);
}

#[test]
fn a_media_line_cut_before_its_msrp_is_not_taken_for_msrp() {
    let text = message(1, b"v=0\r\nm=message 2855 TCP/MSRP *\r\na=path:msrp://192.0.2.1:2855/s;tcp\r\n");
    let cut = text.windows(6).position(|part| part == b"MSRP *").expect("it is there");
    let mut tap = Tap::new();
    tap.see(data(1 + cut as u32, &text[cut..]));
    tap.see(data(1, &text[..cut]));
    assert_eq!(tap.texts(), [&text]);
    let mut other = Tap::new();
    other.see(data(1, b"MSRP a786hjs2 SEND\r\nTo-Path: msrp://192.0.2.1:2855/s;tcp\r\n"));
    assert_eq!(other.streams.counts().conversations, 0);
}

#[test]
fn what_came_before_the_join_is_old_when_the_join_is() {
    let messages = [message(1, b""), message(2, b"x")];
    let second = 1 + messages[0].len() as u32;
    let mut tap = Tap::new();
    tap.see(data(second, &messages[1]));
    tap.wait(300);
    tap.see(data(1, &messages[0]));
    tap.wait(300);
    assert_eq!(tap.texts(), [&messages[1]]);
    assert_eq!(tap.streams.counts().buffered, 0);
}

#[test]
fn a_keep_alive_probe_before_the_join_is_not_part_of_the_message() {
    let bye = message(1, b"");
    for garbage in [b"\0", b"I", b"d", b"\n"] {
        let mut tap = Tap::new();
        tap.see(data(99, garbage));
        tap.see(data(100, &bye));
        tap.see(data(99, garbage));
        tap.see(data(99 + bye.len() as u32, garbage));
        tap.wait(300);
        assert_eq!(tap.texts(), [&bye], "{garbage:?}");
    }
}

#[test]
fn a_syn_that_its_data_overtook_loses_nothing() {
    let stream = [message(1, b"").as_slice(), &message(2, b"")].concat();
    for split in [10, 40, 100] {
        let mut tap = Tap::new();
        tap.see(data(100 + split, &stream[split as usize..]));
        tap.see(syn(99));
        tap.see(data(100, &stream[..split as usize]));
        tap.finish();
        assert_eq!(tap.texts(), [&message(1, b""), &message(2, b"")], "split at {split}");
    }
}

// Loss, retransmission, overlap.

#[test]
fn a_filled_hole_is_no_gap() {
    let messages = [message(1, b"a"), message(2, b"b"), message(3, b"c")];
    let stream = messages.concat();
    let second = messages[0].len() as u32;
    let mut tap = Tap::new();
    tap.see(syn(u32::MAX));
    tap.see(data(0, &messages[0]));
    tap.see(data(second * 2, &messages[2]));
    tap.wait(1000);
    tap.see(data(second, &messages[1]));
    assert_eq!(tap.texts(), messages.iter().collect::<Vec<_>>());
    assert_eq!(tap.messages[2].time, 3, "the time of its own frame");
    tap.see(data(0, &stream));
    tap.wait(10_000);
    assert_eq!((tap.messages.len(), tap.gaps.len()), (3, 0));
    assert_eq!(tap.streams.counts().retransmissions, 1);
}

#[test]
fn a_hole_is_given_up_by_age_and_told() {
    let messages = [message(1, b"a"), message(2, b"b"), message(3, b"c")];
    let second = messages[0].len() as u32;
    let mut tap = Tap::new();
    tap.see(data(0, &messages[0]));
    tap.see(data(second * 2, &messages[2]));
    tap.wait(2_999);
    assert_eq!(tap.messages.len(), 1);
    assert_eq!(tap.streams.next_timeout(), Some(tap.now.plus(Duration::from_millis(1))));
    tap.wait(1);
    assert_eq!(tap.texts(), [&messages[0], &messages[2]]);
    assert_eq!((tap.messages[1].time, tap.messages[1].after_gap), (2, true));
    assert_eq!((tap.gaps[0].missing, tap.gaps[0].hop), (second, hop()));
    assert_eq!(tap.streams.counts().gap_bytes, u64::from(second));
}

#[test]
fn a_hole_that_the_receiver_acknowledged_waits_only_for_the_reorder_window() {
    let messages = [message(1, b"a"), message(2, b"b"), message(3, b"c")];
    let second = messages[0].len() as u32;
    let mut tap = Tap::new();
    tap.see(data(0, &messages[0]));
    tap.see(data(second * 2, &messages[2]));
    tap.on(&hop().reversed(), ack(second * 3));
    tap.wait(199);
    assert_eq!(tap.messages.len(), 1, "the mirror may only be late");
    tap.wait(1);
    assert_eq!(tap.texts(), [&messages[0], &messages[2]]);
    assert_eq!(tap.gaps.len(), 1);
}

#[test]
fn bytes_acknowledged_and_never_seen_are_a_gap() {
    let messages = [message(1, b"a"), message(2, b"b"), message(3, b"c")];
    let second = messages[0].len() as u32;
    let mut tap = Tap::new();
    tap.see(data(0, &messages[0]));
    tap.on(&hop().reversed(), ack(second * 2));
    tap.wait(200);
    assert_eq!((tap.gaps.len(), tap.gaps[0].missing, tap.gaps[0].hop), (1, second, hop()));
    tap.see(data(second * 2, &messages[2]));
    assert_eq!(tap.texts(), [&messages[0], &messages[2]]);
    assert!(tap.messages[1].after_gap);
}

#[test]
fn an_acknowledgement_that_overtakes_its_data_is_no_gap() {
    let messages = [message(1, b"a"), message(2, b"b")];
    let second = messages[0].len() as u32;
    let mut tap = Tap::new();
    tap.see(data(0, &messages[0]));
    tap.on(&hop().reversed(), ack(second * 2));
    tap.see(data(second, &messages[1]));
    tap.wait(10_000);
    assert_eq!((tap.texts().len(), tap.gaps.len()), (2, 0));
    // Nor is the acknowledgement of a FIN that was not seen.
    tap.on(&hop().reversed(), ack(second * 2 + 1));
    tap.wait(10_000);
    assert_eq!(tap.gaps.len(), 0);
}

#[test]
fn a_hole_inside_a_body_does_not_expose_the_body() {
    let body = [LOOK_ALIKE, &[b'x'; 3000], LOOK_ALIKE].concat();
    let (first, second) = (message(1, &body), message(2, b""));
    let stream = [first.as_slice(), &second].concat();
    let mut tap = Tap::new();
    tap.see(syn(u32::MAX));
    tap.see(data(0, &stream[..500]));
    tap.see(data(1500, &stream[1500..]));
    tap.wait(3000);
    assert_eq!(tap.texts(), [&second]);
    assert!(tap.messages[0].after_gap);
    assert_eq!(tap.streams.counts().unfinished, 1);
}

#[test]
fn what_the_snap_length_cut_is_a_gap_at_once() {
    let messages = [message(1, b"a"), message(2, &[b'x'; 2000]), message(3, b"c")];
    let mut tap = Tap::new();
    let second = messages[0].len();
    let segment = [messages[0].as_slice(), &messages[1]].concat();
    tap.see(TcpSegment { wire_len: segment.len() as u32, ..data(0, &segment[..second + 100]) });
    assert_eq!(tap.texts(), [&messages[0]]);
    assert_eq!(tap.gaps[0].missing as usize, segment.len() - second - 100);
    tap.see(data(segment.len() as u32, &messages[2]));
    assert_eq!(tap.texts(), [&messages[0], &messages[2]]);
}

#[test]
fn the_first_of_two_texts_stands_and_is_counted() {
    let (first, forged) = (message(1, b"true text"), message(1, b"lies lies"));
    let mut tap = Tap::new();
    tap.see(syn(u32::MAX));
    tap.see(data(0, &first[..first.len() - 4]));
    tap.see(data(0, &forged));
    let mut expected = first.clone();
    let tail = first.len() - 4;
    expected.0[tail..].copy_from_slice(&forged[tail..]);
    assert_eq!(tap.texts(), [&expected]);
    assert_eq!(tap.streams.counts().overlaps_differ, 1);
    // The same among the bytes that wait ahead.
    let mut tap = Tap::new();
    tap.see(syn(u32::MAX));
    tap.see(data(20, &first[20..]));
    tap.see(data(0, &forged));
    assert_eq!(tap.texts(), [&first]);
    assert_eq!(tap.streams.counts().overlaps_differ, 1);
}

#[test]
fn a_message_without_length_costs_itself_alone() {
    let bad = b"NOTIFY sip:a SIP/2.0\r\nCall-ID: x\r\n\r\n".to_vec();
    let (first, last) = (message(1, b""), message(2, b""));
    let mut tap = Tap::new();
    tap.see(data(0, &[first.as_slice(), &bad, &last].concat()));
    assert_eq!(tap.texts(), [&first, &last]);
    assert_eq!((tap.streams.counts().no_length, tap.streams.counts().resynchronised), (1, 1));
    assert!(tap.gaps.is_empty());
}

// The end of connections, and new ones.

#[test]
fn a_syn_with_another_number_begins_anew() {
    let (first, second) = (message(1, b""), message(2, b""));
    let mut tap = Tap::new();
    tap.see(syn(99));
    tap.see(data(100, &first[..30]));
    tap.see(syn(99));
    tap.see(data(130, &first[30..]));
    tap.see(syn(5_000));
    tap.see(data(5_001, &second));
    tap.see(data(5_001, &second));
    assert_eq!(tap.texts(), [&first, &second]);
}

#[test]
fn a_reused_port_whose_syn_was_missed_is_joined() {
    let (first, second, third) = (message(1, b""), message(2, b""), message(3, b""));
    for far in [0x4000_0000u32, 0xc000_0000] {
        let mut tap = Tap::new();
        tap.see(syn(99));
        tap.see(data(100, &first));
        tap.see(data(far, &second));
        tap.see(data(far + second.len() as u32, &third));
        assert_eq!(tap.texts(), [&first, &second, &third]);
        assert_eq!(tap.streams.counts().jumps, 1);
    }
}

#[test]
fn fin_and_rst_end_a_stream_and_late_data_is_still_read() {
    let (first, second) = (message(1, b""), message(2, b""));
    for rst in [false, true] {
        let mut tap = Tap::new();
        tap.see(syn(99));
        let segment = data(100, &first);
        tap.see(TcpSegment { fin: !rst, rst, ..segment });
        tap.see(segment);
        assert_eq!(tap.texts(), [&first], "rst {rst}");
        tap.see(data(200 + first.len() as u32, &second));
        assert_eq!(tap.texts(), [&first, &second], "rst {rst}");
    }
}

#[test]
fn a_reset_delivers_what_waited() {
    let messages = [message(1, b"a"), message(2, b"b"), message(3, b"c")];
    let second = messages[0].len() as u32;
    let mut tap = Tap::new();
    tap.see(data(0, &messages[0]));
    tap.see(data(second * 2, &messages[2]));
    tap.see(TcpSegment { rst: true, ..data(second, b"") });
    assert_eq!(tap.texts(), [&messages[0], &messages[2]]);
    tap.wait(300);
    assert_eq!(tap.streams.counts().buffered, 0);
}

// What is not SIP.

#[test]
fn other_streams_hold_nothing_and_a_start_line_turns_them() {
    let texts: [&[u8]; 5] = [
        b"MSRP a786 SEND\r\nTo-Path: msrp://a\r\n\r\nBYE sip:x SIP/2.0\r\nl: 0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\n\r\nBYE sip:x SIP/2.0\r\nl: 0\r\n\r\n",
        b"\x17\x03\x03\x00\x20abcdefghijklmnop",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00\x01\x02\x03",
    ];
    for text in texts {
        let mut tap = Tap::new();
        tap.see(syn(99));
        tap.see(data(100, text));
        for round in 1..10 {
            tap.see(data(100 + round * text.len() as u32, text));
        }
        assert!(tap.messages.is_empty());
        assert_eq!(tap.streams.counts().buffered, 0, "{:?}", String::from_utf8_lossy(text));
        let opaque = text[0] == 0x16 || text[0] == 0x17;
        assert_eq!(tap.streams.counts().opaque, u64::from(opaque));
        assert_eq!(tap.streams.counts().conversations, u64::from(!opaque));
        tap.see(data(77, &message(1, b"")));
        assert_eq!(tap.messages.len(), 1);
        assert!(tap.gaps.is_empty());
    }
}

#[test]
fn binary_streams_joined_mid_way_get_no_entry() {
    let mut tap = Tap::new();
    tap.see(data(5, b"\x17\x03\x03\x00\x20abcdefghijklmnop"));
    tap.see(data(5, b"\x00\x00\x00\x00"));
    tap.see(ack(5));
    assert_eq!(tap.streams.counts().conversations, 0);
}

#[test]
fn text_streams_joined_mid_way_hold_bytes_only_for_the_window() {
    let mut tap = Tap::new();
    tap.see(data(0, &[b'x'; 1000]));
    assert!(tap.streams.counts().buffered >= 1000);
    tap.wait(200);
    assert_eq!(tap.streams.counts().buffered, 0);
    tap.see(data(1000, &[b'x'; 1000]));
    assert_eq!(tap.streams.counts().buffered, 0);
    assert_eq!(tap.streams.next_timeout(), None);
}

// WebSocket.

const UPGRADE: &[u8] = b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n";
const SWITCHED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n";

#[test]
fn a_websocket_is_followed_from_either_half_of_its_handshake() {
    let (bye, long) = (message(1, b""), message(2, &[b'y'; 70_000]));
    for (handshake, mask) in [(UPGRADE, Some([1, 2, 3, 4])), (SWITCHED, None)] {
        let stream = [handshake, &frame(0x81, mask, &bye), &frame(0x89, mask, b""), &frame(0x82, mask, &long)].concat();
        for at in (0..handshake.len() + bye.len() + 40).chain([10_000]) {
            let mut tap = Tap::new();
            tap.see(syn(u32::MAX));
            tap.see(data(0, &stream[..at]));
            tap.see(data(at as u32, &stream[at..]));
            assert_eq!(tap.texts(), [&bye, &long], "split at {at}");
            assert!(tap.messages.iter().all(|seen| seen.carrier == Carrier::WebSocket && !seen.after_gap));
        }
    }
}

#[test]
fn a_websocket_is_joined_mid_stream_and_survives_loss() {
    let (first, second) = (message(1, &[b'x'; 3000]), message(2, b""));
    let frames = [frame(0x81, None, &second), frame(0x81, Some([5, 6, 7, 8]), &first), frame(0x82, None, &second)];
    let stream = frames.concat();
    let mut tap = Tap::new();
    tap.see(data(0, &stream[..1000]));
    tap.see(data(2000, &stream[2000..]));
    tap.wait(3000);
    assert_eq!(tap.texts(), [&second, &second]);
    assert!(!tap.messages[0].after_gap && tap.messages[1].after_gap);
    assert_eq!((tap.gaps[0].carrier, tap.gaps[0].missing), (Carrier::WebSocket, 1000));
    // A hole over the frame boundary: the next frame that begins a segment with SIP.
    tap.see(data(stream.len() as u32 + 50, &frames[2]));
    tap.wait(3000);
    assert_eq!(tap.messages.len(), 3);
}

#[test]
fn http_that_upgrades_to_something_else_is_not_followed() {
    let mut tap = Tap::new();
    let request = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
    tap.see(syn(0));
    tap.see(data(1, request));
    tap.see(data(1 + request.len() as u32, b"\x82\x05hello"));
    assert_eq!((tap.messages.len(), tap.streams.counts().buffered), (0, 0));
}

// Bounds.

#[test]
fn a_hole_is_given_up_when_too_much_waits_behind_it() {
    let bye = message(1, b"");
    let mut tap = Tap::new();
    tap.see(data(0, &bye));
    let body = message(2, &vec![b'x'; 300_000]);
    let mut at = 5000;
    for part in body.chunks(1400) {
        tap.see(data(at, part));
        at += part.len() as u32;
        assert!(tap.streams.counts().buffered < 700_000);
    }
    assert_eq!(tap.gaps.len(), 1);
    assert_eq!(tap.texts(), [&bye, &body]);
    // Tiny segments with holes between them.
    for hole in 0..600 {
        tap.see(data(at + 10 + hole * 2, b"z"));
    }
    assert!(tap.streams.counts().buffered < 64 * 1024);
    assert!(tap.gaps.len() > 300);
}

#[test]
fn all_buffers_together_are_bounded() {
    let limits = StreamLimits { buffered: 100_000, ..StreamLimits::default() };
    let mut tap = Tap::with(limits);
    let part = &message(1, &[b'x'; 2000])[..1500];
    for port in 1..500 {
        tap.on(&hop_from(port), data(0, part));
        assert!(tap.streams.counts().buffered <= 100_000);
    }
    assert!(tap.streams.counts().buffers_dropped > 400);
    assert_eq!(tap.gaps.len() as u64, tap.streams.counts().buffers_dropped);
    assert_eq!(tap.gaps[0].hop.source.port, 1, "the oldest first");
}

#[test]
fn conversations_are_bounded_and_those_without_sip_go_first() {
    let limits = StreamLimits { conversations: 10, ..StreamLimits::default() };
    let mut tap = Tap::with(limits);
    let bye = message(1, b"");
    tap.on(&hop_from(1), data(0, &bye[..20]));
    tap.on(&hop_from(1), data(20, &bye[20..40]));
    for port in 2..100 {
        tap.on(&hop_from(port), syn(0));
    }
    tap.on(&hop_from(1), data(40, &bye[40..]));
    assert_eq!(tap.texts(), [&bye]);
    assert_eq!((tap.streams.counts().conversations, tap.streams.counts().evicted), (10, 89));
}

#[test]
fn idle_conversations_age_but_trunks_live_on() {
    let mut tap = Tap::new();
    let bye = message(1, b"");
    tap.on(&hop_from(1), data(0, &bye));
    tap.on(&hop_from(2), syn(0));
    tap.wait(3600 * 1000);
    tap.on(&hop_from(3), syn(0));
    assert_eq!((tap.streams.counts().aged, tap.streams.counts().conversations), (1, 2));
    tap.on(&hop_from(1), data(bye.len() as u32, &bye));
    assert_eq!((tap.messages.len(), tap.streams.counts().joins), (2, 1));
}

#[test]
fn a_message_that_stalls_is_dropped_in_the_end() {
    let mut tap = Tap::new();
    tap.see(data(0, &message(1, b"")[..50]));
    tap.wait(299_000);
    assert!(tap.streams.counts().buffered > 0);
    tap.wait(2_000);
    assert_eq!((tap.streams.counts().buffered, tap.streams.counts().unfinished), (0, 1));
    tap.see(data(60, &message(2, b"")));
    tap.wait(3_000);
    assert_eq!(tap.messages.len(), 1);
}

#[test]
fn a_clock_that_steps_back_stops_nothing() {
    let mut tap = Tap::new();
    let bye = message(1, b"");
    tap.wait(10_000);
    tap.see(data(0, &bye));
    tap.now = Timestamp::MIN;
    tap.see(data(bye.len() as u32, &bye));
    tap.now = Timestamp::MAX;
    tap.see(data(3 * bye.len() as u32, &bye));
    tap.finish();
    assert_eq!(tap.messages.len(), 3);
}

// Any order, any split.

/// A message with one of several kinds of body. `plain`: text that ends in a line end and holds no start line.
fn any_message(plain: bool) -> impl Strategy<Value = Bytes> {
    let body = if plain {
        prop_oneof![
            Just(Vec::new()),
            "[a-z ]{0,200}\r\n".prop_map(String::into_bytes),
            Just(b"From: <im:a@b>\r\nTo: <im:c@d>\r\n\r\nContent-Type: text/plain\r\n\r\nHi\r\n".to_vec()),
        ]
        .boxed()
    } else {
        prop_oneof![
            Just(Vec::new()),
            Just(LOOK_ALIKE.to_vec()),
            Just(b"SIP/2.0 200 OK\r\n".to_vec()),
            Just(b"From: <im:a@b>\r\nTo: <im:c@d>\r\n\r\nBYE sip:c@d SIP/2.0\r\nl: 9999\r\n\r\n".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..300),
        ]
        .boxed()
    };
    let start = prop_oneof![
        Just("BYE sip:a SIP/2.0"),
        Just("SIP/2.0 200 OK"),
        Just("INVITE tel:+1 sip/2.0"),
        Just("MESSAGE  sip:a  SIP/2.0 "),
    ];
    let length = prop_oneof![Just("Content-Length: "), Just("l:"), Just("CONTENT-length \t:\r\n ")];
    (start, length, any::<u32>(), any::<bool>(), body).prop_map(|(start, length, id, crlf, body)| {
        let head = format!("{start}\r\nCall-ID: {id}\r\n{length}{}\r\nVia: SIP/2.0/TCP x\r\n\r\n", body.len());
        Bytes([if crlf { head } else { head.replace("\r\n", "\n") }.as_bytes(), &body].concat())
    })
}

fn any_messages(plain: bool) -> impl Strategy<Value = Vec<Bytes>> {
    proptest::collection::vec(any_message(plain), 1..8)
}

/// Splits `stream` at `cuts` (fractions of 65536) into segments of offset and end.
fn segments(stream: &[u8], cuts: &[u16]) -> Vec<(usize, usize)> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| stream.len() * usize::from(*cut) / 65536).collect();
    at.extend([0, stream.len()]);
    at.sort_unstable();
    at.dedup();
    at.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

fn any_base() -> impl Strategy<Value = u32> {
    prop_oneof![any::<u32>(), (0u32..3000).prop_map(|before| u32::MAX - before)]
}

fn joined(messages: &[Bytes], blanks: bool) -> Vec<u8> {
    messages.join(if blanks { &b"\r\n\r\n"[..] } else { b"" })
}

proptest! {
    #[test]
    fn any_split_order_overlap_and_copy_gives_the_same_messages(
        messages in any_messages(false),
        blanks in any::<bool>(),
        cuts in proptest::collection::vec(any::<u16>(), 0..40),
        base in any_base(),
        shuffle in proptest::collection::vec(any::<u16>(), 80),
        copies in proptest::collection::vec((0usize..40, 0usize..60, 0usize..60), 0..12),
    ) {
        let stream = joined(&messages, blanks);
        let mut parts = segments(&stream, &cuts);
        // Retransmissions, of more or other bytes than the segment itself.
        for (index, left, right) in copies {
            if let Some((from, to)) = parts.get(index).copied() {
                parts.push((from.saturating_sub(left), (to + right).min(stream.len())));
            }
        }
        let mut order: Vec<usize> = (0..parts.len()).collect();
        order.sort_by_key(|index| shuffle[*index]);
        let mut tap = Tap::new();
        tap.see(syn(base.wrapping_sub(1)));
        for index in order {
            let (from, to) = parts[index];
            tap.see(data(base.wrapping_add(from as u32), &stream[from..to]));
        }
        prop_assert_eq!(tap.texts(), messages.iter().collect::<Vec<_>>());
        prop_assert_eq!(tap.gaps.len(), 0);
        prop_assert_eq!(tap.streams.counts().buffered, 0);
        prop_assert!(tap.messages.iter().all(|seen| !seen.after_gap));
        prop_assert_eq!(tap.streams.counts().overlaps_differ, 0);
    }

    #[test]
    fn a_join_gives_the_same_messages_in_any_order_within_the_window(
        messages in any_messages(true),
        tail in 0usize..60,
        cuts in proptest::collection::vec(any::<u16>(), 0..20),
        base in any_base(),
        shuffle in proptest::collection::vec(any::<u16>(), 40),
        twice in any::<bool>(),
    ) {
        // It begins inside a message of which the rest was never seen.
        let before = b"ia: SIP/2.0/TCP y\r\nContent-Length: 9\r\n\r\nold text\n";
        let stream = [&before[before.len().saturating_sub(tail)..], &messages.concat()].concat();
        let parts = segments(&stream, &cuts);
        let mut order: Vec<usize> = (0..parts.len()).collect();
        order.sort_by_key(|index| shuffle[*index]);
        let mut tap = Tap::new();
        for index in order {
            let (from, to) = parts[index];
            for _ in 0..=usize::from(twice) {
                tap.see(data(base.wrapping_add(from as u32), &stream[from..to]));
            }
        }
        tap.wait(10_000);
        let mut expected: Vec<_> = messages.iter().collect();
        expected.sort();
        prop_assert_eq!(tap.sorted(), expected);
        prop_assert_eq!(tap.gaps.len(), 0);
        prop_assert_eq!(tap.streams.counts().buffered, 0);
    }

    #[test]
    fn loss_costs_only_the_messages_it_touches(
        messages in proptest::collection::vec(any_message(true), 1..12),
        cuts in proptest::collection::vec(any::<u16>(), 0..30),
        base in any_base(),
        lost in proptest::collection::vec(any::<u8>(), 40),
        acknowledged in any::<bool>(),
    ) {
        let stream = messages.concat();
        let parts = segments(&stream, &cuts);
        let gone = |index: usize| lost[index] < 50;
        let mut tap = Tap::new();
        tap.see(syn(base.wrapping_sub(1)));
        tap.see(data(base, b"\r\n"));
        for (index, (from, to)) in parts.iter().enumerate() {
            if !gone(index) {
                tap.see(data(base.wrapping_add(2 + *from as u32), &stream[*from..*to]));
            }
            if acknowledged {
                tap.on(&hop().reversed(), ack(base.wrapping_add(2 + *to as u32)));
                tap.wait(300);
            }
        }
        tap.wait(10_000);
        tap.wait(600_000);
        let mut expected = Vec::new();
        let mut start = 0;
        for message in &messages {
            let end = start + message.len();
            let touched = parts.iter().enumerate().any(|(index, (from, to))| gone(index) && *from < end && start < *to);
            if !touched {
                expected.push(message);
            }
            start = end;
        }
        prop_assert_eq!(tap.texts(), expected);
        prop_assert_eq!(tap.streams.counts().buffered, 0);
    }

    #[test]
    fn hostile_segments_do_no_harm(
        inputs in proptest::collection::vec((
            prop_oneof![0u32..400, any::<u32>(), (0u32..400).prop_map(|at| u32::MAX - at)],
            any::<[bool; 5]>(),
            prop_oneof![
                Just(message(1, b"abc").0), Just(message(1, LOOK_ALIKE)[..70].to_vec()), Just(UPGRADE.to_vec()),
                Just(frame(0x81, Some([1, 2, 3, 4]), &message(2, b""))), proptest::collection::vec(any::<u8>(), 0..60),
                Just(b"SIP/2.0 200 OK\r\n".to_vec()), Just(b"\r\n".to_vec()), Just(Vec::new()),
            ],
            0u32..300,
            any::<u32>(),
            prop_oneof![Just(1u64), 0u64..5000],
        ), 0..60),
        buffered in 0usize..4000,
    ) {
        let limits = StreamLimits { buffered, ahead: 500, join: 300, ..StreamLimits::default() };
        let mut tap = Tap::with(limits);
        for (sequence, [syn, ack, fin, rst, back], payload, more, acknowledgement, wait) in &inputs {
            let segment = TcpSegment {
                sequence: *sequence, acknowledgement: *acknowledgement, syn: *syn && *fin, ack: *ack, fin: *fin && *rst,
                rst: *rst && *syn, payload, wire_len: payload.len() as u32 + if *more < 50 { *more } else { 0 },
            };
            let hop = if *back { hop() } else { hop().reversed() };
            tap.on(&hop, segment);
            tap.wait(*wait);
            prop_assert!(tap.streams.counts().buffered <= buffered as u64);
        }
        tap.wait(1_000_000);
        tap.wait(1_000_000);
        tap.finish();
        prop_assert_eq!(tap.streams.counts().buffered, 0, "{:#?}", tap.streams);
        prop_assert_eq!(tap.streams.next_timeout(), None);
    }
}
