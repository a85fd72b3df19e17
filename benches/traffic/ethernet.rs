//! Ethernet frames around payloads, with correct lengths and checksums.

use std::net::SocketAddrV4;

use etherparse::PacketBuilder;

const MACS: ([u8; 6], [u8; 6]) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);

/// Replaces the contents of `frame` by an Ethernet frame with one UDP datagram.
pub fn udp(frame: &mut Vec<u8>, source: SocketAddrV4, destination: SocketAddrV4, payload: &[u8]) {
    frame.clear();
    PacketBuilder::ethernet2(MACS.0, MACS.1)
        .ipv4(source.ip().octets(), destination.ip().octets(), 62)
        .udp(source.port(), destination.port())
        .write(frame, payload)
        .expect("the payload fits a datagram");
}

/// One direction of a TCP connection, as far as its segments show it.
#[derive(Clone, Debug)]
pub struct Sender {
    pub source: SocketAddrV4,
    pub destination: SocketAddrV4,
    pub sequence: u32,
}

impl Sender {
    /// Replaces the contents of `frame` by the next segment of this direction; without payload, by an acknowledgement.
    pub fn segment(&mut self, frame: &mut Vec<u8>, acknowledged: u32, payload: &[u8]) {
        frame.clear();
        let mut builder = PacketBuilder::ethernet2(MACS.0, MACS.1)
            .ipv4(self.source.ip().octets(), self.destination.ip().octets(), 62)
            .tcp(self.source.port(), self.destination.port(), self.sequence, 64_240)
            .ack(acknowledged);
        if !payload.is_empty() {
            builder = builder.psh();
        }
        builder.write(frame, payload).expect("the payload fits a segment");
        self.sequence = self.sequence.wrapping_add(payload.len() as u32);
    }
}
