//! EDGE: logs, progress, the closing summary.

#[cfg(feature = "live")]
mod desk_counts;
pub mod log;
mod progress;
#[cfg(feature = "live")]
mod status;
mod summary;
#[cfg(feature = "live")]
mod supervisor;

#[cfg(feature = "live")]
pub use desk_counts::{DeskCounts, GapNotices};
pub use progress::Progress;
#[cfg(feature = "live")]
pub use status::Status;
pub use summary::{Summary, Times};
#[cfg(feature = "live")]
pub use supervisor::Supervisor;
