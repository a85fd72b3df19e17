//! Numbers as a person reads them.

use core::time::Duration;

/// `38.2 %`, with as many digits as tell something, and never `0 %` for what is not nothing.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0 %".into(),
        100.0 => "100 %".into(),
        10.0.. => format!("{:.1} %", percent.min(99.9)),
        0.1.. => format!("{percent:.2} %"),
        0.001.. => format!("{percent:.3} %"),
        _ => "under 0.001 %".into(),
    }
}

/// `1,234,567`
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 frame`, `2 frames`: the noun gets an s unless there is one.
pub(super) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// `12 µs`, `3.1 ms`, `2.0 s`, `15 min`, `4 hours`, `3 days`
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    match seconds {
        0.0 => "0 s".into(),
        172_800.0.. => format!("{:.0} days", seconds / 86_400.0),
        7_200.0.. => format!("{:.0} hours", seconds / 3_600.0),
        600.0.. => format!("{:.0} min", seconds / 60.0),
        1.0.. => format!("{seconds:.1} s"),
        0.01.. => format!("{:.0} ms", seconds * 1e3),
        0.001.. => format!("{:.1} ms", seconds * 1e3),
        0.000_001.. => format!("{:.0} µs", seconds * 1e6),
        _ => format!("{} ns", span.as_nanos()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_a_person_writes_them() {
        assert_eq!(["0", "999", "1,000", "12,345,678"], [0, 999, 1000, 12_345_678].map(count).each_ref().map(|s| &**s));
        assert_eq!((counted(1, "frame"), counted(2, "frame")), ("1 frame".into(), "2 frames".into()));
    }

    #[test]
    fn a_share_that_is_not_nothing_never_reads_as_nothing() {
        let read = [0.0, 0.000_000_1, 0.000_05, 0.0123, 0.382, 0.999_99, 1.0].map(percent);
        assert_eq!(read, ["0 %", "under 0.001 %", "0.005 %", "1.23 %", "38.2 %", "99.9 %", "100 %"]);
    }

    #[test]
    fn spans_have_the_unit_that_fits() {
        let read = [0, 300, 12_000, 3_100_000, 50_000_000, 2_000_000_000, 600_000_000_000]
            .map(|nanos| span(Duration::from_nanos(nanos)));
        assert_eq!(read, ["0 s", "300 ns", "12 µs", "3.1 ms", "50 ms", "2.0 s", "10 min"]);
    }
}
