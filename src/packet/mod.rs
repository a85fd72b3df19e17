//! From a captured frame to the transport payload it carries: link layers, tags, tunnels, IP, fragments.
//!
//! [`Peeler`] walks down: each parser (`link`, `tag`, `mpls`, `ppp`, `gre`, `udp_tunnel`, `esp`, `ip`, `transport`) takes
//! `Octets` and gives what comes `Next`, or why it stops. Parsers keep
//! nothing; what spans frames is in `fragment` (with `datagram`) and `esp`. `plain` is the short way for ordinary frames.

mod address;
mod counts;
mod datagram;
mod esp;
mod fragment;
mod frame;
mod gre;
mod ip;
mod layer;
mod link;
mod mpls;
mod octets;
mod peel;
mod plain;
mod ppp;
mod segment;
mod stop;
mod tag;
mod transport;
mod udp_tunnel;

#[cfg(test)]
mod captures;
#[cfg(test)]
mod tests;

pub use address::{Carrier, Domain, Endpoint, Hop};
pub use counts::{DamageCounts, FragmentCounts, PacketCounts, TunnelCounts};
pub use frame::{Frame, InterfaceId, LinkType};
pub use peel::{Overdue, PeelLimits, Peeled, Peeler};
pub use segment::{Segment, TcpSegment, Transport};

// For the filter of a live capture, which takes frames apart in the kernel.
#[cfg(all(feature = "live", test))]
pub(crate) use udp_tunnel::is_tunnel_port;
#[cfg(feature = "live")]
pub(crate) use {ip::protocol, layer::ether_type, udp_tunnel::TUNNEL_PORTS};
