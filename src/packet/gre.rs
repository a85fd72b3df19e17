//! GRE (RFC 2784, 2890, 1701), its PPTP version (RFC 2637), and ERSPAN inside it.

use super::layer::{Inner, Next, ether_type};
use super::octets::Octets;
use super::stop::{Damage, Other, Stop};

/// The three formats of Cisco's mirror tunnel (draft-foschiano-erspan). What their headers say of the mirror port (its
/// VLAN, its session id) is about the mirror and differs by direction: none of it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErspanType {
    /// Without a header of its own.
    One,
    Two,
    Three,
}

/// Bound on RFC 1701 source route entries, which nobody has sent for decades.
const MAX_ROUTES: usize = 8;

/// A GRE header. The key differs by direction and is not kept.
pub(super) fn gre(octets: Octets<'_>) -> Result<Inner<'_>, Stop> {
    const CHECKSUM: u16 = 0x8000;
    const ROUTING: u16 = 0x4000;
    const KEY: u16 = 0x2000;
    const SEQUENCE: u16 = 0x1000;
    const ACKNOWLEDGEMENT: u16 = 0x0080;
    let [flags_high, flags_low, high, low] = *octets.header::<4>()?;
    let flags = u16::from_be_bytes([flags_high, flags_low]);
    let protocol = u16::from_be_bytes([high, low]);
    let version = flags & 7;

    let mut header = 4;
    if version > 1 {
        return Err(Stop::Damaged(Damage::BadHeader));
    }
    if version == 0 && flags & (CHECKSUM | ROUTING) != 0 {
        header += 4;
    }
    if flags & KEY != 0 {
        header += 4;
    }
    if flags & SEQUENCE != 0 {
        header += 4;
    }
    if version == 1 && flags & ACKNOWLEDGEMENT != 0 {
        header += 4;
    }
    let mut inside = octets.skip(header);
    if version == 0 && flags & ROUTING != 0 {
        inside = behind_routes(inside)?;
    }
    if inside.wire() == 0 {
        // A bare PPTP acknowledgement, or a keep-alive's answer.
        return Err(if octets.wire() >= header { Stop::Other(Other::Protocol) } else { octets.missing(header) });
    }
    let next = match protocol {
        ether_type::ERSPAN if flags & SEQUENCE == 0 => Next::Erspan(ErspanType::One),
        ether_type::ERSPAN => Next::Erspan(ErspanType::Two),
        ether_type::ERSPAN_3 => Next::Erspan(ErspanType::Three),
        // Protocol 0 is a keep-alive; lengths cannot occur here.
        0..ether_type::FIRST => return Err(Stop::Other(Other::Protocol)),
        other => Next::EtherType(other),
    };
    Ok(Inner::new(next, inside))
}

/// Skips source route entries: address family (2), offset, length, then the route; a length of 0 ends the list.
fn behind_routes(octets: Octets<'_>) -> Result<Octets<'_>, Stop> {
    let mut rest = octets;
    for _ in 0..MAX_ROUTES {
        let [_, _, _, length] = *rest.header::<4>()?;
        rest = rest.skip(4 + usize::from(length));
        if length == 0 {
            return Ok(rest);
        }
    }
    Err(Stop::Damaged(Damage::TooDeep))
}

/// An ERSPAN header, behind GRE.
pub(super) fn erspan(kind: ErspanType, octets: Octets<'_>) -> Result<Inner<'_>, Stop> {
    match kind {
        ErspanType::One => Ok(Inner::new(Next::Ethernet, octets)),
        ErspanType::Two => {
            let [first, ..] = *octets.header::<8>()?;
            // Some switches send type I with a GRE sequence number: the frame then begins at once.
            let header = if first >> 4 == 1 { 8 } else { 0 };
            Ok(Inner::new(Next::Ethernet, octets.skip(header)))
        }
        ErspanType::Three => erspan_three(octets),
    }
}

/// Type III: 12 bytes, 8 more when the O bit says so, and a frame type.
fn erspan_three(octets: Octets<'_>) -> Result<Inner<'_>, Stop> {
    let [first, _, _, _, _, _, _, _, _, _, frame_type, options] = *octets.header::<12>()?;
    if first >> 4 != 2 {
        return Err(Stop::Damaged(Damage::BadHeader));
    }
    let inside = octets.skip(if options & 1 == 1 { 20 } else { 12 });
    match (frame_type >> 2) & 0x1F {
        0 => Ok(Inner::new(Next::Ethernet, inside)),
        2 => Ok(Inner::new(Next::Ip, inside)),
        _ => Err(Stop::Other(Other::NotIp)),
    }
}
