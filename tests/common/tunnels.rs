//! Every link layer, tag and tunnel of the design, around any IP packet, in any nesting.

use std::net::{IpAddr, SocketAddr};

use tolltap::packet::LinkType;

use super::frames::{self, ethertype, is_ipv6};
use super::rng::Rng;

/// One layer outside the packet. Labels that differ by direction in real networks differ here too.
#[derive(Clone, Debug)]
pub enum Layer {
    /// 802.1Q.
    Vlan(u16),
    /// 802.1ad around 802.1Q: outer and inner id.
    QinQ(u16, u16),
    /// Label stack, outermost first; the S bit is set on the last.
    Mpls(Vec<u32>),
    /// Ethernet over MPLS, with or without a control word.
    Pseudowire {
        label: u32,
        control_word: bool,
    },
    Pppoe(u16),
    /// GRE with IP (or MPLS) inside, and any of its optional fields.
    Gre {
        checksum: bool,
        key: Option<u32>,
        sequence: bool,
    },
    /// GRE with Ethernet inside (0x6558).
    GreEthernet,
    Erspan1,
    Erspan2(u16),
    /// Session and whether the platform specific sub-header is there.
    Erspan3(u16, bool),
    Vxlan(u32),
    /// VNI, words of options, and whether Ethernet (else IP) is inside.
    Geneve {
        vni: u32,
        option_words: u8,
        ethernet: bool,
    },
    /// TEID, and whether a sequence number and the PDU session container of 5G are there.
    GtpU {
        teid: u32,
        sequence: bool,
        extension: bool,
    },
    /// 4in4, 6in4, 4in6, 6in6: as the inner and outer families say.
    IpInIp,
    /// ESP with NULL encryption. Transport mode keeps the packet's own IP header.
    EspNull {
        spi: u32,
        icv: usize,
        tunnel: bool,
        udp: bool,
    },
    /// IP fragments of the packet as it is at this point.
    Fragment(usize),
}

/// A recipe: layers from the innermost outwards, and the link the probe captures on.
#[derive(Clone, Debug)]
pub struct Encapsulation {
    pub link: LinkType,
    pub layers: Vec<Layer>,
    /// Tunnels run over IPv6.
    pub outer_ipv6: bool,
}

/// Bytes with the number that announces them.
#[derive(Clone)]
struct Unit {
    ethertype: u16,
    bytes: Vec<u8>,
}

impl Encapsulation {
    pub fn plain() -> Self {
        Self::new(LinkType::Ethernet, vec![])
    }

    pub fn new(link: LinkType, layers: Vec<Layer>) -> Self {
        Self { link, layers, outer_ipv6: false }
    }

    /// Up to two tunnels of any kind, under any link layer or tag.
    pub fn any(rng: &mut Rng) -> Self {
        let mut layers = Vec::new();
        for _ in 0..rng.below(3) {
            layers.push(match rng.below(12) {
                0 => Layer::Gre {
                    checksum: rng.below(2) == 0,
                    key: Some(rng.below(1000) as u32),
                    sequence: rng.below(2) == 0,
                },
                1 => Layer::GreEthernet,
                2 => Layer::Erspan1,
                3 => Layer::Erspan2(rng.below(1024) as u16),
                4 => Layer::Erspan3(rng.below(1024) as u16, rng.below(2) == 0),
                5 => Layer::Vxlan(rng.below(1 << 24) as u32),
                6 => Layer::Geneve {
                    vni: rng.below(1 << 24) as u32,
                    option_words: rng.below(4) as u8,
                    ethernet: rng.below(2) == 0,
                },
                7 => Layer::GtpU {
                    teid: rng.below(1 << 20) as u32,
                    sequence: rng.below(2) == 0,
                    extension: rng.below(2) == 0,
                },
                8 => Layer::IpInIp,
                9 => Layer::EspNull { spi: 0x4711_0000, icv: 12, tunnel: rng.below(2) == 0, udp: false },
                10 => Layer::Fragment(400 + rng.below(800)),
                _ => Layer::EspNull { spi: 0x4712_0000, icv: 16, tunnel: true, udp: true },
            });
            // Transport mode protects a whole datagram, never a fragment, and NULL encryption is recognised by what it
            // protects: UDP, TCP or an IP packet.
            if let [.., before, Layer::EspNull { tunnel, .. }] = layers.as_mut_slice() {
                *tunnel |=
                    !matches!(before, Layer::Vxlan(_) | Layer::Geneve { .. } | Layer::GtpU { .. } | Layer::IpInIp);
            }
        }
        let mut link = LinkType::Ethernet;
        match rng.below(8) {
            0 => layers.push(Layer::Vlan(rng.below(4096) as u16)),
            1 => layers.push(Layer::QinQ(rng.below(4096) as u16, rng.below(4096) as u16)),
            2 => layers.push(Layer::Mpls(vec![16 + rng.below(1000) as u32; 1 + rng.below(3)])),
            3 => layers.push(Layer::Pppoe(rng.below(60_000) as u16)),
            4 => link = LinkType::LinuxCooked2,
            5 => link = LinkType::LinuxCooked,
            _ => {}
        }
        Self::new(link, layers)
    }

