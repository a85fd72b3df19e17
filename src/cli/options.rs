//! The options about charging, shared by every command that runs a probe.

use core::time::Duration;
use std::collections::BTreeSet;

use clap::{Args, ValueEnum};

use super::{Ending, complain};
use crate::charging::{ImServer, Options, OrphanBye, Servers};

/// What is charged, and how.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Charging")]
pub(super) struct ChargingArgs {
    /// An IM Server; with one, only its hops count, and sessions that never touch one are not charged. Repeatable.
    /// Leave the port out where the server opens TCP connections itself: they come from any port
    #[arg(long, value_name = "[NAME=]ADDR[/PREFIX][:PORT]")]
    im_server: Vec<ImServer>,

    /// Messages out of order by at most this much give the same records
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = duration)]
    reorder: Duration,

    /// What becomes of a BYE whose dialog was never seen
    #[arg(long, value_enum, default_value_t = OrphanByeArg::Answered)]
    orphan_bye: OrphanByeArg,

    /// A session without any message for this long has ended
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    max_session: Duration,

    /// Charge only this kind of session
    #[arg(long, value_enum)]
    only: Option<OnlyArg>,

    /// Merge the leg into and the leg out of one IM Server into one record (TS 32.260)
    #[arg(long)]
    one_charging_session: bool,

    /// A header that correlates legs, such as X-CID
    #[arg(long, value_name = "NAME")]
    correlation_header: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OrphanByeArg {
    /// It makes a record when a 2xx answers it within 32 s
    Answered,
    /// It always makes a record
    All,
    /// It never does
    Never,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnlyArg {
    /// Sessions with MSRP or an IM feature tag, and those whose service is unknown
    Im,
}

/// How the work is shared out.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct WorkersArgs {
    /// Threads that take streams and messages apart, and as many that keep sessions. One is done by the reading thread itself,
    /// and enough for half a million messages a second; pipes always have one. The records are the same for any number
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    workers: u8,
}

impl WorkersArgs {
    pub(super) fn count(self) -> usize {
        self.workers.into()
    }
}

impl ChargingArgs {
    /// Runs with the options of the core; what can't be is wrong usage.
    pub(super) fn with(&self, run: impl FnOnce(Options) -> Ending) -> Ending {
        match self.options() {
            Ok(options) => run(options),
            Err(error) => {
                complain(&error);
                Ending::Usage
            }
        }
    }

    /// The options of the core.
    ///
    /// # Errors
    /// A line that says which of them can't be.
    fn options(&self) -> Result<Options, String> {
        let names: BTreeSet<&str> = self.im_server.iter().map(|server| &*server.name).collect();
        if names.len() > Servers::MAX_NAMES {
            return Err(format!(
                "--im-server: {} names; at most {} can be told apart",
                names.len(),
                Servers::MAX_NAMES
            ));
        }
        Ok(Options {
            reorder: self.reorder,
            orphan_bye: match self.orphan_bye {
                OrphanByeArg::Answered => OrphanBye::Answered,
                OrphanByeArg::All => OrphanBye::All,
                OrphanByeArg::Never => OrphanBye::Never,
            },
            max_session: self.max_session,
            im_servers: self.im_server.clone(),
            only_im: matches!(self.only, Some(OnlyArg::Im)),
            one_charging_session: self.one_charging_session,
            correlation_header: self.correlation_header.clone(),
            ..Options::default()
        })
    }
}

/// A span of time such as `200ms`, `30s` or `24h`.
///
/// # Errors
/// What is wrong with the text.
pub(super) fn duration(text: &str) -> Result<Duration, humantime::DurationError> {
    humantime::parse_duration(text)
}

/// A span of time that somebody waits for: a day at most.
///
/// # Errors
/// What is wrong with the text.
pub(super) fn patience(text: &str) -> Result<Duration, String> {
    const MOST: Duration = Duration::from_secs(24 * 3600);
    let time = duration(text).map_err(|error| error.to_string())?;
    if time > MOST { Err("a day at most".into()) } else { Ok(time) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_after_a_day() {
        assert_eq!(patience("24h"), Ok(Duration::from_secs(86_400)));
        assert!(patience("500000000000years").is_err());
        assert_eq!(patience("25h"), Err("a day at most".into()));
        assert!(patience("soon").is_err());
    }
}
