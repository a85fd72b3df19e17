//! `tolltap records` as a user runs it, on the store of a replay. Its filters in full: `enabler_records.rs`.
#![cfg(feature = "cli")]

mod cli_support;

use std::path::{Path, PathBuf};

use cli_support::{Run, file, lines_of_json, pcap, scratch, tolltap};
use tempfile::TempDir;

/// Five sessions: a caller, a callee and a server ended one, and the two of a fork.
fn store() -> (TempDir, PathBuf, Run) {
    let folder = scratch();
    let store = folder.path().join("records.sqlite");
    let files = ["im-client-terminated-udp", "im-callee-terminated-tcp", "im-server-terminated", "im-fork-two-answers"];
    let mut command = tolltap();
    command.arg("replay").args(files.map(pcap)).args(["--im-server", "10.77.0.1", "--format", "json", "--store"]);
    let replayed = Run::of(command.arg(&store)).success();
    (folder, store, replayed)
}

fn records(store: &Path, options: &[&str]) -> Run {
    Run::of(tolltap().arg("records").arg("--store").arg(store).args(options))
}

/// One line on standard error, and status 1.
fn refused(run: &Run, what: &str) {
    assert_eq!(run.status, Some(1), "{}", run.stderr);
    assert!(run.stdout.is_empty());
    let [line] = run.stderr.lines().collect::<Vec<_>>()[..] else { panic!("not one line: {}", run.stderr) };
    assert!(line.starts_with("tolltap: store ") && line.contains(what), "{line}");
}

#[test]
fn it_lists_what_the_replay_printed() {
    let (_folder, store, replayed) = store();
    let listed = records(&store, &["--format", "json"]).success();
    assert_eq!(lines_of_json(&listed.stdout).len(), 5);
    assert!(listed.stdout == replayed.stdout);
    assert_eq!(listed.stderr, "");
    let table = String::from_utf8(records(&store, &[]).success().stdout).unwrap();
    assert!(table.starts_with("STOP (UTC)") && table.lines().all(|line| line.chars().count() <= 100), "{table}");
}

#[test]
fn filters_choose_by_who_when_and_how() {
    let (_folder, store, _) = store();
    let count = |options: &[&str]| {
        let run = records(&store, &[options, &["--format", "json"]].concat()).success();
        lines_of_json(&run.stdout).len()
    };
    assert_eq!(count(&["--terminated-by", "im-server"]), 1);
    assert_eq!(count(&["--terminated-by", "im-client"]), 4);
    assert_eq!(count(&["--ended-by", "callee"]), 1);
    assert_eq!(count(&["--ended-by", "unspecified"]), 1);
    assert_eq!(count(&["--party", "both@im.example.net"]), 2);
    assert_eq!(count(&["--party", "nobody"]), 0);
    assert_eq!(count(&["--trigger", "bye"]), 5);
    assert_eq!(count(&["--trigger", "session-timer"]), 0);
    assert_eq!(count(&["--from", "2026-11-23T21:00:00Z"]), 1);
    assert_eq!(count(&["--to", "2026-11-23T21:00:00Z"]), 4);
    assert_eq!(count(&["--from", "2026-11-23T22:00:00+01:00"]), 1, "an offset");
    assert_eq!(count(&["--call-id", "1-18537@10.77.1.2"]), 2);
}

#[test]
fn a_store_that_is_none_is_refused_in_one_line() {
    let folder = scratch();
    let missing = folder.path().join("missing");
    refused(&records(&missing, &[]), "there is no such file");
    assert!(!missing.exists(), "a store is not made by reading it");
    refused(&records(&file(&folder, "text", &[b'x'; 5000]), &[]), "not a database");
    refused(&records(&file(&folder, "empty", b""), &[]), "empty");
    refused(&records(folder.path(), &[]), "");
}
