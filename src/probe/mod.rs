//! The core as one object: fed inputs, pulled for outputs. It names no clock, file, socket or thread.

mod input;
mod options;

pub use input::{Input, Loss};
pub use options::{ImServer, Options, OrphanBye};
