//! What is not SIP.

use super::*;

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
