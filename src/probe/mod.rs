//! The core as one object: fed inputs, pulled for outputs. It names no clock, file, socket or thread.

mod clock;
mod counts;
mod input;
mod ledger;
mod output;
#[expect(clippy::module_inception, reason = "the probe is what this folder is about")]
mod probe;
mod sighting;
mod tap;

pub use crate::charging::{ImServer, Options, OrphanBye};
pub use crate::session::{Change, NotRestored};
pub use counts::{Counts, SipCounts};
pub use input::{Input, Loss};
pub use output::{Note, Output};
pub use probe::Probe;
pub use sighting::Sighting;
