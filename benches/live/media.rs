//! SIP in nine times as much media, as fast as it can be sent: what does a frame cost, and is one lost?

use core::time::Duration;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::load;
use crate::network::{Network, Running};
use crate::probe::PATIENCE;
use crate::spread::Spread;
use crate::traffic::Traffic;

const TOLLTAP: &str = env!("CARGO_BIN_EXE_tolltap");
/// Records go to an Enabler of another process, whose work is not the probe's.
const PROBE: &str = "live -i tap0 --format json --enabler http://127.0.0.1:50051";

/// 30,000 sessions of 200,000 messages, and nine times as many frames of noise, nearly all of it RTP.
const MIXED: Traffic = Traffic { noise: 1_800_000, ..Traffic::TRUNK };
/// The noise alone, but for one session: what the filter spares.
const MEDIA: Traffic = Traffic { sessions: 1, ..MIXED };

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
    /// Of the sender, with that of the kernel until a frame is where a watcher reads it.
    sender: Duration,
    lost: u64,
    records: u64,
}

pub(crate) fn measure(rounds: usize) -> io::Result<()> {
    compare("sip-in-media", "one in ten of them SIP", MIXED, rounds)?;
    compare("media", "nearly none of them SIP", MEDIA, rounds)
}

fn compare(name: &str, what: &str, traffic: Traffic, rounds: usize) -> io::Result<()> {
    let Some(network) = Network::of(&["probe", "trunk"], &["tcpreplay", "tcpdump"]) else { return Ok(()) };
    network.join(("trunk", "out0", ""), ("probe", "tap0", ""));
    let (file, frames) = generate(name, traffic)?;
    let mut runs: Vec<(Watcher, Vec<Run>)> = ALL.map(|watcher| (watcher, Vec::new())).into();
    for _ in 0..rounds {
        for (watcher, runs) in &mut runs {
            runs.push(send(&network, *watcher, &file)?);
        }
    }

    println!("\n{frames} frames, {what}, as fast as tcpreplay sends them; medians of {rounds}\n");
    println!(
        "{:<36}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "who watches", "frames/s", "machine", "sender", "watcher", "both", "lost", "records"
    );
    let of = |watcher: Watcher| &runs[watcher as usize].1;
    let a_frame = |time: f64| time * 1e9 / frames as f64;
    let median = |watcher: Watcher, value: &dyn Fn(&Run) -> f64| Spread::of(of(watcher).iter().map(value)).median();
    // Against the round's own sending without a watcher: what else the machine does changes from round to round.
    let more = |watcher: Watcher, time: &dyn Fn(&Run) -> Duration| {
        let rounds = of(watcher).iter().zip(of(Watcher::Nobody));
        let more = rounds.map(|(with, without)| time(with).as_secs_f64() - time(without).as_secs_f64());
        a_frame(Spread::of(more).median())
    };
    let machine = |watcher| more(watcher, &|run| run.machine);
    let way = |watcher| more(watcher, &|run| run.sender + run.process);
    let process = |watcher| a_frame(median(watcher, &|run| run.process.as_secs_f64()));
    for watcher in ALL {
        let rate = median(watcher, &|run| run.rate);
        let sender = a_frame(median(watcher, &|run| run.sender.as_secs_f64()));
        let [lost, records] = [median(watcher, &|run| run.lost as f64), median(watcher, &|run| run.records as f64)];
        println!(
            "{:<36}{rate:>10.0}{:>10.0}{sender:>10.0}{:>10.0}{:>10.0}{lost:>10.0}{records:>10.0}",
            watcher.name(),
            machine(watcher),
            process(watcher),
            way(watcher)
        );
    }
    println!("\nnanoseconds of processor time a frame; of the machine, and of both together, more than with nobody\n");
    let ratio = |what: &str, one: f64, other: f64, goal: &str| println!("{what:<58}{:>8.2}   {goal}", one / other);
    ratio("machine: tolltap / tcpdump", machine(Watcher::Probe), machine(Watcher::Tcpdump), "at most 1");
    ratio("sender and watcher: tolltap / tcpdump", way(Watcher::Probe), way(Watcher::Tcpdump), "at most 1");
    let unfiltered = process(Watcher::Unfiltered);
    ratio("process: without the kernel filter / with it", unfiltered, process(Watcher::Probe), "at least 3");
    Ok(())
}

fn generate(name: &str, traffic: Traffic) -> io::Result<(PathBuf, u64)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-data");
    fs::create_dir_all(&folder)?;
    let path = folder.join(name).with_extension("pcap");
    let frames = traffic.write(&path)?;
    Ok((path, frames))
}

fn send(network: &Network, watcher: Watcher, file: &Path) -> io::Result<Run> {
    let enabler = EnablerProcess::start(network)?;
    let mut watching = watcher.command(network).map(|mut command| command.spawn()).transpose()?;
    if let Some(child) = &watching {
        until(|| has_packet_socket(child.id()));
    }
    let sending = || load::children() + load::soft_interrupts();
    let sent_before = sending();
    let busy = || load::machine() - load::process(enabler.child.0.id()).unwrap_or_default();
    let before = busy();
    let output = network.command("trunk", "tcpreplay").args(["-q", "-t", "-i", "out0"]).arg(file).output()?;
    let sender = sending() - sent_before;
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
    Ok(Run { rate, machine, process, sender, lost, records: told("acknowledged") })
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
