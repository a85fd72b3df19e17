//! The readers against the writers, against damage, and against each other.

mod damage;
mod formats;
mod merging;
mod real;

use std::{
    io::{self, Read, Write},
    path::PathBuf,
};

use proptest::prelude::*;

use super::{CaptureError, CaptureFiles, Item, PcapWriter};
use crate::{
    packet::{InterfaceId, LinkType},
    probe::Loss,
    time::Timestamp,
};

/// A frame, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    time: i64,
    link: LinkType,
    bytes: Vec<u8>,
    wire_len: u32,
    interface: InterfaceId,
    number: u64,
}

/// All that one reading gave.
#[derive(Debug, Default)]
struct Reading {
    frames: Vec<Seen>,
    losses: Vec<Loss>,
    /// Kind of each item in order: a frame's number, or 0 for a loss.
    order: Vec<u64>,
    damages: Vec<String>,
}

fn drain(files: &mut CaptureFiles) -> Reading {
    let mut reading = Reading::default();
    while let Some(item) = files.next() {
        match item {
            Item::Frame(frame) => {
                reading.order.push(frame.number);
                reading.frames.push(Seen {
                    time: frame.time.nanos(),
                    link: frame.link,
                    bytes: frame.bytes.to_vec(),
                    wire_len: frame.wire_len,
                    interface: frame.interface,
                    number: frame.number,
                });
            }
            Item::Loss(loss) => {
                reading.order.push(0);
                reading.losses.push(loss);
            }
        }
    }
    assert!(files.next().is_none(), "the end stays the end");
    reading.damages = files.damages().iter().map(ToString::to_string).collect();
    reading
}

fn open(captures: Vec<Vec<u8>>) -> Result<CaptureFiles, CaptureError> {
    CaptureFiles::from_readers(captures.into_iter().enumerate().map(|(index, bytes)| {
        let input: Box<dyn Read + Send> = Box::new(io::Cursor::new(bytes));
        (PathBuf::from(format!("capture-{index}")), input)
    }))
}

fn read(capture: Vec<u8>) -> Reading {
    drain(&mut open(vec![capture]).expect("it opens"))
}

/// A reader that gives a few bytes at a time, as a pipe may, with an interrupted call between.
struct Trickle {
    bytes: io::Cursor<Vec<u8>>,
    step: usize,
    calls: usize,
}

impl Trickle {
    fn boxed(bytes: Vec<u8>, step: usize) -> Box<dyn Read + Send> {
        Box::new(Self { bytes: io::Cursor::new(bytes), step, calls: 0 })
    }
}

impl Read for Trickle {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.calls += 1;
        if self.calls.is_multiple_of(3) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let step = self.step.min(out.len());
        self.bytes.read(&mut out[..step])
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    encoder.include_checksum(true).expect("a checksum");
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// Packets of a nanosecond pcap file: any bytes, any time that the format can hold but 0, since an empty packet at 0 is a
/// header of zeros.
fn packets(count: usize) -> impl Strategy<Value = Vec<(i64, Vec<u8>)>> {
    let time = 1..i64::from(u32::MAX) * 1_000_000_000;
    prop::collection::vec((time, prop::collection::vec(any::<u8>(), 0..80)), 0..count)
}

/// Two thousand packets of noise, a megabyte: several buffers and several compressed blocks.
fn noise() -> Vec<(i64, Vec<u8>)> {
    let mut state = 1_u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (1..2001).map(|time| (time, (0..500).map(|_| byte()).collect())).collect()
}

fn pcap(packets: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let mut writer = PcapWriter::new(Vec::new(), 1).expect("memory takes it");
    for (time, bytes) in packets {
        writer.packet(Timestamp::from_nanos(*time), bytes).expect("a time that fits");
    }
    writer.into_inner()
}

fn times_and_bytes(reading: &Reading) -> Vec<(i64, Vec<u8>)> {
    reading.frames.iter().map(|frame| (frame.time, frame.bytes.clone())).collect()
}

/// A driver may read on a thread of its own.
#[test]
fn capture_files_can_be_sent_to_a_thread() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&open(vec![]).expect("nothing can fail"));
}