    pub fn over_ipv6(mut self) -> Self {
        self.outer_ipv6 = true;
        self
    }

    /// The frames that carry this IP packet. `serial` numbers packets (IP identification, ESP and GRE sequence);
    /// `back` swaps the tunnel's ends and takes the other direction's labels.
    pub fn frames(&self, packet: &[u8], serial: u32, back: bool) -> Vec<Vec<u8>> {
        let mut units = vec![Unit { ethertype: ethertype(packet), bytes: packet.to_vec() }];
        for layer in &self.layers {
            units = units.into_iter().flat_map(|unit| self.apply(layer, unit, serial, back)).collect();
        }
        units.into_iter().map(|unit| link(self.link, unit, back)).collect()
    }

    fn apply(&self, layer: &Layer, unit: Unit, serial: u32, back: bool) -> Vec<Unit> {
        let turned = u32::from(back);
        let (from, to) = self.ends(back);
        let made = match layer {
            Layer::Vlan(id) => tag(0x8100, *id, unit),
            Layer::QinQ(outer, inner) => tag(0x88a8, *outer, tag(0x8100, *inner, unit)),
            Layer::Mpls(labels) => mpls(labels, turned, unit.bytes),
            Layer::Pseudowire { label, control_word } => {
                let mut bytes = if *control_word { vec![0; 4] } else { vec![] };
                bytes.extend(ethernet(unit, back));
                mpls(&[*label], turned, bytes)
            }
            Layer::Pppoe(session) => pppoe(*session, unit),
            Layer::Gre { checksum, key, sequence } => {
                let key = key.map(|key| key + turned);
                network(frames::ip(
                    from,
                    to,
                    47,
                    &gre(unit.ethertype, *checksum, key, sequence.then_some(serial), &unit.bytes),
                ))
            }
            Layer::GreEthernet => {
                network(frames::ip(from, to, 47, &gre(0x6558, false, Some(77 + turned), None, &ethernet(unit, back))))
            }
            Layer::Erspan1 => network(frames::ip(from, to, 47, &gre(0x88be, false, None, None, &ethernet(unit, back)))),
            Layer::Erspan2(session) => {
                let mut bytes = Vec::new();
                bytes.extend((0x1000_u16 | 100).to_be_bytes());
                bytes.extend((session & 0x3ff).to_be_bytes());
                bytes.extend(turned.to_be_bytes());
                bytes.extend(ethernet(unit, back));
                network(frames::ip(from, to, 47, &gre(0x88be, false, None, Some(serial), &bytes)))
            }
            Layer::Erspan3(session, sub_header) => {
                let mut bytes = Vec::new();
                bytes.extend((0x2000_u16 | 100).to_be_bytes());
                bytes.extend((session & 0x3ff).to_be_bytes());
                bytes.extend((serial.wrapping_mul(1000)).to_be_bytes());
                bytes.extend([0, 0]);
                bytes.extend([0, u8::from(*sub_header) | u8::from(back) << 3]);
                if *sub_header {
                    bytes.extend([0x0c, 0, 0, 1, 0, 0, 0, 9]);
                }
                bytes.extend(ethernet(unit, back));
                network(frames::ip(from, to, 47, &gre(0x22eb, false, None, Some(serial), &bytes)))
            }
            Layer::Vxlan(vni) => {
                let mut bytes = vec![0x08, 0, 0, 0];
                bytes.extend((vni << 8).to_be_bytes());
                bytes.extend(ethernet(unit, back));
                // The source port is a hash of the inner addresses: it differs by direction.
                network(frames::udp(SocketAddr::new(from, 50_000 + turned as u16), SocketAddr::new(to, 4789), &bytes))
            }
            Layer::Geneve { vni, option_words, ethernet: with_ethernet } => {
                // A header of one word and as many words of data as are left.
                let mut bytes = vec![*option_words, 0];
                bytes.extend(if *with_ethernet { 0x6558 } else { unit.ethertype }.to_be_bytes());
                bytes.extend((vni << 8).to_be_bytes());
                if *option_words > 0 {
                    bytes.extend([0x01, 0x08, 0x01, option_words - 1]);
                    bytes.extend(vec![0xab; usize::from(option_words - 1) * 4]);
                }
                bytes.extend(if *with_ethernet { ethernet(unit, back) } else { unit.bytes });
                network(frames::udp(SocketAddr::new(from, 50_100 + turned as u16), SocketAddr::new(to, 6081), &bytes))
            }
            Layer::GtpU { teid, sequence, extension } => {
                let mut rest = Vec::new();
                if *sequence || *extension {
                    rest.extend((serial as u16).to_be_bytes());
                    rest.extend([0, if *extension { 0x85 } else { 0 }]);
                }
                if *extension {
                    // PDU session container (TS 38.415), length in words of four: type, QFI, end of the chain.
                    rest.extend([1, u8::from(back) << 4, 9, 0]);
                }
                rest.extend(&unit.bytes);
                let mut bytes = vec![0x30 | u8::from(*extension) << 2 | u8::from(*sequence) << 1, 255];
                bytes.extend((rest.len() as u16).to_be_bytes());
                bytes.extend((teid + turned * 0x1000).to_be_bytes());
                bytes.extend(rest);
                network(frames::udp(SocketAddr::new(from, 2152), SocketAddr::new(to, 2152), &bytes))
            }
            Layer::IpInIp => {
                let protocol = if is_ipv6(&unit.bytes) { 41 } else { 4 };
                network(frames::ip(from, to, protocol, &unit.bytes))
            }
            Layer::EspNull { spi, icv, tunnel, udp } => {
                network(self.esp_null(&unit.bytes, spi + turned, serial, *icv, *tunnel, *udp, back))
            }
            Layer::Fragment(mtu) => {
                let pieces = frames::fragment(&unit.bytes, *mtu, serial | u32::from(back) << 15);
                return pieces.into_iter().map(network).collect();
            }
        };
        vec![made]
    }

