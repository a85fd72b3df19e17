//! Where a stream is joined.

use super::*;

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
fn a_join_inside_a_long_body_is_searched_for_as_long_as_a_search_may_be() {
    let (big, bye) = (message(1, &b"no start line\r\n".repeat(10_000)), message(2, b""));
    let stream = [big.as_slice(), &bye].concat();
    for size in [1_000, 60_000] {
        let mut tap = Tap::new();
        let mut at = 500;
        for part in stream[500..].chunks(size) {
            tap.see(data(at, part));
            tap.wait(100);
            at += part.len() as u32;
        }
        assert_eq!(tap.texts(), [&bye], "{size}");
        assert_eq!(tap.streams.counts().buffered, 0);
    }
    // Holes do not make a search longer.
    let mut tap = Tap::new();
    for at in 0..400u32 {
        tap.see(data(at * 2_000, &b"no start line\r\n".repeat(100)));
        tap.on(&hop().reversed(), ack(at * 2_000 + 2_000));
        tap.wait(300);
    }
    tap.see(data(400 * 2_000, &[b"no start line\r\n", bye.as_slice()].concat()));
    tap.wait(300);
    assert_eq!((tap.messages.len(), tap.gaps.len()), (0, 0));
    tap.see(data(401 * 2_000, &bye));
    assert_eq!(tap.texts(), [&bye], "a segment that begins with a start line brings it back");
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
