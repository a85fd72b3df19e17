//! `tolltap live`: records from tap and SPAN ports.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::thread;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use super::ch1::{Ch1Args, Delivery, DeliveryError, Patience};
use super::format::Format;
use super::live_desk::LiveDesk;
use super::options::{ChargingArgs, WorkersArgs};
use super::printer::Printer;
use super::{Ending, said};
use crate::capture::filter::{Counts, Filter, FilterOptions, Reason};
use crate::capture::{LiveCapture, LiveError, Ring, Wake};
use crate::charging::Options;
use crate::outbox::Limits;
use crate::pipeline::{self, Core, WatchError};
use crate::privilege::{self, Files, PrivilegeError};
use crate::telemetry::metrics::{MetricsError, MetricsPort, Process};
use crate::telemetry::{Summary, Supervisor, Vitals};

/// Reports that may wait for an Enabler that does not answer, in memory.
const OUTBOX: Limits = Limits { items: 1 << 20, bytes: 1 << 30 };

/// Records from tap and SPAN ports: watches mirrored traffic until it is told to stop, and has every record acknowledged by
/// a Charging Enabler
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  tolltap live -i tap0
  tolltap live -i tap0 -i tap1 --im-server 192.0.2.10 --enabler http://charging.example.net:50051
  tolltap live -i tap0 --format json --quiet >> records.json

It needs the right to capture (CAP_NET_RAW; for the exact kernel filter CAP_BPF and CAP_PERFMON too), which it gives up once
the ports are open, and stops at SIGINT or SIGTERM: what was captured is delivered first.

Exit status: 0 stopped when told to and every record acknowledged, 1 something failed, 2 wrong usage.")]
pub struct LiveArgs {
    /// A tap or SPAN port to watch. Repeatable
    #[arg(short, long = "interface", value_name = "IFACE", required = true)]
    interfaces: Vec<String>,

    /// The kernel's ring for each port, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    ring: u32,

    /// A port of SIP over TCP or SCTP; on others a conversation is seen from its first start line on. Repeatable
    #[arg(long = "sip-port", value_name = "PORT", default_values_t = FilterOptions::default().sip_ports)]
    sip_ports: Vec<u16>,

    /// What the kernel lets through
    #[arg(long, value_enum, default_value_t = KernelFilter::Auto)]
    kernel_filter: KernelFilter,

    #[command(flatten)]
    workers: WorkersArgs,

    /// How records are written on standard output, as they leave
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    /// Serve metrics for Prometheus on /metrics, and health on /health and /ready, to whoever asks there
    #[arg(long, value_name = "ADDR:PORT")]
    metrics: Option<SocketAddr>,

    /// No status line and no closing summary
    #[arg(short, long)]
    quiet: bool,

    /// After a stop, leave records unacknowledged that have no answer for this long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = super::options::patience)]
    stop_within: Duration,

    /// Leave files and system calls unlimited; capabilities are given up all the same
    #[arg(long)]
    no_sandbox: bool,

    #[command(flatten)]
    charging: ChargingArgs,

