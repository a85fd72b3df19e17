use core::net::Ipv4Addr;
use core::time::Duration;

use proptest::prelude::*;

use crate::packet::{Carrier, Domain, Endpoint, Hop};
use crate::stream::{Delivery, StreamLimits, Streams};
use crate::time::Timestamp;

const UNORDERED: u8 = 4;
const BEGIN: u8 = 2;
const END: u8 = 1;

struct Tap {
    streams: Streams,
    now: Timestamp,
    messages: Vec<(Vec<u8>, bool)>,
    lost: u32,
}

fn hop() -> Hop {
    let end = |last| Endpoint { address: Ipv4Addr::new(192, 0, 2, last).into(), port: 5060 };
    Hop { source: end(1), destination: end(2), domain: Domain(0) }
}

impl Tap {
    fn new() -> Self {
        Self {
            streams: Streams::new(StreamLimits::default()),
            now: Timestamp::from_nanos(0),
            messages: Vec::new(),
            lost: 0,
        }
    }

    fn on(&mut self, hop: &Hop, chunks: &[u8]) {
        self.now = self.now.plus(Duration::from_millis(1));
        let (messages, lost) = (&mut self.messages, &mut self.lost);
        self.streams.sctp(self.now, self.now, hop, chunks, &mut |delivery| take(messages, lost, delivery));
    }

    fn see(&mut self, chunks: &[u8]) {
        self.on(&hop(), chunks);
    }

    fn wait(&mut self, millis: u64) {
        self.now = self.now.plus(Duration::from_millis(millis));
        let (messages, lost) = (&mut self.messages, &mut self.lost);
        self.streams.tick(self.now, &mut |delivery| take(messages, lost, delivery));
    }

    fn sorted(&self) -> Vec<&[u8]> {
        let mut texts: Vec<&[u8]> = self.messages.iter().map(|(text, _)| text.as_slice()).collect();
        texts.sort_unstable();
        texts
    }
}

fn take(messages: &mut Vec<(Vec<u8>, bool)>, lost: &mut u32, delivery: Delivery<'_>) {
    match delivery {
        Delivery::Message(message) => {
            assert_eq!(message.carrier, Carrier::Sctp);
            messages.push((message.bytes.to_vec(), message.after_gap));
        }
        Delivery::Gap(gap) => *lost += gap.missing,
    }
}

