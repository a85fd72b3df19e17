//! `tolltap doctor`: what is wrong with a tap.

use core::time::Duration;
use std::fs;
use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use clap::{Args, ValueEnum};

use super::options::duration;
use super::{Ending, complain, said};
use crate::capture::{CaptureError, CaptureFiles, Item, LiveCapture, LiveError, Ring};
use crate::doctor::{Doctor, Options, Report, Source, SourceKind, Verdict};
use crate::privilege::{self, Files, PrivilegeError};
use crate::time::Timestamp;

/// The width of the narrowest terminal in use, a serial console; findings go on under themselves.
const WIDTH: usize = 80;

/// Says what is wrong with a tap: watches ports for a minute, or reads files, and tells in plain words whether it is fit for
/// charging, what it would do to records, and what to do at the switch
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  tolltap doctor -i tap0
  tolltap doctor -i tap0 -i tap1 --for 10m --format json
  tolltap doctor trunk.pcapng

It looks at all frames, not at SIP alone, and sends nothing. An interrupt (^C) ends the watching early, with the report of what was seen until then. docs/doctor.md explains every finding.

Exit status: 0 fit, with reservations or without, 1 something failed, 2 wrong usage, 3 not fit for charging, or a file was damaged.")]
pub struct DoctorArgs {
    /// Capture files; - is standard input
    #[arg(value_name = "FILE", conflicts_with = "interfaces", required_unless_present = "interfaces")]
    files: Vec<PathBuf>,

    /// A tap or SPAN port to watch. Repeatable
    #[arg(short, long = "interface", value_name = "IFACE")]
    interfaces: Vec<String>,

