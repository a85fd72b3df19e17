//! Frames that cannot be read, or not wholly.

#![allow(dead_code, reason = "each test crate uses its own part of this")]

/// An IPv4 packet in Ethernet, between two gateways.
fn packet(protocol: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = [[2; 6], [4; 6]].concat();
    let length = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    frame.extend([0x08, 0x00, 0x45, 0, length[0], length[1], 0, 1, flags, 0, 64, protocol, 0, 0]);
    frame.extend([192, 0, 2, 1, 192, 0, 2, 2]);
    let sum: u32 = frame[14..34].chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Encrypted ESP.
pub(crate) fn esp(sequence: u8) -> Vec<u8> {
    let mut payload = vec![0xc0, 0xff, 0xee, 0x01, 0, 0, 0, sequence];
    payload.extend((0..64_u8).map(|n| n.wrapping_mul(151) ^ sequence.wrapping_mul(37) ^ 0xa5));
    packet(50, 0, &payload)
}

/// A TCP segment whose header is not all there.
pub(crate) fn truncated() -> Vec<u8> {
    packet(6, 0, &[0x13, 0xc4, 0x13, 0xc4, 0, 0])
}

/// The first fragment of a datagram with SIP.
pub(crate) fn first_fragment() -> Vec<u8> {
    let mut payload = vec![0x13, 0xc4, 0x13, 0xc4, 0x10, 0x00, 0, 0];
    payload.extend(b"OPTIONS sip:b@192.0.2.2 SIP/2.0\r\nCall-ID: 1\r\n");
    payload.truncate(payload.len() / 8 * 8);
    packet(17, 0x20, &payload)
}
