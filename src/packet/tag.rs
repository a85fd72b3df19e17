//! Tags between the Ethernet addresses and the payload: 802.1Q, 802.1ah, MACsec, VN-Tag, NSH.

use super::layer::{Inner, Next};
use super::octets::Octets;
use super::stop::{Damage, Opaque, Other, Stop};

/// 802.1Q, behind its EtherType: the VLAN id and what is inside.
pub(super) fn vlan(octets: Octets<'_>) -> Result<(u16, Inner<'_>), Stop> {
    let [tci_high, tci_low, high, low] = *octets.header::<4>()?;
    let id = u16::from_be_bytes([tci_high, tci_low]) & 0x0FFF;
    Ok((id, Inner::new(Next::EtherType(u16::from_be_bytes([high, low])), octets.skip(4))))
}

/// 802.1ah (provider backbone bridging), behind its EtherType: the service id and the customer's Ethernet frame.
pub(super) fn mac_in_mac(octets: Octets<'_>) -> Result<(u32, Inner<'_>), Stop> {
    let [_, a, b, c] = *octets.header::<4>()?;
    Ok((u32::from_be_bytes([0, a, b, c]), Inner::new(Next::Ethernet, octets.skip(4))))
}

/// 802.1AE, behind its EtherType. Readable where it only protects the integrity; its trailing check value falls to the
/// IP length.
pub(super) fn mac_sec(octets: Octets<'_>) -> Result<Inner<'_>, Stop> {
    const VERSION: u8 = 0x80;
    const SCI_PRESENT: u8 = 0x20;
    const ENCRYPTED: u8 = 0x08;
    const CHANGED: u8 = 0x04;
    let [control, ..] = *octets.header::<6>()?;
    if control & VERSION != 0 {
        return Err(Stop::Damaged(Damage::BadHeader));
    }
    if control & (ENCRYPTED | CHANGED) != 0 {
        return Err(Stop::Opaque(Opaque::MacSec));
    }
    let rest = octets.skip(if control & SCI_PRESENT != 0 { 14 } else { 6 });
    Ok(Inner::new(Next::EtherType(u16::from_be_bytes(*rest.header::<2>()?)), rest.skip(2)))
}

/// The VN-Tag of Cisco's fabric extenders, behind its EtherType: four bytes, then the next EtherType.
pub(super) fn vn_tag(octets: Octets<'_>) -> Result<Inner<'_>, Stop> {
    let [_, _, _, _, high, low] = *octets.header::<6>()?;
    Ok(Inner::new(Next::EtherType(u16::from_be_bytes([high, low])), octets.skip(6)))
}

/// Network Service Header (RFC 8300): a base and a service path header, then context of a given length.
pub(super) fn nsh(octets: Octets<'_>) -> Result<Inner<'_>, Stop> {
    let [first, second, _, protocol, ..] = *octets.header::<8>()?;
    let words = usize::from(second & 0x3F);
    if first >> 6 != 0 || words < 2 {
        return Err(Stop::Damaged(Damage::BadHeader));
    }
    let next = match protocol {
        1 | 2 => Next::Ip,
        3 => Next::Ethernet,
        5 => Next::Mpls,
        _ => return Err(Stop::Other(Other::NotIp)),
    };
    Ok(Inner::new(next, octets.skip(words * 4)))
}
