//! Captures of other projects, against an independent dissector's answer.
//!
//! They are kept beside the repository, never in it; where they are not, these tests say that they are skipped.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tolltap::charging::{Party, Sight, StopRecord, Trigger};

use common::expectation::broken_promises;
use common::pcap;
use common::replay::{Outcome, TestInput, run};

fn captures() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures");
    if !folder.join("INDEX.tsv").exists() {
        println!("skipped: no captures beside the repository");
        return None;
    }
    Some(folder)
}

/// Name of every capture of the index that has an answer.
fn names(folder: &Path) -> Vec<String> {
    let index = fs::read_to_string(folder.join("INDEX.tsv")).expect("the index is readable");
    index
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').next())
        .filter(|name| folder.join(format!("{name}.oracle.json")).exists())
        .map(str::to_owned)
        .collect()
}

fn replay(file: &Path) -> Outcome {
    let mut inputs = pcap::read(&fs::read(file).expect("the capture is readable"));
    inputs.sort_by_key(TestInput::time); // stable: the order in the file where times are equal
    inputs.push(TestInput::End);
    run(Default::default(), inputs)
}

#[test]
fn every_capture_gives_the_dissectors_records() {
    let Some(folder) = captures() else { return };
    let (mut wrong, mut records, mut files) = (String::new(), 0, 0);
    for name in names(&folder) {
        let oracle: Value =
            serde_json::from_slice(&fs::read(folder.join(format!("{name}.oracle.json"))).expect("readable"))
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        let outcome = replay(&folder.join(&name));
        let differences = compare(&oracle, &outcome) + &broken_promises(&outcome);
        files += 1;
        records += list(&oracle, "stop_records").len();
        if !differences.is_empty() {
            let doubtful =
                list(&oracle, "doubtful").iter().map(|doubt| format!("  (doubtful: {doubt})\n")).collect::<String>();
            wrong += &format!("{name}\n{differences}{doubtful}");
        }
    }
    println!("{files} captures, {records} records of the dissector");
    assert!(files > 0, "the index names no capture");
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Every record of the dissector, with its tags, its time and its party; and no other without a reason.
fn compare(oracle: &Value, outcome: &Outcome) -> String {
    let mut out = String::new();
    let mut left: Vec<&StopRecord> = outcome.last.values().filter(|record| !record.withdrawn).collect();
    for wanted in list(oracle, "stop_records") {
        let title = format!("{} {} {}", text(wanted, "call_id"), text(wanted, "from_tag"), text(wanted, "to_tag"));
        let found: Vec<usize> = (0..left.len()).filter(|at| is_of(left[*at], wanted)).collect();
        let [at] = found.as_slice() else {
            out += &format!("  {} records instead of one: {title}\n", found.len());
            left.retain(|record| !is_of(record, wanted));
            continue;
        };
        let record = left.remove(*at);
        let mut same = |what: &str, wanted: String, got: String| {
            if wanted != got {
                out += &format!("  {what}: expected {wanted} got {got}: {title}\n");
            }
        };
        same("caller's tag", text(wanted, "from_tag"), tag(record.identity.caller_tag.as_ref()));
        same("callee's tag", text(wanted, "to_tag"), tag(record.identity.callee_tag.as_ref()));
        let (seconds, nanos) = record.times.stop.parts();
        same("stop", text(wanted, "t_bye"), format!("{seconds}.{nanos:09}"));
        let party = match record.end.ended_by {
            Party::Caller => "caller",
            Party::Callee => "callee",
            Party::Unspecified => "unspecified",
        };
        same("ended by", text(wanted, "bye_by"), party.to_owned());
        same("trigger", format!("{:?}", Trigger::Bye), format!("{:?}", record.end.trigger));
    }
    for record in left {
        let asked = ["orphan_byes", "other_byes", "answered_and_ended_no_invite"]
            .iter()
            .flat_map(|name| list(oracle, name))
            .any(|entry| text(entry, "call_id").as_bytes() == &**record.identity.call_id.reveal());
        let open = list(oracle, "established_no_bye").iter().any(|entry| is_of(record, entry));
        let evidence = &record.evidence;
        let says_so =
            [evidence.invite, evidence.answer, evidence.ack, evidence.bye].iter().any(|sight| *sight != Sight::Seen);
        if !((asked || open && record.end.trigger != Trigger::Bye) && says_so) {
            out += &format!(
                "  unasked {:?} of {}\n",
                record.end.trigger,
                String::from_utf8_lossy(record.identity.call_id.reveal())
            );
        }
    }
    out
}

/// Same Call-ID and the same two tags, in either order.
fn is_of(record: &StopRecord, entry: &Value) -> bool {
    let identity = &record.identity;
    let sorted = |one: String, other: String| if one < other { (one, other) } else { (other, one) };
    let pair = |one: Option<_>, other: Option<_>| sorted(tag(one), tag(other));
    let wanted = sorted(text(entry, "from_tag"), text(entry, "to_tag"));
    text(entry, "call_id").as_bytes() == &**identity.call_id.reveal()
        && (pair(identity.caller_tag.as_ref(), identity.callee_tag.as_ref()) == wanted
            || pair(identity.bye_from_tag.as_ref(), identity.bye_to_tag.as_ref()) == wanted)
}

fn list<'a>(oracle: &'a Value, name: &str) -> &'a [Value] {
    oracle.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(entry: &Value, name: &str) -> String {
    entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn tag(tag: Option<&tolltap::charging::Text>) -> String {
    tag.map(|tag| String::from_utf8_lossy(tag.reveal()).into_owned()).unwrap_or_default()
}

/// Replaying a capture twice gives the same records.
#[test]
fn every_capture_gives_the_same_twice() {
    let Some(folder) = captures() else { return };
    for name in names(&folder) {
        let file = folder.join(&name);
        assert!(replay(&file).records == replay(&file).records, "{name}: two replays differ");
    }
}

/// A capture file may break off anywhere, and a capture may begin anywhere: nothing panics.
#[test]
fn every_capture_begun_anywhere_is_survived() {
    let Some(folder) = captures() else { return };
    for name in names(&folder) {
        let inputs = pcap::read(&fs::read(folder.join(&name)).expect("readable"));
        let step = inputs.len().div_ceil(12).max(1);
        for start in (0..inputs.len()).step_by(step) {
            let outcome = run(Default::default(), inputs[start..].iter().cloned().chain([TestInput::End]));
            assert!(outcome.last.len() <= inputs.len());
        }
    }
}

/// The reader of these tests against the number of packets in the index.
#[test]
fn the_reader_of_these_tests_finds_every_packet() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures");
    let Ok(index) = fs::read_to_string(folder.join("INDEX.tsv")) else {
        return println!("skipped: no captures beside the repository");
    };
    for line in index.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let file = fs::read(folder.join(columns[0])).expect("readable");
        assert_eq!(pcap::read(&file).len().to_string(), columns[4], "{}", columns[0]);
    }
}
