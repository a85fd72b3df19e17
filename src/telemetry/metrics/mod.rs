//! Metrics for Prometheus, and health, over HTTP. `docs/metrics.md` is their reference.
//!
//! Nothing is counted here: the stages count for themselves, and what they counted is put into words when somebody asks.

mod catalogue;
mod page;
mod process;
mod server;
mod vitals;

pub use process::Process;
pub use server::{MetricsError, MetricsPort};
pub use vitals::Vitals;
