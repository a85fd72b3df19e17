//! One frame as the examinations see it.

use core::net::IpAddr;

use crate::packet::{Carrier, Frame, Hop, LinkType, Peeled, Segment, Transport};
use crate::sip::Message;
use crate::time::Timestamp;

/// A frame, and what was found in it.
pub(super) struct Seen<'a> {
    pub(super) frame: &'a Frame<'a>,
    /// The capture clock as the core believes it.
    pub(super) now: Timestamp,
    /// Grows when frames may have been lost where this program, or whoever wrote the file, captures. What was followed
    /// across such a moment is followed anew: its holes are not the tap's.
    pub(super) epoch: u64,
    pub(super) outer: Outer,
    pub(super) peeled: Peeled<'a>,
    /// The innermost IP header, where it lies in the frame itself.
    pub(super) inner: Option<Inner>,
}

impl<'a> Seen<'a> {
    pub(super) fn segment(&self) -> Option<&Segment<'a>> {
        match &self.peeled {
            Peeled::Segment(segment) => Some(segment),
            _ => None,
        }
    }
}

/// A SIP message that a frame brought, or completed.
pub(super) struct Sip<'a> {
    pub(super) time: Timestamp,
    pub(super) now: Timestamp,
    pub(super) epoch: u64,
    pub(super) hop: Hop,
    pub(super) carrier: Carrier,
    pub(super) message: &'a Message<'a>,
}

/// What the outermost headers say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outer {
    /// Sent to a group of hosts, or to all.
    pub(super) is_group: bool,
    /// Of an IP fragment: whether it is the first of its datagram.
    pub(super) first_fragment: Option<bool>,
}

impl Outer {
    pub(super) fn of(frame: &Frame<'_>) -> Self {
        let bytes = frame.bytes;
        let (is_group, ip) = match frame.link {
            LinkType::Ethernet => (bytes.first().is_some_and(|first| first & 1 != 0), behind_tags(bytes, 12)),
            // Packet type 1 is to all, 2 to a group.
            LinkType::LinuxCooked => (matches!(bytes, [0, 1 | 2, ..]), behind_tags(bytes, 14)),
            LinkType::LinuxCooked2 => (matches!(bytes.get(10), Some(1 | 2)), bytes.get(20..)),
            LinkType::RawIp | LinkType::Ipv4 | LinkType::Ipv6 => (false, Some(bytes)),
            _ => (false, None),
        };
        Self { is_group, first_fragment: ip.and_then(first_fragment) }
    }
}

/// What follows the EtherType at `at` and the VLAN tags behind it.
fn behind_tags(bytes: &[u8], mut at: usize) -> Option<&[u8]> {
    for _ in 0..4 {
        match bytes.get(at..at + 2)? {
            [0x81, 0x00] | [0x88, 0xa8] => at += 4,
            [0x08, 0x00] | [0x86, 0xdd] => return bytes.get(at + 2..),
            _ => return None,
        }
    }
    None
}

fn first_fragment(ip: &[u8]) -> Option<bool> {
    let field = match *ip {
        [0x40..=0x4f, _, _, _, _, _, high, low, ..] => u16::from_be_bytes([high & 0x3f, low]),
        // The fragment header is the first one behind IPv6's own in all but made-up packets.
        [0x60..=0x6f, ..] if ip.get(6) == Some(&44) => {
            let field = u16::from_be_bytes(*ip.get(42..)?.first_chunk()?);
            field & 0xfff8 | (field & 1) << 13
        }
        _ => return None,
    };
    let offset = if ip.first()? >> 4 == 4 { field & 0x1fff } else { field & 0xdff8 };
    match (offset, field & 0x2000 != 0) {
        (0, false) => None,
        (offset, _) => Some(offset == 0),
    }
}

/// What the innermost IP header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inner {
    pub(super) hops_left: u8,
    /// IPv4's identification; IPv6 has none.
    pub(super) id: u16,
}

impl Inner {
    /// The header in front of a segment that lies in this frame: found by its addresses, which the core has read. None where
    /// the segment was put together from fragments, or where there are extension headers.
    pub(super) fn of(frame: &Frame<'_>, segment: &Segment<'_>) -> Option<Self> {
        let payload = match segment.transport {
            Transport::Udp(payload) => payload,
            Transport::Tcp(tcp) => tcp.payload,
            Transport::Sctp(chunks) => chunks,
        };
        let at = payload.as_ptr().addr().checked_sub(frame.bytes.as_ptr().addr())?;
        if at > frame.bytes.len() {
            return None;
        }
        let transport = match segment.transport {
            Transport::Udp(_) => at.checked_sub(8)?,
            Transport::Sctp(_) => at.checked_sub(12)?,
            Transport::Tcp(_) => (20..=60).step_by(4).find_map(|len| {
                let start = at.checked_sub(len)?;
                let ports = [segment.hop.source.port.to_be_bytes(), segment.hop.destination.port.to_be_bytes()];
                let is_it = usize::from(frame.bytes.get(start + 12)? >> 4) * 4 == len
                    && frame.bytes.get(start..start + 4)? == ports.as_flattened();
                is_it.then_some(start)
            })?,
        };
        match (segment.hop.source.address, segment.hop.destination.address) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => (20..=60).step_by(4).find_map(|len: usize| {
                let header = frame.bytes.get(transport.checked_sub(len)?..transport)?;
                let is_it = *header.first()? == 0x40 | (len / 4) as u8
                    && *header.get(12..16)? == source.octets()
                    && *header.get(16..20)? == destination.octets();
                let id = u16::from_be_bytes(*header.get(4..)?.first_chunk()?);
                is_it.then_some(Self { hops_left: *header.get(8)?, id })
            }),
            (IpAddr::V6(source), IpAddr::V6(_)) => {
                let header = frame.bytes.get(transport.checked_sub(40)?..transport)?;
                (*header.get(8..24)? == source.octets()).then_some(Self { hops_left: *header.get(7)?, id: 0 })
            }
            _ => None,
        }
    }
}
