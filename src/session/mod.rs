//! Dialogs, forks, timers, tombstones: when a session began and when it ended.

mod ack;
mod answer;
mod branch;
mod bye;
mod bye_seen;
mod counts;
mod crossed;
mod deadline;
mod dialog;
mod ending;
mod facts;
mod image;
mod in_dialog;
mod invite;
mod legs;
mod losses;
mod reasons;
mod report;
mod sessions;
mod slots;
mod status;
mod table;
mod tell;
mod timer;

pub use counts::SessionCounts;
pub use image::{Change, NotRestored};
pub use losses::Lost;
pub use sessions::{Dropped, Sessions};
