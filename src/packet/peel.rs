//! The driver: takes header after header off a frame until a transport payload is left.

use core::mem;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use super::address::{Domain, Endpoint, Hop};
use super::counts::{PacketCounts, Tunnel};
use super::esp::{self, SecurityAssociations};
use super::fragment::{Beginning, Fragment, Fragments, Key, LONGEST, Origin};
use super::frame::{Frame, LinkType};
use super::ip::{self, FragmentField, protocol};
use super::layer::{Inner, Next, ether_type};
use super::octets::Octets;
use super::plain::{Plain, plain};
use super::segment::{Segment, Transport};
use super::stop::{Damage, Other, Stop};
use super::transport::{self, Ports};
use super::{gre, link, mpls, ppp, tag, udp_tunnel};
use crate::time::Timestamp;

/// IP headers inside each other. Three are common in mobile networks; a packet with more than eight is made to make us
/// work.
const MAX_IP_HEADERS: usize = 8;

/// Headers of any kind in one frame, IPv6 extension headers and VLAN tags included.
const MAX_HEADERS: usize = 32;

/// Fragmented datagrams inside each other that one frame may complete.
const MAX_REASSEMBLIES: usize = 4;

/// How much a [`Peeler`] may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeelLimits {
    /// Bytes of fragments held, with the bookkeeping of each datagram. At the bound the oldest datagram goes.
    pub fragment_bytes: usize,
    /// Datagrams held. At the bound the oldest goes.
    pub fragment_datagrams: usize,
    /// Capture time that an incomplete datagram waits for its other fragments.
    pub fragment_age: Duration,
    /// Capture time after which the beginning of an incomplete datagram is handed out.
    pub reorder: Duration,
    /// Seed of the hash tables. It decides nothing but how hard collisions are to provoke.
    pub hash_seed: u64,
}

impl Default for PeelLimits {
    /// 16 MiB, 8192 datagrams, 30 s; 200 ms.
    fn default() -> Self {
        Self {
            fragment_bytes: 16 << 20,
            fragment_datagrams: 8192,
            fragment_age: Duration::from_secs(30),
            reorder: Duration::from_millis(200),
            hash_seed: 0x7468_6520_7461_7021,
        }
    }
}

/// What one frame gave.
#[derive(Clone, Copy, Debug)]
pub enum Peeled<'a> {
    /// Its innermost transport segment; after fragments, the one that this frame completed.
    Segment(Segment<'a>),
    /// An IP fragment that waits for others, or repeats one.
    Held,
    /// Encrypted.
    Opaque,
    /// Readable, and carries no transport that SIP uses: ARP, ICMP, tunnel signalling, an unknown link type.
    Other,
    /// No transport header could be read.
    Damaged,
}

impl From<Stop> for Peeled<'_> {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Held => Self::Held,
            Stop::Other(_) => Self::Other,
            Stop::Opaque(_) => Self::Opaque,
            Stop::Damaged(_) => Self::Damaged,
        }
    }
}

/// The beginning of a datagram of which fragments are missing.
#[derive(Clone, Copy, Debug)]
pub struct Overdue<'a> {
    /// The frame of its first fragment, without its bytes.
    pub frame: Frame<'static>,
    /// What it gave; a segment is marked as cut.
    pub peeled: Peeled<'a>,
}

/// Takes frames apart, and keeps what spans several of them: IP fragments and what was learned about ESP.
///
/// Invariant: between frames it holds no more than [`PeelLimits`] allow, a table of fixed size, and four buffers of one
/// datagram each, and a fifth for what is overdue. A frame without fragments allocates nothing.
#[derive(Debug)]
pub struct Peeler {
    counts: PacketCounts,
    fragments: Fragments,
    associations: SecurityAssociations,
    /// Datagrams that the current frame completed, outermost first: what [`Peeled::Segment`] borrows from.
    whole: [Vec<u8>; MAX_REASSEMBLIES],
    /// What [`Overdue`] borrows from.
    beginning: Vec<u8>,
}

