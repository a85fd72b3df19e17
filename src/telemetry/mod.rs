//! EDGE: logs, progress, the closing summary.

pub mod log;
mod progress;
#[cfg(feature = "live")]
mod status;
mod summary;
#[cfg(feature = "live")]
mod supervisor;

pub use progress::Progress;
#[cfg(feature = "live")]
pub use status::Status;
pub use summary::{Summary, Times};
#[cfg(feature = "live")]
pub use supervisor::Supervisor;
