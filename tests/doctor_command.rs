//! `tolltap doctor` as a user runs it.
#![cfg(feature = "cli")]

mod cli_support;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

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
    let top = [
        "bytes",
        "findings",
        "fine",
        "frames",
        "seconds",
        "servers",
        "sessions",
        "sip",
        "sources",
        "tunnelDepth",
        "tunnels",
        "verdict",
    ];
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

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compares with what people looked at last; `UPDATE_GOLDEN=1` writes it anew.
fn golden(name: &str, found: &str) {
    let path = root().join("tests/golden/doctor").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, found).expect("the golden file is writable");
    }
    let wanted = fs::read_to_string(&path).unwrap_or_default();
    let differ = found.lines().zip(wanted.lines()).find(|(found, wanted)| found != wanted);
    assert!(found == wanted, "{name}: {differ:#?}\nif this is right, write it again with UPDATE_GOLDEN=1");
}

#[test]
fn every_capture_of_a_real_stack_is_reported_as_it_was_last_looked_at() {
    let mut names: Vec<_> = fs::read_dir(root().join("pcaps"))
        .expect("readable")
        .filter_map(|entry| entry.expect("readable").file_name().into_string().ok())
        .filter(|name| name.ends_with(".pcap"))
        .collect();
    names.sort();
    assert!(names.len() >= 20, "captures are missing");
    let mut found = String::new();
    for name in names {
        let run = Run::of(tolltap().current_dir(root().join("pcaps")).arg("doctor").arg(&name)).success();
        found += &String::from_utf8(run.stdout).expect("text");
        found += "\n";
    }
    golden("pcaps.txt", &found);
}

/// Captures of other projects are what was published: some are cut, of one direction, or lost packets. Names and verdicts.
#[test]
fn captures_of_other_projects_have_the_findings_last_looked_at() {
    let folder = root().join("../shared/captures");
    let Ok(index) = fs::read_to_string(folder.join("INDEX.tsv")) else {
        println!("skipped: no captures beside the repository");
        return;
    };
    let mut names: Vec<_> = index.lines().skip(1).filter_map(|line| line.split('\t').next()).collect();
    names.sort_unstable();
    let mut found = String::new();
    for name in names {
        let run = doctor(&["--format", "json"], &[folder.join(name)]);
        if run.stdout.is_empty() {
            continue;
        }
        let report = report(&run);
        let findings: Vec<_> =
            report["findings"].as_array().expect("a list").iter().map(|one| one["name"].as_str()).collect();
        let findings: Vec<_> = findings.into_iter().flatten().collect();
        let _ = writeln!(found, "{name}: {}: {}", report["verdict"].as_str().unwrap_or_default(), findings.join(" "));
    }
    golden("others.txt", &found);
}
