//! Beginnings of datagrams whose other fragments do not come.

use core::time::Duration;

use super::fragments::{bare4, message, part4, part6};
use super::*;
use crate::packet::Overdue;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_nanos(millis * 1_000_000)
}

/// A frame that carries an incomplete datagram, in frame number `number`.
fn hold(peeler: &mut Peeler, millis: i64, number: u64, bytes: &[u8]) {
    let frame = Frame { time: at(millis), interface: InterfaceId(3), number, ..frame_of(LinkType::Ethernet, bytes) };
    assert!(matches!(peeler.peel(at(millis), &frame), Peeled::Held));
}

/// The bytes handed out at this time; they are marked as cut.
fn handed_out(peeler: &mut Peeler, millis: i64) -> Vec<(u64, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some(Overdue { frame, peeled }) = peeler.overdue(at(millis)) {
        let Peeled::Segment(segment) = peeled else { continue };
        let Transport::Udp(payload) = segment.transport else { continue };
        assert!(segment.cut);
        all.push((frame.number, payload.to_vec()));
    }
    all
}

#[test]
fn a_first_fragment_alone_is_handed_out_after_the_reorder_window() {
    let whole = udp(5060, 5070, &message(300));
    for first in [part4(1, 17, 0, true, &whole[..160]), part6(1, 17, 0, true, &whole[..160])] {
        let mut peeler = peeler();
        hold(&mut peeler, 1_000, 7, &first);
        assert_eq!(peeler.next_timeout(), Some(at(1_200)));
        assert_eq!(handed_out(&mut peeler, 1_199), []);
        let Some(Overdue { frame, peeled }) = peeler.overdue(at(1_200)) else { panic!("it is overdue") };
        assert_eq!((frame.time, frame.interface, frame.number), (at(1_000), InterfaceId(3), 7));
        let segment = segment(peeled);
        assert_eq!((segment.hop.source.port, segment.hop.destination.port, segment.cut), (5060, 5070, true));
        assert!(matches!(segment.transport, Transport::Udp(payload) if payload == &whole[8..160]));
        // Once, and the frame is still counted as one that was held.
        assert_eq!(handed_out(&mut peeler, 60_000), []);
        let counts = peeler.counts();
        assert_eq!((counts.fragments.beginnings, counts.fragments.expired), (1, 1));
        assert_eq!((counts.frames, counts.held, counts.udp, peeler.held_bytes()), (1, 1, 0, 0));
    }
}

#[test]
fn a_beginning_ends_at_the_first_hole() {
    let whole = udp(5060, 5070, &message(400));
    let mut peeler = peeler();
    hold(&mut peeler, 0, 1, &part4(1, 17, 80, true, &whole[80..160]));
    hold(&mut peeler, 1, 2, &part4(1, 17, 240, false, &whole[240..]));
    hold(&mut peeler, 2, 3, &part4(1, 17, 0, true, &whole[..80]));
    assert_eq!(handed_out(&mut peeler, 200), [(3, whole[8..160].to_vec())]);
}

#[test]
fn without_its_first_fragment_there_is_nothing_to_hand_out() {
    let whole = udp(5060, 5070, &message(300));
    let mut peeler = peeler();
    hold(&mut peeler, 0, 1, &part4(1, 17, 160, false, &whole[160..]));
    assert_eq!(handed_out(&mut peeler, 60_000), []);
    assert_eq!((peeler.counts().fragments.beginnings, peeler.counts().fragments.expired), (0, 1));
}

#[test]
fn what_comes_after_that_still_completes_the_datagram() {
    let text = message(300);
    let whole = udp(5060, 5070, &text);
    let mut peeler = peeler();
    hold(&mut peeler, 0, 1, &part4(1, 17, 0, true, &whole[..160]));
    assert_eq!(handed_out(&mut peeler, 200).len(), 1);
    hold(&mut peeler, 300, 2, &part4(1, 17, 0, true, &whole[..160]));
    let last = part4(1, 17, 160, false, &whole[160..]);
    assert_eq!(datagram(peeler.peel(at(400), &frame_of(LinkType::Ethernet, &last))).0, text);
    assert_eq!(handed_out(&mut peeler, 60_000), []);
    assert_eq!((peeler.counts().fragments.reassembled, peeler.counts().fragments.expired), (1, 0));
}

