//! RTP as a witness: its sequence numbers have no gap where nothing was lost (RFC 3550 §5.1).
//!
//! It cannot say where: a packet that the network lost is missing just as one that the mirror lost. In a network without TCP
//! it is the best there is.

use core::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::finding::{Figure, Findings, grade, share};
use super::seen::Seen;
use super::table::Table;
use super::text::{count, counted, percent};
use crate::packet::Transport;

/// Streams followed; at the bound the oldest goes, and what it showed is kept.
const ROOM: usize = 16_384;
/// Packets in a row by which a stream is believed to be one: any bytes may look like RTP.
const PROBATION: u32 = 8;
/// A jump of more, which is two seconds of voice, is a sender that paused or began anew.
const DROPOUT: u16 = 100;
/// How far back a packet may come and not be one again.
const WINDOW: u16 = 64;
/// Voice is good up to about one packet in a hundred; half of that is no reason to suspect the mirror.
const RESERVATION: f64 = 0.005;
/// No voice network runs with one packet in twenty lost: it is the mirror.
const NOT_FIT: f64 = 0.05;
/// Packets by which a share means something.
const FEW: u64 = 500;

#[derive(Debug)]
struct Stream {
    epoch: u64,
    highest: u16,
    in_row: u32,
    /// Since it is believed in.
    expected: u64,
    received: u64,
    /// Which of the last 64 were seen, the highest lowest.
    window: u64,
}

#[derive(Debug)]
pub(super) struct Rtp {
    streams: Table<u64, Stream>,
    hash: RandomState,
    believed: u64,
    expected: u64,
    received: u64,
}

impl Rtp {
    pub(super) fn new() -> Self {
        Self { streams: Table::with_room(ROOM), hash: RandomState::default(), believed: 0, expected: 0, received: 0 }
    }

    pub(super) fn frame(&mut self, seen: &Seen<'_>) {
        let Some(segment) = seen.segment() else { return };
        let Transport::Udp(payload) = segment.transport else { return };
        // Version 2, and no packet type of RTCP (RFC 5761 §4).
        let [0x80..=0xbf, kind, high, low, _, _, _, _, a, b, c, d, ..] = *payload else { return };
        if (64..=95).contains(&(kind & 0x7f)) || segment.hop.source.port < 1024 || segment.hop.destination.port < 1024 {
            return;
        }
        let key = self.hash.hash_one((segment.hop.source, segment.hop.destination, [a, b, c, d]));
        let number = u16::from_be_bytes([high, low]);
        match self.streams.get_mut(&key) {
            Some(stream) => stream.packet(number, seen.epoch),
            None => {
                let stream =
                    Stream { epoch: seen.epoch, highest: number, in_row: 1, expected: 0, received: 0, window: 1 };
                if let Some(oldest) = self.streams.insert(key, stream) {
                    self.fold(&oldest);
                }
            }
        }
    }

    fn fold(&mut self, stream: &Stream) {
        self.believed += u64::from(stream.expected > 0);
        self.expected += stream.expected;
        self.received += stream.received;
    }

    pub(super) fn conclude(&mut self, findings: &mut Findings) {
        while let Some(stream) = self.streams.pop_oldest() {
            self.fold(&stream);
        }
        if self.expected == 0 {
            return;
        }
        let lost = self.expected.saturating_sub(self.received);
        let part = share(lost, self.expected);
        let severity = grade(part, RESERVATION, NOT_FIT).filter(|_| self.expected >= FEW);
        let Some(severity) = severity else {
            return findings.fine(format!(
                "{} of the RTP packets are there, in {}",
                percent(1.0 - part),
                counted(self.believed, "stream")
            ));
        };
        findings.found(
            ("rtp_lost", severity, part),
            format!(
                "{} of the RTP packets are missing ({} of {}, in {}), lost in the network or by the mirror",
                percent(part),
                count(lost),
                count(self.expected),
                counted(self.believed, "stream")
            ),
            "if it is the mirror, SIP over UDP is lost at the same rate: records without duration or end, or none",
            "if calls sound well it is the mirror: mirror fewer ports, or to a faster port, and without media",
            &[
                ("share", Figure::Share(part)),
                ("lost", Figure::Count(lost)),
                ("expected", Figure::Count(self.expected)),
                ("streams", Figure::Count(self.believed)),
            ],
        );
    }
}

impl Stream {
    fn packet(&mut self, number: u16, epoch: u64) {
        let step = number.wrapping_sub(self.highest);
        if epoch != self.epoch {
            self.epoch = epoch;
            (self.highest, self.window) = (number, 1);
            return;
        }
        match step {
            0 => {}
            1..DROPOUT => {
                self.window = self.window.checked_shl(step.into()).unwrap_or(0) | 1;
                self.highest = number;
                if self.in_row >= PROBATION {
                    self.expected += u64::from(step);
                    self.received += 1;
                } else {
                    self.in_row = if step == 1 { self.in_row + 1 } else { 1 };
                }
            }
            _ => {
                let back = number.wrapping_sub(self.highest).wrapping_neg();
                if back < WINDOW {
                    let bit = 1_u64 << back;
                    if self.window & bit == 0 && self.in_row >= PROBATION && self.received < self.expected {
                        self.received += 1;
                    }
                    self.window |= bit;
                } else if back > DROPOUT {
                    (self.highest, self.window) = (number, 1);
                }
            }
        }
    }
}
