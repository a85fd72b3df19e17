//! What became of records and notices between the core and the outbox.

use crate::outbox::GapCause;

/// What the desk of a probe on a tap port counts. Each only grows, but for `untold`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeskCounts {
    /// Records received from the core, revisions and withdrawals among them.
    pub records: u64,
    /// Records that nobody will get: they found no room on the way to the outbox, or in it.
    pub records_lost: u64,
    /// Records that standard output did not take. They are delivered all the same.
    pub unprinted: u64,
    /// Gap notices that the outbox took.
    pub gap_notices: GapNotices,
    /// Gap notices that wait for room in it.
    pub untold: usize,
}

/// Gap notices by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GapNotices([u64; GapCause::ALL.len()]);

impl GapNotices {
    /// One more.
    pub fn add(&mut self, cause: GapCause) {
        if let Some(count) = self.0.get_mut(cause as usize) {
            *count += 1;
        }
    }

    /// Each cause with its notices.
    pub fn iter(&self) -> impl Iterator<Item = (GapCause, u64)> {
        GapCause::ALL.into_iter().zip(self.0)
    }

    /// All of them.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_are_by_cause() {
        let mut notices = GapNotices::default();
        for cause in GapCause::ALL {
            (0..=cause as u64).for_each(|_| notices.add(cause));
        }
        assert!(notices.iter().map(|(cause, count)| (cause as u64, count)).eq([(0, 1), (1, 2), (2, 3), (3, 4)]));
        assert_eq!(notices.sum(), 10);
    }
}
