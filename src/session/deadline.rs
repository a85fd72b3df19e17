//! When a dialog has to be looked at again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::time::Timestamp;

/// Pending deadlines, earliest first; equal ones in the order of their dialogs' places.
///
/// Invariant: for every dialog with a deadline there is an entry at or before it. Deadlines move later with every
/// message of a dialog, so a moved one is not re-queued: its entry comes up early, the dialog is looked at, and is
/// queued again for the time it then has. An entry of a dialog that is gone comes up and finds nothing to do.
#[derive(Default)]
pub(crate) struct Deadlines {
    heap: BinaryHeap<Reverse<(Timestamp, u32)>>,
}

impl Deadlines {
    pub(crate) fn push(&mut self, at: Timestamp, place: u32) {
        self.heap.push(Reverse((at, place)));
    }

    /// The earliest entry.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.heap.peek().map(|entry| entry.0.0)
    }

    /// Takes an entry whose time has come.
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, u32)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|entry| entry.0)
    }
}
