//! When frames, stream bytes or state were lost, so that a record can say so.

use std::collections::VecDeque;

use crate::time::Timestamp;

/// Most spans remembered. At the bound the two oldest become one span that covers both: a record may then be told of a
/// loss that happened just outside its session, never the other way round.
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
/// Invariant: spans are kept in the order in which they were reported; their times may overlap.
#[derive(Default)]
pub(crate) struct Losses {
    spans: VecDeque<Span>,
}

impl Losses {
    pub(crate) fn note(&mut self, lost: Lost, from: Timestamp, to: Timestamp, count: u64) {
        let mut toll = Toll::default();
        match lost {
            Lost::Frames => toll.frames = count,
            Lost::StreamBytes => toll.stream_gaps = count,
            Lost::State => toll.evictions = count,
            Lost::ClockStep => toll.clock_steps = count,
            Lost::ClockGap => toll.clock_gaps = count,
        }
        self.spans.push_back(Span { from: from.min(to), to: from.max(to), toll });
        if self.spans.len() > MAX_SPANS
            && let (Some(first), Some(second)) = (self.spans.pop_front(), self.spans.pop_front())
        {
            let (from, to) = (first.from.min(second.from), first.to.max(second.to));
            self.spans.push_front(Span { from, to, toll: first.toll.plus(second.toll) });
        }
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
        let mut losses = Losses::default();
        losses.note(Lost::Frames, at(10), at(12), 7);
        losses.note(Lost::StreamBytes, at(20), at(20), 1);
        assert_eq!(losses.between(at(12), at(19)).frames, 7);
        assert_eq!(losses.between(at(13), at(19)), Toll::default());
        assert_eq!(losses.between(at(0), at(30)).stream_gaps, 1);
        assert!(losses.any_since(at(20)) && !losses.any_since(at(21)));
    }

    #[test]
    fn never_forgets_a_loss_at_the_bound() {
        let mut losses = Losses::default();
        for second in 0..2_000 {
            losses.note(Lost::Frames, at(second), at(second), 1);
        }
        assert!(losses.spans.len() <= MAX_SPANS);
        assert_eq!(losses.between(at(0), at(2_000)).frames, 2_000);
        assert!(losses.between(at(5), at(5)).frames >= 1);
    }
}
