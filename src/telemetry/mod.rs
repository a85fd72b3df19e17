//! EDGE: logs, progress, the closing summary.

pub mod log;
mod progress;
mod summary;

pub use progress::Progress;
pub use summary::Summary;
