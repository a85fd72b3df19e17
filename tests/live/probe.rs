//! The probe on a host.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::network::Network;

/// Nothing here takes as long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A `tolltap live` that runs.
pub(crate) struct Probe {
    child: Child,
    records: Receiver<String>,
    lines: Receiver<String>,
}

/// What it left behind.
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) records: Vec<Value>,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Probe {
    /// Starts it, and waits until it watches.
    pub(crate) fn on(network: &Network, host: &str, arguments: &str) -> Self {
        let mut probe = Self::start(network, host, arguments);
        let first = probe.line();
        assert!(first.starts_with("watching"), "{first}");
        probe
    }

    pub(crate) fn start(network: &Network, host: &str, arguments: &str) -> Self {
        Self::spawn(network.command(host, env!("CARGO_BIN_EXE_tolltap")), arguments)
    }

    /// Starts a copy of it by a command that becomes it: as another user, or with another environment.
    pub(crate) fn as_somebody(network: &Network, host: &str, by: &str, program: &str, arguments: &str) -> Self {
        let mut words = by.split(' ');
        let mut command = network.command(host, words.next().unwrap_or_default());
        command.args(words).arg(program);
        Self::spawn(command, arguments)
    }

    fn spawn(mut command: Command, arguments: &str) -> Self {
        command.args(["live", "--format", "json"]).args(arguments.split(' '));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let records = lines(child.stdout.take().unwrap());
        let lines = lines(child.stderr.take().unwrap());
        Self { child, records, lines }
    }

    /// Its number; `ip netns exec` and others become the program.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// The next line of standard error.
    pub(crate) fn line(&mut self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("it says something")
    }

    /// The next record; it waits for it.
    pub(crate) fn record(&mut self) -> Value {
        record(&self.records.recv_timeout(PATIENCE).expect("a record comes"))
    }

    /// The next so many records; it waits for them.
    pub(crate) fn records(&mut self, count: usize) -> Vec<Value> {
        (0..count).map(|_| self.record()).collect()
    }

    /// From here on until [`Probe::resume`] it reads nothing.
    pub(crate) fn pause(&self) {
        self.signal("STOP");
    }

    pub(crate) fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        // `ip netns exec` becomes the program: the process is the probe itself.
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status();
        assert!(sent.is_ok_and(|status| status.success()));
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn stop(self) -> Ended {
        self.signal("TERM");
        self.end()
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        let start = Instant::now();
        let records = self.records.iter().map(|line| record(&line)).collect();
        let status = self.child.wait().expect("it ends").code();
        let took = start.elapsed();
        let stderr = self.lines.iter().map(|line| line + "\n").collect();
        Ended { status, records, stderr, took }
    }
}

/// What somebody says, a line at a time, until nothing more comes.
fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (say, lines) = mpsc::channel();
    thread::spawn(move || BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
    lines
}

fn record(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}
