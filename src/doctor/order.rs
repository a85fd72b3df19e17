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
}

#[derive(Debug)]
pub(super) struct Order {
    reorder: Duration,
    sources: Vec<Option<Source>>,
    frames: u64,
    back: u64,
    beyond: u64,
    /// Furthest within what is no step of the clock.
    furthest: Duration,
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
        let source = slot.get_or_insert(Source { highest: time, behind: 0, ahead: 0 });
        if time > source.highest.plus(JUMP) {
            source.ahead += 1;
            if source.ahead == AGREE {
                self.jumps += 1;
                self.longest_jump = self.longest_jump.max(time.since(source.highest));
                *source = Source { highest: time, behind: 0, ahead: 0 };
            }
            return;
        }
        source.ahead = 0;
        let back = source.highest.since(time);
        source.highest = source.highest.max(time);
        if back.is_zero() {
            source.behind = 0;
            return;
        }
        self.back += 1;
        if back <= self.reorder {
            source.behind = 0;
            self.furthest = self.furthest.max(back);
            return;
        }
        self.beyond += 1;
        source.behind += 1;
        if source.behind == AGREE {
            // Not frames out of order: the clock was set.
            self.steps_back += 1;
            self.longest_step = self.longest_step.max(back);
            self.beyond -= u64::from(AGREE);
            self.back -= u64::from(AGREE);
            *source = Source { highest: time, behind: 0, ahead: 0 };
        } else if back <= JUMP {
            self.furthest = self.furthest.max(back);
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
        parts.push(format!(
            "by {} at most, {} of the frames by more than {}",
            span(furthest),
            percent(beyond),
            span(self.reorder)
        ));
        findings.found(
            ("out_of_order", if is_beyond { Severity::Reservation } else { Severity::Note }, back.max(late).max(first)),
            parts.join("; "),
            if is_beyond {
                "what is later than the window gives a first record that a revision corrects"
            } else {
                "no harm: that is within the window"
            },
            if is_beyond {
                "watch with --reorder above the largest figure; have one device stamp both directions"
            } else {
                "nothing needs to be done"
            },
            &[
                ("backShare", Figure::Share(back)),
                ("beyondShare", Figure::Share(beyond)),
                ("beyond", Figure::Count(self.beyond)),
                ("tcpLateShare", Figure::Share(late)),
                ("answersFirst", Figure::Count(transactions.answers_first)),
                ("furthestSeconds", Figure::Seconds(furthest.as_secs_f64())),
                ("windowSeconds", Figure::Seconds(self.reorder.as_secs_f64())),
            ],
        );
    }

    /// What is told of the clock.
    pub(super) fn conclude_steps(&self, findings: &mut Findings) {
        if self.steps_back > 0 {
            findings.found(
                ("clock_set_back", Severity::Reservation, 1.0),
                format!(
                    "the capture's clock went back {}, by {} at most",
                    times(self.steps_back),
                    span(self.longest_step)
                ),
                "durations of the sessions open at that moment are too short, by up to that much; evidence says so",
                "let the capturing host's clock be slewed (chrony, ntpd), not set",
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
