//! From a captured frame to the transport payload it carries: link layers, tags, tunnels, IP, fragments.

mod address;
mod counts;
mod frame;
mod octets;
mod peel;
mod segment;
mod stop;

pub use address::{Carrier, Domain, Endpoint, Hop};
pub use counts::{DamageCounts, FragmentCounts, PacketCounts, TunnelCounts};
pub use frame::{Frame, InterfaceId, LinkType};
pub use peel::{PeelLimits, Peeled, Peeler};
pub use segment::{Segment, TcpSegment, Transport};
