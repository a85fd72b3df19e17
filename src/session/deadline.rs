//! When a dialog has to be looked at again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::time::Timestamp;

/// Pending deadlines, earliest first; equal ones in the order of their dialogs' places.
///
/// Invariant: for every dialog with a deadline there is an entry at or before it. Deadlines move later with every
/// message of a dialog, so a moved one is not re-queued: its entry comes up early, the dialog is looked at, and is
/// queued again for the time it then has. An entry of a dialog that is gone, or was queued earlier since, comes up and
/// finds nothing to do. Such entries may lie a day ahead, so there could be many more of them than dialogs: past twice
/// the dialogs they are thrown out.
#[derive(Default)]
pub(crate) struct Deadlines {
    heap: BinaryHeap<Reverse<(Timestamp, u32)>>,
}

impl Deadlines {
    pub(crate) fn push(&mut self, at: Timestamp, place: u32) {
        self.heap.push(Reverse((at, place)));
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Keeps the entries that a dialog still waits for.
    pub(crate) fn retain(&mut self, awaited: impl Fn(Timestamp, u32) -> bool) {
        self.heap.retain(|Reverse((at, place))| awaited(*at, *place));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_awaited_in_order() {
        let mut deadlines = Deadlines::default();
        for place in (0..100).rev() {
            deadlines.push(Timestamp::from_nanos(i64::from(place)), place);
        }
        deadlines.retain(|_, place| place % 10 == 3);
        assert_eq!(deadlines.len(), 10);
        let due: Vec<u32> =
            core::iter::from_fn(|| deadlines.pop_due(Timestamp::from_nanos(50))).map(|due| due.1).collect();
        assert_eq!(due, [3, 13, 23, 33, 43]);
        assert_eq!(deadlines.next(), Some(Timestamp::from_nanos(53)));
    }
}
