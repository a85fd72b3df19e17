//! `tolltap doctor` as a user runs it.
#![cfg(feature = "cli")]

mod cli_support;

use std::fs;
use std::path::PathBuf;

use cli_support::{Run, file, lines_of_json, pcap, scratch, tolltap};
use serde_json::Value;

fn doctor(arguments: &[&str], files: &[PathBuf]) -> Run {
    Run::of(tolltap().arg("doctor").args(arguments).args(files))
}

fn report(run: &Run) -> Value {
    let mut lines = lines_of_json(&run.stdout);
    assert_eq!(lines.len(), 1, "one object");
    lines.remove(0)
}

#[test]
fn the_first_line_is_the_verdict_and_each_finding_has_one_line() {
    let run = doctor(&[], &[pcap("im-mirrored-twice")]).success();
    let page = String::from_utf8(run.stdout).expect("text");
    let mut lines = page.lines();
    let verdict = lines.next().expect("a verdict");
    assert!(verdict.starts_with("fit for charging, with 1 reservation: "), "{page}");
    let finding = lines.next().expect("a finding");
    assert!(finding.starts_with("reservation  doubled: every frame came twice or more: "), "{page}");
    assert!(finding.contains(" Charging: no harm: ") && finding.contains(" To do: mirror each port "), "{page}");
    assert!(page.lines().any(|line| line.starts_with("fine         SIP is there: ")), "{page}");
    assert!(run.stderr.is_empty(), "{}", run.stderr);
}

#[test]
fn scripts_get_one_object_with_stable_names() {
    let report = report(&doctor(&["--format", "json"], &[pcap("im-mirrored-twice")]).success());
    assert_eq!(report["verdict"], "FIT_WITH_RESERVATIONS");
    assert_eq!(report["findings"][0]["name"], "doubled");
    assert_eq!(report["findings"][0]["severity"], "RESERVATION");
    assert!(report["findings"][0]["figures"]["share"].as_f64().is_some_and(|share| share > 0.45));
    assert!(report["frames"].as_u64().is_some_and(|frames| frames > 0));
    assert_eq!(report["sources"][0]["kind"], "FILE");
    let top = ["bytes", "findings", "fine", "frames", "seconds", "servers", "sessions", "sip", "sources", "tunnels", "verdict"];
    assert_eq!(report.as_object().expect("an object").keys().collect::<Vec<_>>(), top);
}

#[test]
fn a_tap_that_is_not_fit_ends_with_3() {
    let folder = scratch();
    // A capture without a frame.
    let empty = fs::read(pcap("voice")).expect("readable")[..24].to_vec();
    let run = doctor(&["--format", "json"], &[file(&folder, "empty.pcap", &empty)]);
    assert_eq!(run.status, Some(3), "{}", run.stderr);
    let report = report(&run);
    assert_eq!((&report["verdict"], &report["findings"][0]["name"]), (&"NOT_FIT".into(), &"nothing_seen".into()));
}

#[test]
fn a_damaged_file_is_examined_up_to_the_damage() {
    let folder = scratch();
    let bytes = fs::read(pcap("voice")).expect("readable");
    let run = doctor(&[], &[file(&folder, "damaged.pcap", &bytes[..bytes.len() - 7])]);
    assert_eq!(run.status, Some(3), "{}", run.stderr);
    assert_eq!(run.complaints().len(), 1, "{}", run.stderr);
    assert!(run.stdout.starts_with(b"fit for charging"), "{}", String::from_utf8_lossy(&run.stdout));
}

#[test]
fn a_wrong_command_line_ends_with_2_and_a_missing_file_with_1() {
    assert_eq!(doctor(&[], &[]).status, Some(2));
    assert_eq!(doctor(&["-i", "tap0"], &[pcap("voice")]).status, Some(2));
    assert_eq!(doctor(&["--for", "soon", "-i", "tap0"], &[]).status, Some(2));
    let run = doctor(&[], &["no-such.pcap".into()]);
    assert_eq!((run.status, run.complaints().len()), (Some(1), 1), "{}", run.stderr);
}

#[test]
fn the_same_capture_gives_the_same_bytes() {
    let file = [pcap("mixed-requests"), pcap("im-vxlan")];
    assert_eq!(doctor(&["--format", "json"], &file), doctor(&["--format", "json"], &file));
    assert_eq!(doctor(&[], &file), doctor(&[], &file));
}
