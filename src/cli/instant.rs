//! A point in time on the command line: RFC 3339, or a date.

use crate::time::Timestamp;

const WRONG: &str = "write 2026-11-23 or 2026-11-23T20:05:00Z, with a fraction or an offset if need be";

/// Reads RFC 3339 (`T` or a space, up to nine digits of fraction, `Z` or an offset), or a date, which means its first
/// moment in UTC.
///
/// # Errors
/// What to write instead.
pub(super) fn instant(text: &str) -> Result<Timestamp, String> {
    read(text).ok_or_else(|| WRONG.to_owned())
}

fn read(text: &str) -> Option<Timestamp> {
    if !text.is_ascii() {
        return None;
    }
    let (date, rest) = text.split_at_checked(10)?;
    let days = days(date)?;
    let nanos = if rest.is_empty() { 0 } else { time_of_day(rest.strip_prefix(['T', 't', ' '])?)? };
    let nanos = i128::from(days) * 86_400_000_000_000 + i128::from(nanos);
    i64::try_from(nanos).ok().map(Timestamp::from_nanos)
}

/// Two or four digits, and nothing else.
fn number(digits: &str, least: i64, most: i64) -> Option<i64> {
    let value = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    (least..=most).contains(&value).then_some(value)
}

/// Days from 1970-01-01 to this `YYYY-MM-DD`.
fn days(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if (year.len(), month.len(), day.len(), parts.next()) != (4, 2, 2, None) {
        return None;
    }
    let (year, month, day) = (number(year, 0, 9999)?, number(month, 1, 12)?, number(day, 1, 31)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if day > longest {
        return None;
    }
    // Years that begin in March, so that the leap day is the last of its year.
    let shifted = if month > 2 { year } else { year - 1 };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let leap_days = shifted.div_euclid(4) - shifted.div_euclid(100) + shifted.div_euclid(400);
    Some(shifted * 365 + leap_days + day_of_year - 719_468)
}

/// Nanoseconds since midnight UTC of `HH:MM:SS[.fraction](Z|±HH:MM)`; an offset may lead into the days beside.
fn time_of_day(text: &str) -> Option<i64> {
    let (clock, rest) = text.split_at_checked(8)?;
    let mut parts = clock.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    if (hour.len(), minute.len(), second.len()) != (2, 2, 2) {
        return None;
    }
    let seconds = number(hour, 0, 23)? * 3600 + number(minute, 0, 59)? * 60 + number(second, 0, 60)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        None => ("", rest),
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?),
    };
    if fraction.len() > 9 || (rest.starts_with('.') && fraction.is_empty()) {
        return None;
    }
    let nanos = number(&format!("{fraction:0<9}"), 0, 999_999_999)?;
    Some((seconds - offset(zone)?) * 1_000_000_000 + nanos)
}

/// Seconds east of UTC.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':').filter(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2)?;
    Some(sign * (number(hours, 0, 23)? * 3600 + number(minutes, 0, 59)? * 60))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_dates_fractions_and_offsets() {
        let at = |text| instant(text).unwrap().to_string();
        assert_eq!(at("2026-11-23"), "2026-11-23T00:00:00.000000000Z");
        assert_eq!(at("2026-11-23 20:05:00Z"), "2026-11-23T20:05:00.000000000Z");
        assert_eq!(at("2026-11-23T20:05:00.5+02:00"), "2026-11-23T18:05:00.500000000Z");
        assert_eq!(at("2026-12-31T23:30:00-01:00"), "2027-01-01T00:30:00.000000000Z");
        assert_eq!(at("2000-02-29T00:00:00Z"), "2000-02-29T00:00:00.000000000Z");
        assert_eq!(at("1969-12-31T23:59:59.999999999Z"), "1969-12-31T23:59:59.999999999Z");
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "now",
            "2026-13-01",
            "2026-02-29",
            "2026-11-23T",
            "2026-11-23T20:05",
            "2026-11-23T20:05:00",
            "2026-11-23T20:05:00.Z",
            "2026-11-23T20:05:00.1234567890Z",
            "2026-11-23T20:05:00+2",
            "2026-1-1",
            "2026-11-23T+1:05:00Z",
            "9999-01-01",
            "2026-11-2é",
        ] {
            assert!(instant(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn reads_what_is_printed(nanos in any::<i64>()) {
            let time = Timestamp::from_nanos(nanos);
            prop_assert_eq!(instant(&time.to_string()), Ok(time));
        }

        #[test]
        fn never_panics(text in "\\PC{0,40}") {
            let _ = instant(&text);
        }
    }
}
