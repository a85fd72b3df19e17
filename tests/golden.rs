//! The binary against captures whose records are known: those of `pcaps/`, and those of other projects.
//!
//! `pcaps/NAME.expected.json` says what must be there, from a CDR of the server and an independent dissector.
//! `tests/golden/NAME.jsonl` is the whole output as it was last looked at; `UPDATE_GOLDEN=1` writes it again, and the
//! difference is then read by a person before it is committed.
#![cfg(feature = "cli")]

mod cli_support;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use cli_support::{Run, lines_of_json, tolltap};

/// How far the duration may lie from that of the server, which counts on its own clock and at its own socket.
const TOLERANCE_MS: f64 = 20.0;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every capture of `pcaps/` by name, with what it must give.
fn expected() -> Vec<(String, Value)> {
    let mut found: Vec<(String, Value)> = fs::read_dir(root().join("pcaps"))
        .expect("pcaps/ is readable")
        .filter_map(|entry| {
            let name = entry.expect("readable").file_name().into_string().expect("plain names");
            let stem = name.strip_suffix(".expected.json")?.to_owned();
            Some((stem, read_json(&root().join("pcaps").join(&name))))
        })
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

fn read_json(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn replay(file: &Path, options: &[String]) -> Run {
    let mut command = tolltap();
    command.arg("replay").arg(file).args(options).args(["--format", "json"]);
    Run::of(&mut command)
}

fn options(expected: &Value) -> Vec<String> {
    list(expected, "options").iter().map(|word| word.as_str().expect("options are words").to_owned()).collect()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn every_capture_gives_the_records_it_must() {
    let captures = expected();
    assert!(captures.len() >= 20, "captures are missing");
    let mut wrong = String::new();
    let mut records = 0;
    for (name, expected) in &captures {
        let run = replay(&root().join(format!("pcaps/{name}.pcap")), &options(expected));
        let mut differences = String::new();
        if run.status != Some(0) {
            let _ = writeln!(differences, "  exit status {:?}: {}", run.status, run.stderr);
        }
        records += list(expected, "records").len();
        differences += &compare(list(expected, "records"), lines_of_json(&run.stdout));
        if !differences.is_empty() {
            let _ = write!(wrong, "{name}\n{differences}");
        }
    }
    println!("{} captures, {records} records", captures.len());
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The differences, a line each: every expected record once, and no further one.
fn compare(expected: &[Value], mut got: Vec<Value>) -> String {
    let mut out = String::new();
    for wanted in expected {
        let title = format!("{} {} {}", text(wanted, "callId"), text(wanted, "callerTag"), text(wanted, "calleeTag"));
        let is_it = |record: &Value| {
            ["callId", "callerTag", "calleeTag"].iter().all(|name| text(record, name) == text(wanted, name))
        };
        let found = got.iter().filter(|record| is_it(record)).count();
        if found != 1 {
            let _ = writeln!(out, "  {found} records instead of one: {title}");
        }
        let Some(at) = got.iter().position(is_it) else { continue };
        let record = got.remove(at);
        got.retain(|record| !is_it(record));
        let service = text(wanted, "service").replace("SERVICE_KIND_", "SERVICE_");
        let fields = ["byeFromTag", "endedBy", "terminatedBy", "trigger", "service", "stopTime"];
        for name in fields {
            let wanted = if name == "service" { &service } else { text(wanted, name) };
            let got = text(&record, name);
            if got != wanted {
                let _ = writeln!(out, "  {name}: expected {wanted} got {got}: {title}");
            }
        }
        if record["withdrawn"] != false {
            let _ = writeln!(out, "  withdrawn: {title}");
        }
        if let Some(wanted) = wanted.get("cdrDurationMs").and_then(Value::as_f64) {
            let got = milliseconds(&record);
            if got.is_none_or(|got| (got - wanted).abs() > TOLERANCE_MS) {
                let _ = writeln!(out, "  duration: the CDR says {wanted} ms, got {got:?} ms: {title}");
            }
        }
    }
    for record in got {
        let _ = writeln!(out, "  a further record: {record}");
    }
    out
}

/// `duration`, which has nine digits and an `s`.
fn milliseconds(record: &Value) -> Option<f64> {
    Some(record.get("duration")?.as_str()?.strip_suffix('s')?.parse::<f64>().ok()? * 1000.0)
}

#[test]
fn the_whole_output_is_as_it_was_last_looked_at() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = String::new();
    for (name, expected) in expected() {
        let run = replay(&root().join(format!("pcaps/{name}.pcap")), &options(&expected));
        let path = root().join(format!("tests/golden/{name}.jsonl"));
        if update {
            fs::write(&path, &run.stdout).expect("the golden file is writable");
            continue;
        }
        let wanted = fs::read(&path).unwrap_or_default();
        if wanted == run.stdout {
            continue;
        }
        let _ = writeln!(wrong, "{}", path.strip_prefix(root()).unwrap_or(&path).display());
        let (wanted, got) = (lines_of_json(&wanted), lines_of_json(&run.stdout));
        if wanted.len() != got.len() {
            let _ = writeln!(wrong, "  {} records instead of {}", got.len(), wanted.len());
        }
        for (wanted, got) in wanted.iter().zip(&got) {
            differences(&mut wrong, text(wanted, "callId"), wanted, got);
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}\nif this is right, write them again with UPDATE_GOLDEN=1");
}

/// The fields in which two records differ, each with its path.
fn differences(out: &mut String, path: &str, wanted: &Value, got: &Value) {
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => {
            let mut names: Vec<&String> = wanted.keys().chain(got.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let of = |map: &serde_json::Map<String, Value>| map.get(name).cloned().unwrap_or(Value::Null);
                differences(out, &format!("{path} {name}"), &of(wanted), &of(got));
            }
        }
        _ if wanted == got => {}
        _ => {
            let _ = writeln!(out, "  {path}: {wanted} became {got}");
        }
    }
}

fn foreign() -> Option<PathBuf> {
    let folder = root().join("../shared/captures");
    if folder.join("INDEX.tsv").exists() {
        return Some(folder);
    }
    println!("skipped: no captures beside the repository");
    None
}

#[test]
fn captures_of_other_projects_give_the_dissectors_records() {
    let Some(folder) = foreign() else { return };
    let index = fs::read_to_string(folder.join("INDEX.tsv")).expect("the index is readable");
    let (mut wrong, mut files, mut records) = (String::new(), 0, 0);
    for name in index.lines().skip(1).filter_map(|line| line.split('\t').next()) {
        let oracle = folder.join(format!("{name}.oracle.json"));
        if !oracle.exists() {
            continue;
        }
        let oracle = read_json(&oracle);
        let run = replay(&folder.join(name), &[]);
        let mut found = String::new();
        if run.status != Some(0) && run.status != Some(3) {
            let _ = writeln!(found, "  exit status {:?}: {}", run.status, run.stderr);
        }
        let got = lines_of_json(&run.stdout);
        for wanted in list(&oracle, "stop_records") {
            records += 1;
            found += &against_dissector(wanted, &got);
        }
        files += 1;
        if !found.is_empty() {
            let doubts: Vec<String> = list(&oracle, "doubtful").iter().map(Value::to_string).collect();
            let _ = write!(wrong, "{name}\n{found}  doubtful: {}\n", doubts.join("; "));
        }
    }
    println!("{files} captures, {records} records of the dissector");
    assert!(files > 0, "the index names no capture");
    assert!(wrong.is_empty(), "\n{wrong}");
}

fn against_dissector(wanted: &Value, got: &[Value]) -> String {
    let mut out = String::new();
    let title = format!("{} {} {}", text(wanted, "call_id"), text(wanted, "from_tag"), text(wanted, "to_tag"));
    let found: Vec<&Value> = got
        .iter()
        .filter(|record| {
            text(record, "callId") == text(wanted, "call_id")
                && text(record, "callerTag") == text(wanted, "from_tag")
                && text(record, "calleeTag") == text(wanted, "to_tag")
        })
        .collect();
    let [record] = found.as_slice() else { return format!("  {} records instead of one: {title}\n", found.len()) };
    let party = match text(record, "endedBy") {
        "PARTY_CALLER" => "caller",
        "PARTY_CALLEE" => "callee",
        _ => "unspecified",
    };
    if party != text(wanted, "bye_by") {
        let _ = writeln!(out, "  ended by {party} instead of {}: {title}", text(wanted, "bye_by"));
    }
    let stop = epoch_nanos(text(record, "stopTime"));
    let wanted: Option<i128> = text(wanted, "t_bye").replace('.', "").parse().ok();
    if stop.is_none() || stop != wanted {
        let _ = writeln!(out, "  stopped at {stop:?} instead of {wanted:?}: {title}");
    }
    out
}

/// Nanoseconds since 1970 of `2026-11-23T20:58:51.970815785Z`, without any calendar of the program under test.
fn epoch_nanos(time: &str) -> Option<i128> {
    let number = |range: core::ops::Range<usize>| time.get(range)?.parse::<i128>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 719_469;
    let seconds = days * 86_400 + number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?;
    (time.len() == 30 && time.ends_with('Z')).then_some(seconds * 1_000_000_000 + number(20..29)?)
}

#[test]
fn the_calendar_of_these_tests_is_right() {
    assert_eq!(epoch_nanos("1970-01-01T00:00:00.000000001Z"), Some(1));
    assert_eq!(epoch_nanos("2000-02-29T12:00:00.000000000Z"), Some(951_825_600_000_000_000));
    assert_eq!(epoch_nanos("2026-01-01T00:00:00.000000000Z"), Some(1_767_225_600_000_000_000));
    assert_eq!(epoch_nanos("2026-01-01T00:00:00Z"), None);
}
