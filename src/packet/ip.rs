//! IPv4 (RFC 791), IPv6 (RFC 8200) and its extension headers.

use core::net::{IpAddr, Ipv6Addr};

use etherparse::{Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice, err};

use super::layer::{Inner, Next};
use super::octets::Octets;
use super::stop::{Damage, Stop};

/// IP protocol numbers (IANA) that lead to a transport segment, or that are known to lead nowhere.
pub(crate) mod protocol {
    pub(crate) const HOP_BY_HOP: u8 = 0;
    pub(crate) const ICMP: u8 = 1;
    pub(crate) const IPV4: u8 = 4;
    pub(crate) const TCP: u8 = 6;
    pub(crate) const UDP: u8 = 17;
    pub(crate) const IPV6: u8 = 41;
    pub(crate) const ROUTING: u8 = 43;
    pub(crate) const FRAGMENT: u8 = 44;
    pub(crate) const GRE: u8 = 47;
    pub(crate) const ESP: u8 = 50;
    pub(crate) const AH: u8 = 51;
    pub(crate) const ICMPV6: u8 = 58;
    pub(crate) const NO_NEXT: u8 = 59;
    pub(crate) const DESTINATION_OPTIONS: u8 = 60;
    pub(crate) const ETHERIP: u8 = 97;
    pub(crate) const SCTP: u8 = 132;
    pub(crate) const MOBILITY: u8 = 135;
    pub(crate) const MPLS: u8 = 137;
    pub(crate) const HIP: u8 = 139;
    pub(crate) const SHIM6: u8 = 140;
    /// WESP, RFC 5840.
    pub(crate) const WRAPPED_ESP: u8 = 141;
    pub(crate) const ETHERNET: u8 = 143;
}

/// An IP header's say.
pub(super) struct Ip<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    /// Up to the length that the header gives, without link-layer padding.
    pub(super) payload: Octets<'a>,
    /// IPv4 only; IPv6 has an extension header for it.
    pub(super) fragment: Option<FragmentField>,
    /// The header claims more bytes than the layer around it has.
    pub(super) too_long: bool,
}

/// The fields of a fragment.
#[derive(Clone, Copy, Debug)]
pub(super) struct FragmentField {
    pub(super) id: u32,
    /// In bytes.
    pub(super) offset: usize,
    pub(super) more: bool,
}

