//! Transport headers: UDP (RFC 768), TCP (RFC 9293), SCTP (RFC 9260).
//!
//! Checksums are not verified. A mirror often sees packets before the sender's network card has filled them in, and a
//! packet that the receiver drops for a wrong one is sent again, which sessions have to cope with anyway.

use etherparse::UdpHeaderSlice;

use super::octets::Octets;
use super::segment::{TcpSegment, Transport};
use super::stop::{Damage, Stop};

/// Source and destination port.
pub(super) type Ports = (u16, u16);

/// A UDP header's say.
pub(super) struct Udp<'a> {
    pub(super) ports: Ports,
    pub(super) payload: Octets<'a>,
    /// The length field claims more bytes than the IP packet has.
    pub(super) too_long: bool,
}

pub(super) fn udp(octets: Octets<'_>) -> Result<Udp<'_>, Stop> {
    let header = UdpHeaderSlice::from_slice(octets.captured()).map_err(|_| octets.missing(8))?;
    let (datagram, too_long) = match usize::from(header.length()) {
        // A jumbogram (RFC 2675 §4), or segmentation offload.
        0 => (octets, false),
        1..8 => return Err(Stop::Damaged(Damage::BadHeader)),
        length => (octets.claim(length), length > octets.wire()),
    };
    Ok(Udp { ports: (header.source_port(), header.destination_port()), payload: datagram.skip(8), too_long })
}

/// A TCP header, read by hand: one whose options the snap length cut off still tells of sequence numbers and flags.
#[inline]
pub(super) fn tcp(octets: Octets<'_>) -> Result<(Ports, Transport<'_>, bool), Stop> {
    let [a, b, c, d, s0, s1, s2, s3, a0, a1, a2, a3, offset, flags, ..] = *octets.header::<20>()?;
    let header = usize::from(offset >> 4) * 4;
    if header < 20 {
        return Err(Stop::Damaged(Damage::BadHeader));
    }
    if header > octets.wire() {
        return Err(octets.missing(header));
    }
    let payload = octets.skip(header);
    let segment = TcpSegment {
        sequence: u32::from_be_bytes([s0, s1, s2, s3]),
        acknowledgement: u32::from_be_bytes([a0, a1, a2, a3]),
        fin: flags & 0x01 != 0,
        syn: flags & 0x02 != 0,
        rst: flags & 0x04 != 0,
        ack: flags & 0x10 != 0,
        payload: payload.captured(),
        wire_len: u32::try_from(payload.wire()).unwrap_or(u32::MAX),
    };
    let ports = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    Ok((ports, Transport::Tcp(segment), payload.is_cut()))
}

/// The SCTP common header: ports, verification tag, checksum. The chunks stay as they are.
pub(super) fn sctp(octets: Octets<'_>) -> Result<(Ports, Transport<'_>, bool), Stop> {
    let [a, b, c, d, ..] = *octets.header::<12>()?;
    let ports = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let chunks = octets.skip(12);
    Ok((ports, Transport::Sctp(chunks.captured()), chunks.is_cut()))
}
