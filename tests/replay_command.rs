//! `tolltap replay` as a user runs it: what it prints, what it delivers, how it ends.
#![cfg(feature = "cli")]

mod cli_support;
mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tolltap::capture::{PcapngInterface, PcapngWriter};
use tolltap::ch1::{json, wire};
use tolltap::charging::StopRecord;
use tolltap::packet::LinkType;

use cli_support::{EnablerProcess, Run, file, free_address, lines_of_json, pcap, scratch, tolltap};
use common::pcap as capture_file;
use common::replay::{TestInput, run};
use common::scenario::{Scenario, Step};
use common::tunnels::{Encapsulation, link_number};
use common::{frames, rng};

const JSON: [&str; 2] = ["--format", "json"];

/// Length of a pcap file's header, and of a packet's in it.
const FILE_HEADER: usize = 24;
const PACKET_HEADER: usize = 16;

fn replay<S: AsRef<std::ffi::OsStr>>(files: &[S], options: &[&str]) -> Run {
    Run::of(tolltap().arg("replay").args(files).args(options))
}

fn records(store: &Path, options: &[&str]) -> Run {
    Run::of(tolltap().arg("records").arg("--store").arg(store).args(options))
}

/// Sessions one after the other, a millisecond apart: answered, then ended by the caller a second later.
fn sessions(numbers: core::ops::Range<u32>) -> Vec<TestInput> {
    let (caller, callee) = ("192.0.2.1:5060".parse().unwrap(), "192.0.2.2:5060".parse().unwrap());
    let plain = Encapsulation::plain();
    let mut inputs = Vec::new();
    for n in numbers {
        let headers = |method: &str, to: &str| {
            format!(
                "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{method}{n}\r\nFrom: <sip:alice{n}@example.net>;tag=a{n}\r\n\
                 To: <sip:room@example.net>{to}\r\nCall-ID: {n}@192.0.2.1\r\nCSeq: {} {method}\r\n\
                 Content-Length: 0\r\n\r\n",
                if method == "BYE" { 2 } else { 1 },
            )
        };
        let tag = format!(";tag=b{n}");
        let start = i64::from(n) * 1_000_000;
        let messages = [
            (0, true, format!("INVITE sip:room@example.net SIP/2.0\r\n{}", headers("INVITE", ""))),
            (200_000, false, format!("SIP/2.0 200 OK\r\n{}", headers("INVITE", &tag))),
            (300_000, true, format!("ACK sip:room@example.net SIP/2.0\r\n{}", headers("ACK", &tag))),
            (900_000, true, format!("BYE sip:room@example.net SIP/2.0\r\n{}", headers("BYE", &tag))),
        ];
        for (offset, forth, text) in messages {
            let (source, destination) = if forth { (caller, callee) } else { (callee, caller) };
            let packet = frames::udp(source, destination, text.as_bytes());
            let time = tolltap::time::Timestamp::from_nanos(1_767_225_600_000_000_000 + start + offset);
            for bytes in plain.frames(&packet, n, forth) {
                inputs.push(TestInput::frame(time, plain.link, bytes));
            }
        }
    }
    inputs
}

fn capture_of(folder: &TempDir, name: &str, numbers: core::ops::Range<u32>) -> PathBuf {
    file(folder, name, &capture_file::write(&sessions(numbers)))
}

fn read_capture(name: &str) -> Vec<TestInput> {
    capture_file::read(&fs::read(pcap(name)).unwrap())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstandard(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 1).unwrap()
}

fn pcapng(inputs: &[TestInput]) -> Vec<u8> {
    let mut writer = PcapngWriter::new(Vec::new()).unwrap();
    let mut interface = None;
    for input in inputs {
        let TestInput::Frame { time, link, bytes, .. } = input else { continue };
        let interface = *interface
            .get_or_insert_with(|| writer.interface(&PcapngInterface::named(link_number(*link), "tap0")).unwrap());
        writer.packet(interface, time.nanos().unsigned_abs(), bytes).unwrap();
    }
    writer.into_inner()
}

