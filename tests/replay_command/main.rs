//! `tolltap replay` as a user runs it: what it prints, what it delivers, how it ends.
#![cfg(feature = "cli")]

#[path = "../cli_support/mod.rs"]
mod cli_support;
#[path = "../common/mod.rs"]
mod common;

mod command_line;
mod damaged_input;
mod delivery;
mod gaps;
mod names;
mod output;
mod same_bytes;
mod workers;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tolltap::capture::{PcapngInterface, PcapngWriter};
use tolltap::ch1::{json, wire};
use tolltap::charging::{PackedRecord, StopRecord};
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

fn text(record: &Value, name: &str) -> String {
    record.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
