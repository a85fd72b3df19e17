//! WebSocket.

use super::*;

const SWITCHED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n";

#[test]
fn a_websocket_is_followed_from_either_half_of_its_handshake() {
    let (bye, long) = (message(1, b""), message(2, &[b'y'; 70_000]));
    for (handshake, mask) in [(UPGRADE, Some([1, 2, 3, 4])), (SWITCHED, None)] {
        let stream = [handshake, &frame(0x81, mask, &bye), &frame(0x89, mask, b""), &frame(0x82, mask, &long)].concat();
        for at in (0..handshake.len() + bye.len() + 40).chain([10_000]) {
            let mut tap = Tap::new();
            tap.see(syn(u32::MAX));
            tap.see(data(0, &stream[..at]));
            tap.see(data(at as u32, &stream[at..]));
            assert_eq!(tap.texts(), [&bye, &long], "split at {at}");
            assert!(tap.messages.iter().all(|seen| seen.carrier == Carrier::WebSocket && !seen.after_gap));
        }
    }
}

#[test]
fn a_websocket_is_joined_mid_stream_and_survives_loss() {
    let (first, second) = (message(1, &[b'x'; 3000]), message(2, b""));
    let frames = [frame(0x81, None, &second), frame(0x81, Some([5, 6, 7, 8]), &first), frame(0x82, None, &second)];
    let stream = frames.concat();
    let mut tap = Tap::new();
    tap.see(data(0, &stream[..1000]));
    tap.see(data(2000, &stream[2000..]));
    tap.wait(3000);
    let begun = 1000 - frame(0x81, None, &second).len() - 8;
    assert_eq!(tap.texts(), [&second, &Bytes(first[..begun].to_vec()), &second]);
    assert!(tap.messages[1].cut && !tap.messages[0].after_gap && tap.messages[2].after_gap);
    assert_eq!((tap.gaps[0].carrier, tap.gaps[0].missing), (Carrier::WebSocket, 1000));
    // A hole over the frame boundary: the next frame that begins a segment with SIP.
    tap.see(data(stream.len() as u32 + 50, &frames[2]));
    tap.wait(3000);
    assert_eq!(tap.messages.len(), 4);
}

#[test]
fn http_that_upgrades_to_something_else_is_not_followed() {
    let mut tap = Tap::new();
    let request = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
    tap.see(syn(0));
    tap.see(data(1, request));
    tap.see(data(1 + request.len() as u32, b"\x82\x05hello"));
    assert_eq!((tap.messages.len(), tap.streams.counts().buffered), (0, 0));
}
