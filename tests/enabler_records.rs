//! `tolltap records` on a store.
#![cfg(feature = "cli")]

mod ch1_support;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ch1_support::record;
use clap::Parser;
use tolltap::ch1::wire;
use tolltap::cli::records::{self, RecordsArgs};
use tolltap::enabler::{Arrival, Place, Store};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: RecordsArgs,
}

fn store(count: u64) -> (tempfile::TempDir, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("store");
    let arrival = |n| Arrival::Record { sequence: n, body: wire::encode(&record(n)).into() };
    let batch: Vec<_> = (0..count).map(arrival).collect();
    Store::open(&Place::File(path.clone())).unwrap().commit(&batch).unwrap();
    (scratch, path)
}

fn parse(path: &Path, options: &[&str]) -> Result<RecordsArgs, clap::Error> {
    let fixed = ["records", "--store", path.to_str().unwrap()];
    Command::try_parse_from(fixed.iter().chain(options)).map(|command| command.args)
}

fn listed(path: &Path, options: &[&str]) -> String {
    let mut out = Vec::new();
    records::run(&parse(path, options).unwrap(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn lists_in_every_format() {
    let (_scratch, path) = store(3);
    assert_eq!(listed(&path, &[]).lines().count(), 4, "a title and three records");
    assert_eq!(listed(&path, &["--format", "csv"]).lines().count(), 4);
    let json = listed(&path, &["--format", "json"]);
    let times: Vec<_> = json
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["stopTime"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(times.len(), 3);
    assert!(times.is_sorted());
}

#[test]
fn filters_by_what_was_asked() {
    let (_scratch, path) = store(3);
    let count = |options: &[&str]| listed(&path, &[&["--format", "json"], options].concat()).lines().count();
    assert_eq!(count(&["--party", "user1@"]), 1);
    assert_eq!(count(&["--party", "conference.example.com"]), 3);
    assert_eq!(count(&["--ended-by", "callee"]), 0);
    assert_eq!(count(&["--terminated-by", "im-client", "--trigger", "bye"]), 3);
    assert_eq!(count(&["--from", "2026-11-23T20:06:01.001Z"]), 2);
    assert_eq!(count(&["--from", "2026-11-23T20:06:01.001Z", "--to", "2026-11-23T20:06:01.002Z"]), 1);
    assert_eq!(count(&["--from", "2026-11-24"]), 0);
    assert_eq!(count(&["--call-id", "3848276298220188511-2@client2.example.com"]), 1);
}

#[test]
fn refuses_a_time_it_cannot_read_and_a_store_that_is_not_there() {
    let (_scratch, path) = store(0);
    assert!(parse(&path, &["--from", "yesterday"]).err().unwrap().to_string().contains("2026-11-23T20:05:00Z"));
    let missing = path.with_file_name("missing");
    let error = records::run(&parse(&missing, &[]).unwrap(), io::sink()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("store {}: ", missing.display())) && !error.contains('\n'), "{error}");
}

/// A reader that goes away after some bytes.
struct Gone(usize);

impl Write for Gone {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let (_scratch, path) = store(200);
    for format in ["table", "json", "csv"] {
        assert!(records::run(&parse(&path, &["--format", format]).unwrap(), Gone(10_000)).is_ok());
        assert!(records::run(&parse(&path, &["--format", format]).unwrap(), Gone(0)).is_ok());
    }
}
