//! Replays the generated captures, beside a bare libpcap loop, tshark and sngrep over the same files.
//!
//! Every measure of a capture is taken in turn, seven times over, so that whatever else the machine does falls on all of
//! them alike; the medians are compared. `-- --rounds N` asks for another number.

mod traffic;

use core::ops::ControlFlow;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tolltap::capture::CaptureFiles;
use tolltap::charging::PackedRecord;
use tolltap::pipeline::{self, Core, Reading, Receiver};
use tolltap::probe::{Loss, Note, Options};

use traffic::Traffic;

const TOLLTAP: &str = env!("CARGO_BIN_EXE_tolltap");
const ROUNDS: usize = 7;

/// For programs that are not ours.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, file] = &*arguments
        && mode == "core"
    {
        core_alone(Path::new(file));
        return Ok(());
    }
    let rounds = arguments
        .iter()
        .position(|argument| argument == "--rounds")
        .and_then(|at| arguments.get(at + 1)?.parse().ok())
        .unwrap_or(ROUNDS);

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-data");
    fs::create_dir_all(&folder)?;
    let pcap_loop = compile_pcap_loop(&folder);
    for (name, tcp) in [("udp-noise", false), ("tcp-noise", true)] {
        let capture = Capture::generate(&folder.join(name).with_extension("pcap"), tcp)?;
        let table = Table::measure(&capture, pcap_loop.as_deref(), &folder, rounds)?;
        table.print(&capture);
    }
    Ok(())
}

/// A generated capture and what is in it.
struct Capture {
    path: PathBuf,
    frames: u64,
    messages: u64,
    bytes: u64,
}

impl Capture {
    fn generate(path: &Path, tcp: bool) -> io::Result<Self> {
        let frames = Traffic { tcp, ..Traffic::TRUNK }.write(path)?;
        let (messages, bytes) = (200_000, fs::metadata(path)?.len());
        Ok(Self { path: path.to_owned(), frames, messages, bytes })
    }
}

fn compile_pcap_loop(folder: &Path) -> Option<PathBuf> {
    let program = folder.join("pcap-loop");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/pcap-loop.c");
    let compiled =
        Command::new("cc").arg("-O2").arg("-o").arg(&program).arg(source).arg("-lpcap").stderr(Stdio::null()).status();
    if compiled.is_ok_and(|status| status.success()) {
        return Some(program);
    }
    println!("no bare libpcap loop: it needs a C compiler and libpcap-dev");
    None
}

/// What one run of a program took.
#[derive(Clone, Copy, Default)]
struct Run {
    /// Until the last record had left the core, and until the last was acknowledged; as the closing summary says, from the
    /// program's own start. For programs that say nothing: until the end.
    emitted: Duration,
    acknowledged: Duration,
    /// Until it had ended.
    wall: Duration,
    /// Processor time, its own and the kernel's for it.
    processor: Duration,
}

/// One way through the capture.
struct Measure {
    name: &'static str,
    runs: Vec<Run>,
    peak_kib: Option<u64>,
}

struct Table {
    measures: Vec<Measure>,
}

const LOOP: &str = "bare libpcap loop";
const CORE: &str = "core alone, records dropped";
const EMBEDDED: &str = "replay, Enabler in the process";
const REMOTE: &str = "replay, Enabler in another";
const TSHARK: &str = "tshark -q -z sip,stat";
const SNGREP: &str = "sngrep -N -q -I";