// The same bytes, however the same frames come.

#[test]
fn the_same_frames_give_the_same_bytes_however_they_come() {
    let folder = scratch();
    for name in ["im-tcp-one-connection", "im-websocket", "im-fragmented-invite"] {
        let plain = fs::read(pcap(name)).unwrap();
        for format in ["json", "csv", "table"] {
            let options = ["--format", format];
            let wanted = replay(&[pcap(name)], &options).success().stdout;
            assert!(!wanted.is_empty());
            let same = |how: &str, got: Run| assert!(got.success().stdout == wanted, "{name} {format}: {how} differs");
            same("the same again", replay(&[pcap(name)], &options));
            same("another path", replay(&[file(&folder, "elsewhere.bin", &plain)], &options));
            same("gzip", replay(&[file(&folder, "a.gz", &gzip(&plain))], &options));
            same("zstd", replay(&[file(&folder, "no-ending", &zstandard(&plain))], &options));
            same("pcapng", replay(&[file(&folder, "a.pcapng", &pcapng(&read_capture(name)))], &options));
            for input in [plain.clone(), gzip(&plain), zstandard(&plain)] {
                same("standard input", Run::fed(tolltap().args(["replay", "-"]).args(options), &input));
            }
        }
    }
}

#[test]
fn files_split_by_time_give_the_same_in_any_order() {
    let folder = scratch();
    let name = "im-tcp-one-connection";
    let frames = read_capture(name);
    let wanted = replay(&[pcap(name)], &JSON).success().stdout;
    let part = |at: usize| {
        let (from, to) = (frames.len() * at / 3, frames.len() * (at + 1) / 3);
        file(&folder, &format!("{at}.pcap"), &capture_file::write(&frames[from..to]))
    };
    let parts = [part(0), part(1), part(2)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let got = replay(&order.map(|at| &parts[at]), &JSON).success().stdout;
        assert!(got == wanted, "order {order:?} differs");
    }
}

#[test]
fn files_that_interleave_give_the_same_in_any_order() {
    let folder = scratch();
    let name = "im-tcp-one-connection";
    let wanted = replay(&[pcap(name)], &JSON).success().stdout;
    let frames = read_capture(name);
    let every = |rest: usize| {
        let own: Vec<_> = frames.iter().skip(rest).step_by(2).cloned().collect();
        file(&folder, &format!("every{rest}.pcap"), &capture_file::write(&own))
    };
    let (even, odd) = (every(0), every(1));
    assert!(replay(&[&even, &odd], &JSON).success().stdout == wanted);
    assert!(replay(&[&odd, &even], &JSON).success().stdout == wanted);
}

// Delivery.

#[test]
fn a_second_replay_into_the_same_store_charges_nothing_twice() {
    let folder = scratch();
    let store = folder.path().join("store");
    let options = ["--store", store.to_str().unwrap(), "--format", "json"];
    let first = replay(&[pcap("im-tcp-one-connection")], &options).success();
    assert_eq!(first.summary("records"), Some(20));
    assert_eq!(first.summary_part("acknowledged", "accepted"), 20);
    let second = replay(&[pcap("im-tcp-one-connection")], &options).success();
    assert_eq!(second.summary_part("acknowledged", "accepted"), 0);
    assert_eq!(second.summary_part("acknowledged", "duplicate"), 20);
    assert!(second.stdout == first.stdout);
    assert!(records(&store, &JSON).success().stdout == first.stdout);
}

