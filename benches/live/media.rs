//! SIP in nine times as much media, as fast as it can be sent: what does a frame cost, and is one lost?

use core::time::Duration;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tolltap::capture::PcapWriter;

use crate::load;
use crate::network::{Network, Running};
use crate::probe::PATIENCE;
use crate::spread::Spread;
use crate::traffic::Traffic;

const TOLLTAP: &str = env!("CARGO_BIN_EXE_tolltap");
/// Records go to an Enabler of another process, whose work is not the probe's.
const PROBE: &str = "live -i tap0 --format json --enabler http://127.0.0.1:50051";
const ETHERNET: u32 = 1;

/// 30,000 sessions of 200,000 messages, and nine times as many frames of noise, nearly all of it RTP.
const TRAFFIC: Traffic = Traffic { noise: 1_800_000, ..Traffic::TRUNK };

/// Who watches the port while the frames come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watcher {
    Nobody,
    Probe,
    Tcpdump,
    Unfiltered,
}

const ALL: [Watcher; 4] = [Watcher::Nobody, Watcher::Probe, Watcher::Tcpdump, Watcher::Unfiltered];

impl Watcher {
    fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Probe => "tolltap live",
            Self::Unfiltered => "tolltap live --kernel-filter none",
            Self::Tcpdump => "tcpdump -w /dev/null",
        }
    }

    /// Each has a ring of 64 MiB.
    fn command(self, network: &Network) -> Option<Command> {
        let (program, arguments) = match self {
            Self::Nobody => return None,
            Self::Probe => (TOLLTAP, PROBE.to_owned()),
            Self::Unfiltered => (TOLLTAP, format!("{PROBE} --kernel-filter none")),
            Self::Tcpdump => ("tcpdump", "-i tap0 -Z root -B 65536 -w /dev/null".to_owned()),
        };
        let mut command = network.command("probe", program);
        command.args(arguments.split(' ')).stdout(Stdio::null()).stderr(Stdio::piped());
        Some(command)
    }
}

/// What one sending took.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Frames a second, as the sender says.
    rate: f64,
    /// Processor time of the machine but for the Enabler, and of the watcher.
    machine: Duration,
    process: Duration,
    lost: u64,
    records: u64,
}

pub(crate) fn measure(rounds: usize) -> io::Result<()> {
    let Some(network) = Network::of(&["probe", "trunk"], &["tcpreplay", "tcpdump"]) else { return Ok(()) };
    network.join(("trunk", "out0", ""), ("probe", "tap0", ""));
    let (file, frames) = generate()?;
    let mut runs: Vec<(Watcher, Vec<Run>)> = ALL.map(|watcher| (watcher, Vec::new())).into();
    for _ in 0..rounds {
        for (watcher, runs) in &mut runs {
            runs.push(send(&network, *watcher, &file)?);
        }
    }

    println!("\n{frames} frames, one in ten of them SIP, as fast as tcpreplay sends them; medians of {rounds}\n");
    println!(
        "{:<36}{:>10}{:>14}{:>14}{:>10}{:>10}",
        "who watches", "frames/s", "machine ns", "process ns", "lost", "records"
    );
    let of = |watcher: Watcher| &runs[watcher as usize].1;
    let a_frame = |time: f64| time * 1e9 / frames as f64;
    let median = |watcher: Watcher, value: &dyn Fn(&Run) -> f64| Spread::of(of(watcher).iter().map(value)).median();
    // Against the round's own sending without a watcher: what else the machine does changes from round to round.
    let machine = |watcher: Watcher| {
        let rounds = of(watcher).iter().zip(of(Watcher::Nobody));
        let more = rounds.map(|(with, without)| with.machine.as_secs_f64() - without.machine.as_secs_f64());
        a_frame(Spread::of(more).median())
    };
    let process = |watcher: Watcher| a_frame(median(watcher, &|run| run.process.as_secs_f64()));
    for watcher in ALL {
        println!(
            "{:<36}{:>10.0}{:>14.0}{:>14.0}{:>10.0}{:>10.0}",
            watcher.name(),
            median(watcher, &|run| run.rate),
            match watcher {
                Watcher::Nobody => a_frame(median(watcher, &|run| run.machine.as_secs_f64())),
                _ => machine(watcher),
            },
            process(watcher),
            median(watcher, &|run| run.lost as f64),
            median(watcher, &|run| run.records as f64),
        );
    }
    println!("\nnanoseconds a frame; of the machine: more than with nobody\n");
    println!(
        "machine, tolltap / tcpdump                 {:>7.2}   at most 1",
        machine(Watcher::Probe) / machine(Watcher::Tcpdump)
    );
    println!(
        "process, without the kernel filter / with  {:>7.2}   at least 3",
        process(Watcher::Unfiltered) / process(Watcher::Probe)
    );
    Ok(())
}

