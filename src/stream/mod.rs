//! From transport segments to whole SIP messages: TCP, WebSocket, SCTP; ordered bytes of one direction.
//!
//! SIP is recognised by its start line on any port. A conversation that is something else costs a table lookup and a look
//! at the first bytes of each segment; one that is SIP is read in place, and only what is incomplete is kept.

mod assembler;
mod conversations;
mod counts;
mod delivery;
mod direction;
mod held;
mod limits;
mod reader;
mod sctp;
mod shared;
mod streams;
mod table;
mod tcp;
mod timers;
mod websocket;

pub use counts::{Missing, StreamCounts};
pub use delivery::{Delivery, Gap, Message};
pub use limits::StreamLimits;
pub use streams::Streams;

#[cfg(test)]
mod tests;
