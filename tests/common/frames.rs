//! IP packets around a transport payload, with correct checksums, and their fragments.

use std::net::{IpAddr, SocketAddr};

use etherparse::PacketBuilder;

pub const TTL: u8 = 62;

/// What a TCP segment says besides its payload.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpFlags {
    pub syn: bool,
    pub fin: bool,
    pub rst: bool,
    pub push: bool,
    /// Sets ACK too.
    pub acknowledge: Option<u32>,
}

/// An IP packet with one UDP datagram.
pub fn udp(source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    ip_builder(source.ip(), destination.ip())
        .udp(source.port(), destination.port())
        .write(&mut packet, payload)
        .expect("the payload fits a datagram");
    packet
}

/// An IP packet with one TCP segment.
pub fn tcp(source: SocketAddr, destination: SocketAddr, sequence: u32, flags: TcpFlags, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    let mut builder =
        ip_builder(source.ip(), destination.ip()).tcp(source.port(), destination.port(), sequence, 64_240);
    if flags.syn {
        builder = builder.syn();
    }
    if flags.fin {
        builder = builder.fin();
    }
    if flags.rst {
        builder = builder.rst();
    }
    if flags.push {
        builder = builder.psh();
    }
    if let Some(number) = flags.acknowledge {
        builder = builder.ack(number);
    }
    builder.write(&mut packet, payload).expect("the payload fits a segment");
    packet
}

/// An IP packet with SCTP chunks (RFC 9260 §3), CRC32c included.
pub fn sctp(source: SocketAddr, destination: SocketAddr, verification_tag: u32, chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(source.port().to_be_bytes());
    body.extend(destination.port().to_be_bytes());
    body.extend(verification_tag.to_be_bytes());
    body.extend([0; 4]);
    body.extend(chunks);
    let sum = crc32c(&body).to_le_bytes();
    body[8..12].copy_from_slice(&sum);
    ip(source.ip(), destination.ip(), 132, &body)
}

/// One DATA chunk, padded to four bytes. `begin` and `end` mark the fragments of a user message.
pub fn sctp_data(tsn: u32, stream: u16, ssn: u16, begin: bool, end: bool, payload: &[u8]) -> Vec<u8> {
    let mut chunk = vec![0, u8::from(begin) << 1 | u8::from(end)];
    chunk.extend((16 + payload.len() as u16).to_be_bytes());
    chunk.extend(tsn.to_be_bytes());
    chunk.extend(stream.to_be_bytes());
    chunk.extend(ssn.to_be_bytes());
    chunk.extend([0; 4]); // payload protocol identifier: SIP has none
    chunk.extend(payload);
    chunk.resize(chunk.len().next_multiple_of(4), 0);
    chunk
}

/// An IP packet with any payload protocol, without extension headers or options.
pub fn ip(source: IpAddr, destination: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(40 + payload.len());
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            packet.extend([0x45, 0]);
            packet.extend((20 + payload.len() as u16).to_be_bytes());
            packet.extend([0, 0, 0, 0, TTL, protocol, 0, 0]);
            packet.extend(source.octets());
            packet.extend(destination.octets());
            set_ipv4_checksum(&mut packet);
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            packet.extend([0x60, 0, 0, 0]);
            packet.extend((payload.len() as u16).to_be_bytes());
            packet.extend([protocol, TTL]);
            packet.extend(source.octets());
            packet.extend(destination.octets());
        }
        _ => panic!("both addresses of a packet are of one family"),
    }
    packet.extend(payload);
    packet
}

/// The packet cut into IP fragments no longer than `mtu`, in order; the packet itself when it fits.
pub fn fragment(packet: &[u8], mtu: usize, identification: u32) -> Vec<Vec<u8>> {
    if packet.len() <= mtu {
        return vec![packet.to_vec()];
    }
    if is_ipv6(packet) {
        fragment_ipv6(packet, mtu, identification)
    } else {
        fragment_ipv4(packet, mtu, identification)
    }
}

fn fragment_ipv4(packet: &[u8], mtu: usize, identification: u32) -> Vec<Vec<u8>> {
    let (header, payload) = packet.split_at(20);
    let step = (mtu - 20) / 8 * 8;
    let last = (payload.len() - 1) / step;
    let mut fragments = Vec::new();
    for (index, piece) in payload.chunks(step).enumerate() {
        let mut fragment = header.to_vec();
        fragment[2..4].copy_from_slice(&(20 + piece.len() as u16).to_be_bytes());
        fragment[4..6].copy_from_slice(&(identification as u16).to_be_bytes());
        let offset = (index * step / 8) as u16 | if index < last { 0x2000 } else { 0 };
        fragment[6..8].copy_from_slice(&offset.to_be_bytes());
        set_ipv4_checksum(&mut fragment);
        fragment.extend(piece);
        fragments.push(fragment);
    }
    fragments
}

fn fragment_ipv6(packet: &[u8], mtu: usize, identification: u32) -> Vec<Vec<u8>> {
    let (header, payload) = packet.split_at(40);
    let step = (mtu - 48) / 8 * 8;
    let last = (payload.len() - 1) / step;
    let mut fragments = Vec::new();
    for (index, piece) in payload.chunks(step).enumerate() {
        let mut fragment = header.to_vec();
        fragment[4..6].copy_from_slice(&(8 + piece.len() as u16).to_be_bytes());
        fragment[6] = 44;
        fragment.extend([header[6], 0]);
        fragment.extend(((index * step) as u16 | u16::from(index < last)).to_be_bytes());
        fragment.extend(identification.to_be_bytes());
        fragment.extend(piece);
        fragments.push(fragment);
    }
    fragments
}

pub fn is_ipv6(packet: &[u8]) -> bool {
    packet[0] >> 4 == 6
}

/// The number that announces this IP packet in Ethernet and what borrows its numbers.
pub fn ethertype(packet: &[u8]) -> u16 {
    if is_ipv6(packet) { 0x86dd } else { 0x0800 }
}

/// The Internet checksum (RFC 1071).
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum::<u32>();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn set_ipv4_checksum(header: &mut [u8]) {
    header[10..12].fill(0);
    let sum = checksum(&header[..20]);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
}

fn ip_builder(source: IpAddr, destination: IpAddr) -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            PacketBuilder::ipv4(source.octets(), destination.octets(), TTL)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            PacketBuilder::ipv6(source.octets(), destination.octets(), TTL)
        }
        _ => panic!("both addresses of a packet are of one family"),
    }
}

/// CRC-32C (Castagnoli), bit by bit: SCTP's checksum (RFC 9260 appendix A).
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    !crc
}
