//! EDGE: drives the core, over capture files or tap ports, and hands its records on.
//!
//! The caller's thread reads and feeds the core, and another takes what the core gives. What is compressed, or comes from a
//! pipe, is read by further threads (`capture::ahead`). None of them decides anything: each hands on what it got, in order.
//! A replay waits when the receiver is behind; a tap port cannot.

mod desk;
mod handover;
#[cfg(feature = "live")]
mod live;
mod replay;

pub use desk::Receiver;
#[cfg(feature = "live")]
pub use live::{Standing, WatchError, watch};
pub use replay::{Reading, replay};
