//! The probe on a host.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
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
    records: BufReader<ChildStdout>,
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
        let mut command = network.command(host, env!("CARGO_BIN_EXE_tolltap"));
        command.args(["live", "--format", "json"]).args(arguments.split(' '));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (say, lines) = mpsc::channel();
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        let records = BufReader::new(child.stdout.take().unwrap());
        Self { child, records, lines }
    }

    /// The next line of standard error.
    pub(crate) fn line(&mut self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("it says something")
    }

    /// The next record; it waits for it.
    pub(crate) fn record(&mut self) -> Value {
        let mut line = String::new();
        self.records.read_line(&mut line).expect("records are text");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn stop(self) -> Ended {
        // `ip netns exec` becomes the program: the process is the probe itself.
        let sent = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.child.id())]).status();
        assert!(sent.is_ok_and(|status| status.success()));
        self.end()
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        let start = Instant::now();
        let mut rest = String::new();
        self.records.read_to_string(&mut rest).expect("records are text");
        let status = self.child.wait().expect("it ends").code();
        let took = start.elapsed();
        let records = rest.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
        let stderr = self.lines.iter().map(|line| line + "\n").collect();
        Ended { status, records, stderr, took }
    }
}
