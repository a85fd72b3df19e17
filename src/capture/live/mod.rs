//! Tap and SPAN ports: frames as the kernel captures them (Linux, libpcap's mapped ring).
//!
//! The waiting is ours. libpcap's own does not return while a kernel filter lets nothing through, and the probe has timers
//! to serve; so the handles are non-blocking, and one poll waits for all of them, for a [`Wake`], and for the time.

mod drops;
mod error;
mod lag;
mod port;
mod wake;

use core::time::Duration;
use std::collections::BTreeSet;
use std::thread;
use std::time::{Instant, SystemTime};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub use error::LiveError;
pub use lag::Lag;
pub use port::PortCounts;
pub use wake::Wake;

use super::filter::{self, Attached, Filter};
use super::item::Item;
use crate::packet::InterfaceId;
use crate::time::Timestamp;
use port::Port;

/// Longer than a block of the ring waits.
const LAST_BLOCK: Duration = Duration::from_millis(10);
/// How long it may take to read what the rings hold in the end. Where frames come as fast as they are read, it never ends by itself.
const LAST_READING: Duration = Duration::from_millis(500);

/// How the kernel keeps frames until they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    /// Bytes of each port's ring. What finds no room in it is dropped by the kernel, which counts it.
    pub bytes: u32,
    /// Bytes captured of each frame.
    pub snap_length: u32,
}

impl Default for Ring {
    /// 64 MiB: half a second of a full gigabit. 65,535 bytes: the longest datagram, whose frame may be offloaded in one piece.
    fn default() -> Self {
        Self { bytes: 64 << 20, snap_length: 65_535 + 256 }
    }
}

/// Several tap ports, watched together.
///
/// Invariant: a port that has failed for good has ended the capture; one that is down is waited for.
pub struct LiveCapture {
    ports: Vec<Port>,
    wake: Wake,
    filter: Option<Filter>,
}

impl LiveCapture {
    /// Opens every port, promiscuous, and then attaches the filter to all of them; without one every frame is read. This is
    /// what needs the right to capture; nothing after it does. Says of each port what the kernel passes.
    ///
    /// # Errors
    /// The first port that cannot be had.
    pub fn open(
        interfaces: &[String],
        ring: Ring,
        mut filter: Option<Filter>,
    ) -> Result<(Self, Vec<Attached>), LiveError> {
        let mut names = BTreeSet::new();
        let mut ports = Vec::new();
        for (name, id) in interfaces.iter().zip(0_u16..) {
            if !names.insert(name) {
                return Err(LiveError::Twice { interface: name.clone() });
            }
            ports.push(Port::open(name, InterfaceId(id), ring)?);
        }
        // Last: libpcap sets filters of its own while it opens.
        let attached = match &mut filter {
            Some(filter) => ports.iter().map(|port| port.attach(filter)).collect::<Result<_, _>>()?,
            None => ports.iter().map(|_| Attached { kind: filter::Kind::Open, reason_for_fallback: None }).collect(),
        };
        Ok((Self { ports, wake: Wake::new()?, filter }, attached))
    }

    /// Frames by what the kernel's filter made of them, over all ports; the classic one counts nothing.
    #[must_use]
    pub fn filter_counts(&self) -> Option<filter::Counts> {
        self.filter.as_ref()?.counts()
    }

    /// What ends the waiting from another thread.
    #[must_use]
    pub fn wake(&self) -> Wake {
        self.wake.clone()
    }

    /// Waits for frames, a [`Wake`], or the time, whichever is first.
    ///
    /// # Errors
    /// When the kernel does not let it wait, or a port is gone.
    pub fn wait(&mut self, most: Duration) -> Result<(), LiveError> {
        let mut descriptors: Vec<_> =
            self.ports.iter().map(|port| PollFd::from_borrowed_fd(port.descriptor(), PollFlags::IN)).collect();
        descriptors.push(PollFd::from_borrowed_fd(self.wake.descriptor(), PollFlags::IN));
        let most = Timespec { tv_sec: most.as_secs().min(3600) as i64, tv_nsec: most.subsec_nanos().into() };
        match poll(&mut descriptors, Some(&most)) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => return Err(LiveError::Wait(error.into())),
        }
        let failed: Vec<bool> =
            descriptors.iter().map(|descriptor| descriptor.revents().contains(PollFlags::ERR)).collect();
        for (port, _) in self.ports.iter_mut().zip(failed).filter(|(_, failed)| *failed) {
            port.went_down()?;
        }
        Ok(())
    }

    /// Reads what the ports have, a batch of each; losses come before the batch that they explain. Gives how many frames there
    /// were.
    ///
    /// # Errors
    /// When a port has failed for good; the others have been read all the same. What the ring of one that is gone still holds
    /// comes with the next reading: its failure is told once, and first.
    pub fn read(&mut self, mut take: impl FnMut(Item<'_>)) -> Result<u64, LiveError> {
        let mut frames = 0;
        let mut failed = None;
        for port in &mut self.ports {
            match port.read(&mut take) {
                Ok(read) => frames += read,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(frames), Err)
    }

    /// Reads what the rings still hold, once nobody waits for more: the kernel hands over the last block when its time is up, full
    /// or not. `read` calls [`Self::read`], and gives what that gave.
    ///
    /// # Errors
    /// The first failure. It ends nothing: the other rings, and the failed port's own, may hold frames.
    pub fn drain(&mut self, mut read: impl FnMut(&mut Self) -> Result<u64, LiveError>) -> Result<(), LiveError> {
        thread::sleep(LAST_BLOCK);
        let begun = Instant::now();
        let mut drained = Ok(());
        while begun.elapsed() < LAST_READING {
            match read(self) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => drained = drained.and(Err(error)),
            }
        }
        drained
    }

    /// What became of the frames of each port so far.
    #[must_use]
    pub fn counts(&self) -> Vec<(&str, PortCounts)> {
        self.ports.iter().map(|port| (port.name(), port.counts())).collect()
    }
}

/// Frames are stamped by the wall clock of this machine.
fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
