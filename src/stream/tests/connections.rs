//! The end of connections, and new ones.

use super::*;

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
