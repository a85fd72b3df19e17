//! Real captures, when they are there: every SIP datagram that a dissector found has to come out of the peeler.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::udp_tunnel::begins_like_sip;
use super::{Carrier, Frame, InterfaceId, LinkType, PeelLimits, Peeled, Peeler, Transport};
use crate::time::Timestamp;

/// The directory of captures beside the project, or a word that the test is skipped.
fn captures() -> Option<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures");
    if !directory.is_dir() {
        eprintln!("skipped: no captures at {}", directory.display());
        return None;
    }
    Some(directory)
}

struct Record {
    link: LinkType,
    bytes: Vec<u8>,
    wire_len: u32,
    nanos: i64,
}

/// Reads pcap and pcapng just well enough for a test: whole files, times to the microsecond.
fn read(file: &[u8]) -> Vec<Record> {
    match file {
        [0x0A, 0x0D, 0x0D, 0x0A, ..] => read_pcapng(file),
        _ => read_pcap(file),
    }
}

struct Order {
    little: bool,
}

impl Order {
    fn u16(&self, bytes: &[u8], at: usize) -> u16 {
        let word: [u8; 2] = bytes[at..at + 2].try_into().unwrap();
        if self.little { u16::from_le_bytes(word) } else { u16::from_be_bytes(word) }
    }

    fn u32(&self, bytes: &[u8], at: usize) -> u32 {
        let word: [u8; 4] = bytes[at..at + 4].try_into().unwrap();
        if self.little { u32::from_le_bytes(word) } else { u32::from_be_bytes(word) }
    }
}

fn read_pcap(file: &[u8]) -> Vec<Record> {
    let order = Order { little: matches!(file[0], 0xD4 | 0x4D) };
    let link = LinkType::from(order.u32(file, 20) as u16);
    let (mut at, mut records) = (24, Vec::new());
    while at + 16 <= file.len() {
        let length = order.u32(file, at + 8) as usize;
        let Some(bytes) = file.get(at + 16..at + 16 + length) else { break };
        let nanos = i64::from(order.u32(file, at)) * 1_000_000_000 + i64::from(order.u32(file, at + 4)) * 1_000;
        records.push(Record { link, bytes: bytes.to_vec(), wire_len: order.u32(file, at + 12), nanos });
        at += 16 + length;
    }
    records
}

fn read_pcapng(file: &[u8]) -> Vec<Record> {
    let mut order = Order { little: true };
    let (mut at, mut links, mut records) = (0, Vec::new(), Vec::new());
    while at + 12 <= file.len() {
        if file[at..at + 4] == [0x0A, 0x0D, 0x0D, 0x0A] {
            order.little = file[at + 8] == 0x4D;
            links.clear();
        }
        let (kind, length) = (order.u32(file, at), order.u32(file, at + 4) as usize);
        let Some(block) = file.get(at..at + length) else { break };
        match kind {
            1 => links.push(LinkType::from(order.u16(block, 8))),
            6 => {
                let time = u64::from(order.u32(block, 12)) << 32 | u64::from(order.u32(block, 16));
                let captured = order.u32(block, 20) as usize;
                records.push(Record {
                    link: links[order.u32(block, 8) as usize],
                    bytes: block[28..28 + captured].to_vec(),
                    wire_len: order.u32(block, 24),
                    // Microseconds, or nanoseconds where as microseconds they would lie in the far future.
                    nanos: if time > 1 << 60 { time as i64 } else { time as i64 * 1_000 },
                });
            }
            3 => {
                let wire_len = order.u32(block, 8);
                let bytes = block[12..block.len() - 4][..wire_len as usize].to_vec();
                records.push(Record { link: links[0], bytes, wire_len, nanos: 0 });
            }
            _ => {}
        }
        at += length;
    }
    records
}

/// How many segments of each transport begin like SIP.
fn sip_segments(records: &[Record], peeler: &mut Peeler) -> BTreeMap<&'static str, usize> {
    let mut found = BTreeMap::new();
    for (number, record) in (1..).zip(records) {
        let time = Timestamp::from_nanos(record.nanos);
        let frame = Frame {
            time,
            link: record.link,
            bytes: &record.bytes,
            wire_len: record.wire_len,
            interface: InterfaceId(0),
            number,
        };
        let Peeled::Segment(segment) = peeler.peel(time, &frame) else { continue };
        let (carrier, payload) = match segment.transport {
            Transport::Udp(payload) => (Carrier::Udp, payload),
            Transport::Tcp(tcp) => (Carrier::Tcp, tcp.payload),
            Transport::Sctp(chunks) => (Carrier::Sctp, chunks),
        };
        if begins_like_sip(payload) {
            *found.entry(if carrier == Carrier::Udp { "udp" } else { "tcp" }).or_default() += 1;
        }
    }
    found
}

#[test]
fn finds_the_sip_that_a_dissector_found() {
    let Some(directory) = captures() else { return };
    let index = fs::read_to_string(directory.join("INDEX.tsv")).unwrap();
    let mut bad = Vec::new();
    for line in index.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [path, .., transports, encapsulation] = columns[..] else { continue };
        let Ok(file) = fs::read(directory.join(path)) else { continue };
        let mut peeler = Peeler::new(PeelLimits::default());
        let found = sip_segments(&read(&file), &mut peeler);
        let counts = peeler.counts();
        let ours = format!("{found:?}");
        println!("{path}: {ours} of {transports} ({encapsulation})");
        let expected: usize =
            transports.split(',').find_map(|entry| entry.strip_prefix("udp=")).map_or(0, |n| n.parse().unwrap());
        // Our idea of a start line is wider than the dissector's: a fuzzed message may be SIP to us alone. And where a
        // capture shows the fragments of one datagram on several interfaces, the dissector counts each set.
        let copies = usize::try_from(counts.fragments.duplicate).unwrap_or(usize::MAX);
        if found.get("udp").copied().unwrap_or(0).saturating_add(copies) < expected {
            bad.push(format!("{path}: {ours} of {transports}: {counts:?}"));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}
