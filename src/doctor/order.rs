//! Whether frames come in the order of their times.

use core::time::Duration;

use super::finding::{Figure, Findings, Severity, share};
use super::seen::Seen;
use super::tcp::TcpFigures;
use super::text::{count, counted, percent, span};
use super::transactions::TransactionFigures;
use crate::time::Timestamp;

/// Sources told apart; later ones share the last place.
const SOURCES: usize = 64;
/// Frames in a row that agree that the clock was set: as many as the core asks for.
const AGREE: u32 = 8;
/// A step forward of more is no pause of traffic.
const JUMP: Duration = Duration::from_secs(60);
/// A step back that shows in a tariff: durations are charged in seconds.
const SECOND: Duration = Duration::from_secs(1);
/// One frame in a thousand later than the window.
const RESERVATION: f64 = 0.001;
/// One frame in a hundred out of place, however little.
const NOTE: f64 = 0.01;

#[derive(Clone, Copy, Debug)]
struct Source {
    highest: Timestamp,
    /// Frames in a row that are far behind, or far ahead.
    behind: u32,
    ahead: u32,
    /// How far those behind are; of a step of the clock they say nothing about disorder.
    behind_by: Duration,
}

impl Source {
    fn at(highest: Timestamp) -> Self {
        Self { highest, behind: 0, ahead: 0, behind_by: Duration::ZERO }
    }

    /// Frames that were behind, and no step of the clock: how many, and how far.
    fn stragglers(&mut self) -> (u32, Duration) {
        (core::mem::take(&mut self.behind), core::mem::take(&mut self.behind_by))
    }
}

#[derive(Debug)]
pub(super) struct Order {
    reorder: Duration,
    sources: Vec<Option<Source>>,
    frames: u64,
    back: u64,
    beyond: u64,
    /// Furthest of what is no step of the clock, and near enough for disorder.
    furthest: Duration,
    /// Frames of another time altogether, and the furthest of them.
    strays: u64,
    strayed: Duration,
    pub(super) steps_back: u64,
    pub(super) longest_step: Duration,
    pub(super) jumps: u64,
    pub(super) longest_jump: Duration,
}

impl Order {
    pub(super) fn new(reorder: Duration) -> Self {
        Self {
            reorder,
            sources: Vec::new(),
            frames: 0,
            back: 0,
            beyond: 0,
            furthest: Duration::ZERO,
            strays: 0,
            strayed: Duration::ZERO,
            steps_back: 0,
            longest_step: Duration::ZERO,
            jumps: 0,
            longest_jump: Duration::ZERO,
        }
    }

    pub(super) fn frame(&mut self, seen: &Seen<'_>) {
        let time = seen.frame.time;
        self.frames += 1;
        let index = usize::from(seen.frame.interface.0).min(SOURCES - 1);
        if self.sources.len() <= index {
            self.sources.resize(index + 1, None);
        }
        let Some(slot) = self.sources.get_mut(index) else { return };
        let source = slot.get_or_insert(Source::at(time));
        if time > source.highest.plus(JUMP) {
            source.ahead += 1;
            if source.ahead == AGREE {
                self.jumps += 1;
                self.longest_jump = self.longest_jump.max(time.since(source.highest));
                *source = Source::at(time);
            }
            return;
        }
        source.ahead = 0;
        let back = source.highest.since(time);
        source.highest = source.highest.max(time);
        if back.is_zero() {
            let stragglers = source.stragglers();
            self.straggled(stragglers);
            return;
        }
        self.back += 1;
        if back <= self.reorder {
            let stragglers = source.stragglers();
            self.straggled(stragglers);
            self.furthest = self.furthest.max(back);
            return;
        }
        self.beyond += 1;
        source.behind += 1;
        source.behind_by = source.behind_by.max(back);
        if source.behind == AGREE {
            // Not frames out of order: the clock was set.
            self.steps_back += 1;
            self.longest_step = self.longest_step.max(back);
            self.beyond -= u64::from(AGREE);
            self.back -= u64::from(AGREE);
            *source = Source::at(time);
        }
    }

    fn straggled(&mut self, (frames, by): (u32, Duration)) {
        if by > JUMP {
            self.strays += u64::from(frames);
            self.strayed = self.strayed.max(by);
        } else {
            self.furthest = self.furthest.max(by);
        }
    }

    /// Nothing comes any more.
    pub(super) fn finish(&mut self) {
        for index in 0..self.sources.len() {
            let source = self.sources.get_mut(index).and_then(Option::as_mut);
            if let Some(stragglers) = source.map(Source::stragglers) {
                self.straggled(stragglers);
            }
        }
    }