    /// The tunnel's ends.
    fn ends(&self, back: bool) -> (IpAddr, IpAddr) {
        let ends: (IpAddr, IpAddr) = if self.outer_ipv6 {
            ("2001:db8:f::1".parse().unwrap(), "2001:db8:f::2".parse().unwrap())
        } else {
            ("203.0.113.1".parse().unwrap(), "203.0.113.2".parse().unwrap())
        };
        if back { (ends.1, ends.0) } else { ends }
    }

    #[allow(clippy::too_many_arguments)]
    fn esp_null(
        &self,
        packet: &[u8],
        spi: u32,
        serial: u32,
        icv: usize,
        tunnel: bool,
        udp: bool,
        back: bool,
    ) -> Vec<u8> {
        let header = if is_ipv6(packet) { 40 } else { 20 };
        let (inner, next_header) = if tunnel {
            (packet, if is_ipv6(packet) { 41 } else { 4 })
        } else {
            (&packet[header..], if is_ipv6(packet) { packet[6] } else { packet[9] })
        };
        let mut bytes = Vec::new();
        bytes.extend(spi.to_be_bytes());
        bytes.extend(serial.max(1).to_be_bytes());
        bytes.extend(inner);
        let padding = (4 - (inner.len() + 2) % 4) % 4;
        bytes.extend((1..=padding).map(|n| n as u8)); // RFC 4303 §2.4: 1, 2, 3, …
        bytes.extend([padding as u8, next_header]);
        bytes.extend((0..icv).map(|n| (n as u32 * 73 + serial * 31 + 5) as u8));
        let (from, to) = if tunnel { self.ends(back) } else { addresses(packet) };
        if udp {
            frames::udp(SocketAddr::new(from, 4500), SocketAddr::new(to, 4500), &bytes)
        } else {
            frames::ip(from, to, 50, &bytes)
        }
    }
}

/// Source and destination of an IP packet.
pub fn addresses(packet: &[u8]) -> (IpAddr, IpAddr) {
    if is_ipv6(packet) {
        let at = |from: usize| IpAddr::from(<[u8; 16]>::try_from(&packet[from..from + 16]).unwrap());
        (at(8), at(24))
    } else {
        let at = |from: usize| IpAddr::from(<[u8; 4]>::try_from(&packet[from..from + 4]).unwrap());
        (at(12), at(16))
    }
}

fn network(packet: Vec<u8>) -> Unit {
    Unit { ethertype: ethertype(&packet), bytes: packet }
}

fn tag(protocol: u16, id: u16, unit: Unit) -> Unit {
    let mut bytes = (id & 0xfff).to_be_bytes().to_vec();
    bytes.extend(unit.ethertype.to_be_bytes());
    bytes.extend(unit.bytes);
    Unit { ethertype: protocol, bytes }
}