fn chunk(kind: u8, flags: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, flags];
    bytes.extend((value.len() as u16 + 4).to_be_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn data(flags: u8, tsn: u32, stream: u16, payload: &[u8]) -> Vec<u8> {
    let head = [&tsn.to_be_bytes()[..], &stream.to_be_bytes(), &[0; 6]].concat();
    chunk(0, flags, &[&head, payload].concat())
}

fn interleaved(flags: u8, tsn: u32, stream: u16, message: u32, fragment: u32, payload: &[u8]) -> Vec<u8> {
    let word = if flags & BEGIN != 0 { 0u32 } else { fragment };
    let head = [&tsn.to_be_bytes()[..], &stream.to_be_bytes(), &[0; 2], &message.to_be_bytes(), &word.to_be_bytes()];
    chunk(64, flags, &[&head.concat(), payload].concat())
}

fn init(tsn: u32) -> Vec<u8> {
    chunk(1, 0, &[&[0; 12][..], &tsn.to_be_bytes()].concat())
}

fn sack(tsn: u32) -> Vec<u8> {
    chunk(3, 0, &[&tsn.to_be_bytes()[..], &[0; 8]].concat())
}

fn message(id: u32, body: usize) -> Vec<u8> {
    let head = format!("MESSAGE sip:b SIP/2.0\r\nCall-ID: {id}\r\nContent-Length: {body}\r\n\r\n");
    [head.as_bytes(), &vec![b'x'; body]].concat()
}

/// The DATA chunks of a message in parts of `size` bytes.
fn fragments(tsn: u32, text: &[u8], size: usize) -> Vec<Vec<u8>> {
    let last = text.chunks(size).count() - 1;
    let flags = |part: usize| if part == 0 { BEGIN } else { 0 } | if part == last { END } else { 0 };
    text.chunks(size)
        .enumerate()
        .map(|(part, bytes)| data(flags(part), tsn.wrapping_add(part as u32), 3, bytes))
        .collect()
}

#[test]
fn several_messages_a_packet_on_any_stream() {
    let mut tap = Tap::new();
    let chunks = [
        data(BEGIN | END, 7, 0, &message(1, 3)),
        sack(99),
        data(BEGIN | END | UNORDERED, 8, 5, &message(2, 0)),
        data(BEGIN | END, 9, 0, b"not sip"),
    ];
    tap.see(&chunks.concat());
    assert_eq!(tap.sorted(), [message(1, 3), message(2, 0)]);
    tap.see(&chunks.concat());
    assert_eq!(tap.messages.len(), 2, "nothing twice");
    assert_eq!(tap.streams.counts().retransmissions, 3);
}

#[test]
fn other_associations_keep_nothing() {
    let mut tap = Tap::new();
    tap.see(&data(BEGIN | END, 1, 0, b"\x01\x00\x00\x14diameter"));
    tap.see(&data(0, 2, 0, b"\x00\x01\x02\x03"));
    assert_eq!(tap.streams.counts().conversations, 0);
    tap.see(&init(1));
    tap.see(&data(BEGIN, 1, 0, b"\x00\x01\x02\x03"));
    assert_eq!((tap.streams.counts().conversations, tap.streams.counts().buffered), (1, 0));
}

#[test]
fn interleaved_messages_are_told_apart() {
    let (first, second) = (message(1, 100), message(2, 100));
    let mut tap = Tap::new();
    tap.see(&init(u32::MAX));
    tap.see(&interleaved(BEGIN, u32::MAX, 1, 0, 0, &first[..50]));
    tap.see(&interleaved(BEGIN, 0, 2, 0, 0, &second[..40]));
    tap.see(&interleaved(END, 2, 1, 0, 1, &first[50..]));
    tap.see(&interleaved(END, 1, 2, 0, 1, &second[40..]));
    assert_eq!(tap.sorted(), [first, second]);
    assert_eq!(tap.streams.counts().buffered, 0);
}

#[test]
fn a_missing_chunk_is_a_gap_by_age_or_acknowledgement() {
    for acknowledged in [false, true] {
        let mut tap = Tap::new();
        tap.see(&init(1));
        tap.see(&data(BEGIN | END, 1, 0, &message(1, 0)));
        tap.see(&data(BEGIN | END, 3, 0, &message(3, 0)));
        if acknowledged {
            tap.on(&hop().reversed(), &sack(3));
        }
        tap.wait(if acknowledged { 200 } else { 2_998 });
        assert_eq!(tap.lost, u32::from(acknowledged));
        tap.wait(3_000);
        assert_eq!(tap.lost, 1);
        tap.see(&data(BEGIN | END, 2, 0, &message(2, 0)));
        tap.see(&data(BEGIN | END, 4, 0, &message(4, 0)));
        assert_eq!(tap.messages.len(), 3);
        assert!(tap.messages[2].1, "after a gap");
    }
}

#[test]
fn a_lost_fragment_costs_its_message_and_frees_the_others() {
    let text = message(1, 500);
    let parts = fragments(10, &text, 100);
    let mut tap = Tap::new();
    tap.see(&init(10));
    for (index, part) in parts.iter().enumerate() {
        if index != 2 {
            tap.see(part);
        }
    }
    tap.see(&data(BEGIN | END, 10 + parts.len() as u32, 0, &message(2, 0)));
    tap.wait(3_000);
    assert_eq!(tap.sorted(), [&text[..200], &message(2, 0)]);
    assert_eq!((tap.lost, tap.streams.counts().buffered), (1, 0));
    assert_eq!((tap.streams.counts().cut_messages, tap.streams.counts().unfinished), (1, 1));
}

#[test]
fn a_message_that_the_capture_cut_is_read_as_far_as_it_is_there() {
    let text = message(1, 500);
    let parts = fragments(10, &text, 200);
    let whole = data(BEGIN | END, 10, 0, &text);
    // Whole in one chunk; the first of several; the second of several, in either order.
    let (cut, later) = (&whole[..16 + 300], &parts[1][..16 + 30]);
    for (packets, expected, lost) in [
        (vec![cut], 300, 1),
        (vec![&parts[0][..16 + 90]], 90, 1),
        (vec![&parts[0], later], 230, 1),
        (vec![later, &parts[0]], 230, 0),
    ] {
        let mut tap = Tap::new();
        tap.see(&init(10));
        packets.iter().for_each(|packet| tap.see(packet));
        assert_eq!(tap.sorted(), [&text[..expected]]);
        tap.wait(10_000);
        assert_eq!((tap.messages.len(), tap.lost, tap.streams.counts().buffered), (1, lost, 0));
    }
}

#[test]
fn the_end_of_input_reads_what_there_is_of_a_message() {
    let text = message(1, 500);
    let mut tap = Tap::new();
    tap.see(&fragments(10, &text, 300)[0]);
    let (messages, lost) = (&mut tap.messages, &mut tap.lost);
    tap.streams.finish(&mut |delivery| take(messages, lost, delivery));
    assert_eq!(tap.sorted(), [&text[..300]]);
}

#[test]
fn a_later_acknowledgement_has_its_own_time() {
    let mut tap = Tap::new();
    tap.see(&init(1));
    tap.see(&data(BEGIN | END, 1, 0, &message(1, 0)));
    tap.on(&hop().reversed(), &sack(2));
    tap.wait(180);
    tap.on(&hop().reversed(), &sack(3));
    tap.wait(30);
    assert_eq!(tap.lost, 1);
    tap.see(&data(BEGIN | END, 3, 0, &message(3, 0)));
    tap.wait(10_000);
    assert_eq!((tap.sorted().len(), tap.lost), (2, 1));
}

#[test]
fn a_message_still_being_sent_outlives_an_older_hole() {
    let parts = fragments(12, &message(1, 500), 100);
    let mut tap = Tap::new();
    tap.see(&init(10));
    tap.see(&data(BEGIN | END, 10, 0, &message(9, 0)));
    parts[..3].iter().for_each(|part| tap.see(part));
    tap.wait(3_000);
    assert_eq!(tap.lost, 1);
    parts[3..].iter().for_each(|part| tap.see(part));
    assert_eq!(tap.messages.len(), 2);
}

#[test]
fn later_fragments_may_begin_as_another_protocol_does() {
    let head = &b"INVITE sip:b SIP/2.0\r\nContent-Length: 80\r\n\r\nv=0\r\nm=message 2855 TCP/"[..];
    let rest = b"MSRP *\r\na=path:msrp://192.0.2.1:2855/s;tcp\r\n";
    let (first, second) = (data(BEGIN, 10, 0, head), data(END, 11, 0, rest));
    for order in [[&first, &second], [&second, &first]] {
        let mut tap = Tap::new();
        order.into_iter().for_each(|part| tap.see(part));
        tap.wait(10_000);
        assert_eq!(tap.sorted(), [[head, rest].concat()]);
        assert_eq!((tap.lost, tap.streams.counts().buffered), (0, 0));
    }
}

#[test]
fn a_binary_body_goes_on_with_the_first_message() {
    let parts = [&b"MESSAGE sip:b SIP/2.0\r\nContent-Length: 6\r\n\r\n"[..], b"\x16\x03\x00", b"\x00\x01\xff"];
    let mut tap = Tap::new();
    for (flags, tsn, part) in [(BEGIN, 10, parts[0]), (0, 11, parts[1]), (END, 12, parts[2])] {
        tap.see(&data(flags, tsn, 0, part));
    }
    assert_eq!(tap.sorted(), [parts.concat()]);
}

#[test]
fn chunks_of_another_protocol_before_sip_are_no_gap() {
    let mut tap = Tap::new();
    tap.see(&init(10));
    tap.see(&data(BEGIN | END, 10, 0, b"\x01\x00\x00\x14"));
    tap.see(&data(BEGIN, 11, 0, b"\x01\x00\x00\x15"));
    tap.see(&data(END, 12, 0, b"\x00\x00"));
    tap.see(&fragments(13, &message(1, 300), 200)[0]);
    tap.see(&data(BEGIN | END | UNORDERED, 15, 0, b"\r\n\r\n"));
    tap.see(&fragments(13, &message(1, 300), 200)[1]);
    tap.see(&data(BEGIN | END, 16, 0, &message(2, 0)));
    tap.wait(10_000);
    assert_eq!((tap.messages.len(), tap.lost, tap.streams.counts().joins), (2, 0, 0));
}

#[test]
fn a_new_association_on_the_same_ports_begins_anew() {
    let mut tap = Tap::new();
    for tsn in [5, 0x8000_0000, 77] {
        tap.see(&init(tsn));
        tap.see(&data(BEGIN | END, tsn, 0, &message(tsn, 0)));
    }
    assert_eq!((tap.messages.len(), tap.lost), (3, 0));
    tap.see(&data(BEGIN | END, 0x4000_0000, 0, &message(1, 0)));
    assert_eq!((tap.messages.len(), tap.streams.counts().jumps), (4, 1));
}

#[test]
fn fragments_are_bounded() {
    let mut tap = Tap::new();
    tap.see(&data(BEGIN | END, 1, 0, &message(1, 0)));
    for tsn in 0..5000 {
        tap.see(&data(0, 10 + tsn * 2, 0, &[b'x'; 1000]));
        assert!(tap.streams.counts().buffered < 3 << 20);
    }
    assert!(tap.streams.counts().buffers_dropped > 0);
    tap.wait(400_000);
    tap.wait(400_000);
    assert_eq!(tap.streams.counts().buffered, 0);
}

#[test]
fn truncated_packets_do_no_harm() {
    let packet = [init(5), data(BEGIN | END, 5, 0, &message(1, 20)), sack(7), chunk(192, 0, &[0, 0, 0, 9])].concat();
    for end in 0..packet.len() {
        let mut tap = Tap::new();
        tap.see(&packet[..end]);
        tap.wait(10_000);
        assert!(tap.messages.len() <= 1);
    }
}

proptest! {
    #[test]
    fn any_order_of_chunks_gives_the_same_messages(
        sizes in proptest::collection::vec((0usize..400, 40usize..300), 1..10),
        base in prop_oneof![any::<u32>(), Just(u32::MAX - 3)],
        shuffle in proptest::collection::vec(any::<u16>(), 200),
        begun in any::<bool>(),
        twice in any::<bool>(),
    ) {
        let mut tsn = base;
        let (mut chunks, mut expected) = (Vec::new(), Vec::new());
        for (id, (body, size)) in sizes.iter().enumerate() {
            let text = message(id as u32, *body);
            let parts = fragments(tsn, &text, *size);
            tsn = tsn.wrapping_add(parts.len() as u32);
            chunks.extend(parts);
            expected.push(text);
        }
        prop_assume!(chunks.len() < 60);
        let mut order: Vec<usize> = (0..chunks.len()).collect();
        order.sort_by_key(|index| shuffle[*index]);
        let mut tap = Tap::new();
        if begun {
            tap.see(&init(base));
        }
        for index in order {
            (0..=usize::from(twice)).for_each(|_| tap.see(&chunks[index]));
        }
        tap.wait(10_000);
        expected.sort_unstable();
        prop_assert_eq!(tap.sorted(), expected);
        prop_assert_eq!((tap.lost, tap.streams.counts().buffered), (0, 0));
    }

    #[test]
    fn hostile_chunks_do_no_harm(
        packets in proptest::collection::vec((any::<bool>(), prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..60),
            (any::<u8>(), prop_oneof![0u32..50, any::<u32>()], proptest::collection::vec(any::<u8>(), 0..30))
                .prop_map(|(flags, tsn, bytes)| data(flags, tsn, 0, &bytes)),
            (any::<u8>(), prop_oneof![0u32..50, any::<u32>()], 0u32..4)
                .prop_map(|(flags, tsn, fragment)| interleaved(flags, tsn, 1, 1, fragment, b"BYE sip:x SIP/2.0\r\n")),
            any::<u32>().prop_map(init), (0u32..60).prop_map(sack), any::<u32>().prop_map(sack),
            any::<u32>().prop_map(|tsn| chunk(192, 0, &tsn.to_be_bytes())),
            (0u32..50).prop_map(|tsn| data(BEGIN | END, tsn, 0, &message(tsn, 2))),
        ], 0u64..2000), 0..60),
    ) {
        let mut tap = Tap::new();
        for (back, packet, wait) in &packets {
            tap.on(&if *back { hop().reversed() } else { hop() }, packet);
            tap.wait(*wait);
        }
        tap.wait(1_000_000);
        tap.wait(1_000_000);
        prop_assert_eq!(tap.streams.counts().buffered, 0);
    }
}