    /// How long to watch ports
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = duration, requires = "interfaces")]
    watch: Duration,

    /// The kernel's ring for each port, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1024), requires = "interfaces")]
    ring: u32,

    /// The window in which messages out of order do no harm, as for live
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = duration)]
    reorder: Duration,

    /// A port of SIP: what is encrypted there is signalling. Repeatable
    #[arg(long = "sip-port", value_name = "PORT", default_values_t = Options::default().sip_ports)]
    sip_ports: Vec<u16>,

    /// Leave files and system calls unlimited; capabilities are given up all the same
    #[arg(long, requires = "interfaces")]
    no_sandbox: bool,

    /// How the report is written on standard output
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum ReportFormat {
    /// For people: the verdict, a line for each finding, what was fine
    #[default]
    Text,
    /// For scripts: one object
    Json,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
enum DoctorError {
    #[error(transparent)]
    Capture(#[from] CaptureError),
    #[error(transparent)]
    Live(#[from] LiveError),
    #[error(transparent)]
    Privilege(#[from] PrivilegeError),
    #[error("signals: {0}")]
    Signals(io::Error),
    #[error("cannot write the report: {0}")]
    Output(io::Error),
}

/// Examines, prints, and says how it ended.
pub fn run(args: &DoctorArgs, mut out: impl Write) -> Ending {
    let options = Options { reorder: args.reorder, sip_ports: args.sip_ports.clone(), wall_clock: None };
    let examined = if args.interfaces.is_empty() { read(args, options) } else { watch(args, options) };
    let ending = examined.and_then(|(report, ending)| {
        match print(&report, args.format, &mut out) {
            // Nobody reads any more.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(DoctorError::Output(error)),
            _ => Ok(ending),
        }
    });
    said(ending)
}

/// A tap that is not fit damages its input as a damaged file is.
fn ending(report: &Report) -> Ending {
    if report.verdict == Verdict::NotFit { Ending::Damaged } else { Ending::Complete }
}

fn read(args: &DoctorArgs, options: Options) -> Result<(Report, Ending), DoctorError> {
    let mut files = CaptureFiles::open(&args.files)?;
    let mut doctor = Doctor::new(options);
    while let Some(item) = files.next() {
        match item {
            Item::Frame(frame) => doctor.frame(&frame),
            Item::Loss(loss) => doctor.loss(&loss),
        }
    }
    let sources = files
        .interfaces()
        .iter()
        .map(|interface| {
            let name = interface.name.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
            Source::new(format!("{}{name}", interface.file.display()), SourceKind::File)
        })
        .collect();
    let report = doctor.finish(sources);
    let damages = files.into_damages();
    damages.iter().for_each(|damage| complain(damage));
    let ending = if damages.is_empty() { ending(&report) } else { Ending::Damaged };
    Ok((report, ending))
}

/// Watches without a kernel filter: media and all that is not SIP are witnesses too.
fn watch(args: &DoctorArgs, options: Options) -> Result<(Report, Ending), DoctorError> {
    let ring = Ring { bytes: args.ring << 20, ..Ring::default() };
    let (mut capture, _) = LiveCapture::open(&args.interfaces, ring, None)?;
    // Before another thread is started, which would have the privileges of this one.
    privilege::give_up((!args.no_sandbox).then(|| Files::of_ports(&args.interfaces)).as_ref())?;
    let wake = capture.wake();
    super::live::stop_at_signals(wake.clone()).map_err(DoctorError::Signals)?;
    eprintln!(
        "watching {} for {}; ^C ends it early",
        args.interfaces.join(", "),
        humantime::format_duration(args.watch)
    );
    let no_link: Vec<bool> = args.interfaces.iter().map(|name| has_link(name) == Some(false)).collect();
    let mut doctor = Doctor::new(Options { wall_clock: ends(args.watch), ..options });
    let begun = Instant::now();
    let mut last = begun;
    let mut failed = None;
    while !wake.is_stopped() {
        let Some(rest) = args.watch.checked_sub(begun.elapsed()).filter(|rest| !rest.is_zero()) else { break };
        match take(&mut capture, &mut doctor) {
            Ok(0) => {}
            Ok(_) => {
                last = Instant::now();
                continue;
            }
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
        if let Err(error) = capture.wait(rest.min(LONGEST_WAIT)) {
            failed = Some(error);
            break;
        }
    }
    let drained = capture.drain(|capture| {
        let read = take(capture, &mut doctor)?;
        if read > 0 {
            last = Instant::now();
        }
        Ok(read)
    });
    let failed = failed.or_else(|| drained.err());
    doctor.idle(last.elapsed());
    let sources = capture
        .counts()
        .into_iter()
        .zip(no_link)
        .map(|((name, counts), no_link)| Source {
            dropped_by_ring: counts.dropped,
            dropped_by_interface: counts.dropped_by_interface,
            went_down: counts.went_down,
            // One that had none in the beginning, and has none now.
            has_link: has_link(name).map(|link| link || !no_link),
            ..Source::new(name.to_owned(), SourceKind::Port)
        })
        .collect();
    let report = doctor.finish(sources);
    match failed {
        // What was seen until then is worth telling.
        Some(error) if report.frames > 0 => {
            complain(&error);
            Ok((report, Ending::Failed))
        }
        Some(error) => Err(error.into()),
        None => {
            let ending = ending(&report);
            Ok((report, ending))
        }
    }
}

const LONGEST_WAIT: Duration = Duration::from_millis(100);

fn take(capture: &mut LiveCapture, doctor: &mut Doctor) -> Result<u64, LiveError> {
    capture.read(|item| match item {
        Item::Frame(frame) => doctor.frame(&frame),
        Item::Loss(loss) => doctor.loss(&loss),
    })
}

/// The time of day when the watching ends.
fn ends(watch: Duration) -> Option<Timestamp> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(Timestamp::from_nanos(i64::try_from(since.checked_add(watch)?.as_nanos()).ok()?))
}

/// Whether a port has a signal; a port that is down does not say.
fn has_link(name: &str) -> Option<bool> {
    let carrier = fs::read_to_string(format!("/sys/class/net/{name}/carrier")).ok()?;
    Some(carrier.trim() == "1")
}

fn print(report: &Report, format: ReportFormat, out: &mut impl Write) -> io::Result<()> {
    match format {
        ReportFormat::Text => {
            let width = io::stdout().is_terminal().then_some(WIDTH);
            write!(out, "{}", report.page(width))?;
        }
        ReportFormat::Json => {
            serde_json::to_writer(&mut *out, report)?;
            writeln!(out)?;
        }
    }
    out.flush()
}
