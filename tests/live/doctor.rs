//! `tolltap doctor` on a port.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::network::Network;
use crate::privileges::of_every_thread;

/// A host with a port that is examined, and one from which frames are sent to it.
fn bench() -> Option<Network> {
    let network = Network::of(&["probe", "trunk"], &["tcpreplay"])?;
    network.join(("trunk", "out0", ""), ("probe", "tap0", ""));
    Some(network)
}

/// A `tolltap doctor` that watches.
struct Watching(Child, BufReader<std::process::ChildStderr>);

impl Watching {
    fn on(network: &Network, arguments: &str) -> Self {
        let mut command = network.command("probe", env!("CARGO_BIN_EXE_tolltap"));
        command.args(["doctor", "--format", "json"]).args(arguments.split(' '));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("it has a standard error"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("readable");
        assert!(line.starts_with("watching tap0 for "), "{line}");
        Self(child, stderr)
    }

    /// ^C, and what it says then.
    fn interrupt(self) -> (Option<i32>, Value, String) {
        let sent = Command::new("sh").args(["-c", &format!("kill -INT {}", self.0.id())]).status();
        assert!(sent.is_ok_and(|status| status.success()));
        self.end()
    }

    fn end(mut self) -> (Option<i32>, Value, String) {
        let (mut report, mut stderr) = (String::new(), String::new());
        self.0.stdout.take().expect("it has a standard output").read_to_string(&mut report).expect("text");
        self.1.read_to_string(&mut stderr).expect("text");
        let status = self.0.wait().expect("it ends").code();
        (status, serde_json::from_str(&report).unwrap_or_else(|error| panic!("{error}: {report}{stderr}")), stderr)
    }
}

fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pcaps").join(name).with_extension("pcap")
}

/// The same capture with each of its records twice.
fn doubled(file: &Path) -> Vec<u8> {
    let bytes = fs::read(file).expect("readable");
    let (header, mut rest) = bytes.split_at(24);
    let mut doubled = header.to_vec();
    while let Some(length) = rest.get(8..12) {
        let length = u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
        let (record, behind) = rest.split_at(16 + length);
        doubled.extend([record, record].concat());
        rest = behind;
    }
    doubled
}

fn send(network: &Network, file: &Path) {
    network.run("trunk", &format!("tcpreplay -q -t -i out0 {}", file.display()));
}

#[test]
fn a_port_that_gives_every_frame_twice_is_told_when_it_is_interrupted() {
    let Some(network) = bench() else { return };
    let watching = Watching::on(&network, "-i tap0 --for 10m");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("doubled.pcap");
    fs::write(&file, doubled(&capture("im-renegotiated"))).expect("writable");
    send(&network, &file);
    let (status, report, stderr) = watching.interrupt();
    assert_eq!((status, &report["verdict"]), (Some(0), &"FIT_WITH_RESERVATIONS".into()), "{report}{stderr}");
    assert_eq!(report["findings"][0]["name"], "doubled", "{report}");
    assert_eq!((&report["frames"], &report["sessions"]["records"]), (&90.into(), &1.into()), "{report}");
    let source = &report["sources"][0];
    assert_eq!((&source["name"], &source["hasLink"]), (&"tap0".into(), &true.into()), "{report}");
}

#[test]
fn a_healthy_port_is_fit() {
    let Some(network) = bench() else { return };
    let watching = Watching::on(&network, "-i tap0 --for 10m");
    send(&network, &capture("im-renegotiated"));
    let (status, report, _) = watching.interrupt();
    assert_eq!((status, &report["verdict"]), (Some(0), &"FIT".into()), "{report}");
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(0), "{report}");
}

#[test]
fn it_keeps_no_capability_and_no_more_calls_than_it_needs() {
    let Some(network) = bench() else { return };
    let watching = Watching::on(&network, "-i tap0 --for 10m");
    for (field, expected) in [("CapEff", "0000000000000000"), ("CapPrm", "0000000000000000"), ("Seccomp", "2")] {
        for (thread, value) in of_every_thread(watching.0.id(), field) {
            assert_eq!(value, expected, "{field} of {thread}");
        }
    }
    let (_, report, _) = watching.interrupt();
    assert_eq!(report["sources"][0]["hasLink"], true, "{report}");
}

#[test]
fn a_silent_port_is_not_fit_when_its_time_is_up() {
    let Some(network) = bench() else { return };
    let (status, report, _) = Watching::on(&network, "-i tap0 --for 300ms").end();
    assert_eq!((status, &report["verdict"]), (Some(3), &"NOT_FIT".into()), "{report}");
    assert_eq!(report["findings"][0]["name"], "nothing_seen", "{report}");
}

#[test]
fn a_port_that_is_taken_away_ends_it_with_what_was_seen() {
    let Some(network) = bench() else { return };
    let watching = Watching::on(&network, "-i tap0 --for 10m");
    send(&network, &capture("im-renegotiated"));
    network.ip("probe", "link del tap0");
    let (status, report, stderr) = watching.end();
    assert_eq!(status, Some(1));
    assert!(stderr.contains("tap0: the interface is gone"), "{stderr}");
    assert!(report["frames"].as_u64().is_some_and(|frames| frames > 0), "{report}");
}
