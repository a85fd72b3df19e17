//! Dialogs, forks, timers, tombstones: when a session began and when it ended.

mod counts;
mod deadline;
mod dialog;
mod ending;
mod image;
mod legs;
mod losses;
mod report;
mod request;
mod response;
mod sessions;
mod status;
mod table;

pub use counts::SessionCounts;
pub use image::{Change, NotRestored};
pub use losses::Lost;
pub use sessions::Sessions;
