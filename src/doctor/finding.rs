//! One thing that an examination found.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

/// How much a finding matters for charging.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// Worth knowing, and harmless.
    Note,
    /// Some records will be incomplete, or may be missing.
    Reservation,
    /// Records will be missing or wrong as a rule.
    NotFit,
}

/// A number that a finding rests on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Figure {
    Count(u64),
    /// 0 to 1.
    Share(f64),
    Seconds(f64),
}

/// One finding, in plain words and with its figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Stable, for scripts: `one_direction`, `doubled`, …; docs/doctor.md has all of them.
    pub name: &'static str,
    pub severity: Severity,
    /// What was seen, with the figure that matters.
    pub what: String,
    /// What it does to records.
    pub charging: Cow<'static, str>,
    /// What to do about it.
    pub advice: Cow<'static, str>,
    pub figures: BTreeMap<&'static str, Figure>,
    /// Among findings of one severity the greater comes first.
    #[serde(skip)]
    pub(super) weight: f64,
}

/// Findings as they are made, and what was fine.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) found: Vec<Finding>,
    pub(super) fine: Vec<String>,
}

impl Findings {
    pub(super) fn fine(&mut self, what: impl Into<String>) {
        self.fine.push(what.into());
    }

    /// Adds a finding; `weight` is the share of what it concerns.
    pub(super) fn found(
        &mut self,
        (name, severity, weight): (&'static str, Severity, f64),
        what: String,
        charging: impl Into<Cow<'static, str>>,
        advice: impl Into<Cow<'static, str>>,
        figures: &[(&'static str, Figure)],
    ) {
        let (charging, advice) = (charging.into(), advice.into());
        let figures = figures.iter().copied().collect();
        self.found.push(Finding { name, severity, what, charging, advice, figures, weight });
    }
}

/// The severity of a share by two thresholds; below both it is a note at most.
pub(super) fn grade(share: f64, reservation: f64, not_fit: f64) -> Option<Severity> {
    match share {
        share if share >= not_fit => Some(Severity::NotFit),
        share if share >= reservation => Some(Severity::Reservation),
        _ => None,
    }
}

/// `part` of `whole`; nothing of nothing is nothing.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
