//! Times counted by how long they are, as an edge measures them.

use core::time::Duration;

/// How many times were no longer than each of `N` bounds, which rise, and how many there were.
///
/// Invariant: each time is counted in one place, the first whose bound reaches it, or `beyond`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets<const N: usize> {
    bounds: &'static [Duration; N],
    counts: [u64; N],
    beyond: u64,
    sum: Duration,
}

impl<const N: usize> Buckets<N> {
    /// Nothing counted yet.
    #[must_use]
    pub const fn new(bounds: &'static [Duration; N]) -> Self {
        Self { bounds, counts: [0; N], beyond: 0, sum: Duration::ZERO }
    }

    /// One more.
    pub fn add(&mut self, time: Duration) {
        let bucket = self.bounds.partition_point(|bound| *bound < time);
        *self.counts.get_mut(bucket).unwrap_or(&mut self.beyond) += 1;
        self.sum = self.sum.saturating_add(time);
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.beyond
    }

    /// All of them together.
    #[must_use]
    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// Each bound, with how many were no longer.
    pub fn within(&self) -> impl Iterator<Item = (Duration, u64)> {
        let counts = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        self.bounds.iter().copied().zip(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: [Duration; 3] = [Duration::from_millis(1), Duration::from_millis(8), Duration::from_secs(10)];

    #[test]
    fn a_time_is_in_the_first_bucket_that_reaches_it() {
        let mut buckets = Buckets::new(&BOUNDS);
        for micros in [0, 1000, 1001, 8000, 8001, 10_000_000, 10_000_001] {
            buckets.add(Duration::from_micros(micros));
        }
        assert!(buckets.within().map(|(_, count)| count).eq([2, 4, 6]));
        assert_eq!((buckets.count(), buckets.sum()), (7, Duration::from_micros(20_018_003)));
    }

    #[test]
    fn no_time_is_too_long() {
        let mut buckets = Buckets::new(&BOUNDS);
        buckets.add(Duration::MAX);
        buckets.add(Duration::MAX);
        assert_eq!((buckets.count(), buckets.sum()), (2, Duration::MAX));
    }
}
