//! One tap port.

use std::os::fd::{AsRawFd, BorrowedFd};

use pcap::{Active, Capture, Linktype, Precision};
use rustix::net::netdevice::name_to_index;

use super::drops::Drops;
use super::error::LiveError;
use super::lag::Lag;
use super::{Ring, wall_clock};
use crate::capture::filter::{Attached, Filter};
use crate::capture::item::Item;
use crate::packet::{Frame, InterfaceId, LinkType};
use crate::probe::Loss;
use crate::time::Timestamp;

/// Frames read at a time: libpcap goes on from block to block for as long as there are any, and whoever reads has other ports,
/// a clock, a stop and a watchdog to serve.
const BATCH: usize = 4096;

/// Milliseconds that a block of the ring waits to be filled before it is handed over: the most that a record waits here. A wake
/// costs some ten microseconds, so that 500 of them a second are no load. Immediate mode would make libpcap use the older ring
/// of single frames.
const BLOCK_TIMEOUT: i32 = 2;

/// What became of the frames of one port, as the kernel counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortCounts {
    /// Frames read here, and how long they were on the wire, in bytes.
    pub frames: u64,
    pub bytes: u64,
    /// How late frames were read.
    pub lag: Lag,
    /// Dropped because the ring was full.
    pub dropped: u64,
    /// Dropped by the interface or its driver, before the kernel could capture them.
    pub dropped_by_interface: u64,
    /// Times the interface went down.
    pub went_down: u64,
}

/// One tap port, being read.
///
/// Invariant: `counts` grow only; a loss is told once.
pub(super) struct Port {
    name: String,
    id: InterfaceId,
    index: u32,
    link: LinkType,
    capture: Capture<Active>,
    counts: PortCounts,
    drops: Drops,
    /// Time of the last frame.
    latest: Option<Timestamp>,
    opened: Timestamp,
}

impl Port {
    pub(super) fn open(name: &str, id: InterfaceId, ring: Ring) -> Result<Self, LiveError> {
        let failed = |reason: pcap::Error| {
            let (interface, reason) = (name.to_owned(), reason.to_string());
            // libpcap tells by text alone.
            if reason.contains("No such device") {
                LiveError::NoInterface { interface }
            } else if reason.contains("permission") || reason.contains("not permitted") {
                LiveError::NotPermitted { interface }
            } else {
                LiveError::Open { interface, reason }
            }
        };
        let capture = Capture::from_device(name)
            .map_err(failed)?
            .promisc(true)
            .precision(Precision::Nano)
            .snaplen(i32::try_from(ring.snap_length).unwrap_or(i32::MAX))
            .buffer_size(i32::try_from(ring.bytes).unwrap_or(i32::MAX))
            .timeout(BLOCK_TIMEOUT)
            .open()
            .and_then(Capture::setnonblock)
            .map_err(failed)?;
        let Linktype(link) = capture.get_datalink();
        let link = LinkType::from(u16::try_from(link).unwrap_or(u16::MAX));
        let mut port = Self {
            name: name.to_owned(),
            id,
            index: 0,
            link,
            capture,
            counts: PortCounts::default(),
            drops: Drops::of(name),
            latest: None,
            opened: wall_clock(),
        };
        port.index = name_to_index(port.descriptor(), name)
            .map_err(|_| LiveError::NoInterface { interface: name.to_owned() })?;
        Ok(port)
    }

    /// Lets the kernel drop what the core would not use. What was captured before still comes.
    pub(super) fn attach(&self, filter: &mut Filter) -> Result<Attached, LiveError> {
        filter
            .attach(self.descriptor(), self.link)
            .map_err(|reason| LiveError::Filter { interface: self.name.clone(), reason })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn counts(&self) -> PortCounts {
        self.counts
    }

    #[allow(unsafe_code, reason = "libpcap's handle has a descriptor, which the crate gives as a number")]
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is open for as long as `capture` is, which the borrow of `self` outlives.
        unsafe { BorrowedFd::borrow_raw(self.capture.as_raw_fd()) }
    }

    /// Reads a batch: what stands in the ring, at most [`BATCH`].
    pub(super) fn read(&mut self, take: &mut impl FnMut(Item<'_>)) -> Result<u64, LiveError> {
        if let Some(loss) = self.loss() {
            take(Item::Loss(loss));
        }
        let Self { capture, counts, latest, link, id, .. } = self;
        let before = counts.frames;
        let read = capture.dispatch(Some(BATCH), |packet| {
            let first = counts.frames == before;
            counts.frames += 1;
            counts.bytes += u64::from(packet.header.len);
            // With nanosecond precision the field of microseconds holds nanoseconds.
            let time = Timestamp::from_nanos(packet.header.ts.tv_sec * 1_000_000_000 + packet.header.ts.tv_usec);
            *latest = Some(time);
            if first {
                // The oldest of the batch has waited longest.
                counts.lag.add(wall_clock().since(time));
            }
            take(Item::Frame(Frame {
                time,
                link: *link,
                bytes: packet.data,
                wire_len: packet.header.len,
                interface: *id,
                number: counts.frames,
            }));
        });
        let frames = counts.frames - before;
        match read {
            Ok(_) | Err(pcap::Error::TimeoutExpired | pcap::Error::NoMorePackets) => Ok(frames),
            Err(error) if self.is_there() => {
                Err(LiveError::Read { interface: self.name.clone(), reason: error.to_string() })
            }
            Err(_) => Err(LiveError::Gone { interface: self.name.clone() }),
        }
    }

    /// The kernel has told of an error, which libpcap keeps to itself unless the interface is gone. One that is down comes up
    /// again under the same descriptor.
    pub(super) fn went_down(&mut self) -> Result<(), LiveError> {
        if !self.is_there() {
            return Err(LiveError::Gone { interface: self.name.clone() });
        }
        self.counts.went_down += 1;
        tracing::warn!(interface = %self.name, "the interface went down; waiting for it");
        Ok(())
    }

    /// Whether the interface that was opened still is. A new one of its name has another number.
    fn is_there(&self) -> bool {
        name_to_index(self.descriptor(), &self.name).is_ok_and(|index| index == self.index)
    }

    /// What was lost since this was last asked.
    fn loss(&mut self) -> Option<Loss> {
        let by_ring = super::drops::by_ring(self.descriptor());
        let by_interface = self.drops.by_interface();
        self.counts.dropped += by_ring;
        self.counts.dropped_by_interface += by_interface;
        let count = by_ring + by_interface;
        let from = self.latest.unwrap_or(self.opened);
        (count > 0).then(|| Loss { interface: self.id, from, to: wall_clock().max(from), count })
    }
}
