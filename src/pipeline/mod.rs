//! EDGE: drives the core, over capture files or tap ports, and hands its records on.
//!
//! The caller's thread reads and feeds the core, and another takes what the core gives. With several workers the core's own
//! work is done by further threads (`shared`); what is compressed, or comes from a pipe, is read by others (`capture::ahead`).
//! None of them decides anything: each hands on what it got, in order. A replay waits when the receiver is behind; a tap port
//! cannot.

mod core;
mod desk;
mod handover;
#[cfg(feature = "live")]
mod live;
mod replay;
mod shared;

pub use core::Core;
pub use desk::Receiver;
#[cfg(feature = "live")]
pub use live::{Standing, WatchError, watch};
pub use replay::{Reading, replay};