#[test]
fn an_enabler_of_its_own_holds_what_the_replay_printed() {
    let folder = scratch();
    let store = folder.path().join("store");
    let enabler = EnablerProcess::start("127.0.0.1:0".parse().unwrap(), &store);
    let files = ["im-fork-two-answers", "im-sctp", "im-ipv6", "voice", "failed-calls"].map(pcap);
    for format in ["json", "csv", "table"] {
        let got = replay(&files, &["--enabler", &enabler.url(), "--format", format]).success();
        assert_eq!(got.summary("acknowledged"), Some(6));
        // The Enabler still runs and writes.
        let held = records(&store, &["--format", format]).success();
        assert_eq!(String::from_utf8_lossy(&held.stdout), String::from_utf8_lossy(&got.stdout), "{format}");
    }
    let said = enabler.terminate();
    assert_eq!(said.status, Some(0));
    assert!(said.stderr.contains("received: 6 accepted, 12 duplicates, 0 rejected"), "{}", said.stderr);
    assert!(said.stderr.contains("store: 6 records, 0 withdrawn"), "{}", said.stderr);
}

/// More records than the outbox takes (65 536) and than are sorted in memory (64 MiB), read from a pipe; the Enabler is
/// killed when it has stored some, and stays away until reading has come to wait for it.
#[test]
fn an_enabler_killed_in_the_middle_of_a_replay_loses_and_doubles_nothing() {
    const SESSIONS: u32 = 70_000;
    let folder = scratch();
    let store = folder.path().join("store");
    let enabler = EnablerProcess::start("127.0.0.1:0".parse().unwrap(), &store);
    let address = enabler.address;
    let out = folder.path().join("out.jsonl");
    let mut child = tolltap()
        .args(["replay", "-", "-v", "--give-up-after", "5m", "--format", "json", "--enabler", &enabler.url()])
        .stdin(Stdio::piped())
        .stdout(fs::File::create(&out).unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());

    stdin.write_all(&capture_file::write(&sessions(0..1000))).unwrap();
    stdin.flush().unwrap();
    while records(&store, &JSON).stdout.is_empty() {}
    enabler.kill();

    let mut said = String::new();
    let _enabler = std::thread::scope(|scope| {
        scope.spawn(move || {
            for from in (1000..SESSIONS).step_by(1000) {
                let part = capture_file::write(&sessions(from..(from + 1000).min(SESSIONS)));
                stdin.write_all(&part[FILE_HEADER..]).unwrap();
            }
        });
        while !said.contains("reading waits") {
            assert!(stderr.read_line(&mut said).unwrap() > 0, "ended without waiting: {said}");
        }
        EnablerProcess::start(address, &store)
    });
    stderr.read_to_string(&mut said).unwrap();
    let run = Run { status: child.wait().unwrap().code(), stdout: fs::read(&out).unwrap(), stderr: said }.success();

    assert!(run.stderr.contains("no connection to the Charging Enabler"));
    assert_eq!(run.summary("records"), Some(SESSIONS.into()));
    assert_eq!(run.summary("acknowledged"), Some(SESSIONS.into()));
    let ids: BTreeSet<String> = lines_of_json(&run.stdout).iter().map(|record| text(record, "recordId")).collect();
    assert_eq!(ids.len(), SESSIONS as usize);
    let held = records(&store, &JSON).success().stdout;
    assert!(held == run.stdout, "{} bytes held, {} printed", held.len(), run.stdout.len());
}

#[test]
fn an_enabler_that_is_not_there_is_given_up_in_one_line() {
    let url = format!("http://{}", free_address());
    let run = replay(&[pcap("im-tcp-one-connection")], &["--enabler", &url, "--give-up-after", "2s"]);
    assert_eq!(run.status, Some(1));
    let [line] = run.complaints()[..] else { panic!("{}", run.stderr) };
    assert!(line.contains(&url) && line.contains("20 unacknowledged"), "{line}");
    assert_eq!(run.summary_part("acknowledged", "without answer"), 20);
}

// Input that is not as it should be.

/// Exit status 1, nothing on standard output, and this one line.
fn refused(run: &Run, what: &[&str]) {
    assert_eq!(run.status, Some(1), "{}", run.stderr);
    assert!(run.stdout.is_empty(), "{}", String::from_utf8_lossy(&run.stdout));
    let [line] = run.stderr.lines().collect::<Vec<_>>()[..] else { panic!("not one line: {}", run.stderr) };
    assert!(line.starts_with("tolltap: "), "{line}");
    for what in what {
        assert!(line.contains(what), "no '{what}' in: {line}");
    }
}