    pub(super) fn conclude(&self, tcp: &TcpFigures, transactions: &TransactionFigures, findings: &mut Findings) {
        if self.frames == 0 {
            return;
        }
        let (back, beyond) = (share(self.back, self.frames), share(self.beyond, self.frames));
        let late = share(tcp.late, tcp.segments);
        let first = share(transactions.answers_first, transactions.answered);
        let furthest = self.furthest.max(tcp.latest).max(transactions.answers_first_by);
        let is_beyond = beyond >= RESERVATION || transactions.answers_first_beyond > 0;
        if !is_beyond && back.max(late).max(first) < NOTE {
            return findings.fine(format!(
                "frames are in order{}",
                if furthest.is_zero() { String::new() } else { format!(", to {}", span(furthest)) }
            ));
        }
        let mut parts = Vec::new();
        if self.back > 0 {
            parts.push(format!("{} of the frames have an earlier time than one before them", percent(back)));
        }
        if tcp.late > 0 {
            parts.push(format!("{} of the TCP segments came after a later one", percent(late)));
        }
        if transactions.answers_first > 0 {
            parts.push(format!("{} came before their requests", counted(transactions.answers_first, "SIP answer")));
        }
        let window = format!("{} of the frames by more than {}", percent(beyond), span(self.reorder));
        parts.push(if furthest.is_zero() { window } else { format!("by {} at most, {window}", span(furthest)) });
        if self.strays > 0 {
            parts.push(format!("{} of another time, by {} at most", counted(self.strays, "frame"), span(self.strayed)));
        }
        let mut advice = Vec::new();
        if is_beyond && furthest > self.reorder {
            advice.push("watch with --reorder above the largest figure; have one device stamp both directions");
        }
        if is_beyond && self.strays > 0 {
            advice.push("see whose clock stamps the frames of another time; no window is as wide as that");
        }
        if advice.is_empty() {
            advice.push("nothing needs to be done");
        }
        findings.found(
            ("out_of_order", if is_beyond { Severity::Reservation } else { Severity::Note }, back.max(late).max(first)),
            parts.join("; "),
            if is_beyond {
                "what is later than the window gives a first record that a revision corrects"
            } else {
                "no harm: that is within the window"
            },
            advice.join("; "),
            &[
                ("backShare", Figure::Share(back)),
                ("beyondShare", Figure::Share(beyond)),
                ("beyond", Figure::Count(self.beyond)),
                ("tcpLateShare", Figure::Share(late)),
                ("answersFirst", Figure::Count(transactions.answers_first)),
                ("furthestSeconds", Figure::Seconds(furthest.as_secs_f64())),
                ("strays", Figure::Count(self.strays)),
                ("strayedSeconds", Figure::Seconds(self.strayed.as_secs_f64())),
                ("windowSeconds", Figure::Seconds(self.reorder.as_secs_f64())),
            ],
        );
    }

    /// What is told of the clock.
    pub(super) fn conclude_steps(&self, findings: &mut Findings) {
        if self.steps_back > 0 {
            // The core never goes back: until the clock has caught up, all that happens has the time of the step.
            let grave = self.longest_step >= SECOND;
            findings.found(
                ("clock_set_back", if grave { Severity::NotFit } else { Severity::Reservation }, 1.0),
                format!(
                    "the capture's clock went back {}, by {} at most",
                    times(self.steps_back),
                    span(self.longest_step)
                ),
                "until it has caught up, every session that begins and ends has a duration of 0, and those open at that moment are too short by up to that much; evidence says so",
                "let the capturing host's clock be slewed (chrony, ntpd), not set, and step it at boot alone, before the probe starts",
                &[
                    ("steps", Figure::Count(self.steps_back)),
                    ("longestSeconds", Figure::Seconds(self.longest_step.as_secs_f64())),
                ],
            );
        }
        if self.jumps > 0 {
            findings.found(
                ("clock_gap", Severity::Reservation, 0.5),
                format!(
                    "time jumped forward {}, by {} at most: nothing was captured meanwhile, or the clock was set",
                    times(self.jumps),
                    span(self.longest_jump)
                ),
                "sessions that ended meanwhile have no record, or a late one by their timer",
                "if files were joined that do not follow one another, look at each by itself; else see to the host's clock",
                &[
                    ("jumps", Figure::Count(self.jumps)),
                    ("longestSeconds", Figure::Seconds(self.longest_jump.as_secs_f64())),
                ],
            );
        }
    }
}

fn times(number: u64) -> String {
    if number == 1 { "once".into() } else { format!("{} times", count(number)) }
}
