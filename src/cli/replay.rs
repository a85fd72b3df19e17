//! `tolltap replay`: records from capture files.

use core::time::Duration;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use super::ch1::{Ch1Args, Delivery, DeliveryError, Patience};
use super::desk::Desk;
use super::format::{Format, RecordWriter, WriteError, unless_broken_pipe};
use super::listing::{Listing, ListingError};
use super::options::{ChargingArgs, WorkersArgs, duration};
use super::{Ending, complain, said};
use crate::capture::{CaptureError, CaptureFiles};
use crate::ch1::Latencies;
use crate::charging::Options;
use crate::outbox::Limits;
use crate::pipeline::{self, Core};
use crate::telemetry::{Summary, Times};

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

    #[command(flatten)]
    workers: WorkersArgs,

    /// No closing summary
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    charging: ChargingArgs,

    #[command(flatten)]
    ch1: Ch1Args,

    /// Give up on an Enabler that has not answered for this long
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration, help_heading = "Charging Enabler")]
    give_up_after: Duration,
}

/// Why a replay failed.
#[derive(Debug, thiserror::Error)]
enum ReplayError {
    #[error(transparent)]
    Capture(#[from] CaptureError),
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    #[error(transparent)]
    Listing(#[from] ListingError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

/// Replays, prints, and says how it ended.
pub fn run(args: &ReplayArgs, out: impl Write) -> Ending {
    args.charging.with(|options| said(replay(args, options, out)))
}

fn replay(args: &ReplayArgs, charging: Options, out: impl Write) -> Result<Ending, ReplayError> {
    let start = Instant::now();
    let mut files = CaptureFiles::open(&args.files)?;
    let patience = Patience { meanwhile: Some(args.give_up_after), at_the_end: None };
    let delivery = Delivery::start(&args.ch1, patience, Limits::default(), false)?;

    // What a pipe said last must not wait for more of it to fill a round.
    let workers = if files.may_wait() { 1 } else { args.workers.count() };
    let mut core = Core::new(charging, workers);
    let mut desk = Desk::new(&delivery.outbox, args.format);
    // A receiver that breaks off has said why, or the client will.
    let _ = pipeline::replay(&mut files, &mut core, &mut desk).map_err(ReplayError::Thread)?;
    let Desk { listing, fault, gaps, mut progress, .. } = desk;
    if let Some(fault) = fault {
        return Err(fault.into());
    }
    let last_record = start.elapsed();
    // Printing goes on while the last records are acknowledged.
    delivery.outbox.close();
    // A bar among the records would be wiped away together with some of them.
    if io::stdout().is_terminal() {
        progress.finish();
    }
    progress.waiting();
    let printed = print(listing, args.format, out);
    let delivered = delivery.finish();
    progress.finish();

    let counts = core.counts();
    if !args.quiet
        && let Some(acknowledgements) = &delivered.acknowledgements
    {
        let summary = Summary {
            counts,
            accepted: acknowledgements.accepted,
            duplicate: acknowledgements.duplicates,
            rejected: acknowledgements.rejected,
            unacknowledged: delivered.unacknowledged,
            gaps,
            damaged_files: files.damages().len() as u64,
            encrypted_in_kernel: 0,
            lost_records: 0,
            unprinted: 0,
            latencies: Latencies::default(),
            times: Some(Times {
                last_record,
                last_acknowledgement: acknowledgements.complete.map(|complete| complete.duration_since(start)),
            }),
        };
        let apart = if io::stdout().is_terminal() { "\n" } else { "" };
        let _ = write!(io::stderr(), "{apart}{summary}");
    }
    for damage in files.damages() {
        complain(damage);
    }
    printed?;
    delivered.check()?;
    Ok(if files.damages().is_empty() { Ending::Complete } else { Ending::Damaged })
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