#[test]
fn what_is_no_capture_is_refused_in_one_line() {
    let folder = scratch();
    let mut rng = rng::Rng::new(7);
    for round in 0..20 {
        let name = format!("random{round}");
        refused(&replay(&[file(&folder, &name, &rng.bytes(5000))], &[]), &[&name, "not a pcap or pcapng"]);
    }
    let text = b"INVITE sip:bob@example.net SIP/2.0\r\n";
    refused(&replay(&[file(&folder, "text", text)], &[]), &["text: is not a pcap"]);
    refused(&replay(&[file(&folder, "zipped", &gzip(text))], &[]), &["zipped: is not a pcap"]);
    refused(&replay(&[file(&folder, "empty", b"")], &[]), &["empty: is empty"]);
    refused(&replay(&[folder.path()], &[]), &["is a directory"]);
    refused(&replay(&[folder.path().join("missing")], &[]), &["missing: cannot be opened", "No such file"]);
    refused(&Run::fed(tolltap().args(["replay", "-"]), text), &["-: is not a pcap"]);
    refused(&replay(&[pcap("im-ipv6"), folder.path().join("missing")], &[]), &["missing"]);
}

#[test]
fn a_file_cut_in_a_packet_gives_the_records_before_it() {
    let folder = scratch();
    let inputs = sessions(0..40);
    let whole = capture_file::write(&inputs);
    // Cut inside the 101st packet: after the BYE of the 25th session.
    let boundary = capture_file::write(&inputs[..100]).len();
    for inside in [1, PACKET_HEADER, PACKET_HEADER + 9] {
        let cut = file(&folder, "cut.pcap", &whole[..boundary + inside]);
        let run = replay(&[&cut], &JSON);
        assert_eq!(run.status, Some(3));
        assert_eq!(lines_of_json(&run.stdout).len(), 25);
        assert!(run.stdout == replay(&[capture_of(&folder, "25.pcap", 0..25)], &JSON).success().stdout);
        assert_eq!(run.summary_part("acknowledged", "accepted"), 25, "what could be read was delivered");
        let [line] = run.complaints()[..] else { panic!("{}", run.stderr) };
        let place = format!("{}: damaged at byte {boundary}: ", cut.display());
        assert!(line.contains(&place) && line.contains("100 frames before it used"), "{line}");
    }
}

#[test]
fn compressed_data_cut_short_gives_the_records_before_it() {
    let folder = scratch();
    let whole = capture_file::write(&sessions(0..2000));
    for (name, packed) in [("cut.gz", gzip(&whole)), ("cut.zst", zstandard(&whole))] {
        let run = replay(&[file(&folder, name, &packed[..packed.len() * 3 / 4])], &["--format", "json", "--quiet"]);
        assert_eq!(run.status, Some(3), "{}", run.stderr);
        let all = replay(&[capture_of(&folder, "whole.pcap", 0..2000)], &JSON).success().stdout;
        assert!(run.stdout.len() > all.len() / 4 && all.starts_with(&run.stdout), "{name}");
        let [line] = run.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{}", run.stderr) };
        assert!(line.contains(name) && line.contains("damaged at byte "), "{line}");
    }
}

#[test]
fn one_damaged_file_among_others_costs_only_its_own_records() {
    let folder = scratch();
    let cut = fs::read(capture_of(&folder, "first.pcap", 0..10)).unwrap();
    let cut = file(&folder, "cut.pcap", &cut[..cut.len() - 5]);
    let run = replay(&[cut, capture_of(&folder, "second.pcap", 10..20)], &JSON);
    assert_eq!(run.status, Some(3));
    assert_eq!(lines_of_json(&run.stdout).len(), 19);
}

// Wrong command lines.

