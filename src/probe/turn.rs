//! When something happened, among all that happened.

use crate::time::Timestamp;

/// The order in which one probe would have done the work that several threads share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    /// Where the capture clock stood.
    pub(super) now: Timestamp,
    /// Number of the thing that had passed the Gate; 0 for what time alone brought before anything passed at that time.
    pub(super) number: u64,
    /// Of streams that were due at one time: the number of the segment with which the conversation began.
    pub(super) born: u64,
}

impl Turn {
    /// Nothing has happened yet.
    pub(super) const FIRST: Self = Self { now: Timestamp::MIN, number: 0, born: 0 };

    /// After everything that passed the Gate by `now`: the end of a stream that would have been due at `due`.
    pub(super) fn at_the_end(now: Timestamp, due: Timestamp, born: u64) -> Self {
        Self { now, number: 1 << 63 | due.nanos().max(0).cast_unsigned(), born }
    }
}
