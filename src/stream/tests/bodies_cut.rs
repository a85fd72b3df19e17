//! Messages whose headers are whole and whose body is not: the headers are handed on, whatever ends the wait for the body.

use super::*;

/// A stream that holds the first `there` bytes of a long message, and nothing after them.
fn begun(there: usize) -> (Tap, Bytes) {
    let text = message(1, &[b'x'; 3000]);
    let mut tap = Tap::new();
    tap.see(syn(u32::MAX));
    tap.see(data(0, &text[..there]));
    assert!(tap.messages.is_empty());
    (tap, Bytes(text[..there].to_vec()))
}

fn assert_cut(tap: &Tap, text: &Bytes) {
    assert_eq!(tap.texts(), [text]);
    assert!(tap.messages[0].cut);
    assert_eq!((tap.messages[0].time, tap.messages[0].after_gap), (2, false));
    let counts = tap.streams.counts();
    assert_eq!((counts.tcp_messages, counts.cut_messages, counts.unfinished), (1, 1, 1));
}

#[test]
fn at_an_acknowledged_hole() {
    let (mut tap, text) = begun(500);
    tap.on(&hop().reversed(), ack(3_200));
    tap.wait(200);
    assert_cut(&tap, &text);
}

#[test]
fn at_a_hole_with_bytes_behind_it() {
    let (mut tap, text) = begun(500);
    tap.see(data(1_000, &[b'x'; 1000]));
    tap.wait(3_000);
    assert_cut(&tap, &text);
}

#[test]
fn at_a_stall() {
    let (mut tap, text) = begun(500);
    tap.wait(300_000);
    assert_cut(&tap, &text);
}

#[test]
fn when_the_connection_ends() {
    for flags in [TcpSegment { fin: true, ..data(500, b"") }, TcpSegment { rst: true, ..data(500, b"") }, syn(70_000)] {
        let (mut tap, text) = begun(500);
        tap.see(flags);
        assert_cut(&tap, &text);
    }
}

#[test]
fn when_the_input_ends() {
    let (mut tap, text) = begun(500);
    tap.finish();
    assert_cut(&tap, &text);
}

#[test]
fn for_want_of_room() {
    let text = message(1, &[b'x'; 3000]);
    let mut tap = Tap::with(StreamLimits { buffered: 100, ..StreamLimits::default() });
    tap.see(syn(u32::MAX));
    tap.see(data(0, &text[..500]));
    assert_cut(&tap, &Bytes(text[..500].to_vec()));
}

#[test]
fn but_not_without_the_end_of_the_headers() {
    let (mut tap, _) = begun(60);
    tap.on(&hop().reversed(), ack(3_200));
    tap.wait(200);
    tap.finish();
    assert_eq!((tap.messages.len(), tap.streams.counts().unfinished), (0, 1));
}