#[test]
fn a_wrong_command_line_ends_with_two() {
    let file = pcap("im-ipv6");
    let file = file.to_str().unwrap();
    let wrong: &[&[&str]] = &[
        &[],
        &["replay"],
        &["listen"],
        &["replay", file, "--no-such"],
        &["replay", file, "--format", "xml"],
        &["replay", file, "--im-server", "not an address"],
        &["replay", file, "--reorder", "soon"],
        &["replay", file, "--give-up-after", "-1s"],
        &["replay", file, "--orphan-bye", "sometimes"],
        &["replay", file, "--only", "voice"],
        &["replay", file, "--store", "x", "--enabler", "http://127.0.0.1:1"],
        &["enabler"],
        &["enabler", "--store", "x", "--listen", "somewhere"],
        &["records"],
        &["records", "--store", "x", "--from", "yesterday"],
    ];
    for words in wrong {
        let run = Run::of(tolltap().args(*words));
        assert_eq!(run.status, Some(2), "{words:?}: {}", run.stderr);
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{words:?}");
    }
}

#[test]
fn a_wrong_address_of_the_enabler_is_refused() {
    for url in ["127.0.0.1:50051", "https://127.0.0.1:50051", "enabler"] {
        refused(&replay(&[pcap("im-ipv6")], &["--enabler", url]), &[url, "http://"]);
    }
}

#[test]
fn every_command_explains_itself_with_examples() {
    for command in ["replay", "enabler", "records"] {
        for option in ["--help", "-h"] {
            let run = Run::of(tolltap().args([command, option])).success();
            let help = String::from_utf8(run.stdout).unwrap();
            assert!(help.contains(&format!("Examples:\n  tolltap {command} ")), "{help}");
            assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
        }
    }
}

// Output.

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = scratch();
    let capture = capture_of(&folder, "many.pcap", 0..2000);
    for format in ["json", "csv", "table"] {
        let mut child = tolltap()
            .arg("replay")
            .arg(&capture)
            .args(["--format", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'));
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}");
        let run = Run { status: Some(0), stdout: Vec::new(), stderr: said };
        assert_eq!(run.summary_part("acknowledged", "accepted"), 2000, "every record was still delivered");
    }
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        return println!("skipped: no /dev/full");
    };
    let output = tolltap().arg("replay").arg(pcap("im-ipv6")).args(JSON).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    let complaints: Vec<_> = said.lines().filter(|line| line.starts_with("tolltap: ")).collect();
    assert!(matches!(complaints[..], [line] if line.contains("cannot write the records")), "{said}");
}