fn mpls(labels: &[u32], turned: u32, payload: Vec<u8>) -> Unit {
    let mut bytes = Vec::new();
    for (index, label) in labels.iter().enumerate() {
        let bottom = u32::from(index + 1 == labels.len());
        bytes.extend(((label + turned) << 12 | bottom << 8 | 63).to_be_bytes());
    }
    bytes.extend(payload);
    Unit { ethertype: 0x8847, bytes }
}

fn pppoe(session: u16, unit: Unit) -> Unit {
    let mut bytes = vec![0x11, 0];
    bytes.extend(session.to_be_bytes());
    bytes.extend((unit.bytes.len() as u16 + 2).to_be_bytes());
    bytes.extend(if unit.ethertype == 0x86dd { 0x0057_u16 } else { 0x0021 }.to_be_bytes());
    bytes.extend(unit.bytes);
    Unit { ethertype: 0x8864, bytes }
}

fn gre(protocol: u16, checksum: bool, key: Option<u32>, sequence: Option<u32>, payload: &[u8]) -> Vec<u8> {
    let flags = u16::from(checksum) << 15 | u16::from(key.is_some()) << 13 | u16::from(sequence.is_some()) << 12;
    let mut bytes = flags.to_be_bytes().to_vec();
    bytes.extend(protocol.to_be_bytes());
    if checksum {
        bytes.extend([0; 4]);
    }
    bytes.extend(key.into_iter().flat_map(u32::to_be_bytes));
    bytes.extend(sequence.into_iter().flat_map(u32::to_be_bytes));
    bytes.extend(payload);
    if checksum {
        let sum = frames::checksum(&bytes);
        bytes[4..6].copy_from_slice(&sum.to_be_bytes());
    }
    bytes
}

/// An Ethernet frame, padded to the 60 bytes a wire carries at least (the FCS is not captured).
fn ethernet(unit: Unit, back: bool) -> Vec<u8> {
    let (one, other) = ([0x02, 0, 0, 0, 0, 1], [0x02, 0, 0, 0, 0, 2]);
    let (from, to) = if back { (other, one) } else { (one, other) };
    let mut bytes = Vec::with_capacity(14 + unit.bytes.len());
    bytes.extend(to);
    bytes.extend(from);
    bytes.extend(unit.ethertype.to_be_bytes());
    bytes.extend(unit.bytes);
    if bytes.len() < 60 {
        bytes.resize(60, 0);
    }
    bytes
}

fn link(link: LinkType, unit: Unit, back: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    match link {
        LinkType::Ethernet => return ethernet(unit, back),
        LinkType::LinuxCooked => {
            bytes.extend([0, if back { 4 } else { 0 }, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0]);
            bytes.extend(unit.ethertype.to_be_bytes());
        }
        LinkType::LinuxCooked2 => {
            bytes.extend(unit.ethertype.to_be_bytes());
            bytes.extend([0, 0, 0, 0, 0, 3, 0, 1, if back { 4 } else { 0 }, 6, 2, 0, 0, 0, 0, 1, 0, 0]);
        }
        LinkType::BsdLoopback => {
            assert!(matches!(unit.ethertype, 0x0800 | 0x86dd), "a loopback frame carries an IP packet");
            bytes.extend(if unit.ethertype == 0x86dd { 30_u32 } else { 2 }.to_le_bytes());
        }
        LinkType::OpenBsdLoopback => {
            assert!(matches!(unit.ethertype, 0x0800 | 0x86dd), "a loopback frame carries an IP packet");
            bytes.extend(if unit.ethertype == 0x86dd { 24_u32 } else { 2 }.to_be_bytes());
        }
        LinkType::RawIp | LinkType::Ipv4 | LinkType::Ipv6 => {
            assert!(matches!(unit.ethertype, 0x0800 | 0x86dd), "a raw frame is an IP packet");
        }
        LinkType::Other(number) => panic!("no frames of link type {number}"),
    }
    bytes.extend(unit.bytes);
    bytes
}

/// The number of a link type in the tcpdump registry.
pub fn link_number(link: LinkType) -> u16 {
    match link {
        LinkType::Ethernet => 1,
        LinkType::LinuxCooked => 113,
        LinkType::LinuxCooked2 => 276,
        LinkType::RawIp => 101,
        LinkType::Ipv4 => 228,
        LinkType::Ipv6 => 229,
        LinkType::BsdLoopback => 0,
        LinkType::OpenBsdLoopback => 108,
        LinkType::Other(number) => number,
    }
}