#[test]
fn an_id_that_is_used_again_by_another_datagram_starts_anew() {
    for v6 in [false, true] {
        let mut peeler = peeler();
        for number in 0..3u8 {
            let whole = udp(5060, 5070, &[SIP, &[b'a' + number; 200]].concat());
            let head = if v6 { part6(1, 17, 0, true, &whole[..160]) } else { part4(1, 17, 0, true, &whole[..160]) };
            let millis = i64::from(number) * 1_000;
            hold(&mut peeler, millis, 1, &head);
            assert_eq!(handed_out(&mut peeler, millis + 200), [(1, whole[8..160].to_vec())]);
        }
        assert_eq!(peeler.counts().fragments.expired, 2);
    }
}

#[test]
fn what_a_bound_pushes_out_is_handed_out_too() {
    let whole = udp(5060, 5070, &message(300));
    let mut peeler = Peeler::new(PeelLimits { fragment_datagrams: 2, ..PeelLimits::default() });
    for id in 1..=3 {
        hold(&mut peeler, 0, u64::from(id), &part4(id, 17, 0, true, &whole[..160]));
    }
    assert_eq!(handed_out(&mut peeler, 0), [(1, whole[8..160].to_vec())]);
    assert_eq!(peeler.counts().fragments.evicted, 1);
    // What was handed out before has lost nothing more.
    assert_eq!(handed_out(&mut peeler, 200).len(), 2);
    hold(&mut peeler, 201, 4, &part4(4, 17, 0, true, &whole[..160]));
    assert_eq!((peeler.counts().fragments.evicted, peeler.counts().fragments.expired), (1, 1));
}

#[test]
fn a_beginning_is_entered_through_the_tunnel_that_was_cut_and_the_one_around_it() {
    let text = message(400);
    let inside = udp(5060, 5070, &text);
    // A tunnel packet whose second fragment is missing; and a tunnel around the first fragment of a datagram.
    let outer = udp(2152, 2152, &gtp_u(&ipv4(17, &inside)));
    let cut_outside = part4(1, 17, 0, true, &outer[..304]);
    let cut_inside = ethernet(0x0800, &outer_udp(2152, &gtp_u(&bare4(3, 17, 0, true, &inside[..304]))));
    for (frame, expected) in [(cut_outside, &text[..304 - 8 - 8 - 20 - 8]), (cut_inside, &text[..296])] {
        let mut peeler = peeler();
        hold(&mut peeler, 0, 1, &frame);
        assert_eq!(handed_out(&mut peeler, 200), [(1, expected.to_vec())]);
    }
}

#[test]
fn the_end_of_input_hands_out_all_that_waits() {
    let whole = udp(5060, 5070, &message(300));
    let mut peeler = peeler();
    for id in 1..=3 {
        hold(&mut peeler, 0, u64::from(id), &part4(id, 17, 0, true, &whole[..160]));
    }
    let mut given = 0;
    while peeler.overdue(Timestamp::MAX).is_some() {
        given += 1;
    }
    assert_eq!((given, peeler.held_bytes(), peeler.next_timeout()), (3, 0, None));
    assert_eq!(peeler.counts().fragments.expired, 3);
}

#[test]
fn a_tcp_segment_of_unknown_length_ends_where_its_beginning_does() {
    let segment_bytes = tcp(5060, 5070, 9, &message(300));
    let mut peeler = peeler();
    hold(&mut peeler, 0, 1, &part4(1, 6, 0, true, &segment_bytes[..160]));
    let Some(Overdue { peeled, .. }) = peeler.overdue(at(0).plus(Duration::from_millis(200))) else {
        panic!("overdue")
    };
    let Transport::Tcp(tcp) = segment(peeled).transport else { panic!("a segment") };
    assert_eq!((tcp.payload.len(), tcp.wire_len), (140, 140));
}
