//! What the kernel and the interface dropped before it could be read.
//!
//! libpcap tells both, but opens files for it each time: at a busy port that was a quarter of the reading thread's time. Here
//! they stay open, also once no file may be opened any more.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// The interface's own counters of frames that it had no room for; those that libpcap adds up.
const COUNTERS: [&str; 2] = ["rx_missed_errors", "rx_fifo_errors"];

/// Frames that an interface dropped, told once each.
///
/// Invariant: `told` is what the counters had when they were last read.
#[derive(Debug)]
pub(super) struct Drops {
    counters: Vec<File>,
    told: u64,
}

impl Drops {
    /// From here on. A counter that an interface does not have stays nought.
    pub(super) fn of(interface: &str) -> Self {
        let folder = Path::new("/sys/class/net").join(interface).join("statistics");
        let mut drops =
            Self { counters: COUNTERS.iter().flat_map(|name| File::open(folder.join(name))).collect(), told: 0 };
        drops.by_interface();
        drops
    }

    /// Since this was last asked; nothing once the interface is gone.
    pub(super) fn by_interface(&mut self) -> u64 {
        let Ok(counts) = self.counters.iter().map(count).collect::<io::Result<Vec<_>>>() else { return 0 };
        let now = counts.iter().sum();
        // A driver that is loaded anew counts from the beginning.
        now - core::mem::replace(&mut self.told, now).min(now)
    }
}

/// The number in a file of /sys, which is made anew for each reading from its beginning.
fn count(file: &File) -> io::Result<u64> {
    let mut text = [0; 24];
    let len = file.read_at(&mut text, 0)?;
    let number = str::from_utf8(&text[..len]).ok().and_then(|text| text.trim_end().parse().ok());
    number.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Frames that found no room in a packet socket's ring since this was last asked: the kernel begins at nought with each answer.
/// Nobody else may ask, and so libpcap's statistics are not for use.
#[allow(unsafe_code, reason = "no crate here has a safe name for this option")]
pub(super) fn by_ring(socket: BorrowedFd<'_>) -> u64 {
    let mut statistics = libc::tpacket_stats_v3 { tp_packets: 0, tp_drops: 0, tp_freeze_q_cnt: 0 };
    let mut len = size_of::<libc::tpacket_stats_v3>() as libc::socklen_t;
    // SAFETY: the descriptor is open while it is borrowed; the kernel writes at most `len` bytes to `statistics`, which has as
    // many, is of plain numbers, and lives until the call returns.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut statistics).cast(),
            &raw mut len,
        )
    };
    if result == 0 { statistics.tp_drops.into() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_interface_drops_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rx_missed_errors");
        let write = |text: &str| std::fs::write(&file, text).unwrap();
        write("7\n");
        let mut drops = Drops { counters: vec![File::open(&file).unwrap()], told: 0 };
        assert_eq!((drops.by_interface(), drops.by_interface()), (7, 0));
        write("9\n");
        assert_eq!(drops.by_interface(), 2);
        write("1\n");
        assert_eq!((drops.by_interface(), drops.by_interface()), (0, 0), "a driver that was loaded anew");
        write("3\n");
        assert_eq!(drops.by_interface(), 2);
    }

    #[test]
    fn an_interface_that_is_not_there_drops_nothing() {
        assert_eq!(Drops::of("no-such-interface").by_interface(), 0);
    }
}
