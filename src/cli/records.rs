//! `tolltap records`: what an Enabler's store holds.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::charging::{Party, Role, Trigger};
use crate::cli::format::{Format, RecordWriter, WriteError, unless_broken_pipe};
use crate::cli::instant::instant;
use crate::enabler::{Filter, QueryError, Store, StoreError};
use crate::time::Timestamp;

/// List, filter and export what the Enabler holds, by stop time
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  tolltap records --store records.sqlite
  tolltap records --store records.sqlite --from 2026-11-23T20:00:00Z --to 2026-11-23T21:00:00Z
  tolltap records --store records.sqlite --party alice@ --terminated-by im-server
  tolltap records --store records.sqlite --from 2026-11-23 --format csv > monday.csv

Exit status: 0 all listed, 1 something failed, 2 wrong usage.")]
pub struct RecordsArgs {
    /// The Enabler's store; it may be in use
    #[arg(long, value_name = "PATH")]
    store: PathBuf,

    /// How records are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    /// Stopped at this time (RFC 3339, or a date in UTC) or later
    #[arg(long, value_name = "TIME", value_parser = instant)]
    from: Option<Timestamp>,

    /// Stopped before this time
    #[arg(long, value_name = "TIME", value_parser = instant)]
    to: Option<Timestamp>,

    /// Part of a URI of the caller or the callee
    #[arg(long, value_name = "TEXT")]
    party: Option<String>,

    /// The whole Call-ID
    #[arg(long, value_name = "TEXT")]
    call_id: Option<String>,

    /// The side whose BYE ended the session
    #[arg(long, value_enum)]
    ended_by: Option<PartyArg>,

    /// The role that ended the session
    #[arg(long, value_enum)]
    terminated_by: Option<RoleArg>,

    /// What showed that the session had ended
    #[arg(long, value_enum)]
    trigger: Option<TriggerArg>,

    /// Withdrawn records too: sessions that were found to go on
    #[arg(long)]
    withdrawn: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PartyArg {
    Caller,
    Callee,
    Unspecified,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleArg {
    ImClient,
    ImServer,
    Unspecified,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TriggerArg {
    Bye,
    ByeAnswer,
    SessionTimer,
    DialogFailure,
    MaxSession,
}

/// Why records could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("store {}: there is no such file; name the --store of an Enabler or of a replay", .0.display())]
    Missing(PathBuf),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Writes the records to `out`.
///
/// # Errors
/// When there is no such store, or the output cannot be written; a reader that went away is no error.
pub fn run(args: &RecordsArgs, out: impl Write) -> Result<(), RecordsError> {
    // The database would say only that it cannot open it.
    if !args.store.exists() {
        return Err(RecordsError::Missing(args.store.clone()));
    }
    let store = Store::open_to_read(&args.store)?;
    let write = || {
        let mut writer = RecordWriter::new(args.format, BufWriter::new(out)).map_err(WriteError::Output)?;
        match store.each(&args.filter(), |body| writer.write(body)) {
            Ok(_) => {}
            Err(QueryError::Reader(error)) => return Err(error.into()),
            Err(QueryError::Store(error)) => return Err(error.into()),
        }
        writer.finish().map_err(WriteError::Output)?;
        Ok(())
    };
    match write() {
        Err(RecordsError::Write(error)) => Ok(unless_broken_pipe(Err(error))?),
        result => result,
    }
}

impl RecordsArgs {
    fn filter(&self) -> Filter {
        Filter {
            from: self.from,
            to: self.to,
            party: self.party.clone(),
            call_id: self.call_id.clone(),
            ended_by: self.ended_by.map(|party| match party {
                PartyArg::Caller => Party::Caller,
                PartyArg::Callee => Party::Callee,
                PartyArg::Unspecified => Party::Unspecified,
            }),
            terminated_by: self.terminated_by.map(|role| match role {
                RoleArg::ImClient => Role::ImClient,
                RoleArg::ImServer => Role::ImServer,
                RoleArg::Unspecified => Role::Unspecified,
            }),
            trigger: self.trigger.map(|trigger| match trigger {
                TriggerArg::Bye => Trigger::Bye,
                TriggerArg::ByeAnswer => Trigger::ByeAnswer,
                TriggerArg::SessionTimer => Trigger::SessionTimer,
                TriggerArg::DialogFailure => Trigger::DialogFailure,
                TriggerArg::MaxSession => Trigger::MaxSession,
            }),
            withdrawn: self.withdrawn,
        }
    }
}