/// Written anew each time: it takes seconds, and is never out of date.
fn generate() -> io::Result<(PathBuf, u64)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-data");
    fs::create_dir_all(&folder)?;
    let path = folder.join("sip-in-media.pcap");
    let mut writer = PcapWriter::new(BufWriter::with_capacity(1 << 20, File::create(&path)?), ETHERNET)?;
    let (mut frames, mut result) = (0, Ok(()));
    TRAFFIC.play(|time, frame| {
        frames += 1;
        if result.is_ok() {
            result = writer.packet(time, frame);
        }
    });
    result?;
    writer.into_inner().flush()?;
    Ok((path, frames))
}

fn send(network: &Network, watcher: Watcher, file: &Path) -> io::Result<Run> {
    let enabler = EnablerProcess::start(network)?;
    let mut watching = watcher.command(network).map(|mut command| command.spawn()).transpose()?;
    if let Some(child) = &watching {
        until(|| has_packet_socket(child.id()));
    }
    let busy = || load::machine() - load::process(enabler.child.0.id()).unwrap_or_default();
    let before = busy();
    let output = network.command("trunk", "tcpreplay").args(["-q", "-t", "-K", "-i", "out0"]).arg(file).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let rate = said
        .lines()
        .find_map(|line| line.strip_prefix("Rated:")?.split(", ").last()?.strip_suffix(" pps")?.trim().parse().ok());
    let rate =
        rate.ok_or_else(|| io::Error::other(format!("tcpreplay: {said}{}", String::from_utf8_lossy(&output.stderr))))?;
    let (said, process) = watching.as_mut().map(stop).transpose()?.unwrap_or_default();
    let machine = busy() - before;
    let number = |line: &str, after: &str| -> Option<u64> {
        line.split_once(after)?.1.split_whitespace().next()?.trim_end_matches(',').parse().ok()
    };
    let told = |after: &str| said.lines().find_map(|line| number(line, after)).unwrap_or(0);
    let dropped = said.lines().find_map(|line| line.strip_suffix(" packets dropped by kernel")?.parse().ok());
    let lost = dropped.unwrap_or_else(|| told("frames lost before capture "));
    Ok(Run { rate, machine, process, lost, records: told("acknowledged") })
}

/// `tolltap enabler` with an empty store, on the probe's host.
struct EnablerProcess {
    child: Running,
    _store: tempfile::TempDir,
}

impl EnablerProcess {
    fn start(network: &Network) -> io::Result<Self> {
        let store = tempfile::tempdir()?;
        let path = store.path().join("records.db");
        let child =
            network.start("probe", &format!("{TOLLTAP} enabler --listen 127.0.0.1:50051 --store {}", path.display()));
        until(|| fs::read_to_string(format!("/proc/{}/net/tcp", child.0.id())).is_ok_and(|tcp| tcp.contains(":C383 ")));
        Ok(Self { child, _store: store })
    }
}

/// Ends a watcher, which first does what is left to do. Gives what it said, and its processor time.
fn stop(child: &mut Child) -> io::Result<(String, Duration)> {
    let id = child.id();
    // One that is still at work is left to it: what it has not read it would have to drop.
    let mut before = Duration::MAX;
    let mut quiet = 0;
    while quiet < 3 {
        std::thread::sleep(Duration::from_millis(100));
        let now = load::process(id).unwrap_or_default();
        quiet = if now == before { quiet + 1 } else { 0 };
        before = now;
    }
    Command::new("sh").args(["-c", &format!("kill -TERM {id}")]).status()?;
    let mut said = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut said)?;
    child.wait()?;
    Ok((said, before))
}

fn has_packet_socket(id: u32) -> bool {
    // Of the namespace: the probe's host has no other.
    fs::read_to_string(format!("/proc/{id}/net/packet")).is_ok_and(|sockets| sockets.lines().count() > 1)
}

fn until(mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "it does not watch");
        std::thread::yield_now();
    }
}
