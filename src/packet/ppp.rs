//! PPP (RFC 1661) and its carriers PPPoE (RFC 2516) and L2TP version 2 (RFC 2661).

use super::layer::{Inner, Next};
use super::octets::Octets;
use super::stop::{Damage, Other, Stop};

/// PPPoE in its session stage, behind the EtherType.
pub(super) fn pppoe(octets: Octets<'_>) -> Result<Inner<'_>, Stop> {
    let [version_type, code, _, _, high, low] = *octets.header::<6>()?;
    if version_type != 0x11 {
        return Err(Stop::Damaged(Damage::BadHeader));
    }
    if code != 0 {
        return Err(Stop::Other(Other::NotIp));
    }
    Ok(Inner::new(Next::Ppp, octets.skip(6).limit(usize::from(u16::from_be_bytes([high, low])))))
}

/// A PPP frame without flags. Address and control (FF 03) may be left out, and the protocol number may be one byte:
/// the last byte of a number is odd and the first even, so an odd first byte is a whole number (RFC 1661 §6.5, §6.6).
pub(super) fn ppp(octets: Octets<'_>) -> Result<Inner<'_>, Stop> {
    let octets = if octets.captured().starts_with(&[0xFF, 0x03]) { octets.skip(2) } else { octets };
    let [first] = *octets.header::<1>()?;
    let (protocol, octets) = if first & 1 == 1 {
        (u16::from(first), octets.skip(1))
    } else {
        (u16::from_be_bytes(*octets.header::<2>()?), octets.skip(2))
    };
    match protocol {
        0x0021 | 0x0057 => Ok(Inner::new(Next::Ip, octets)),
        0x0281 | 0x0283 => Ok(Inner::new(Next::Mpls, octets)),
        _ => Err(Stop::Other(Other::NotIp)),
    }
}

/// An L2TP version 2 data message. `None` for anything else: control messages, other versions.
pub(super) fn l2tp(octets: Octets<'_>) -> Option<Inner<'_>> {
    const CONTROL: u16 = 0x8000;
    const LENGTH: u16 = 0x4000;
    const SEQUENCE: u16 = 0x0800;
    const OFFSET: u16 = 0x0200;
    /// Bits that must be zero.
    const RESERVED: u16 = 0x34F0;
    let flags = octets.word(0)?;
    if flags & (CONTROL | RESERVED) != 0 || flags & 0x000F != 2 {
        return None;
    }
    let mut header = 2;
    let mut inside = octets;
    if flags & LENGTH != 0 {
        let length = usize::from(octets.word(2)?);
        if length > octets.wire() {
            return None;
        }
        inside = octets.limit(length);
        header += 2;
    }
    header += 4; // tunnel and session id
    if flags & SEQUENCE != 0 {
        header += 4;
    }
    if flags & OFFSET != 0 {
        header += 2 + usize::from(octets.word(header)?);
    }
    Some(Inner::new(Next::Ppp, inside.skip(header)))
}
