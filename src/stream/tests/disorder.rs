//! Any order, any split; whatever bytes.

use proptest::prelude::*;

use super::*;
use crate::sip::framing::{Scan, frame_on};

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
            let holes = parts.iter().enumerate().filter(|(index, (from, to))| gone(*index) && *from < end && start < *to);
            // Up to its first missing byte, if that is in the body.
            let there = holes.map(|(_, (from, _))| from.saturating_sub(start)).min().unwrap_or(message.len());
            let mut scan = Scan::default();
            _ = frame_on(&message[..there], &mut scan);
            if scan.whole().is_some() {
                expected.push(Bytes(message[..there].to_vec()));
            }
            start = end;
        }
        prop_assert_eq!(tap.texts(), expected.iter().collect::<Vec<_>>());
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