impl Table {
    fn measure(capture: &Capture, pcap_loop: Option<&Path>, folder: &Path, rounds: usize) -> io::Result<Self> {
        let itself = std::env::current_exe()?;
        let file = &capture.path;
        let core = || {
            let mut command = Command::new(&itself);
            command.arg("core").arg(file);
            command
        };
        let replay = || {
            let mut command = Command::new(TOLLTAP);
            command.args(["replay", "--format", "json"]).arg(file);
            command
        };
        let mut table = Self { measures: Vec::new() };
        for round in 0..=rounds {
            // The first round warms the page cache, and measures memory instead of time.
            let warm = round > 0;
            if let Some(program) = pcap_loop {
                let mut command = Command::new(program);
                table.run(LOOP, command.arg(file), warm)?;
            }
            table.run(CORE, &mut core(), warm)?;
            table.run(EMBEDDED, &mut replay(), warm)?;
            let enabler = EnablerProcess::start(&folder.join("enabler"))?;
            table.run(REMOTE, replay().arg("--enabler").arg(&enabler.url), warm)?;
        }
        for (name, program, arguments) in
            [(TSHARK, "tshark", &["-q", "-z", "sip,stat", "-r"][..]), (SNGREP, "sngrep", &["-N", "-q", "-I"][..])]
        {
            let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
            if found.is_err() {
                println!("no {name}: {program} is not installed");
                continue;
            }
            // Once: they take long, and no figure of ours hangs on a tenth of theirs.
            let mut command = Command::new(program);
            match watch(command.args(arguments).arg(file))? {
                Some((run, peak_kib)) => table.measures.push(Measure { name, runs: vec![run], peak_kib }),
                None => println!("{name}: stopped after {} s", PATIENCE.as_secs()),
            }
        }
        Ok(table)
    }

    fn run(&mut self, name: &'static str, command: &mut Command, warm: bool) -> io::Result<()> {
        let found = self.measures.iter().position(|measure| measure.name == name);
        let measure = match found {
            Some(at) => &mut self.measures[at],
            None => {
                self.measures.push(Measure { name, runs: Vec::new(), peak_kib: None });
                self.measures.last_mut().expect("one was pushed")
            }
        };
        if warm {
            measure.runs.push(time(command)?);
        } else {
            measure.peak_kib = watch(command)?.and_then(|(_, peak_kib)| peak_kib);
        }
        Ok(())
    }

    fn median(&self, name: &str, of: impl Fn(&Run) -> Duration) -> Option<f64> {
        let measure = self.measures.iter().find(|measure| measure.name == name)?;
        let mut times: Vec<Duration> = measure.runs.iter().map(of).collect();
        times.sort_unstable();
        Some(times.get(times.len() / 2)?.as_secs_f64())
    }

    fn print(&self, capture: &Capture) {
        let name = capture.path.file_name().unwrap_or_default().to_string_lossy();
        println!(
            "\n{name}: {} frames, {} SIP messages, {:.0} MB\n",
            capture.frames,
            capture.messages,
            capture.bytes as f64 / 1e6
        );
        println!(
            "{:<32}{:>9}{:>9}{:>9}{:>12}{:>12}{:>10}{:>8}",
            "", "wall s", "best s", "cpu s", "frames/s", "SIP msg/s", "peak MiB", "x loop"
        );
        let bare = self.median(LOOP, |run| run.wall);
        for measure in &self.measures {
            let Some(wall) = self.median(measure.name, |run| run.wall) else { continue };
            let best = measure.runs.iter().map(|run| run.wall).min().unwrap_or_default().as_secs_f64();
            let processor = self.median(measure.name, |run| run.processor).unwrap_or_default();
            let peak = measure.peak_kib.map_or_else(|| "-".to_owned(), |kib| format!("{:.1}", kib as f64 / 1024.0));
            let times = bare.map_or_else(|| "-".to_owned(), |bare| format!("{:.2}", wall / bare));
            println!(
                "{:<32}{wall:>9.3}{best:>9.3}{processor:>9.2}{:>12.0}{:>12.0}{peak:>10}{times:>8}",
                measure.name,
                capture.frames as f64 / wall,
                capture.messages as f64 / wall,
            );
        }
        println!();
        let ratio = |label: &str, ours: Option<f64>, theirs: Option<f64>, goal: &str| {
            if let (Some(ours), Some(theirs)) = (ours, theirs) {
                println!("{label:<68}{:>7.2}   {goal}", ours / theirs);
            }
        };
        let acknowledged = self.median(EMBEDDED, |run| run.acknowledged);
        ratio("to the last acknowledgement / bare loop", acknowledged, bare, "at most 3, aim 2");
        ratio("the same, printed to the last line / bare loop", self.median(EMBEDDED, |run| run.wall), bare, "");
        let emitted = self.median(REMOTE, |run| run.emitted);
        ratio("to the last record emitted, Enabler in another process / bare loop", emitted, bare, "aim 1.5");
        ratio("core alone / bare loop", self.median(CORE, |run| run.wall), bare, "");
        ratio("tshark / to the last acknowledgement", self.median(TSHARK, |run| run.wall), acknowledged, "at least 30");
        ratio("sngrep / to the last acknowledgement", self.median(SNGREP, |run| run.wall), acknowledged, "");
    }
}