/// The header that the first nibble announces.
pub(super) fn ip(octets: Octets<'_>) -> Result<Ip<'_>, Stop> {
    match octets.version() {
        Some(4) => v4(octets),
        Some(6) => v6(octets),
        Some(_) => Err(Stop::Damaged(Damage::BadHeader)),
        None => Err(octets.missing(1)),
    }
}

fn v4(octets: Octets<'_>) -> Result<Ip<'_>, Stop> {
    let header = match Ipv4HeaderSlice::from_slice(octets.captured()) {
        Ok(header) => header,
        Err(err::ipv4::HeaderSliceError::Len(error)) => return Err(octets.missing(error.required_len)),
        Err(err::ipv4::HeaderSliceError::Content(_)) => return Err(Stop::Damaged(Damage::BadHeader)),
    };
    let header_length = header.slice().len();
    let (packet, too_long) = match usize::from(header.total_len()) {
        // Captured on the sender before its network card cut it (TCP segmentation offload): all that is there.
        0 => (octets, false),
        length if length < header_length => return Err(Stop::Damaged(Damage::BadHeader)),
        length => (octets.claim(length), length > octets.wire()),
    };
    let offset = usize::from(header.fragments_offset().value()) * 8;
    let more = header.more_fragments();
    Ok(Ip {
        source: IpAddr::V4(header.source_addr()),
        destination: IpAddr::V4(header.destination_addr()),
        protocol: header.protocol().0,
        payload: packet.skip(header_length),
        fragment: (more || offset != 0).then(|| FragmentField { id: u32::from(header.identification()), offset, more }),
        too_long,
    })
}

fn v6(octets: Octets<'_>) -> Result<Ip<'_>, Stop> {
    let header = match Ipv6HeaderSlice::from_slice(octets.captured()) {
        Ok(header) => header,
        Err(err::ipv6::HeaderSliceError::Len(error)) => return Err(octets.missing(error.required_len)),
        Err(err::ipv6::HeaderSliceError::Content(_)) => return Err(Stop::Damaged(Damage::BadHeader)),
    };
    let rest = octets.skip(40);
    let (payload, too_long) = match usize::from(header.payload_length()) {
        // A jumbogram (RFC 2675) or segmentation offload: all that is there.
        0 => (rest, false),
        length => (rest.claim(length), length > rest.wire()),
    };
    Ok(Ip {
        source: IpAddr::V6(header.source_addr()),
        destination: IpAddr::V6(header.destination_addr()),
        protocol: header.next_header().0,
        payload,
        fragment: None,
        too_long,
    })
}

/// An IPv6 extension header of the usual form: next header, length in 8 bytes beyond the first 8.
pub(super) fn extension(octets: Octets<'_>) -> Result<Inner<'_>, Stop> {
    let [next, length] = *octets.header::<2>()?;
    let header = (usize::from(length) + 1) * 8;
    if octets.wire() < header {
        return Err(octets.missing(header));
    }
    Ok(Inner::new(Next::Protocol(next), octets.skip(header)))
}

/// The destination that a routing header is on its way to, if it has not got there yet.
///
/// Until then the destination field names the next router on the way, while the answer will come from the final
/// destination: the two directions of a conversation only meet under the final one.
pub(super) fn final_destination(octets: Octets<'_>) -> Option<Ipv6Addr> {
    let bytes = octets.captured();
    let [_, length, kind, segments_left, ..] = *bytes else { return None };
    if segments_left == 0 {
        return None;
    }
    let at = match kind {
        // Type 0 (deprecated, RFC 5095): the last address of the list.
        0 => (usize::from(length) * 8).checked_sub(8)?,
        // Mobile IPv6 home address (RFC 6275 §6.4); segment routing, whose list is in reverse (RFC 8754 §2).
        2 | 4 => 8,
        _ => return None,
    };
    let address: &[u8; 16] = bytes.get(at..)?.first_chunk()?;
    Some(Ipv6Addr::from(*address))
}

/// An IPv6 fragment header: the first header of the fragmented part, and where this fragment belongs.
pub(super) fn fragment_header(octets: Octets<'_>) -> Result<(u8, FragmentField, Octets<'_>), Stop> {
    let header = Ipv6FragmentHeaderSlice::from_slice(octets.captured()).map_err(|_| octets.missing(8))?;
    let field = FragmentField {
        id: header.identification(),
        offset: usize::from(header.fragment_offset().value()) * 8,
        more: header.more_fragments(),
    };
    Ok((header.next_header().0, field, octets.skip(8)))
}

/// Whether these bytes can be an IP packet, for layers that do not say what they carry.
///
/// The length has to fit, as it does in every tunnel that was not cut; a mirror that cuts what exceeds its MTU leaves
/// an IPv4 checksum that still tells, and for IPv6 a next header in common use has to do.
pub(super) fn is_plausible(octets: Octets<'_>) -> bool {
    match octets.version() {
        Some(4) => {
            let Ok(header) = Ipv4HeaderSlice::from_slice(octets.captured()) else { return false };
            let length = usize::from(header.total_len());
            let fits = match length {
                0 => header.protocol().0 == protocol::TCP,
                _ => length <= octets.wire() && length >= header.slice().len(),
            };
            fits || is_checksum_right(header.slice())
        }
        Some(6) => {
            let Ok(header) = Ipv6HeaderSlice::from_slice(octets.captured()) else { return false };
            let fits = usize::from(header.payload_length()) + 40 <= octets.wire();
            fits && header.payload_length() > 0 || is_common(header.next_header().0)
        }
        _ => false,
    }
}

/// The one's complement sum over an IPv4 header, its checksum included, is all ones (RFC 1071).
fn is_checksum_right(header: &[u8]) -> bool {
    let word = |pair: &[u8]| pair.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
    let sum: u32 = header.chunks_exact(2).map(word).sum();
    (sum & 0xFFFF) + (sum >> 16) == 0xFFFF
}

fn is_common(next_header: u8) -> bool {
    use protocol::{
        AH, DESTINATION_OPTIONS, ESP, FRAGMENT, GRE, HOP_BY_HOP, ICMPV6, IPV4, IPV6, NO_NEXT, ROUTING, SCTP, TCP, UDP,
    };
    matches!(
        next_header,
        HOP_BY_HOP
            | IPV4
            | TCP
            | UDP
            | IPV6
            | ROUTING
            | FRAGMENT
            | GRE
            | ESP
            | AH
            | ICMPV6
            | NO_NEXT
            | DESTINATION_OPTIONS
            | SCTP
    )
}
