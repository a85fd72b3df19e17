//! EDGE: logs, progress, the closing summary, metrics.

#[cfg(feature = "live")]
mod desk_counts;
pub mod log;
#[cfg(feature = "live")]
pub mod metrics;
mod progress;
#[cfg(feature = "live")]
mod status;
mod summary;
#[cfg(feature = "live")]
mod supervisor;

#[cfg(feature = "live")]
pub use desk_counts::{DeskCounts, GapNotices};
#[cfg(feature = "live")]
pub use metrics::Vitals;
pub use progress::Progress;
#[cfg(feature = "live")]
pub use status::Status;
pub use summary::{Summary, Times};
#[cfg(feature = "live")]
pub use supervisor::Supervisor;
