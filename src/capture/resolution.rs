//! From the time units of a capture to nanoseconds.

use crate::time::Timestamp;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Time unit and offset of one pcapng interface (`if_tsresol`, `if_tsoffset`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resolution {
    unit: Unit,
    /// Nanoseconds to add, from whole seconds; saturated.
    offset: i64,
}

/// How many nanoseconds a count of units is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// Units of 10^-9 s or coarser: so many nanoseconds each.
    Times(u64),
    /// Decimal units finer than 10^-9 s: so many to a nanosecond.
    Per(u128),
    /// Units of 2^-n s.
    Binary(u8),
}

impl Resolution {
    /// `if_tsresol` as the option has it: n for 10^-n s, or 0x80 + n for 2^-n s. `offset` is in seconds.
    pub(super) fn new(tsresol: u8, offset: i64) -> Self {
        let exponent = tsresol & 0x7f;
        let unit = if tsresol & 0x80 != 0 {
            Unit::Binary(exponent)
        } else if exponent <= 9 {
            Unit::Times(10_u64.pow(u32::from(9 - exponent)))
        } else {
            // Past 10^19 to a nanosecond no 64-bit count reaches one, so any larger divisor says the same: 0.
            Unit::Per(10_u128.checked_pow(u32::from(exponent - 9)).unwrap_or(u128::MAX))
        };
        Self { unit, offset: offset.saturating_mul(NANOS_PER_SECOND as i64) }
    }

    /// The time of `units` since the epoch, rounded down; beyond 64 bits of nanoseconds it saturates.
    #[inline]
    pub(super) fn time(self, units: u64) -> Timestamp {
        let nanos = match self.unit {
            Unit::Times(nanos) => units.saturating_mul(nanos),
            Unit::Per(count) => u64::try_from(u128::from(units) / count).unwrap_or(u64::MAX),
            Unit::Binary(exponent) => {
                // Below 2^94 before the shift, so this cannot overflow.
                let nanos = (u128::from(units) * u128::from(NANOS_PER_SECOND)) >> exponent;
                u64::try_from(nanos).unwrap_or(u64::MAX)
            }
        };
        // Added in 128 bits: a count beyond i64 with a negative offset may still be in range.
        let nanos = i128::from(nanos) + i128::from(self.offset);
        Timestamp::from_nanos(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
    }
}

/// Microseconds, what the format says when the option is absent.
impl Default for Resolution {
    fn default() -> Self {
        Self::new(6, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(tsresol: u8, offset: i64, units: u64) -> i64 {
        Resolution::new(tsresol, offset).time(units).nanos()
    }

    #[test]
    fn decimal_units_of_every_size() {
        assert_eq!(nanos(6, 0, 1_525_968_137_818_184), 1_525_968_137_818_184_000);
        assert_eq!(nanos(9, 0, 1_525_968_137_818_184_007), 1_525_968_137_818_184_007);
        assert_eq!(nanos(0, 0, 3), 3_000_000_000);
        assert_eq!(nanos(12, 0, 1_999), 1);
        assert_eq!(nanos(127, 0, u64::MAX), 0);
    }

    #[test]
    fn binary_units() {
        assert_eq!(nanos(0x80, 0, 2), 2_000_000_000);
        assert_eq!(nanos(0x80 | 10, 0, 1_536), 1_500_000_000);
        assert_eq!(nanos(0x80 | 32, 0, 1 << 31), 500_000_000);
        assert_eq!(nanos(0xff, 0, u64::MAX), 0);
    }

    #[test]
    fn offset_is_in_seconds_and_may_be_negative() {
        assert_eq!(nanos(6, 10, 1), 10_000_001_000);
        assert_eq!(nanos(6, -10, 1), -9_999_999_000);
    }

    #[test]
    fn saturates_at_both_ends() {
        assert_eq!(nanos(0, 0, u64::MAX), i64::MAX);
        assert_eq!(nanos(0x80, 0, u64::MAX), i64::MAX);
        assert_eq!(nanos(9, i64::MAX, u64::MAX), i64::MAX);
        assert_eq!(nanos(9, i64::MIN, 0), i64::MIN);
    }
}
