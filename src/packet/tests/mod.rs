//! Whole frames through the peeler. Frames are built from the inside out: each function here puts one header in front.

mod beginnings;
mod encapsulation;
mod fragments;
mod hostile;
mod lengths;
mod secured;

use core::net::{IpAddr, SocketAddr};

use super::{Domain, Frame, InterfaceId, LinkType, PeelLimits, Peeled, Peeler, Segment, Transport};
use crate::time::Timestamp;

pub(super) const SIP: &[u8] = b"BYE sip:bob@example.com SIP/2.0\r\nCall-ID: a84b4c76e66710\r\n\r\n";

pub(super) const INNER_SOURCE: [u8; 4] = [10, 0, 0, 1];
pub(super) const INNER_DESTINATION: [u8; 4] = [10, 0, 0, 2];

pub(super) fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn be16(value: usize) -> [u8; 2] {
    u16::try_from(value).unwrap().to_be_bytes()
}

pub(super) fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&source.to_be_bytes(), &destination.to_be_bytes(), &be16(payload.len() + 8), &[0, 0], payload])
}

pub(super) fn tcp(source: u16, destination: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut header = etherparse::TcpHeader::new(source, destination, sequence, 1024);
    header.ack = true;
    header.acknowledgment_number = 77;
    join(&[&header.to_bytes(), payload])
}

/// An IPv4 packet with a right checksum.
pub(super) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_between(INNER_SOURCE, INNER_DESTINATION, protocol, payload)
}

pub(super) fn ipv4_between(source: [u8; 4], destination: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap();
    let header = etherparse::Ipv4Header::new(length, 64, etherparse::IpNumber(protocol), source, destination).unwrap();
    let mut header = header;
    header.header_checksum = header.calc_header_checksum();
    join(&[&header.to_bytes(), payload])
}

/// The outer packet of a tunnel.
pub(super) fn outer(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_between([192, 0, 2, 1], [192, 0, 2, 2], protocol, payload)
}

pub(super) fn outer_udp(port: u16, payload: &[u8]) -> Vec<u8> {
    outer(17, &udp(50_000, port, payload))
}

pub(super) fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let header = etherparse::Ipv6Header {
        payload_length: u16::try_from(payload.len()).unwrap(),
        next_header: etherparse::IpNumber(next_header),
        hop_limit: 64,
        source: [0x20; 16],
        destination: [0x21; 16],
        ..Default::default()
    };
    join(&[&header.to_bytes(), payload])
}

pub(super) fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&[2, 0, 0, 0, 0, 1], &[2, 0, 0, 0, 0, 2], &ether_type.to_be_bytes(), payload])
}

/// A VLAN tag behind an EtherType that says so: id, then what is inside.
pub(super) fn vlan(id: u16, ether_type: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&id.to_be_bytes(), &ether_type.to_be_bytes(), payload])
}

pub(super) fn mpls(labels: &[u32], payload: &[u8]) -> Vec<u8> {
    let mut stack = Vec::new();
    for (index, label) in labels.iter().enumerate() {
        let bottom = u32::from(index + 1 == labels.len());
        stack.extend_from_slice(&(label << 12 | bottom << 8 | 64).to_be_bytes());
    }
    join(&[&stack, payload])
}

pub(super) fn gre(protocol: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&[0, 0], &protocol.to_be_bytes(), payload])
}

pub(super) fn vxlan(vni: u32, payload: &[u8]) -> Vec<u8> {
    join(&[&[8, 0, 0, 0], &(vni << 8).to_be_bytes(), payload])
}

pub(super) fn gtp_u(payload: &[u8]) -> Vec<u8> {
    join(&[&[0x30, 255], &be16(payload.len()), &[0, 0, 0, 9], payload])
}

/// The SIP datagram that the tests look for, in IPv4.
pub(super) fn sip_in_ipv4() -> Vec<u8> {
    ipv4(17, &udp(5060, 5070, SIP))
}

pub(super) fn sip_in_ipv6() -> Vec<u8> {
    ipv6(17, &udp(5060, 5070, SIP))
}

pub(super) fn peeler() -> Peeler {
    Peeler::new(PeelLimits::default())
}

pub(super) fn frame_of(link: LinkType, bytes: &[u8]) -> Frame<'_> {
    let wire_len = u32::try_from(bytes.len()).unwrap();
    let frame = Frame { time: Timestamp::default(), link, bytes, wire_len, interface: InterfaceId(0), number: 1 };
    // What these tests say of the core holds of the kernel's filter too.
    #[cfg(feature = "live")]
    crate::capture::filter::tests::passes_what_the_core_reads(&frame);
    frame
}

pub(super) fn peel<'a>(peeler: &'a mut Peeler, bytes: &'a [u8]) -> Peeled<'a> {
    peeler.peel(Timestamp::default(), &frame_of(LinkType::Ethernet, bytes))
}

pub(super) fn segment<'a>(peeled: Peeled<'a>) -> Segment<'a> {
    match peeled {
        Peeled::Segment(segment) => segment,
        other => panic!("no segment but {other:?}"),
    }
}

/// The payload and the domain of the datagram in a frame.
pub(super) fn datagram<'a>(peeled: Peeled<'a>) -> (&'a [u8], Domain) {
    let segment = segment(peeled);
    match segment.transport {
        Transport::Udp(payload) => (payload, segment.hop.domain),
        other => panic!("no datagram but {other:?}"),
    }
}

/// Peels an Ethernet frame that holds the SIP datagram, and gives the domain it was found in.
#[track_caller]
pub(super) fn domain_of_sip(bytes: &[u8]) -> Domain {
    let mut peeler = peeler();
    let (payload, domain) = datagram(peel(&mut peeler, bytes));
    assert_eq!(payload, SIP);
    domain
}

pub(super) fn domain(vni: u64, outer_vlan: u64, inner_vlan: u64) -> Domain {
    Domain(vni << 24 | outer_vlan << 12 | inner_vlan)
}

pub(super) fn socket(address: [u8; 4], port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::from(address), port)
}
