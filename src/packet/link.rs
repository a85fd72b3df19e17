//! Link layers: Ethernet, LLC, Linux cooked capture, BSD loopback, raw IP.

use super::frame::LinkType;
use super::layer::{Inner, Next, ether_type};
use super::octets::Octets;
use super::stop::{Other, Stop};

/// The link layer of a frame as captured.
pub(super) fn link(link: LinkType, octets: Octets<'_>) -> Result<Inner<'_>, Stop> {
    match link {
        LinkType::Ethernet => ethernet(octets),
        LinkType::LinuxCooked => cooked(octets),
        LinkType::LinuxCooked2 => cooked2(octets),
        LinkType::RawIp | LinkType::Ipv4 | LinkType::Ipv6 => Ok(Inner::new(Next::Ip, octets)),
        LinkType::BsdLoopback | LinkType::OpenBsdLoopback => loopback(octets),
        LinkType::Other(_) => Err(Stop::Other(Other::LinkType)),
    }
}

/// Ethernet II or 802.3: two addresses, then an EtherType or a length.
pub(super) fn ethernet(octets: Octets<'_>) -> Result<Inner<'_>, Stop> {
    let [.., high, low] = *octets.header::<14>()?;
    Ok(Inner::new(Next::EtherType(u16::from_be_bytes([high, low])), octets.skip(14)))
}

/// The LLC header of an 802.3 frame, whose length field was `length`.
pub(super) fn llc(length: u16, octets: Octets<'_>) -> Result<Inner<'_>, Stop> {
    logical_link(octets.limit(usize::from(length)))
}

/// IEEE 802.2, with SNAP (RFC 1042) when both service access points say so.
fn logical_link(octets: Octets<'_>) -> Result<Inner<'_>, Stop> {
    match octets.captured() {
        // Bridge-tunnel encapsulation (802.1H, 0x0000F8) is read like RFC 1042.
        [0xAA, 0xAA, 3, 0, 0, 0 | 0xF8, high, low, ..] => {
            Ok(Inner::new(Next::EtherType(u16::from_be_bytes([*high, *low])), octets.skip(8)))
        }
        [0x06, 0x06, 3, ..] => Ok(Inner::new(Next::Ip, octets.skip(3))),
        _ => Err(Stop::Other(Other::NotIp)),
    }
}

/// LINKTYPE_LINUX_SLL: packet type, ARPHRD type, address length, address (8), protocol.
fn cooked(octets: Octets<'_>) -> Result<Inner<'_>, Stop> {
    let [_, _, hardware_high, hardware_low, .., high, low] = *octets.header::<16>()?;
    cooked_protocol(u16::from_be_bytes([hardware_high, hardware_low]), u16::from_be_bytes([high, low]), octets.skip(16))
}

/// LINKTYPE_LINUX_SLL2: protocol, reserved (2), interface (4), ARPHRD type, packet type, address length, address (8).
fn cooked2(octets: Octets<'_>) -> Result<Inner<'_>, Stop> {
    let [high, low, _, _, _, _, _, _, hardware_high, hardware_low, ..] = *octets.header::<20>()?;
    cooked_protocol(u16::from_be_bytes([hardware_high, hardware_low]), u16::from_be_bytes([high, low]), octets.skip(20))
}

/// The protocol field of both cooked headers. Its meaning depends on the ARPHRD type for a few devices.
fn cooked_protocol(hardware: u16, protocol: u16, octets: Octets<'_>) -> Result<Inner<'_>, Stop> {
    /// ARPHRD_NETLINK: the field holds a netlink family.
    const NETLINK: u16 = 824;
    /// 802.2 frames, from the LLC header on.
    const LLC: u16 = 0x0004;
    match protocol {
        _ if hardware == NETLINK => Err(Stop::Other(Other::NotIp)),
        LLC => logical_link(octets),
        0..ether_type::FIRST => Err(Stop::Other(Other::NotIp)),
        _ => Ok(Inner::new(Next::EtherType(protocol), octets)),
    }
}

/// LINKTYPE_NULL and LINKTYPE_LOOP: an address family in the byte order of a host that may not be ours.
///
/// All families are small numbers, so the order is the one that gives a small number.
fn loopback(octets: Octets<'_>) -> Result<Inner<'_>, Stop> {
    let bytes = *octets.header::<4>()?;
    let family = u32::from_be_bytes(bytes).min(u32::from_le_bytes(bytes));
    match family {
        // AF_INET everywhere; AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, Darwin.
        2 | 10 | 24 | 28 | 30 => Ok(Inner::new(Next::Ip, octets.skip(4))),
        _ => Err(Stop::Other(Other::NotIp)),
    }
}
