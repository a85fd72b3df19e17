//! One thread's share of a round.

use core::ops::Range;

use super::turn::Turn;
use crate::time::Timestamp;

/// Things in the order of their turns, and the bytes that they are about.
///
/// It is not printed: the bytes are people's messages.
pub(super) struct Share<T> {
    pub(super) items: Vec<(Turn, T)>,
    /// One behind the other.
    bytes: Vec<u8>,
    /// Where the capture clock stood when the round was closed.
    pub(super) until: Timestamp,
    /// There is no further round.
    pub(super) ended: bool,
}

impl<T> Share<T> {
    pub(super) fn new() -> Self {
        Self { items: Vec::new(), bytes: Vec::new(), until: Timestamp::MIN, ended: false }
    }

    pub(super) fn push(&mut self, turn: Turn, item: T) {
        self.items.push((turn, item));
    }

    /// Keeps a copy of these bytes, and says where.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    /// What was kept there.
    pub(super) fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// Gives the share, closed, and is an empty one.
    pub(super) fn close(&mut self, until: Timestamp, ended: bool) -> Self {
        Self { until, ended, ..core::mem::replace(self, Self::new()) }
    }
}
