//! Logs, on standard error.

use clap::{Args, ValueEnum};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use crate::probe::Note;
use crate::session::Dropped;

/// How much is logged, and in which form.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// Form of the log on standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text, global = true)]
    log: LogFormat,

    /// Log more: -v what is worth knowing, -vv with parties and addresses
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// Starts the log. Parties, addresses and text of messages appear at debug level alone.
pub fn start(args: &LogArgs) {
    let level = match args.verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    // Of the libraries, warnings alone: every HTTP/2 frame is news to nobody.
    let filter = Targets::new().with_target("tolltap", level).with_default(LevelFilter::WARN);
    let log = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let log = match args.log {
        LogFormat::Text => log.with_ansi(false).boxed(),
        LogFormat::Json => log.json().boxed(),
    };
    // A log that was started before, by an embedding program, stays.
    let _ = tracing_subscriber::registry().with(log.with_filter(filter)).try_init();
}

/// Logs an anomaly of the input.
pub fn note(note: Note) {
    match note {
        Note::ClockSteppedBack { interface, from, to } => {
            tracing::warn!(interface = interface.0, %from, %to, "the capture clock stepped back");
        }
        Note::ClockGap { interface, from, to } => {
            tracing::info!(interface = interface.0, %from, %to, "nothing was captured for a while");
        }
        Note::NotRestored(reason) => tracing::warn!(%reason, "a session was not restored"),
        Note::SessionsDropped(Dropped { from, to, count }) => {
            tracing::warn!(count, %from, %to, "open sessions were dropped: the table is full");
        }
        Note::ServerOnOtherPorts { address, port } => tracing::warn!(
            %address,
            port,
            "an IM server was seen with other ports only, and nothing was charged there; leave its port out where it opens \
             TCP connections itself"
        ),
    }
}
