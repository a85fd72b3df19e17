//! Keeps each report until its Response.

mod report;

pub use report::{Gap, GapCause, Report};
