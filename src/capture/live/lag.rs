//! How late frames are read. libpcap does not say how full its ring is; but what waits in it for long fills it.

use core::time::Duration;

use crate::buckets::Buckets;

/// Upper bounds of the buckets.
const BOUNDS: [Duration; 10] = {
    let millis = Duration::from_millis;
    [
        millis(2),
        millis(5),
        millis(10),
        millis(20),
        millis(50),
        millis(100),
        millis(200),
        millis(500),
        millis(1000),
        millis(5000),
    ]
};

/// From the capture of a frame to its reading, once for each batch: of its oldest frame.
///
/// A block of the ring is handed over when it is full or some milliseconds old, so that a few of these are usual. What is
/// not read by the time the ring is full, the kernel drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag(Buckets<10>);

impl Lag {
    /// One more batch.
    pub(super) fn add(&mut self, lag: Duration) {
        self.0.add(lag);
    }

    /// How many batches were how late.
    #[must_use]
    pub fn buckets(&self) -> &Buckets<10> {
        &self.0
    }
}

impl Default for Lag {
    fn default() -> Self {
        Self(Buckets::new(&BOUNDS))
    }
}
