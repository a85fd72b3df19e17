//! Loss, retransmission, overlap.

use super::*;

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
fn a_gap_is_counted_where_its_own_direction_is_captured() {
    // A tap with a cable for each direction, and another conversation on a third port.
    let messages = [message(1, b"a"), message(2, b"b"), message(3, b"c")];
    let second = messages[0].len() as u32;
    let mut tap = Tap::new();
    tap.streams.captured_on(InterfaceId(1));
    tap.see(data(0, &messages[0]));
    tap.streams.captured_on(InterfaceId(2));
    tap.on(&hop().reversed(), ack(second * 2));
    tap.wait(198);
    assert_eq!(tap.streams.missing(), []);
    tap.streams.captured_on(InterfaceId(0));
    tap.on(&hop_from(40_001), data(0, &messages[1]));
    tap.on(&hop_from(40_001), data(second, &messages[2]));
    assert_eq!((tap.gaps.len(), tap.gaps[0].hop), (1, hop()), "time has passed for it");
    let missing = Missing { gaps: 1, bytes: u64::from(second), acknowledged: u64::from(second) };
    assert_eq!(tap.streams.missing(), [Missing::default(), missing]);
}

#[test]
fn only_what_was_acknowledged_is_known_to_have_arrived_elsewhere() {
    let messages = [message(1, b"a"), message(2, b"b"), message(3, b"c")];
    let second = messages[0].len() as u32;
    let mut tap = Tap::new();
    tap.see(data(0, &messages[0]));
    tap.see(data(second * 2, &messages[2]));
    tap.wait(10_000);
    let missing = Missing { gaps: 1, bytes: u64::from(second), acknowledged: 0 };
    assert_eq!(tap.streams.missing(), [missing], "nobody may have got it");
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
    assert_eq!(tap.texts(), [&Bytes(stream[..500].to_vec()), &second]);
    assert!(tap.messages[0].cut && tap.messages[1].after_gap);
    assert_eq!(tap.streams.counts().unfinished, 1);
}

#[test]
fn what_the_snap_length_cut_is_a_gap_after_the_reorder_window() {
    let messages = [message(1, b"a"), message(2, &[b'x'; 2000]), message(3, b"c")];
    let mut tap = Tap::new();
    let second = messages[0].len();
    let segment = [messages[0].as_slice(), &messages[1]].concat();
    tap.see(TcpSegment { wire_len: segment.len() as u32, ..data(0, &segment[..second + 100]) });
    assert_eq!(tap.texts(), [&messages[0]]);
    tap.see(data(segment.len() as u32, &messages[2]));
    tap.wait(198);
    assert_eq!((tap.messages.len(), tap.gaps.len()), (1, 0), "another tap may cut less");
    tap.wait(1);
    assert_eq!(tap.gaps[0].missing as usize, segment.len() - second - 100);
    assert_eq!(tap.texts(), [&messages[0], &Bytes(messages[1][..100].to_vec()), &messages[2]]);
    assert_eq!(tap.messages.iter().map(|seen| seen.time).collect::<Vec<_>>(), [1, 1, 2]);
}

#[test]
fn a_whole_copy_of_a_cut_segment_fills_the_hole() {
    let messages = [message(1, &[b'x'; 300]), message(2, b"")];
    let second = messages[0].len() as u32;
    for cut in [0, 20, 80, 200] {
        let cut_copy = TcpSegment { wire_len: second, ..data(0, &messages[0][..cut]) };
        for order in [[cut_copy, data(0, &messages[0])], [data(0, &messages[0]), cut_copy]] {
            for between in [true, false] {
                let mut tap = Tap::new();
                tap.see(syn(u32::MAX));
                tap.see(order[0]);
                if between {
                    tap.see(data(second, &messages[1]));
                }
                tap.see(order[1]);
                tap.see(data(second, &messages[1]));
                tap.wait(10_000);
                assert_eq!(tap.texts(), [&messages[0], &messages[1]], "{cut} {between}");
                assert_eq!((tap.gaps.len(), tap.streams.counts().buffered), (0, 0));
            }
        }
    }
}

#[test]
fn a_later_acknowledgement_has_its_own_time() {
    // Four bytes of a keep-alive are lost, and acknowledged; the message behind them is late, though not very.
    let (first, bye) = (message(1, b""), message(2, b""));
    let start = first.len() as u32 + 4;
    let end = start + bye.len() as u32;
    let mut tap = Tap::new();
    tap.see(data(0, &first));
    tap.on(&hop().reversed(), ack(start));
    tap.wait(180);
    tap.on(&hop().reversed(), ack(end));
    tap.wait(30);
    assert_eq!((tap.gaps.len(), tap.gaps[0].missing), (1, 4));
    tap.see(data(start, &bye));
    tap.wait(10_000);
    assert_eq!((tap.texts(), tap.gaps.len()), (vec![&first, &bye], 1));
    // What the later one tells of is given up when it is as old.
    let mut tap = Tap::new();
    tap.see(data(0, &first));
    tap.on(&hop().reversed(), ack(start));
    tap.wait(100);
    tap.on(&hop().reversed(), ack(end));
    tap.wait(199);
    assert_eq!(tap.gaps.len(), 1);
    tap.wait(1);
    assert_eq!(tap.gaps.len(), 2);
    assert_eq!(tap.streams.next_timeout(), None);
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
    assert_eq!(tap.texts(), [&first, &Bytes(bad), &last], "it is followed by a start line");
    assert_eq!((tap.streams.counts().no_length, tap.streams.counts().resynchronised), (0, 0));
    assert!(tap.gaps.is_empty());
}

#[test]
fn a_body_without_length_costs_itself_alone() {
    let head = b"NOTIFY sip:a SIP/2.0\r\nCall-ID: x\r\n\r\n";
    let (first, last) = (message(1, b""), message(2, b""));
    let body: &[u8] = b"v=0\r\ns=-\r\n";
    for split in [0, head.len(), head.len() + body.len()] {
        let bad = [head, body, &last].concat();
        let mut tap = Tap::new();
        tap.see(data(0, &first));
        let at = first.len() as u32;
        if split > 0 {
            tap.see(data(at, &bad[..split]));
        }
        tap.see(data(at + split as u32, &bad[split..]));
        assert_eq!(tap.texts(), [&first, &Bytes(head.to_vec()), &last], "{split}");
        assert_eq!(tap.messages[1].cut, split != head.len(), "{split}");
        assert_eq!(tap.streams.counts().resynchronised, 1);
        assert!(tap.gaps.is_empty());
    }
}

#[test]
fn a_start_that_was_searched_for_needs_its_length() {
    let text = b"a report\r\nBYE sip:x SIP/2.0\r\nCall-ID: forged\r\n\r\n";
    let mut tap = Tap::new();
    tap.see(data(0, &message(1, b"")));
    tap.see(data(1000, text));
    tap.wait(3_000);
    assert_eq!(tap.messages.len(), 1);
}
