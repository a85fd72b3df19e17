//! Where a message travelled: inner addresses and ports, and the network they are valid in.

use core::fmt;
use core::net::{IpAddr, SocketAddr};

/// An inner (innermost, after every tunnel) transport address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    pub address: IpAddr,
    pub port: u16,
}

/// Addresses identify people: they print in full only where a caller asks for [`SocketAddr`].
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "…:{}", self.port)
    }
}

impl From<Endpoint> for SocketAddr {
    fn from(endpoint: Endpoint) -> Self {
        Self::new(endpoint.address, endpoint.port)
    }
}

/// The network an address is valid in, so that the same private address in two VLANs is two hosts.
///
/// Made of the two innermost VLAN ids (bits 0 to 23, the inner one lowest) and the innermost VNI (bits 24 to 47; for
/// 802.1ah its service id). Only the tags of the innermost Ethernet header count, and none outside a tunnel: the VLAN that
/// a tunnel travels in says nothing about the addresses inside, and a mirror's may differ by direction. A priority tag
/// (id 0) is no VLAN. Labels that differ by direction (MPLS, TEID, GRE key,
/// ERSPAN id) must never enter it: the two directions of one conversation have to share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Domain(pub u64);

/// What carried a SIP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Carrier {
    Udp,
    Tcp,
    /// RFC 7118, over TCP.
    WebSocket,
    /// RFC 4168.
    Sctp,
}

/// One crossing of the observation point: from where, to where, in which network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    pub source: Endpoint,
    pub destination: Endpoint,
    pub domain: Domain,
}

impl Hop {
    /// The same path the other way.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { source: self.destination, destination: self.source, domain: self.domain }
    }
}