fn time(command: &mut Command) -> io::Result<Run> {
    let before = children_processor_time();
    let start = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut output = child.stdout.take().expect("it is piped");
    let mut buffer = vec![0; 1 << 16];
    while output.read(&mut buffer)? > 0 {}
    let status = child.wait()?;
    let wall = start.elapsed();
    if !status.success() {
        return Err(io::Error::other(format!("{command:?} ended with {status}")));
    }
    let mut said = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut said)?;
    let told = |what: &str| said.lines().find_map(|line| seconds_until(line, what));
    Ok(Run {
        emitted: told("until the last record").unwrap_or(wall),
        acknowledged: told("until the last acknowledgement").unwrap_or(wall),
        wall,
        processor: children_processor_time() - before,
    })
}

/// The time before `what` in the `time` line of a summary: `0.251 s until the last record, 0.283 s until …`.
fn seconds_until(line: &str, what: &str) -> Option<Duration> {
    let (before, _) = line.strip_prefix("time")?.split_once(what)?;
    let number = before.trim_end().strip_suffix('s')?.split_whitespace().last()?;
    number.parse().ok().map(Duration::from_secs_f64)
}

/// Runs a program and takes its highest resident memory, in KiB, too. The kernel forgets that when the process ends, so it
/// is asked for until then. A program that takes longer than [`PATIENCE`] is stopped, and gives nothing.
fn watch(command: &mut Command) -> io::Result<Option<(Run, Option<u64>)>> {
    let before = children_processor_time();
    let start = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = None;
    loop {
        let resident = fs::read_to_string(&status).ok().and_then(|text| status_kib(&text, "VmHWM:"));
        peak = resident.or(peak);
        if let Some(status) = child.try_wait()? {
            if !status.success() {
                return Err(io::Error::other(format!("{command:?} ended with {status}")));
            }
            let wall = start.elapsed();
            let processor = children_processor_time() - before;
            return Ok(Some((Run { emitted: wall, acknowledged: wall, wall, processor }, peak)));
        }
        if start.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn status_kib(status: &str, key: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
}

/// User and system time of all children that have ended: fields 16 and 17 of stat, in hundredths of a second.
fn children_processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after_name.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// `tolltap enabler` with an empty store.
struct EnablerProcess {
    child: Child,
    url: String,
}

impl EnablerProcess {
    fn start(folder: &Path) -> io::Result<Self> {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(folder)?,
        }
        let mut child = Command::new(TOLLTAP)
            .args(["enabler", "--listen", "127.0.0.1:0", "--store"])
            .arg(folder.join("records.db"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let errors = child.stderr.take().expect("it is piped");
        let mut line = String::new();
        let mut errors = BufReader::new(errors);
        errors.read_line(&mut line)?;
        let address = line.strip_prefix("listening on ").and_then(|rest| rest.split(',').next());
        let Some(address) = address else {
            let _ = child.kill();
            return Err(io::Error::other(format!("the Enabler said: {line}")));
        };
        let url = format!("http://{address}");
        // Whatever else it says must not fill the pipe.
        thread::spawn(move || io::copy(&mut errors, &mut io::sink()));
        Ok(Self { child, url })
    }
}

impl Drop for EnablerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The reading side and the core on one thread, without CH-1 and without output.
fn core_alone(file: &Path) {
    struct Dropped(u64);

    impl Receiver for Dropped {
        type Progress = Reading;

        fn record(&mut self, _: Box<PackedRecord>) -> ControlFlow<()> {
            self.0 += 1;
            ControlFlow::Continue(())
        }

        fn loss(&mut self, _: Loss) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }

        fn note(&mut self, _: Note) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }

        fn progress(&mut self, _: Reading) {}
    }

    let mut files = CaptureFiles::open(&[file.to_owned()]).expect("the capture was just written");
    let mut core = Core::new(Options::default(), 1);
    let mut dropped = Dropped(0);
    let _ = pipeline::replay(&mut files, &mut core, &mut dropped).expect("a thread can be had");
    println!("{} records", dropped.0);
}
