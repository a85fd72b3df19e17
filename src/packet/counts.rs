//! What the packet stage saw, as plain counters that only grow.

use super::segment::{Segment, Transport};
use super::stop::{Damage, Opaque, Other, Stop};

/// Counters of one [`Peeler`](super::Peeler). Every frame is in exactly one of the fields from `udp` to `held`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketCounts {
    /// Frames given to the peeler.
    pub frames: u64,
    pub udp: u64,
    pub tcp: u64,
    pub sctp: u64,
    pub icmp: u64,
    /// IP with a protocol that carries no SIP, and the signalling of tunnels.
    pub other_protocol: u64,
    /// Link layers without an IP packet: ARP, LLDP, spanning tree, PPP control.
    pub not_ip: u64,
    /// Frames of a link type that is not decoded.
    pub undecodable_link: u64,
    /// Encrypted ESP.
    pub opaque_esp: u64,
    /// Encrypted MACsec.
    pub opaque_macsec: u64,
    /// Frames that gave nothing: the sum of the first five reasons in `damage`.
    pub damaged: u64,
    /// Fragments that gave nothing by themselves: waiting, duplicate or dropped.
    pub held: u64,

    /// Segments whose end the snap length cut off.
    pub cut: u64,
    pub damage: DamageCounts,
    pub tunnels: TunnelCounts,
    pub fragments: FragmentCounts,
}

/// Why frames were damaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DamageCounts {
    /// The snap length cut off a header.
    pub cut_header: u64,
    /// The packet ended inside a header.
    pub truncated: u64,
    /// A header contradicted itself.
    pub bad_header: u64,
    /// A fragment that can be part of no datagram: empty, off the 8-byte grid, or ending beyond 65 535 bytes.
    pub bad_fragment: u64,
    /// More layers than the depth cap.
    pub too_deep: u64,
    /// An IP length beyond the bytes that the frame had; what was there is given, marked as cut.
    pub ip_length: u64,
    /// A UDP length beyond the IP payload; what was there is given, marked as cut.
    pub udp_length: u64,
}

/// Tags and tunnels taken off, by kind. One frame can add to several, and more than once to one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TunnelCounts {
    pub vlan: u64,
    pub mac_in_mac: u64,
    pub macsec: u64,
    pub nsh: u64,
    pub mpls: u64,
    pub pppoe: u64,
    /// GRE, whatever it carried; ERSPAN and PPTP are counted here too.
    pub gre: u64,
    pub pptp: u64,
    pub erspan: u64,
    pub vxlan: u64,
    pub geneve: u64,
    pub gtp_u: u64,
    pub l2tp: u64,
    pub ip_in_ip: u64,
    pub ethernet_in_ip: u64,
    pub esp_null: u64,
    pub ah: u64,
}

/// The kinds of [`TunnelCounts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tunnel {
    Vlan,
    MacInMac,
    MacSec,
    Nsh,
    Mpls,
    PppoE,
    Gre,
    Pptp,
    Erspan,
    Vxlan,
    Geneve,
    GtpU,
    L2tp,
    IpInIp,
    EthernetInIp,
    EspNull,
    Ah,
}

/// What became of IP fragments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FragmentCounts {
    /// Fragments read, except IPv6 atomic ones.
    pub fragments: u64,
    /// Datagrams put together.
    pub reassembled: u64,
    /// Fragments whose bytes were there already, all of them the same.
    pub duplicate: u64,
    /// Fragments whose overlap with earlier ones differed: IPv4 kept the first bytes, IPv6 dropped the datagram.
    pub overlapping: u64,
    /// Fragments of an IPv6 datagram that an overlap had already condemned.
    pub condemned: u64,
    /// Datagrams that stayed incomplete until their age ended, or until their id was used again.
    pub expired: u64,
    /// Incomplete datagrams dropped, oldest first, to keep within the limits of bytes and datagrams; not those whose
    /// beginning had been handed out.
    pub evicted: u64,
    /// Beginnings of datagrams that were handed out because the rest did not come in time.
    pub beginnings: u64,
    /// Datagrams dropped because they arrived in more separate pieces than any honest sender makes.
    pub scattered: u64,
}

impl PacketCounts {
    pub(super) fn found(&mut self, segment: &Segment<'_>) {
        self.carried(&segment.transport);
        self.cut += u64::from(segment.cut);
    }

    #[inline]
    pub(super) fn carried(&mut self, transport: &Transport<'_>) {
        match transport {
            Transport::Udp(_) => self.udp += 1,
            Transport::Tcp(_) => self.tcp += 1,
            Transport::Sctp(_) => self.sctp += 1,
        }
    }

    pub(super) fn stopped(&mut self, stop: Stop) {
        let field = match stop {
            Stop::Held => &mut self.held,
            Stop::Other(Other::NotIp) => &mut self.not_ip,
            Stop::Other(Other::Icmp) => &mut self.icmp,
            Stop::Other(Other::Protocol) => &mut self.other_protocol,
            Stop::Other(Other::LinkType) => &mut self.undecodable_link,
            Stop::Opaque(Opaque::Esp) => &mut self.opaque_esp,
            Stop::Opaque(Opaque::MacSec) => &mut self.opaque_macsec,
            Stop::Damaged(damage) => {
                self.damaged += 1;
                match damage {
                    Damage::CutHeader => &mut self.damage.cut_header,
                    Damage::Truncated => &mut self.damage.truncated,
                    Damage::BadHeader => &mut self.damage.bad_header,
                    Damage::BadFragment => &mut self.damage.bad_fragment,
                    Damage::TooDeep => &mut self.damage.too_deep,
                }
            }
        };
        *field += 1;
    }

    pub(super) fn entered(&mut self, tunnel: Tunnel) {
        let tunnels = &mut self.tunnels;
        let field = match tunnel {
            Tunnel::Vlan => &mut tunnels.vlan,
            Tunnel::MacInMac => &mut tunnels.mac_in_mac,
            Tunnel::MacSec => &mut tunnels.macsec,
            Tunnel::Nsh => &mut tunnels.nsh,
            Tunnel::Mpls => &mut tunnels.mpls,
            Tunnel::PppoE => &mut tunnels.pppoe,
            Tunnel::Gre => &mut tunnels.gre,
            Tunnel::Pptp => &mut tunnels.pptp,
            Tunnel::Erspan => &mut tunnels.erspan,
            Tunnel::Vxlan => &mut tunnels.vxlan,
            Tunnel::Geneve => &mut tunnels.geneve,
            Tunnel::GtpU => &mut tunnels.gtp_u,
            Tunnel::L2tp => &mut tunnels.l2tp,
            Tunnel::IpInIp => &mut tunnels.ip_in_ip,
            Tunnel::EthernetInIp => &mut tunnels.ethernet_in_ip,
            Tunnel::EspNull => &mut tunnels.esp_null,
            Tunnel::Ah => &mut tunnels.ah,
        };
        *field += 1;
    }
}
