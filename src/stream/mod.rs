//! From transport segments to whole SIP messages: TCP, WebSocket, SCTP; ordered bytes of one direction.

mod counts;
mod delivery;
mod limits;
mod streams;

pub use counts::StreamCounts;
pub use delivery::{Delivery, Gap, Message};
pub use limits::StreamLimits;
pub use streams::Streams;