impl Peeler {
    #[must_use]
    pub fn new(limits: PeelLimits) -> Self {
        Self {
            counts: PacketCounts::default(),
            fragments: Fragments::new(&limits),
            associations: SecurityAssociations::new(limits.hash_seed),
            whole: [const { Vec::new() }; MAX_REASSEMBLIES],
            beginning: Vec::new(),
        }
    }

    /// Peels one frame. `now` is the believed capture clock, used only for ageing fragments: what is overdue by then and
    /// was not asked for is dropped.
    #[must_use]
    pub fn peel<'a>(&'a mut self, now: Timestamp, frame: &Frame<'a>) -> Peeled<'a> {
        self.expire(now);
        match self.peel_plain(frame) {
            Some(plain) => Peeled::Segment(plain.segment()),
            None => self.descend(now, frame),
        }
    }

    /// The short way, for nearly every frame; what it gives nothing for must go the long way.
    #[inline(always)]
    pub(crate) fn peel_plain<'a>(&mut self, frame: &Frame<'a>) -> Option<Plain<'a>> {
        self.counts.frames += 1;
        let plain = plain(frame)?;
        self.counts.tunnels.vlan += u64::from(plain.vlan.is_some());
        self.counts.carried(&plain.transport);
        Some(plain)
    }

    /// The long way, for any frame.
    #[inline(never)]
    pub(crate) fn descend<'a>(&'a mut self, now: Timestamp, frame: &Frame<'a>) -> Peeled<'a> {
        let Self { counts, fragments, associations, whole, .. } = self;
        let origin = Origin { time: frame.time, interface: frame.interface, number: frame.number };
        match Descent::new(now, origin, counts, fragments, associations, whole).run(frame) {
            Ok(segment) => {
                counts.found(&segment);
                Peeled::Segment(segment)
            }
            Err(stop) => {
                counts.stopped(stop);
                stop.into()
            }
        }
    }

    /// Whether [`Peeler::overdue`] may have something to give.
    #[inline(always)]
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.fragments.is_due(now)
    }

    /// The next beginning of a datagram whose other fragments have not come by `now`; to be asked for before each frame,
    /// until there is none. What is too old is dropped. At [`Timestamp::MAX`] all that waits is.
    pub fn overdue(&mut self, now: Timestamp) -> Option<Overdue<'_>> {
        let Self { counts, fragments, associations, whole, beginning } = self;
        let found = fragments.overdue(now, beginning, &mut counts.fragments)?;
        let Beginning { key, protocol, origin, total } = found;
        let Origin { time, interface, number } = origin;
        let frame = Frame { time, link: LinkType::RawIp, bytes: &[], wire_len: 0, interface, number };
        let descent = Descent {
            source: key.source,
            destination: key.destination,
            vlans: (key.domain.0 & 0x00FF_FFFF) as u32,
            vni: (key.domain.0 >> 24) as u32,
            ip_headers: 1,
            ..Descent::new(now, origin, counts, fragments, associations, whole)
        };
        // How much is missing matters where the header does not say it, which is in TCP: what follows there is a hole.
        let unknown = if protocol == protocol::TCP { beginning.len() } else { LONGEST };
        let octets = Octets::new(beginning, total.unwrap_or(unknown));
        // The frame itself was counted when it was held.
        let peeled = match descent.below(Inner::new(Next::Protocol(protocol), octets)) {
            Ok(mut segment) => {
                if let Transport::Tcp(tcp) = &mut segment.transport {
                    tcp.fin &= total.is_some();
                }
                Peeled::Segment(segment)
            }
            Err(stop) => stop.into(),
        };
        Some(Overdue { frame, peeled })
    }

    /// Drops what is overdue at `now`, unread.
    pub fn expire(&mut self, now: Timestamp) {
        if self.is_due(now) {
            let Self { fragments, beginning, counts, .. } = self;
            while fragments.overdue(now, beginning, &mut counts.fragments).is_some() {}
        }
    }

    /// When the oldest waiting fragment will be too old.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.fragments.next_expiry()
    }

    /// When [`Peeler::overdue`] next has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        self.fragments.next_timeout()
    }

    /// Bytes that fragments occupy now.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.fragments.bytes()
    }

    #[must_use]
    pub fn counts(&self) -> &PacketCounts {
        &self.counts
    }
}