    #[command(flatten)]
    ch1: Ch1Args,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KernelFilter {
    /// SIP alone, by eBPF (CAP_BPF and CAP_PERFMON), or classic BPF where that is not to be had
    Auto,
    /// SIP, and all TCP, fragments and tunnels, by classic BPF
    Classic,
    /// Every frame
    None,
}

/// Why watching failed.
#[derive(Debug, thiserror::Error)]
enum LiveCommandError {
    #[error(transparent)]
    Live(#[from] LiveError),
    #[error(transparent)]
    Privilege(#[from] PrivilegeError),
    #[error("NOTIFY_SOCKET: cannot speak to the service manager: {0}")]
    Supervisor(io::Error),
    #[error(transparent)]
    Watch(#[from] WatchError),
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    #[error("signals: {0}")]
    Signals(io::Error),
    #[error("cannot write the records: {0}")]
    Output(io::Error),
}

/// Watches, and says how it ended.
pub fn run(args: &LiveArgs) -> Ending {
    args.charging.with(|options| said(live(args, options).map(|()| Ending::Complete)))
}

fn live(args: &LiveArgs, charging: Options) -> Result<(), LiveCommandError> {
    let process = Process::started();
    let port = args.metrics.map(MetricsPort::listen).transpose()?;
    let ring = Ring { bytes: args.ring << 20, ..Ring::default() };
    let (mut capture, attached) = LiveCapture::open(&args.interfaces, ring, filter(args, ring))?;
    let mut supervisor = Supervisor::of_environment().map_err(LiveCommandError::Supervisor)?;
    // Threads have the privileges of the one that started them: from here on there may be others, and not before.
    let kept = privilege::give_up((!args.no_sandbox).then(|| files(args)).as_ref())?;
    let patience = Patience { meanwhile: None, at_the_end: Some(args.stop_within) };
    let delivery = Delivery::start(&args.ch1, patience, OUTBOX, true)?;
    let printer = Printer::start(args.format).map_err(LiveCommandError::Output)?;
    let vitals = Arc::new(Vitals::new(&args.interfaces, Arc::clone(&delivery.outbox), delivery.answers(), process));
    let served = port.as_ref().map(MetricsPort::address);
    if let Some(port) = port {
        port.serve(Arc::clone(&vitals))?;
    }
    stop_at_signals(capture.wake()).map_err(LiveCommandError::Signals)?;
    if !args.quiet {
        let gone = if args.ch1.is_temporary() { "; no --enabler, no --store: records are gone at exit" } else { "" };
        for (interface, attached) in args.interfaces.iter().zip(&attached) {
            eprintln!("watching {interface}; ring {} MiB; kernel filter {attached}; {kept}{gone}", args.ring);
        }
        if let Some(address) = served {
            eprintln!("metrics on http://{address}/metrics");
        }
    }
    supervisor.ready();

    let mut core = Core::new(charging, args.workers.count());
    let alive = supervisor.try_clone().map_err(LiveCommandError::Supervisor)?;
    let mut desk = LiveDesk::new(&delivery.outbox, printer, &vitals, alive, !args.quiet && io::stderr().is_terminal());
    let watched = pipeline::watch(&mut capture, &mut core, &mut desk);
    supervisor.stopping(args.stop_within);
    let (desk, printer) = desk.finish();
    let delivered = delivery.finish();
    let (unprinted, printed) = printer.finish();
    if !args.quiet
        && let Some(acknowledgements) = &delivered.acknowledgements
    {
        let filtered_out = capture.filter_counts();
        let summary = Summary {
            counts: core.counts(),
            accepted: acknowledgements.accepted,
            duplicate: acknowledgements.duplicates,
            rejected: acknowledgements.rejected,
            unacknowledged: delivered.unacknowledged,
            gaps: desk.gap_notices.sum(),
            damaged_files: 0,
            encrypted_in_kernel: filtered_out.map_or(0, |counts| counts.of(Reason::DropOpaque)),
            lost_records: desk.records_lost,
            unprinted,
            latencies: acknowledgements.latencies.clone(),
            times: None,
        };
        let _ = write!(io::stderr(), "{summary}");
        if let Some(counts) = filtered_out {
            let _ = writeln!(io::stderr(), "{}", filtered(&counts));
        }
    }
    let _ = watched?;
    delivered.check()?;
    printed.map_err(LiveCommandError::Output)
}

/// What the kernel kept from us, as a line of the summary.
fn filtered(counts: &Counts) -> String {
    let parts: Vec<String> = counts
        .iter()
        .filter(|(reason, frames)| !reason.passes() && *frames > 0)
        .map(|(reason, frames)| format!("{} {frames}", reason.name().trim_start_matches("drop_")))
        .collect();
    format!("{:<18}{:>12}  {}", "dropped in kernel", counts.dropped(), parts.join(", ")).trim_end().to_owned()
}

fn filter(args: &LiveArgs, ring: Ring) -> Option<Filter> {
    let options = FilterOptions { sip_ports: args.sip_ports.clone(), snap_length: ring.snap_length };
    match args.kernel_filter {
        KernelFilter::Auto => Some(Filter::new(options)),
        KernelFilter::Classic => Some(Filter::classic(options)),
        KernelFilter::None => None,
    }
}

/// What is read and written once the ports are open.
fn files(args: &LiveArgs) -> Files {
    // What the ports read later is open already.
    let mut files = Files::of_ports(&[]);
    args.ch1.reach(&mut files);
    files
}

/// Tells the capture to stop at SIGINT or SIGTERM; also at SIGHUP, which a terminal that is gone sends, and which would end the
/// process with all that waits.
pub(super) fn stop_at_signals(wake: Wake) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupted, mut terminated, mut hung_up) = {
        // Signals are taken from here on, not from when the thread gets to run.
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?)
    };
    let wait = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
                _ = hung_up.recv() => {}
            }
        });
        wake.stop();
    };
    thread::Builder::new().name("signals".into()).spawn(wait).map(drop)
}
