//! The core as one object: fed inputs, pulled for outputs. It names no clock, file, socket or thread.

mod input;

pub use input::{Input, Loss};
pub use crate::charging::{ImServer, Options, OrphanBye};
