//! The command line: one file per command.

mod ch1;
mod desk;
pub mod doctor;
pub mod enabler;
pub mod filter;
pub mod format;
mod gap;
mod instant;
mod listing;
#[cfg(feature = "live")]
pub mod live;
#[cfg(feature = "live")]
mod live_desk;
mod options;
#[cfg(feature = "live")]
mod printer;
pub mod records;
pub mod replay;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::telemetry::log;

/// A passive charging probe for SIP sessions: it infers from mirrored traffic when a session ended, and reports each one
/// to a Charging Enabler, which acknowledges it.
#[derive(Parser, Debug)]
#[command(name = "tolltap", version, max_term_width = 100, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    log: log::LogArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    Replay(replay::ReplayArgs),
    #[cfg(feature = "live")]
    Live(live::LiveArgs),
    Doctor(doctor::DoctorArgs),
    Enabler(enabler::EnablerArgs),
    Records(records::RecordsArgs),
    Filter(filter::FilterArgs),
}

/// How a command ended, as its exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All was read, and every record was acknowledged.
    Complete = 0,
    /// Something failed; a line has said what.
    Failed = 1,
    /// The command line can't be carried out; a line has said why.
    Usage = 2,
    /// The input was damaged, and what could be read was delivered; a line has said where.
    Damaged = 3,
}

/// Runs the command that was asked for. A wrong command line ends with status 2.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    log::start(&cli.log);
    let ending = match &cli.command {
        Command::Replay(args) => replay::run(args, io::stdout().lock()),
        #[cfg(feature = "live")]
        Command::Live(args) => live::run(args),
        Command::Doctor(args) => doctor::run(args, io::stdout().lock()),
        Command::Enabler(args) => said(enabler::run(args).map(|()| Ending::Complete)),
        Command::Records(args) => said(records::run(args, io::stdout().lock()).map(|()| Ending::Complete)),
        Command::Filter(args) => filter::run(args, io::stdout().lock()),
    };
    ExitCode::from(ending as u8)
}

/// How a command ended; says in one line what failed, if something did.
fn said(result: Result<Ending, impl core::error::Error>) -> Ending {
    result.unwrap_or_else(|error| {
        complain(&error);
        Ending::Failed
    })
}

/// One line on standard error. That nobody reads it is no reason to fail.
fn complain(what: &dyn core::fmt::Display) {
    let _ = writeln!(io::stderr(), "tolltap: {what}");
}