#[test]
fn csv_and_table_have_a_line_for_each_record() {
    let csv = replay(&[pcap("im-fork-two-answers")], &["--format", "csv"]).success().stdout;
    let mut reader = csv::Reader::from_reader(&csv[..]);
    assert_eq!(reader.headers().unwrap().iter().take(2).collect::<Vec<_>>(), ["record_id", "revision"]);
    assert_eq!(reader.records().map(Result::unwrap).count(), 2);
    let table = replay(&[pcap("im-fork-two-answers")], &[]).success().stdout;
    let table = String::from_utf8(table).unwrap();
    assert!(table.starts_with("STOP (UTC)"), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
    assert_eq!(table.lines().filter(|line| line.starts_with("20")).count(), 2, "{table}");
}

#[test]
fn no_records_are_no_lines() {
    assert!(replay(&[pcap("failed-calls")], &JSON).success().stdout.is_empty());
    for format in ["csv", "table"] {
        let run = replay(&[pcap("failed-calls")], &["--format", format]).success();
        assert_eq!(String::from_utf8(run.stdout).unwrap().lines().count(), 1, "the titles alone");
    }
}

#[test]
fn nothing_moves_or_shines_where_no_terminal_is() {
    let folder = scratch();
    let run = replay(&[capture_of(&folder, "many.pcap", 0..3000)], &["-vv"]).success();
    for text in [String::from_utf8(run.stdout).unwrap(), run.stderr] {
        assert!(!text.contains(['\u{1b}', '\r']), "{text}");
    }
}

#[test]
fn standard_output_has_nothing_but_records() {
    let json = replay(&[pcap("im-renegotiated")], &["--format", "json", "-vv"]).success();
    assert_eq!(lines_of_json(&json.stdout).len(), 1);
}

#[test]
fn the_summary_tells_what_was_read_and_what_became_of_it() {
    let run = replay(&[pcap("mixed-requests")], &JSON).success();
    assert_eq!(run.summary("frames"), Some(read_capture("mixed-requests").len() as u64));
    for label in ["opaque", "damaged or lost", "sip messages", "sessions", "no session", "not charged"] {
        assert!(run.summary(label).is_some(), "no '{label}' in:\n{}", run.stderr);
    }
    assert_eq!(run.summary("sessions"), Some(1));
    assert_eq!(run.summary_part("records", "bye"), 1);
    assert_eq!(run.summary("acknowledged"), Some(1));
    let failed = replay(&[pcap("failed-calls")], &JSON).success();
    assert_eq!(failed.summary("no session"), Some(3), "{}", failed.stderr);
    assert_eq!(failed.summary("records"), Some(0));
    assert!(failed.stderr.lines().all(|line| line.chars().count() <= 120), "{}", failed.stderr);
}

#[test]
fn a_server_seen_with_other_ports_only_is_told_once() {
    let folder = scratch();
    let capture = capture_of(&folder, "a.pcap", 0..3);
    let run = replay(&[&capture], &["--im-server", "IM=192.0.2.2:5061", "--im-server", "192.0.2.9:5060"]).success();
    assert_eq!(run.stderr.matches("192.0.2.2").count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("leave its port out") && !run.stderr.contains("192.0.2.9"), "{}", run.stderr);
    assert!(run.stderr.contains("im servers unseen "), "{}", run.stderr);
    for server in ["192.0.2.2:5060", "192.0.2.2"] {
        let run = replay(&[&capture], &["--im-server", server]).success();
        assert!(!run.stderr.contains("other ports"), "{server}: {}", run.stderr);
    }
}

#[test]
fn quiet_says_nothing() {
    assert_eq!(replay(&[pcap("im-ipv6")], &["--quiet"]).success().stderr, "");
    assert_eq!(replay(&[pcap("im-ipv6")], &["-q"]).success().stderr, "");
}

#[test]
fn a_temporary_store_is_removed() {
    let folder = scratch();
    Run::of(tolltap().arg("replay").arg(pcap("im-ipv6")).env("TMPDIR", folder.path())).success();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

// Names that scripts rely on.

/// In every record, whatever was seen.
const ALWAYS: [&str; 11] = [
    "recordId",
    "revision",
    "callId",
    "stopTime",
    "causeCode",
    "service",
    "trigger",
    "endedBy",
    "terminatedBy",
    "correlation",
    "evidence",
];
/// Where they were seen.
const WHERE_SEEN: [&str; 8] =
    ["callerTag", "calleeTag", "byeFromTag", "byeToTag", "inviteTime", "answerTime", "ackTime", "duration"];

fn text(record: &Value, name: &str) -> String {
    record.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn is_time(text: &str) -> bool {
    let form = "0000-00-00T00:00:00.000000000Z";
    text.len() == form.len()
        && text.chars().zip(form.chars()).all(|(c, form)| if form == '0' { c.is_ascii_digit() } else { c == form })
}

fn is_duration(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.strip_suffix('s')
        .and_then(|text| text.split_once('.'))
        .is_some_and(|(seconds, nanos)| digits(seconds) && digits(nanos) && nanos.len() == 9)
}

fn check_names(record: &Value) {
    for name in ALWAYS {
        assert!(record.get(name).is_some(), "no {name}: {record}");
    }
    assert!(record["revision"].is_u64() && record["causeCode"].is_i64(), "{record}");
    let id = text(record, "recordId");
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    for name in ["inviteTime", "answerTime", "ackTime", "stopTime", "detectedTime"] {
        assert!(record.get(name).is_none_or(|time| time.as_str().is_some_and(is_time)), "{name}: {record}");
    }
    assert!(record.get("duration").is_none_or(|span| span.as_str().is_some_and(is_duration)), "{record}");
    for (name, prefix) in
        [("trigger", "TRIGGER_"), ("endedBy", "PARTY_"), ("terminatedBy", "ROLE_"), ("service", "SERVICE_")]
    {
        assert!(text(record, name).starts_with(prefix), "{name}: {record}");
    }
}

#[test]
fn a_session_seen_whole_has_every_name() {
    let run = replay(&[pcap("im-client-terminated-udp")], &["--format", "json", "--im-server", "10.77.0.1"]).success();
    let [record] = &lines_of_json(&run.stdout)[..] else { panic!("one record") };
    check_names(record);
    for name in WHERE_SEEN {
        assert!(record.get(name).is_some(), "no {name}: {record}");
    }
}

/// Every scenario that a capture file can hold gives through the command, gRPC and all, what the core gives, byte by
/// byte; and between them they show every value of every enum that scripts read.
#[test]
fn every_scenario_gives_through_the_command_what_the_core_gives() {
    let folder = scratch();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut ran = 0;
    for scenario in scenarios() {
        let only_frames = !scenario.steps.iter().any(|step| matches!(step, Step::Loss(_)));
        let ends = scenario.steps.iter().any(|step| matches!(step, Step::End));
        let interfaces: BTreeSet<u16> = scenario.messages().map(|sent| sent.interface).collect();
        if !only_frames || !ends || interfaces.len() > 1 {
            continue;
        }
        ran += 1;
        let inputs: Vec<TestInput> = scenario.inputs().into_iter().flat_map(as_frames).collect();
        let capture = file(&folder, "scenario.pcap", &capture_file::write(&inputs));
        let options: Vec<&str> = scenario.option_words.iter().map(String::as_str).chain(JSON).collect();
        let got = replay(&[capture], &options).success();
        let outcome = run(scenario.options.clone(), inputs);
        let mut wanted: Vec<&StopRecord> = outcome.last.values().collect();
        wanted.sort_by_key(|record| (record.times.stop, record.record_id));
        let mut lines = Vec::new();
        for record in wanted {
            json::write_record(&mut lines, &wire::encode(record)).unwrap();
            lines.push(b'\n');
        }
        assert_eq!(String::from_utf8_lossy(&got.stdout), String::from_utf8_lossy(&lines), "{}", scenario.name);
        for record in lines_of_json(&got.stdout) {
            check_names(&record);
            seen.extend(["trigger", "endedBy", "terminatedBy", "service"].map(|name| text(&record, name)));
        }
    }
    println!("{ran} scenarios");
    for name in [
        "TRIGGER_BYE",
        "TRIGGER_BYE_ANSWER",
        "TRIGGER_SESSION_TIMER",
        "TRIGGER_DIALOG_FAILURE",
        "TRIGGER_MAX_SESSION",
        "PARTY_CALLER",
        "PARTY_CALLEE",
        "PARTY_UNSPECIFIED",
        "ROLE_IM_CLIENT",
        "ROLE_IM_SERVER",
        "ROLE_UNSPECIFIED",
        "SERVICE_INSTANT_MESSAGING",
        "SERVICE_OTHER",
        "SERVICE_UNSPECIFIED",
    ] {
        assert!(seen.contains(name), "no scenario shows {name}: {seen:?}");
    }
}

/// In a file, time passes only from frame to frame: in place of each tick, frames of nothing in particular. A jump is
/// believed only when several frames agree.
fn as_frames(input: TestInput) -> Vec<TestInput> {
    match input {
        TestInput::Tick(time) => vec![TestInput::frame(time, LinkType::Ethernet, vec![0; 60]); 9],
        input => vec![input],
    }
}

fn scenarios() -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".sip.txt"))
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| Scenario::parse(&path.to_string_lossy(), &fs::read_to_string(path).unwrap()).unwrap())
        .collect()
}
