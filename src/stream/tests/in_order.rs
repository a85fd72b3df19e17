//! One direction, in order.

use super::*;

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
