//! When something that waits is due.

use core::time::Duration;
use std::collections::BTreeSet;

use crate::time::Timestamp;

/// The side of a conversation that a timer is for: the slot of the conversation, and 0 or 1.
pub(super) type Side = (u32, usize);

/// At most one entry a side. Entries are never later than what is due, but may be earlier: whoever takes one out looks
/// again. So progress, which only moves what is due to later, costs nothing here.
///
/// Ordered by time, then slot: no hash decides which is first.
#[derive(Debug, Default)]
pub(super) struct Timers {
    entries: BTreeSet<(Timestamp, u32, usize)>,
}

impl Timers {
    /// Sees to it that `side` has an entry at `due` or before; `armed` is the one it has ([`Timestamp::MAX`] for none).
    pub(super) fn arm(&mut self, side: Side, armed: &mut Timestamp, due: Option<Timestamp>) {
        let last = Timestamp::MAX.minus(Duration::from_nanos(1));
        let Some(due) = due.map(|due| due.min(last)).filter(|due| *due < *armed) else { return };
        self.disarm(side, *armed);
        self.entries.insert((due, side.0, side.1));
        *armed = due;
    }

    pub(super) fn disarm(&mut self, side: Side, armed: Timestamp) {
        if armed != Timestamp::MAX {
            self.entries.remove(&(armed, side.0, side.1));
        }
    }

    /// When the first entry is due.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.entries.first().map(|entry| entry.0)
    }

    /// Takes the first entry out, whenever it is due.
    pub(super) fn pop(&mut self) -> Option<Side> {
        self.entries.pop_first().map(|(_, slot, side)| (slot, side))
    }

    /// Takes the first entry out if it is due by `now`.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Side> {
        if self.first().is_none_or(|first| first > now) {
            return None;
        }
        self.pop()
    }
}
