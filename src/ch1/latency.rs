//! How long it takes from a BYE on the wire to the answer of the Charging Enabler.

use core::time::Duration;

use hdrhistogram::Histogram;

use crate::buckets::Buckets;

/// Longest time that quantiles tell apart; what takes longer counts as this.
const LONGEST: Duration = Duration::from_secs(3600);

/// Upper bounds of the buckets, closest where the aims are: 8 ms, and 20 ms for 99 of 100.
const BOUNDS: [Duration; 15] = {
    let millis = Duration::from_millis;
    [
        millis(1),
        millis(2),
        millis(4),
        millis(8),
        millis(12),
        millis(16),
        millis(20),
        millis(50),
        millis(100),
        millis(200),
        millis(500),
        millis(1000),
        millis(2000),
        millis(5000),
        millis(10_000),
    ]
};

/// Times from the BYE on the wire to the Response that settles its record.
#[derive(Clone, Debug, PartialEq)]
pub struct Latencies {
    buckets: Buckets<15>,
    /// The same times in microseconds, true to 1 %.
    times: Histogram<u64>,
}

impl Latencies {
    /// One more.
    pub fn add(&mut self, time: Duration) {
        self.buckets.add(time);
        self.times.saturating_record(micros(time));
    }

    /// How many there were of which length.
    #[must_use]
    pub fn buckets(&self) -> &Buckets<15> {
        &self.buckets
    }

    /// The time that this part of them did not exceed, between 0 and 1; true to 1 %, and zero where there was none.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Duration {
        Duration::from_micros(self.times.value_at_quantile(part))
    }

    /// The longest, true to 1 %.
    #[must_use]
    pub fn longest(&self) -> Duration {
        Duration::from_micros(self.times.max())
    }
}

impl Default for Latencies {
    fn default() -> Self {
        // Refused are a lower bound of 0, an upper one below twice the lower, and more than five digits.
        let times = Histogram::new_with_bounds(1, micros(LONGEST), 2);
        let times = times.unwrap_or_else(|_| unreachable!("constants that are none of these"));
        Self { buckets: Buckets::new(&BOUNDS), times }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_true_to_one_percent() {
        let mut latencies = Latencies::default();
        (1..=1000).for_each(|millis| latencies.add(Duration::from_millis(millis)));
        let within = |found: Duration, millis: f64| {
            let found = found.as_secs_f64() * 1000.0;
            assert!((found / millis - 1.0).abs() < 0.01, "{found} for {millis}");
        };
        within(latencies.quantile(0.5), 500.0);
        within(latencies.quantile(0.99), 990.0);
        within(latencies.quantile(1.0), 1000.0);
        within(latencies.longest(), 1000.0);
    }

    #[test]
    fn no_time_is_too_long_or_too_short() {
        let mut latencies = Latencies::default();
        assert_eq!((latencies.quantile(0.99), latencies.longest()), (Duration::ZERO, Duration::ZERO));
        latencies.add(Duration::ZERO);
        latencies.add(Duration::MAX);
        assert_eq!(latencies.buckets().count(), 2);
        assert!(latencies.longest() >= LONGEST);
    }
}
