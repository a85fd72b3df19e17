//! The binary as a user runs it.

// Each integration test is a crate of its own and uses its own part of this.
#![allow(dead_code, unreachable_pub)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// The command, with nothing of this process's environment that could change what it prints.
pub fn tolltap() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tolltap"));
    command.env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

/// What a command left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub status: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Run {
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().expect("the binary starts");
        let stderr = String::from_utf8(output.stderr).expect("standard error is text");
        Self { status: output.status.code(), stdout: output.stdout, stderr }
    }

    /// The same with something on standard input.
    pub fn fed(command: &mut Command, input: &[u8]) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut stdin = child.stdin.take().expect("it has a standard input");
        let output = std::thread::scope(|scope| {
            // It may end before it has read everything.
            scope.spawn(move || stdin.write_all(input).ok());
            child.wait_with_output().expect("it ends")
        });
        let stderr = String::from_utf8(output.stderr).expect("standard error is text");
        Self { status: output.status.code(), stdout: output.stdout, stderr }
    }

    /// # Panics
    /// When it did not end with 0.
    pub fn success(self) -> Self {
        assert_eq!(self.status, Some(0), "{}", self.stderr);
        self
    }

    /// The lines of standard error that tell of a failure.
    pub fn complaints(&self) -> Vec<&str> {
        self.stderr.lines().filter(|line| line.starts_with("tolltap: ")).collect()
    }

    /// The total of a line of the summary, by its label.
    pub fn summary(&self, label: &str) -> Option<u64> {
        self.summary_line(label)?.split_whitespace().next()?.parse().ok()
    }

    /// A number among the parts of a line of the summary; 0 where it is not named.
    pub fn summary_part(&self, label: &str, part: &str) -> u64 {
        let parts = self.summary_line(label).unwrap_or_default();
        let words = parts.trim_start().split_once("  ").map_or("", |(_, parts)| parts);
        let number = words.split(", ").find_map(|word| word.trim().strip_prefix(part)?.trim().parse().ok());
        number.unwrap_or(0)
    }

    fn summary_line(&self, label: &str) -> Option<&str> {
        let rest = |line: &'_ str| line.strip_prefix(label).is_some_and(|rest| rest.starts_with("  "));
        self.stderr.lines().find(|line| rest(line)).and_then(|line| line.strip_prefix(label))
    }
}

/// JSON lines.
pub fn lines_of_json(stdout: &[u8]) -> Vec<Value> {
    let text = core::str::from_utf8(stdout).expect("standard output is text");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// A capture of the repository.
pub fn pcap(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pcaps").join(format!("{name}.pcap"))
}

/// A folder of one test's own, removed at its end.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

/// Writes a file and gives its path.
pub fn file(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("the file can be written");
    path
}

/// An address nobody listens on; taken and given back, so that it is not met by chance.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("loopback has a free port")
}

/// A Charging Enabler in a process of its own; killed when it goes.
pub struct EnablerProcess {
    child: Child,
    pub address: SocketAddr,
    stderr: BufReader<std::process::ChildStderr>,
}

impl EnablerProcess {
    /// Starts it and waits until it says where it listens.
    pub fn start(listen: SocketAddr, store: &Path) -> Self {
        let mut command = tolltap();
        command.arg("enabler").arg("--listen").arg(listen.to_string()).arg("--store").arg(store);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("it has a standard error"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("readable");
        let address = line
            .strip_prefix("listening on ")
            .and_then(|rest| rest.split(',').next())
            .and_then(|address| address.trim().parse().ok())
            .unwrap_or_else(|| panic!("no address in '{line}'"));
        Self { child, address, stderr }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// SIGKILL: nothing is said or stored any more.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// SIGTERM, and what it says at its end.
    pub fn terminate(mut self) -> Run {
        // The shell's own `kill`: the program of that name is not on every machine.
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh starts").success());
        let mut stderr = String::new();
        std::io::Read::read_to_string(&mut self.stderr, &mut stderr).expect("readable");
        let status = self.child.wait().expect("it ends").code();
        Run { status, stdout: Vec::new(), stderr }
    }
}

impl Drop for EnablerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
