//! `tolltap replay`: records from capture files.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use clap::Args;

use super::desk::Desk;
use super::format::{Format, RecordWriter, WriteError, unless_broken_pipe};
use super::listing::{Listing, ListingError};
use super::options::{ChargingArgs, duration};
use super::{Ending, complain};
use crate::capture::{CaptureError, CaptureFiles};
use crate::ch1::{Acknowledgements, Ch1Client, Ch1Error, ClientOptions};
use crate::charging::Options;
use crate::enabler::{Enabler, EnablerError, Place};
use crate::outbox::{Limits, Outbox};
use crate::pipeline;
use crate::probe::Probe;
use crate::telemetry::Summary;

/// Records from capture files: reads pcap and pcapng (also gzip and zstd of them), in the order of their capture times,
/// and has every record acknowledged by a Charging Enabler
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  tolltap replay trunk.pcapng
  tolltap replay --im-server 192.0.2.10 --format csv monday.pcap.gz tuesday.pcap.gz > week.csv
  tcpdump -i tap0 -w - | tolltap replay - --enabler http://charging.example.net:50051

Exit status: 0 all read and every record acknowledged, 1 something failed, 2 wrong usage, 3 the input was damaged and what could be read was delivered.")]
pub struct ReplayArgs {
    /// Capture files; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// How records are written on standard output
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    /// No closing summary
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    charging: ChargingArgs,

    #[command(flatten)]
    ch1: Ch1Args,
}

/// Where records go.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Charging Enabler")]
struct Ch1Args {
    /// The Charging Enabler; without it one is started in this process
    #[arg(long, value_name = "URL")]
    enabler: Option<String>,

    /// Store of the Enabler in this process; without it a temporary one, removed at exit
    #[arg(long, value_name = "PATH", conflicts_with = "enabler")]
    store: Option<PathBuf>,

    /// Give up on an Enabler that has not answered for this long
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    give_up_after: Duration,

    /// Name of this probe in its reports
    #[arg(long, value_name = "NAME", default_value = "tolltap")]
    probe_id: String,
}

/// Why a replay failed.
#[derive(Debug, thiserror::Error)]
enum ReplayError {
    #[error(transparent)]
    Capture(#[from] CaptureError),
    #[error(transparent)]
    Ch1(#[from] Ch1Error),
    #[error(transparent)]
    Enabler(#[from] EnablerError),
    #[error(transparent)]
    Listing(#[from] ListingError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    #[error("the Charging Enabler rejected {count} records; the first: {reason}")]
    Rejected { count: u64, reason: String },
}

/// Replays, prints, and says how it ended.
pub fn run(args: &ReplayArgs, out: impl Write) -> Ending {
    let options = match args.charging.options() {
        Ok(options) => options,
        Err(error) => {
            complain(&error);
            return Ending::Usage;
        }
    };
    match replay(args, options, out) {
        Ok(ending) => ending,
        Err(error) => {
            complain(&error);
            Ending::Failed
        }
    }
}

fn replay(args: &ReplayArgs, charging: Options, out: impl Write) -> Result<Ending, ReplayError> {
    let start = Instant::now();
    let mut files = CaptureFiles::open(&args.files)?;
    let embedded = match &args.ch1.enabler {
        Some(_) => None,
        None => Some(embedded(args.ch1.store.clone())?),
    };
    let url = match (&args.ch1.enabler, &embedded) {
        (Some(url), _) => url.clone(),
        (None, Some(embedded)) => embedded.url(),
        (None, None) => unreachable!("one is started where none is named"),
    };
    let outbox = Arc::new(Outbox::new(Limits::default()));
    let options = ClientOptions {
        probe_id: args.ch1.probe_id.clone(),
        // Gap notices are numbered from each start anew; records have ids of their own.
        origin_state_id: since_the_epoch(),
        give_up_after: Some(args.ch1.give_up_after),
        ..ClientOptions::default()
    };
    let client = Ch1Client::start(&url, options, Arc::clone(&outbox))?;

    let mut probe = Probe::new(charging);
    let mut desk = Desk::new(&outbox, args.format);
    // A receiver that breaks off has said why, or the client will.
    let _ = pipeline::replay(&mut files, &mut probe, &mut desk).map_err(ReplayError::Thread)?;
    let Desk { listing, fault, gaps, mut progress, .. } = desk;
    if let Some(fault) = fault {
        return Err(fault.into());
    }
    let last_record = start.elapsed();
    // Printing goes on while the last records are acknowledged.
    outbox.close();
    // A bar among the records would be wiped away together with some of them.
    if io::stdout().is_terminal() {
        progress.finish();
    }
    progress.waiting();
    let printed = print(listing, args.format, out);
    let delivered = client.finish();
    progress.finish();

    let counts = probe.counts();
    let unacknowledged = outbox.counts().kept as u64;
    let acknowledgements = match &delivered {
        Ok(acknowledgements) => Some(acknowledgements),
        Err(Ch1Error::GaveUp { acknowledgements, .. }) => Some(&**acknowledgements),
        Err(_) => None,
    };
    if !args.quiet
        && let Some(acknowledgements) = acknowledgements
    {
        let summary = Summary {
            counts,
            accepted: acknowledgements.accepted,
            duplicate: acknowledgements.duplicates,
            rejected: acknowledgements.rejected,
            unacknowledged,
            gaps,
            damaged_files: files.damages().len() as u64,
            last_record,
            last_acknowledgement: acknowledgements.complete.map(|complete| complete.duration_since(start)),
        };
        let apart = if io::stdout().is_terminal() { "\n" } else { "" };
        let _ = write!(io::stderr(), "{apart}{summary}");
    }
    for damage in files.damages() {
        complain(damage);
    }
    printed?;
    rejected(&delivered?)?;
    if let Some(embedded) = embedded {
        embedded.stop()?;
    }
    Ok(if files.damages().is_empty() { Ending::Complete } else { Ending::Damaged })
}

/// Nanoseconds of the wall clock: it tells starts of the probe apart, and decides nothing about a session.
fn since_the_epoch() -> u64 {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Writes the records in order. A reader that went away is no failure.
fn print(listing: Listing, format: Format, out: impl Write) -> Result<(), ReplayError> {
    let write = || {
        let mut writer =
            RecordWriter::new(format, BufWriter::with_capacity(1 << 16, out)).map_err(WriteError::Output)?;
        listing.each(|kept| writer.write_kept(kept).map_err(ReplayError::Write))?;
        writer.finish().map_err(WriteError::Output)?;
        Ok(())
    };
    match write() {
        Err(ReplayError::Write(error)) => Ok(unless_broken_pipe(Err(error))?),
        result => result,
    }
}

fn rejected(acknowledgements: &Acknowledgements) -> Result<(), ReplayError> {
    match acknowledgements.parked.first() {
        None => Ok(()),
        Some(parked) => Err(ReplayError::Rejected { count: acknowledgements.rejected, reason: parked.reason.clone() }),
    }
}

/// Starts an Enabler in this process, over real gRPC on loopback.
fn embedded(store: Option<PathBuf>) -> Result<Enabler, EnablerError> {
    let place = store.map_or(Place::Temporary, Place::File);
    Enabler::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &place)
}
