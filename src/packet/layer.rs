//! What comes next inside a packet.

use super::octets::Octets;
use super::{gre, ip, link, mpls, ppp, tag};

/// EtherTypes (IEEE 802 numbers) that lead to an IP packet.
pub(crate) mod ether_type {
    pub(crate) const IPV4: u16 = 0x0800;
    pub(crate) const IPV6: u16 = 0x86DD;
    pub(crate) const ARP: u16 = 0x0806;
    /// Transparent Ethernet bridging: an Ethernet frame.
    pub(crate) const TEB: u16 = 0x6558;
    pub(crate) const PPP: u16 = 0x880B;
    pub(crate) const VLAN: u16 = 0x8100;
    pub(crate) const SERVICE_VLAN: u16 = 0x88A8;
    /// Two of the numbers used for outer tags before 802.1ad.
    pub(crate) const OLD_SERVICE_VLAN: u16 = 0x9100;
    pub(crate) const OLDER_SERVICE_VLAN: u16 = 0x9200;
    pub(crate) const MPLS: u16 = 0x8847;
    pub(crate) const MPLS_UPSTREAM: u16 = 0x8848;
    pub(crate) const PPPOE_SESSION: u16 = 0x8864;
    pub(crate) const MAC_SEC: u16 = 0x88E5;
    pub(crate) const MAC_IN_MAC: u16 = 0x88E7;
    pub(crate) const VN_TAG: u16 = 0x8926;
    pub(crate) const NSH: u16 = 0x894F;
    pub(crate) const ERSPAN: u16 = 0x88BE;
    pub(crate) const ERSPAN_3: u16 = 0x22EB;
    /// Smaller values in the same place are lengths of 802.3 frames.
    pub(crate) const FIRST: u16 = 0x0600;
}

/// What the next byte is the start of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// An Ethernet header, from the destination address.
    Ethernet,
    /// What this EtherType says; below 0x600, an 802.3 length and an LLC header.
    EtherType(u16),
    /// An IPv4 or IPv6 header, told by its first nibble.
    Ip,
    /// What this IP protocol number says, behind an IP header.
    Protocol(u8),
    Mpls,
    Ppp,
    Nsh,
    Erspan(gre::ErspanType),
}

/// The inside of a layer.
#[derive(Clone, Copy)]
pub(super) struct Inner<'a> {
    pub(super) next: Next,
    pub(super) octets: Octets<'a>,
}

impl<'a> Inner<'a> {
    pub(super) fn new(next: Next, octets: Octets<'a>) -> Self {
        Self { next, octets }
    }

    /// Whether this looks like what it is said to be, down to an IP header that makes sense or a known EtherType.
    ///
    /// A UDP port is only a hint that a tunnel is there. Eight tags are looked through, so that a packet made of
    /// nothing but tags costs no more than that.
    pub(super) fn is_plausible(&self) -> bool {
        let mut inner = *self;
        for _ in 0..8 {
            let octets = inner.octets;
            let step = match inner.next {
                Next::Ip => return ip::is_plausible(octets),
                Next::EtherType(ether_type::IPV4) => return octets.version() == Some(4) && ip::is_plausible(octets),
                Next::EtherType(ether_type::IPV6) => return octets.version() == Some(6) && ip::is_plausible(octets),
                Next::EtherType(
                    ether_type::VLAN
                    | ether_type::SERVICE_VLAN
                    | ether_type::OLD_SERVICE_VLAN
                    | ether_type::OLDER_SERVICE_VLAN,
                ) => tag::vlan(octets).map(|(_, inner)| inner),
                Next::EtherType(ether_type::TEB) | Next::Ethernet => link::ethernet(octets),
                Next::EtherType(ether_type::PPP) | Next::Ppp => ppp::ppp(octets),
                Next::EtherType(ether_type::NSH) | Next::Nsh => tag::nsh(octets),
                // No further: below the labels there may be another frame, tried in two ways, and a packet of nothing
                // but such frames would cost a power of two.
                Next::EtherType(ether_type::MPLS | ether_type::MPLS_UPSTREAM) | Next::Mpls => {
                    return mpls::below_labels(octets).is_ok();
                }
                // Hardware type 1: an ARP packet of Ethernet.
                Next::EtherType(ether_type::ARP) => return octets.word(0) == Some(1),
                Next::EtherType(
                    ether_type::PPPOE_SESSION | ether_type::MAC_IN_MAC | ether_type::MAC_SEC | ether_type::VN_TAG,
                ) => return true,
                // An 802.3 length that fits, and one of the LLC headers in use: SNAP, spanning tree, IS-IS.
                Next::EtherType(length) if length < ether_type::FIRST => {
                    let fits = usize::from(length) <= octets.wire() && length >= 3;
                    return fits
                        && matches!(
                            octets.captured(),
                            [0xAA, 0xAA, 3, ..] | [0x42, 0x42, 3, ..] | [0xFE, 0xFE, 3, ..]
                        );
                }
                // LLDP and slow protocols.
                Next::EtherType(ether_type) => return matches!(ether_type, 0x88CC | 0x8809),
                Next::Protocol(_) | Next::Erspan(_) => return false,
            };
            let Ok(step) = step else { return false };
            inner = step;
        }
        false
    }
}
