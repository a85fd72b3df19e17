//! The command line: one file per command.

pub mod enabler;
pub mod format;
mod instant;
pub mod records;
