//! When frames, stream bytes or state were lost, so that a record can say so.

use core::time::Duration;
use std::collections::VecDeque;

use crate::time::Timestamp;

/// Most spans remembered. At the bound two neighbours become one span that covers both: a record may then be told of a loss
/// that happened just outside its session, never the other way round.
const MAX_SPANS: usize = 512;

/// What was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Frames, dropped by the kernel or the interface.
    Frames,
    /// A hole in a TCP or SCTP stream.
    StreamBytes,
    /// State that was dropped at a bound.
    State,
    /// The capture clock stepped back.
    ClockStep,
    /// The capture clock jumped forward.
    ClockGap,
}

/// How much was lost within a span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Toll {
    pub frames: u64,
    pub stream_gaps: u64,
    pub evictions: u64,
    pub clock_steps: u64,
    pub clock_gaps: u64,
}

#[derive(Clone, Copy)]
struct Span {
    from: Timestamp,
    to: Timestamp,
    toll: Toll,
}

/// A bounded log of losses, oldest first.
///
/// Invariant: spans are kept in the order in which they were reported; their times may overlap; none is forgotten. What is older
/// than nearly any session is one span, so that a probe that loses something every second for months does not tell every record
/// of all of it.
pub(crate) struct Losses {
    spans: VecDeque<Span>,
    horizon: Duration,
}

impl Losses {
    /// `horizon`: how long before the latest loss hardly any open session has begun.
    pub(crate) fn new(horizon: Duration) -> Self {
        Self { spans: VecDeque::new(), horizon }
    }

    pub(crate) fn note(&mut self, lost: Lost, from: Timestamp, to: Timestamp, count: u64) {
        let mut toll = Toll::default();
        match lost {
            Lost::Frames => toll.frames = count,
            Lost::StreamBytes => toll.stream_gaps = count,
            Lost::State => toll.evictions = count,
            Lost::ClockStep => toll.clock_steps = count,
            Lost::ClockGap => toll.clock_gaps = count,
        }
        let latest = from.max(to);
        self.spans.push_back(Span { from: from.min(to), to: latest, toll });
        if self.spans.len() > MAX_SPANS
            && let Some((at, both)) = self.worth_joining(latest)
        {
            self.spans.remove(at + 1);
            if let Some(span) = self.spans.get_mut(at) {
                *span = both;
            }
        }
    }

    /// The first of two neighbours that may become one span, and that: the two oldest, where hardly a session is as old; else
    /// those that are shortest together.
    fn worth_joining(&self, latest: Timestamp) -> Option<(usize, Span)> {
        let neighbours =
            self.spans.iter().zip(self.spans.iter().skip(1)).map(|(one, other)| one.and(other)).enumerate();
        let old = neighbours.clone().next().filter(|(_, both)| both.to < latest.minus(self.horizon));
        old.or_else(|| neighbours.min_by_key(|(_, both)| both.length()))
    }

    /// What was lost between two times, both included.
    pub(crate) fn between(&self, from: Timestamp, to: Timestamp) -> Toll {
        self.spans
            .iter()
            .filter(|span| span.from <= to && span.to >= from)
            .fold(Toll::default(), |sum, span| sum.plus(span.toll))
    }

    /// Whether any frame or stream byte was lost at this time or later.
    pub(crate) fn any_since(&self, from: Timestamp) -> bool {
        self.spans.iter().any(|span| span.to >= from && (span.toll.frames > 0 || span.toll.stream_gaps > 0))
    }
}

impl Span {
    fn and(&self, other: &Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.max(other.to), toll: self.toll.plus(other.toll) }
    }

    fn length(&self) -> Duration {
        self.to.since(self.from)
    }
}

impl Toll {
    fn plus(self, other: Self) -> Self {
        Self {
            frames: self.frames.saturating_add(other.frames),
            stream_gaps: self.stream_gaps.saturating_add(other.stream_gaps),
            evictions: self.evictions.saturating_add(other.evictions),
            clock_steps: self.clock_steps.saturating_add(other.clock_steps),
            clock_gaps: self.clock_gaps.saturating_add(other.clock_gaps),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_nanos(second * 1_000_000_000)
    }

    #[test]
    fn tells_only_what_touches_the_session() {
        let mut losses = Losses::new(Duration::from_secs(86_400));
        losses.note(Lost::Frames, at(10), at(12), 7);
        losses.note(Lost::StreamBytes, at(20), at(20), 1);
        assert_eq!(losses.between(at(12), at(19)).frames, 7);
        assert_eq!(losses.between(at(13), at(19)), Toll::default());
        assert_eq!(losses.between(at(0), at(30)).stream_gaps, 1);
        assert!(losses.any_since(at(20)) && !losses.any_since(at(21)));
    }

    #[test]
    fn never_forgets_a_loss_at_the_bound() {
        let mut losses = Losses::new(Duration::from_secs(86_400));
        for second in 0..2_000 {
            losses.note(Lost::Frames, at(second), at(second), 1);
        }
        assert!(losses.spans.len() <= MAX_SPANS);
        assert_eq!(losses.between(at(0), at(2_000)).frames, 2_000);
        assert!(losses.between(at(5), at(5)).frames >= 1);
    }

    #[test]
    fn a_loss_every_second_for_months_is_told_as_what_it_was_meanwhile() {
        let mut losses = Losses::new(Duration::from_secs(86_400));
        let days = 3;
        for second in 0..days * 86_400 {
            losses.note(Lost::StreamBytes, at(second), at(second), 1);
        }
        let end = days * 86_400;
        assert!(losses.spans.len() <= MAX_SPANS);
        for length in [600, 3_600, 20_000] {
            let told = losses.between(at(end - length), at(end)).stream_gaps;
            // Of the span in which it began, and of those beside it, more may be told.
            let most = length as u64 + 3 * 86_400 / (MAX_SPANS as u64 / 4);
            assert!((length as u64 - 1..=most).contains(&told), "{told} in {length} s");
        }
    }
}
