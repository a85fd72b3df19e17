//! What a capture source hands to the probe.

use core::fmt;

use crate::time::Timestamp;

/// One captured packet, borrowed from the source's buffer.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// Capture time, as the source stamped it.
    pub time: Timestamp,
    /// What the first byte is the start of.
    pub link: LinkType,
    /// The captured bytes; fewer than `wire_len` when the snap length cut the packet.
    pub bytes: &'a [u8],
    /// Length on the wire, in bytes.
    pub wire_len: u32,
    /// Where it was captured. A file with several pcapng interfaces has one id each.
    pub interface: InterfaceId,
    /// Position in the source, from 1, as a dissector would number it.
    pub number: u64,
}

impl Frame<'_> {
    /// Whether the snap length cut off the end of the packet.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        (self.bytes.len() as u64) < u64::from(self.wire_len)
    }
}

/// The bytes are people's messages: they print as their length.
impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("time", &self.time)
            .field("link", &self.link)
            .field("bytes", &self.bytes.len())
            .field("wire_len", &self.wire_len)
            .field("interface", &self.interface)
            .field("number", &self.number)
            .finish()
    }
}

/// Number of a capture source: a live interface, or an interface of a capture file in argument order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct InterfaceId(pub u16);

/// Link-layer header type, by the numbers of the tcpdump registry (LINKTYPE_*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// 1: Ethernet II or 802.3.
    Ethernet,
    /// 113: Linux cooked capture, version 1 (16 bytes).
    LinuxCooked,
    /// 276: Linux cooked capture, version 2 (20 bytes).
    LinuxCooked2,
    /// 101 and the historical 12 and 14: the packet begins with an IPv4 or IPv6 header.
    RawIp,
    /// 228: the packet begins with an IPv4 header.
    Ipv4,
    /// 229: the packet begins with an IPv6 header.
    Ipv6,
    /// 0: BSD loopback, address family in the byte order of the capturing host.
    BsdLoopback,
    /// 108: OpenBSD loopback, address family in network byte order.
    OpenBsdLoopback,
    /// Any other type: its frames are counted as undecodable.
    Other(u16),
}

impl From<u16> for LinkType {
    fn from(number: u16) -> Self {
        match number {
            1 => Self::Ethernet,
            113 => Self::LinuxCooked,
            276 => Self::LinuxCooked2,
            12 | 14 | 101 => Self::RawIp,
            228 => Self::Ipv4,
            229 => Self::Ipv6,
            0 => Self::BsdLoopback,
            108 => Self::OpenBsdLoopback,
            other => Self::Other(other),
        }
    }
}
