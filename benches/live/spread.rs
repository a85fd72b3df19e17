//! How measured values are spread.

use core::fmt;

/// Values of one kind, sorted.
pub(crate) struct Spread(Vec<f64>);

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// The value below which so many of a hundred are; not a number where there is none.
    pub(crate) fn percentile(&self, of_hundred: f64) -> f64 {
        let at = (self.0.len() as f64 * of_hundred / 100.0).ceil() as usize;
        self.0.get(at.saturating_sub(1).min(self.0.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn median(&self) -> f64 {
        self.percentile(50.0)
    }

    pub(crate) fn above(&self, bound: f64) -> usize {
        self.0.iter().filter(|value| **value > bound).count()
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for of_hundred in [50.0, 90.0, 99.0, 100.0] {
            write!(f, "{:>9.2}", self.percentile(of_hundred))?;
        }
        write!(f, "{:>8}", self.0.len())
    }
}
