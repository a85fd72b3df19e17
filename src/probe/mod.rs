//! The core as one object: fed inputs, pulled for outputs. It names no clock, file, socket or thread.

mod batch;
mod clock;
mod counts;
mod gate;
mod input;
mod interface;
mod ledger;
mod notes;
mod output;
mod parcel;
#[expect(clippy::module_inception, reason = "the probe is what this folder is about")]
mod probe;
mod share;
mod sighting;
mod tap;
mod turn;
mod workers;

pub use crate::charging::{ImServer, Options, OrphanBye};
pub use crate::session::{Change, NotRestored};
pub use batch::Batch;
pub use counts::{Counts, SipCounts};
pub use input::{Input, Loss};
pub use interface::{ByInterface, InterfaceCounts};
pub use output::{Note, Output};
pub use parcel::Parcel;
pub use probe::Probe;
pub use workers::{GateWorker, LedgerWorker, TapWorker, Workers};
