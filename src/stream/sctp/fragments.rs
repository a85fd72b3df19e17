//! Fragments of user messages that are not complete yet.

use core::ops::Range;

use crate::sip::framing::{BODY_LIMIT, HEAD_LIMIT};
use crate::time::Timestamp;

use super::chunk::Data;
use super::numbers::distance;

/// Most fragments of one direction; beyond it all go.
const FRAGMENTS: usize = 1024;
/// Most bytes of them.
const FRAGMENT_BYTES: usize = HEAD_LIMIT + BODY_LIMIT;
/// What a fragment costs beside its bytes.
const FRAGMENT_COST: usize = 64;

#[derive(Debug)]
struct Fragment {
    group: u64,
    index: u32,
    tsn: u32,
    begins: bool,
    ends: bool,
    /// The capture cut its end off, and what comes after it is no use.
    cut: bool,
    time: Timestamp,
    bytes: Vec<u8>,
}

/// The fragments of one direction.
///
/// Invariant: `held` is sorted by group, then index, and holds no message that is complete; `bytes` is the sum of what it
/// holds.
#[derive(Debug)]
pub(super) struct Fragments {
    held: Vec<Fragment>,
    bytes: usize,
    progress: Timestamp,
}

impl Default for Fragments {
    fn default() -> Self {
        Self { held: Vec::new(), bytes: 0, progress: Timestamp::MIN }
    }
}

impl Fragments {
    /// Keeps a fragment that was captured at `time`; returns where its message stands, if that is now complete.
    ///
    /// No TSN here is before `base`.
    pub(super) fn keep(&mut self, data: &Data<'_>, base: u32, time: Timestamp) -> Option<Range<usize>> {
        let place =
            |group, index| (group, if group == 0 { i64::from(distance(index, base)) } else { i64::from(index) });
        let key = place(data.group, data.index);
        let at = self.held.partition_point(|held| place(held.group, held.index) < key);
        let fragment = Fragment {
            group: data.group,
            index: data.index,
            tsn: data.tsn,
            begins: data.begins,
            ends: data.ends || data.cut,
            cut: data.cut,
            time,
            bytes: data.payload.to_vec(),
        };
        self.bytes += fragment.bytes.len();
        self.progress = time;
        self.held.insert(at, fragment);
        let follows = |after: &Fragment, before: &Fragment| {
            after.group == before.group && after.index == before.index.wrapping_add(1) && !after.begins && !before.ends
        };
        let (mut first, mut last) = (at, at);
        while let (Some(before), Some(here)) =
            (first.checked_sub(1).and_then(|index| self.held.get(index)), self.held.get(first))
        {
            if !follows(here, before) {
                break;
            }
            first -= 1;
        }
        if !self.held.get(first)?.begins {
            return None;
        }
        while let (Some(here), Some(after)) = (self.held.get(last), self.held.get(last + 1)) {
            if !follows(after, here) {
                break;
            }
            last += 1;
        }
        self.held.get(last)?.ends.then_some(first..last + 1)
    }

    /// Takes a message out, into `message`; returns the capture time of its newest fragment, and whether its end was cut.
    pub(super) fn take(&mut self, range: Range<usize>, message: &mut Vec<u8>) -> (Timestamp, bool) {
        message.clear();
        let (mut time, mut cut) = (Timestamp::MIN, false);
        for fragment in self.held.drain(range) {
            self.bytes -= fragment.bytes.len();
            message.extend_from_slice(&fragment.bytes);
            time = time.max(fragment.time);
            cut |= fragment.cut;
        }
        (time, cut)
    }

    /// Drops fragments that will not be completed: all, or all but those still being sent, the last of which is before TSN
    /// `next`. The beginnings among them are handed on, each put together in `message`. Returns how many it dropped.
    pub(super) fn drop_stale(
        &mut self,
        next: u32,
        all: bool,
        message: &mut Vec<u8>,
        begun: &mut dyn FnMut(&[u8], Timestamp),
    ) -> u64 {
        let before = self.held.len();
        // What is still being sent ends in the newest TSN, with nothing missing before it back to its beginning.
        let mut tail = 0;
        for (back, held) in self.held.iter().enumerate().rev() {
            let from_end = (before - back) as u32;
            if all || held.group != 0 || held.tsn != next.wrapping_sub(from_end) || held.ends {
                break;
            }
            if held.begins {
                tail = before - back;
                break;
            }
        }
        let stale = before - tail;
        let mut dropped = self.held.drain(..stale).peekable();
        while let Some(first) = dropped.next() {
            self.bytes -= first.bytes.len();
            let (mut last, mut time) = (first.index, first.time);
            message.clear();
            message.extend_from_slice(&first.bytes);
            while let Some(after) = dropped.next_if(|after| {
                (after.group, after.index) == (first.group, last.wrapping_add(1)) && !after.begins && first.begins
            }) {
                self.bytes -= after.bytes.len();
                message.extend_from_slice(&after.bytes);
                (last, time) = (after.index, time.max(after.time));
            }
            if first.begins {
                begun(message, time);
            }
        }
        drop(dropped);
        stale as u64
    }

    /// Whether the beginning of a message of this group is held.
    pub(super) fn hold_beginning(&self, group: u64) -> bool {
        self.held.iter().any(|fragment| fragment.begins && fragment.group == group)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether there is more than may be.
    pub(super) fn are_too_many(&self) -> bool {
        self.held.len() > FRAGMENTS || self.bytes > FRAGMENT_BYTES
    }

    pub(super) fn cost(&self) -> usize {
        self.bytes + self.held.len() * FRAGMENT_COST
    }

    /// When the newest fragment was captured.
    pub(super) fn progress(&self) -> Timestamp {
        self.progress
    }
}
