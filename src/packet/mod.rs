//! From a captured frame to the transport payload it carries: link layers, tags, tunnels, IP, fragments.

mod address;
mod frame;
mod segment;

pub use address::{Carrier, Domain, Endpoint, Hop};
pub use frame::{Frame, InterfaceId, LinkType};
pub use segment::{Segment, TcpSegment, Transport};
