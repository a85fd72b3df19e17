use proptest::prelude::*;

use crate::time::Timestamp;

#[allow(unreachable_pub)]
#[path = "../../../tests/common/websocket.rs"]
mod frames;

pub(in crate::stream) use frames::frame;

use super::message::{Broken, MESSAGE_LIMIT};
use super::{Skipped, WebSocket, begins_sip, handshake_len, upgrades};

const BYE: &[u8] = b"BYE sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/WS x\r\nCall-ID: 1\r\n\r\n";

fn messages(parts: &[&[u8]]) -> (Vec<Vec<u8>>, Skipped) {
    let (mut socket, mut skipped, mut out) = (WebSocket::default(), Skipped::default(), Vec::new());
    for part in parts {
        socket
            .read(part, Timestamp::MIN, &mut Vec::new(), &mut skipped, &mut |bytes, _| out.push(bytes.to_vec()))
            .unwrap();
    }
    (out, skipped)
}

fn long() -> Vec<u8> {
    [BYE, &[b'x'; 70_000]].concat()
}

#[test]
fn frames_of_every_length_masked_or_not() {
    let medium = [BYE, &[b'x'; 300]].concat();
    for payload in [BYE, &medium, &long()] {
        for mask in [None, Some([1, 2, 3, 255])] {
            for first in [0x81, 0x82] {
                assert_eq!(messages(&[&frame(first, mask, payload)]).0, [payload.to_vec()]);
            }
        }
    }
}

#[test]
fn split_at_every_byte() {
    let mask = Some([9, 8, 7, 6]);
    let stream = [
        frame(0x01, mask, &BYE[..20]),
        frame(0x89, mask, b"ping"),
        frame(0x00, mask, &BYE[20..33]),
        frame(0x8a, None, b""),
        frame(0x80, mask, &BYE[33..]),
        frame(0x82, mask, b"\r\n\r\n"),
        frame(0x82, None, &[BYE, &[b'x'; 200]].concat()),
        frame(0x88, mask, b"\x03\xe8"),
    ]
    .concat();
    let expected = vec![BYE.to_vec(), [BYE, &[b'x'; 200]].concat()];
    for at in 0..stream.len() {
        let (left, right) = stream.split_at(at);
        assert_eq!(messages(&[left, right]).0, expected, "split at {at}");
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(messages(&bytes).0, expected);
}

#[test]
fn a_message_of_empty_and_last_empty_frames_is_whole() {
    let stream = [frame(0x01, None, b""), frame(0x00, None, BYE), frame(0x80, None, b"")].concat();
    assert_eq!(messages(&[&stream]).0, [BYE.to_vec()]);
}

#[test]
fn compressed_and_overlong_messages_are_skipped_and_counted() {
    let many = vec![b'x'; MESSAGE_LIMIT / 2 + 1];
    let stream =
        [frame(0xc1, None, b"deflated"), frame(0x01, None, &many), frame(0x80, None, &many), frame(0x81, None, BYE)]
            .concat();
    let (out, skipped) = messages(&[&stream]);
    assert_eq!(out, [BYE.to_vec()]);
    assert_eq!(skipped, Skipped { unfinished: 1, opaque: 1 });
}

#[test]
fn a_hole_inside_a_frame_costs_that_message_only() {
    let stream = [frame(0x81, None, &long()), frame(0x81, None, BYE)].concat();
    let (mut socket, mut skipped, mut out) = (WebSocket::default(), Skipped::default(), 0);
    socket.read(&stream[..500], Timestamp::MIN, &mut Vec::new(), &mut skipped, &mut |_, _| out += 1).unwrap();
    assert_eq!(socket.lose(60_000, &mut skipped, &mut |_, _| {}), Ok(()));
    socket.read(&stream[60_500..], Timestamp::MIN, &mut Vec::new(), &mut skipped, &mut |_, _| out += 1).unwrap();
    assert_eq!((out, skipped.unfinished), (1, 1));
    assert_eq!(socket.lose(1, &mut skipped, &mut |_, _| {}), Err(Broken), "a hole between frames");
}

#[test]
fn what_is_no_websocket_is_told() {
    for bytes in
        [&[0x83u8, 0][..], &[0x91, 0], &[0x89, 126, 0, 200], &[0x09, 0], &[0x81, 127, 255, 0, 0, 0, 0, 0, 0, 0]]
    {
        let mut socket = WebSocket::default();
        let result = socket.read(bytes, Timestamp::MIN, &mut Vec::new(), &mut Skipped::default(), &mut |_, _| {});
        assert_eq!(result, Err(Broken), "{bytes:x?}");
    }
}

#[test]
fn both_halves_of_the_handshake_are_known() {
    let request = "GET /chat HTTP/1.1\r\nHost: a\r\nupgrade: WebSocket\r\nSec-WebSocket-Protocol: msrp, SIP\r\n\r\n";
    assert_eq!(handshake_len(request.as_bytes()), Some(request.len()));
    assert!(upgrades(request.as_bytes()));
    assert!(upgrades(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"));
    assert!(!upgrades(b"HTTP/1.1 200 OK\r\nUpgrade: websocket\r\n\r\n"));
    assert!(!upgrades(b"GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n"));
    assert!(!upgrades(b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"));
}

#[test]
fn a_frame_that_begins_sip_is_recognised_mid_stream() {
    assert!(begins_sip(&frame(0x81, Some([1, 2, 3, 4]), BYE)));
    assert!(begins_sip(&frame(0x02, None, BYE)));
    assert!(begins_sip(&frame(0x82, None, &long())[..1460]));
    assert!(!begins_sip(&frame(0x81, None, b"hello")));
    assert!(!begins_sip(&frame(0x80, None, BYE)), "the middle of a message");
    assert!(!begins_sip(&frame(0xc1, None, BYE)), "compressed");
    assert!(!begins_sip(BYE));
}

proptest! {
    #[test]
    fn hostile_bytes_do_no_harm(parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..12), hole in any::<u32>()) {
        let (mut socket, mut skipped) = (WebSocket::default(), Skipped::default());
        for part in &parts {
            let _ = (begins_sip(part), upgrades(part), handshake_len(part));
            if socket.read(part, Timestamp::MIN, &mut Vec::new(), &mut skipped, &mut |_, _| {}).is_err() {
                break;
            }
            let _ = socket.lose(hole % 64, &mut skipped, &mut |_, _| {});
        }
    }
}
