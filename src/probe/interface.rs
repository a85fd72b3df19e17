//! What each interface did not show the core, so that it is known which tap is bad.

use crate::packet::InterfaceId;
use crate::stream::Missing;

/// Frames and streams of one interface that were not read, or not wholly. Each only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InterfaceCounts {
    /// Frames in which no transport header could be read.
    pub damaged: u64,
    /// Frames of encrypted ESP or MACsec.
    pub opaque: u64,
    /// Datagrams read from their beginning alone, because further fragments did not come in time.
    pub incomplete_datagrams: u64,
    /// Holes in streams that were given up, or bytes acknowledged that were never seen; and the TCP bytes in them.
    pub gaps: u64,
    pub gap_bytes: u64,
    /// Of these, bytes that the receiver had acknowledged: they were lost on the way to the probe.
    pub acknowledged_bytes: u64,
}

/// The counts of every interface, found by its number. One that never had anything to count may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByInterface(Vec<InterfaceCounts>);

impl ByInterface {
    /// In the order of the numbers of the interfaces, from 0.
    #[must_use]
    pub fn counts(&self) -> &[InterfaceCounts] {
        &self.0
    }

    /// Off the usual path of a frame: it may allocate, once for each interface.
    #[inline(never)]
    pub(crate) fn of(&mut self, interface: InterfaceId) -> &mut InterfaceCounts {
        let index = usize::from(interface.0);
        if self.0.len() <= index {
            self.0.resize(index + 1, InterfaceCounts::default());
        }
        &mut self.0[index]
    }

    /// Adds what the streams of one Tap miss.
    pub(crate) fn add(&mut self, missing: &[Missing]) {
        for (number, missing) in (0..=u16::MAX).zip(missing) {
            let counts = self.of(InterfaceId(number));
            counts.gaps += missing.gaps;
            counts.gap_bytes += missing.bytes;
            counts.acknowledged_bytes += missing.acknowledged;
        }
    }
}

impl From<Vec<InterfaceCounts>> for ByInterface {
    /// In the order of the numbers of the interfaces.
    fn from(counts: Vec<InterfaceCounts>) -> Self {
        Self(counts)
    }
}