/// The way down one frame.
///
/// `'a` outlives it: a segment borrows from the frame, or from one of the `whole` buffers, each of which is lent once.
struct Descent<'a, 'p> {
    now: Timestamp,
    origin: Origin,
    counts: &'p mut PacketCounts,
    fragments: &'p mut Fragments,
    associations: &'p mut SecurityAssociations,
    whole: &'a mut [Vec<u8>],
    source: IpAddr,
    destination: IpAddr,
    /// The two innermost VLAN ids of the innermost Ethernet header, 12 bits each, the inner one lowest.
    vlans: u32,
    /// The innermost VNI or 802.1ah service id.
    vni: u32,
    ip_headers: usize,
}

impl<'a, 'p> Descent<'a, 'p> {
    /// At the top of a frame.
    #[inline]
    fn new(
        now: Timestamp,
        origin: Origin,
        counts: &'p mut PacketCounts,
        fragments: &'p mut Fragments,
        associations: &'p mut SecurityAssociations,
        whole: &'a mut [Vec<u8>],
    ) -> Self {
        let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Self {
            now,
            origin,
            counts,
            fragments,
            associations,
            whole,
            source: unknown,
            destination: unknown,
            vlans: 0,
            vni: 0,
            ip_headers: 0,
        }
    }

    fn run(self, frame: &Frame<'a>) -> Result<Segment<'a>, Stop> {
        let octets = Octets::new(frame.bytes, usize::try_from(frame.wire_len).unwrap_or(usize::MAX));
        self.below(link::link(frame.link, octets)?)
    }

    fn below(mut self, mut inner: Inner<'a>) -> Result<Segment<'a>, Stop> {
        for _ in 0..MAX_HEADERS {
            let octets = inner.octets;
            inner = match inner.next {
                Next::EtherType(ether_type::IPV4 | ether_type::IPV6) | Next::Ip => self.ip(octets)?,
                Next::Protocol(protocol::UDP) => match self.udp(octets)? {
                    Below::Segment(segment) => return Ok(segment),
                    Below::Inner(inner) => inner,
                },
                Next::Protocol(protocol::TCP) => return Ok(self.segment(transport::tcp(octets)?)),
                Next::Protocol(protocol::SCTP) => return Ok(self.segment(transport::sctp(octets)?)),
                Next::Protocol(number) => self.protocol(number, octets)?,
                Next::EtherType(number) => self.ether_type(number, octets)?,
                Next::Ethernet => {
                    self.vlans = 0;
                    link::ethernet(octets)?
                }
                Next::Ppp => ppp::ppp(octets)?,
                // The VLAN around MPLS stays, unless a pseudowire brings another Ethernet header: the last router but
                // one takes the labels off, so of the two directions on one link only one may be labelled.
                Next::Mpls => {
                    self.counts.entered(Tunnel::Mpls);
                    mpls::mpls(octets)?
                }
                Next::Nsh => {
                    self.enter(Tunnel::Nsh);
                    tag::nsh(octets)?
                }
                Next::Erspan(kind) => {
                    self.enter(Tunnel::Erspan);
                    gre::erspan(kind, octets)?
                }
            };
        }
        Err(Stop::Damaged(Damage::TooDeep))
    }

    /// Enters a tunnel: the VLANs outside it are those of the path that the tunnel takes. They may differ by direction (a
    /// mirror tunnel's often do) and say nothing about the addresses inside.
    fn enter(&mut self, tunnel: Tunnel) {
        self.counts.entered(tunnel);
        self.vlans = 0;
    }

    fn domain(&self) -> Domain {
        Domain(u64::from(self.vni) << 24 | u64::from(self.vlans))
    }

    fn segment(&self, (ports, transport, cut): (Ports, Transport<'a>, bool)) -> Segment<'a> {
        let hop = Hop {
            source: Endpoint { address: self.source, port: ports.0 },
            destination: Endpoint { address: self.destination, port: ports.1 },
            domain: self.domain(),
        };
        Segment { hop, transport, cut }
    }

    fn ether_type(&mut self, number: u16, octets: Octets<'a>) -> Result<Inner<'a>, Stop> {
        match number {
            ether_type::VLAN
            | ether_type::SERVICE_VLAN
            | ether_type::OLD_SERVICE_VLAN
            | ether_type::OLDER_SERVICE_VLAN => {
                let (id, inner) = tag::vlan(octets)?;
                self.counts.entered(Tunnel::Vlan);
                // A priority tag (id 0) names no VLAN, and may be on one direction only.
                if id != 0 {
                    self.vlans = (self.vlans << 12 | u32::from(id)) & 0x00FF_FFFF;
                }
                Ok(inner)
            }
            ether_type::MPLS | ether_type::MPLS_UPSTREAM => Ok(Inner::new(Next::Mpls, octets)),
            // The VLAN around PPPoE is the subscriber's own line, so it stays.
            ether_type::PPPOE_SESSION => {
                let inner = ppp::pppoe(octets)?;
                self.counts.entered(Tunnel::PppoE);
                Ok(inner)
            }
            ether_type::PPP => Ok(Inner::new(Next::Ppp, octets)),
            ether_type::TEB => Ok(Inner::new(Next::Ethernet, octets)),
            ether_type::MAC_IN_MAC => {
                let (service, inner) = tag::mac_in_mac(octets)?;
                self.enter(Tunnel::MacInMac);
                self.vni = service;
                Ok(inner)
            }
            ether_type::MAC_SEC => {
                let inner = tag::mac_sec(octets)?;
                self.counts.entered(Tunnel::MacSec);
                Ok(inner)
            }
            ether_type::VN_TAG => tag::vn_tag(octets),
            ether_type::NSH => Ok(Inner::new(Next::Nsh, octets)),
            length @ 0..ether_type::FIRST => link::llc(length, octets),
            _ => Err(Stop::Other(Other::NotIp)),
        }
    }

    fn ip(&mut self, octets: Octets<'a>) -> Result<Inner<'a>, Stop> {
        self.ip_headers += 1;
        if self.ip_headers > MAX_IP_HEADERS {
            return Err(Stop::Damaged(Damage::TooDeep));
        }
        let ip = ip::ip(octets)?;
        self.counts.damage.ip_length += u64::from(ip.too_long);
        (self.source, self.destination) = (ip.source, ip.destination);
        match ip.fragment {
            None => Ok(Inner::new(Next::Protocol(ip.protocol), ip.payload)),
            Some(field) => self.fragment(field, ip.protocol, ip.payload),
        }
    }

    fn fragment(&mut self, field: FragmentField, protocol: u8, octets: Octets<'a>) -> Result<Inner<'a>, Stop> {
        let key = Key {
            source: self.source,
            destination: self.destination,
            protocol: self.source.is_ipv4().then_some(protocol),
            id: field.id,
            domain: self.domain(),
        };
        let Some((buffer, rest)) = mem::take(&mut self.whole).split_first_mut() else {
            return Err(Stop::Damaged(Damage::TooDeep));
        };
        self.whole = rest;
        let fragment = Fragment { field, protocol, octets, origin: self.origin };
        let whole = self.fragments.offer(self.now, key, fragment, buffer, &mut self.counts.fragments)?;
        Ok(Inner::new(Next::Protocol(whole.protocol), Octets::new(buffer, whole.wire)))
    }

    fn udp(&mut self, octets: Octets<'a>) -> Result<Below<'a>, Stop> {
        let udp = transport::udp(octets)?;
        self.counts.damage.udp_length += u64::from(udp.too_long);
        let (payload, (source, destination)) = (udp.payload, udp.ports);
        if udp_tunnel::is_tunnel_port(source) || udp_tunnel::is_tunnel_port(destination) {
            if let Some(entered) = udp_tunnel::enter(source, destination, payload) {
                self.enter(entered.tunnel);
                self.vni = entered.vni.unwrap_or(self.vni);
                return Ok(Below::Inner(entered.inner));
            }
            if source == udp_tunnel::ESP_PORT || destination == udp_tunnel::ESP_PORT {
                return self.udp_esp(udp.ports, payload);
            }
        }
        Ok(Below::Segment(self.udp_segment(udp.ports, payload)))
    }

    fn udp_segment(&self, ports: Ports, payload: Octets<'a>) -> Segment<'a> {
        self.segment((ports, Transport::Udp(payload.captured()), payload.is_cut()))
    }

    /// UDP on the port of ESP (RFC 3948): ESP with a non-zero SPI, IKE behind four zero bytes, a one-byte keep-alive.
    fn udp_esp(&mut self, ports: Ports, payload: Octets<'a>) -> Result<Below<'a>, Stop> {
        match payload.captured() {
            text if udp_tunnel::begins_like_sip(text) => Ok(Below::Segment(self.udp_segment(ports, payload))),
            [0xFF] | [0, 0, 0, 0, ..] => Err(Stop::Other(Other::Protocol)),
            [_, _, _, _, _, _, _, _, _, ..] => self.esp(payload).map(Below::Inner),
            _ => Ok(Below::Segment(self.udp_segment(ports, payload))),
        }
    }

    fn esp(&mut self, octets: Octets<'a>) -> Result<Inner<'a>, Stop> {
        let inner = self.associations.open(self.destination, octets)?;
        self.counts.entered(Tunnel::EspNull);
        Ok(inner)
    }

    fn protocol(&mut self, number: u8, octets: Octets<'a>) -> Result<Inner<'a>, Stop> {
        use protocol::{
            AH, DESTINATION_OPTIONS, ESP, ETHERIP, ETHERNET, FRAGMENT, GRE, HIP, HOP_BY_HOP, ICMP, ICMPV6, IPV4, IPV6,
            MOBILITY, MPLS, ROUTING, SHIM6, WRAPPED_ESP,
        };
        match number {
            IPV4 | IPV6 => {
                self.enter(Tunnel::IpInIp);
                Ok(Inner::new(Next::Ip, octets))
            }
            GRE => {
                let inner = gre::gre(octets)?;
                self.enter(Tunnel::Gre);
                if inner.next == Next::EtherType(ether_type::PPP) {
                    self.counts.entered(Tunnel::Pptp);
                }
                Ok(inner)
            }
            ESP => self.esp(octets),
            AH => {
                let inner = esp::authentication_header(octets)?;
                self.counts.entered(Tunnel::Ah);
                Ok(inner)
            }
            WRAPPED_ESP => {
                let inner = esp::wrapped(octets)?;
                self.counts.entered(Tunnel::EspNull);
                Ok(inner)
            }
            MPLS => Ok(Inner::new(Next::Mpls, octets)),
            ETHERNET => {
                self.enter(Tunnel::EthernetInIp);
                Ok(Inner::new(Next::Ethernet, octets))
            }
            // RFC 3378: version 3 and twelve zero bits.
            ETHERIP => match octets.header::<2>()? {
                [0x30, 0] => {
                    self.enter(Tunnel::EthernetInIp);
                    Ok(Inner::new(Next::Ethernet, octets.skip(2)))
                }
                _ => Err(Stop::Damaged(Damage::BadHeader)),
            },
            ICMP | ICMPV6 => Err(Stop::Other(Other::Icmp)),
            FRAGMENT if self.source.is_ipv6() => {
                let (next, field, rest) = ip::fragment_header(octets)?;
                // An atomic fragment (RFC 6946) is a whole datagram, whatever else waits under its id.
                if field.offset == 0 && !field.more {
                    return Ok(Inner::new(Next::Protocol(next), rest));
                }
                self.fragment(field, next, rest)
            }
            ROUTING if self.source.is_ipv6() => {
                if let Some(destination) = ip::final_destination(octets) {
                    self.destination = IpAddr::V6(destination);
                }
                ip::extension(octets)
            }
            HOP_BY_HOP | DESTINATION_OPTIONS | MOBILITY | HIP | SHIM6 if self.source.is_ipv6() => ip::extension(octets),
            _ => Err(Stop::Other(Other::Protocol)),
        }
    }
}

/// What is below a UDP header.
enum Below<'a> {
    Segment(Segment<'a>),
    Inner(Inner<'a>),
}
