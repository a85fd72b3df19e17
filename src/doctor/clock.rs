//! Whether time stamps can be right, and how fine they are.

use core::time::Duration;

use super::finding::{Figure, Findings, Severity, share};
use super::seen::Seen;
use super::text::{counted, percent};
use crate::time::Timestamp;

/// 2000-01-01: SIP was a year old, and no capture was made of it that is still to be charged.
const OLDEST: Timestamp = Timestamp::from_nanos(946_684_800_000_000_000);
/// 2100-01-01, where nobody knows what day it is.
const NEWEST: Timestamp = Timestamp::from_nanos(4_102_444_800_000_000_000);
/// Clocks of two hosts may differ; a day is a wrong date.
const FUTURE: Duration = Duration::from_secs(24 * 3600);
/// Frames by which a resolution is more than chance.
const FEW: u64 = 100;

#[derive(Debug)]
pub(super) struct Stamps {
    /// Stamps after it lie in the future.
    newest: Timestamp,
    frames: u64,
    before: u64,
    after: u64,
    /// Greatest power of ten nanoseconds, of 1, 10³, 10⁶, 10⁹, that divides all stamps.
    unit: i64,
}

impl Stamps {
    pub(super) fn new(wall_clock: Option<Timestamp>) -> Self {
        let newest = wall_clock.map_or(NEWEST, |clock| clock.plus(FUTURE));
        Self { newest, frames: 0, before: 0, after: 0, unit: 1_000_000_000 }
    }

    pub(super) fn frame(&mut self, seen: &Seen<'_>) {
        let time = seen.frame.time;
        self.frames += 1;
        self.before += u64::from(time < OLDEST);
        self.after += u64::from(time > self.newest);
        while time.nanos() % self.unit != 0 {
            self.unit /= 1_000;
        }
    }

    pub(super) fn conclude(&self, findings: &mut Findings) {
        let wrong = share(self.before + self.after, self.frames);
        if wrong > 0.0 {
            let when = if self.before >= self.after { "before the year 2000" } else { "in the future" };
            findings.found(
                ("time_wrong", Severity::Reservation, wrong),
                format!("{} of the time stamps are {when}", percent(wrong)),
                "records carry these times: the day is wrong, and a tariff by time of day with it; durations are right if all stamps are wrong alike",
                "set the clock of the host that captures, and keep it set: NTP",
                &[("share", Figure::Share(wrong)), ("before2000", Figure::Count(self.before)), ("future", Figure::Count(self.after))],
            );
        }
        if self.frames < FEW {
            return;
        }
        let seconds = self.unit as f64 / 1e9;
        let (unit, severity) = match self.unit {
            1 => return findings.fine("time stamps are in nanoseconds"),
            1_000 => return findings.fine("time stamps are in microseconds"),
            1_000_000 => ("milliseconds", Severity::Note),
            _ => ("whole seconds", Severity::Reservation),
        };
        findings.found(
            ("coarse_time", severity, seconds),
            format!("all {} are in {unit}", counted(self.frames, "time stamp")),
            "durations are no better than that, and messages within one unit have no order but that of the file",
            "capture with the resolution that the tool has by itself; do not convert with one that rounds",
            &[("unitSeconds", Figure::Seconds(seconds))],
        );
    }
}
