//! When something that waits is due.

use core::time::Duration;
use std::collections::BTreeSet;

use crate::time::Timestamp;

/// One direction of a conversation. Of two, the one whose conversation was first seen earlier comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Side {
    /// Number of the segment with which the conversation began.
    pub(super) born: u64,
    /// Where it is kept.
    pub(super) slot: u32,
    /// 0 or 1.
    pub(super) direction: usize,
}

impl Side {
    /// The other direction.
    pub(super) fn other(self) -> Self {
        Self { direction: self.direction ^ 1, ..self }
    }
}

/// At most one entry a side. Entries are never later than what is due, but may be earlier: whoever takes one out looks
/// again. So progress, which only moves what is due to later, costs nothing here.
///
/// Ordered by time, then by which conversation is older: no hash decides which is first.
#[derive(Debug, Default)]
pub(super) struct Timers {
    entries: BTreeSet<(Timestamp, Side)>,
}

impl Timers {
    /// Sees to it that `side` has an entry at `due` or before; `armed` is the one it has ([`Timestamp::MAX`] for none).
    pub(super) fn arm(&mut self, side: Side, armed: &mut Timestamp, due: Option<Timestamp>) {
        let last = Timestamp::MAX.minus(Duration::from_nanos(1));
        let Some(due) = due.map(|due| due.min(last)).filter(|due| *due < *armed) else { return };
        self.disarm(side, *armed);
        self.entries.insert((due, side));
        *armed = due;
    }

    pub(super) fn disarm(&mut self, side: Side, armed: Timestamp) {
        if armed != Timestamp::MAX {
            self.entries.remove(&(armed, side));
        }
    }

    /// The first entry, and when it is due.
    pub(super) fn first(&self) -> Option<(Timestamp, Side)> {
        self.entries.first().copied()
    }

    /// Takes the first entry out, whenever it is due.
    pub(super) fn pop(&mut self) -> Option<Side> {
        self.entries.pop_first().map(|(_, side)| side)
    }
}
