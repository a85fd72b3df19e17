//! Capture time as the core believes it (rule 18).

use core::time::Duration;

use crate::packet::InterfaceId;
use crate::time::Timestamp;

/// A step forward of more than this is believed only when frames agree on it.
const JUMP: Duration = Duration::from_secs(60);
/// How many frames of one source must agree.
const VOTES: u8 = 8;
/// Most sources with a jump under discussion. Past it the jump of the first is forgotten: its frames start over.
const MAX_SOURCES: usize = 64;

/// What the clock makes of a frame's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The time of what the frame brings.
    pub(crate) time: Timestamp,
    /// The frame's own time was more than `--reorder` behind the highest of its source, and was clamped to that, the first of
    /// those in a row.
    pub(crate) stepped_back: bool,
    /// The clock has just moved forward over a gap that began here.
    pub(crate) gap_from: Option<Timestamp>,
}

struct Jump {
    source: InterfaceId,
    /// The lowest time that the frames agree on.
    landing: Timestamp,
    votes: u8,
}

/// The one clock of a probe.
///
/// Invariant: `now` never moves back, and never forward by more than [`JUMP`] on the word of fewer than [`VOTES`] frames in
/// a row: one frame with a damaged time stamp must not end every session. What a frame brings has the frame's own time
/// all the same: whether the clock, which drives the timers, believes it yet is another matter.
pub(crate) struct Clock {
    now: Timestamp,
    reorder: Duration,
    /// Highest believed time of each source, by its number. A source that is behind the others delivers late, and what it
    /// brings has its right time; only one that falls behind itself has a clock that stepped back.
    highest: Vec<Source>,
    jumps: Vec<Jump>,
}

#[derive(Clone, Copy)]
struct Source {
    highest: Timestamp,
    /// Its clock has stepped back, and has not caught up.
    behind: bool,
}

impl Clock {
    pub(crate) fn new(reorder: Duration) -> Self {
        Self { now: Timestamp::MIN, reorder, highest: Vec::new(), jumps: Vec::new() }
    }

    /// The highest time believed.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Capture time without a frame, from a driver that knows it.
    pub(crate) fn tick(&mut self, time: Timestamp) {
        self.now = self.now.max(time);
    }

    /// Reads the time of a frame.
    #[inline]
    pub(crate) fn read(&mut self, source: InterfaceId, time: Timestamp) -> Reading {
        if self.now == Timestamp::MIN {
            self.now = time;
        }
        if time <= self.now.plus(JUMP) {
            if !self.jumps.is_empty() {
                self.jumps.retain(|jump| jump.source != source);
            }
            let index = usize::from(source.0);
            if self.highest.len() <= index {
                self.highest.resize(index + 1, Source { highest: Timestamp::MIN, behind: false });
            }
            let source = &mut self.highest[index];
            let behind = time < source.highest && time < source.highest.minus(self.reorder);
            let stepped_back = behind && !core::mem::replace(&mut source.behind, behind);
            source.behind = behind;
            source.highest = time.max(source.highest);
            let reading = Reading { time: if behind { source.highest } else { time }, stepped_back, gap_from: None };
            self.now = self.now.max(time);
            return reading;
        }
        Reading { time, stepped_back: false, gap_from: self.vote(source, time) }
    }

    /// One more frame beyond the jump. It agrees with those before it when it is not earlier than where they landed: an
    /// earlier one is the better witness, and starts the count anew.
    #[cold]
    fn vote(&mut self, source: InterfaceId, time: Timestamp) -> Option<Timestamp> {
        let index = self.jumps.iter().position(|jump| jump.source == source).unwrap_or_else(|| {
            if self.jumps.len() == MAX_SOURCES {
                self.jumps.remove(0);
            }
            self.jumps.push(Jump { source, landing: time, votes: 0 });
            self.jumps.len() - 1
        });
        let jump = self.jumps.get_mut(index)?;
        if time < jump.landing.minus(self.reorder) {
            jump.votes = 0;
        }
        jump.landing = jump.landing.min(time);
        jump.votes += 1;
        if jump.votes < VOTES {
            return None;
        }
        let gap_from = self.now;
        self.now = self.now.max(jump.landing);
        self.jumps.remove(index);
        Some(gap_from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_nanos(milliseconds * 1_000_000)
    }

    fn clock() -> Clock {
        let mut clock = Clock::new(Duration::from_millis(200));
        clock.read(InterfaceId(0), at(0));
        clock
    }

    #[test]
    fn follows_the_frames() {
        let mut clock = clock();
        clock.read(InterfaceId(0), at(59_000));
        assert_eq!(clock.now(), at(59_000));
        clock.tick(at(500_000));
        assert_eq!(clock.now(), at(500_000));
    }

    #[test]
    fn keeps_the_time_of_a_frame_within_the_reorder_window() {
        let mut clock = clock();
        clock.read(InterfaceId(0), at(1_000));
        let reading = clock.read(InterfaceId(0), at(800));
        assert_eq!((reading.time, reading.stepped_back), (at(800), false));
        let reading = clock.read(InterfaceId(0), at(799));
        assert_eq!((reading.time, reading.stepped_back), (at(1_000), true));
        assert_eq!(clock.now(), at(1_000));
    }

    #[test]
    fn a_step_is_one_step_however_many_frames_it_takes_to_catch_up() {
        let mut clock = clock();
        clock.read(InterfaceId(0), at(10_000));
        let steps = (0..20).filter(|n| clock.read(InterfaceId(0), at(n * 500)).stepped_back).count();
        assert_eq!(steps, 1);
        assert_eq!(clock.read(InterfaceId(0), at(9_000)).time, at(10_000));
        clock.read(InterfaceId(0), at(10_001));
        assert!(clock.read(InterfaceId(0), at(9_000)).stepped_back, "the next one");
    }

    #[test]
    fn a_source_that_delivers_late_has_not_stepped_back() {
        let mut clock = clock();
        clock.read(InterfaceId(0), at(10_000));
        let late = clock.read(InterfaceId(1), at(1_000));
        assert_eq!((late.time, late.stepped_back), (at(1_000), false));
        assert!(clock.read(InterfaceId(1), at(0)).stepped_back);
    }

    #[test]
    fn one_wild_frame_moves_nothing() {
        let mut clock = clock();
        let wild = clock.read(InterfaceId(0), at(900_000_000));
        assert_eq!((wild.time, wild.gap_from), (at(900_000_000), None));
        for millisecond in 0..100 {
            clock.read(InterfaceId(0), at(millisecond));
            clock.read(InterfaceId(0), at(900_000_000));
        }
        assert_eq!(clock.now(), at(99));
    }

    #[test]
    fn believes_eight_frames_that_agree() {
        let mut clock = clock();
        for frame in 0..7 {
            assert_eq!(clock.read(InterfaceId(0), at(100_000 + frame)).gap_from, None);
        }
        assert_eq!(clock.now(), at(0));
        assert_eq!(clock.read(InterfaceId(0), at(100_007)).gap_from, Some(at(0)));
        assert_eq!(clock.now(), at(100_000));
    }

    #[test]
    fn another_source_does_not_confirm_it() {
        let mut clock = clock();
        for frame in 0..100 {
            clock.read(InterfaceId(frame), at(100_000));
        }
        assert_eq!(clock.now(), at(0));
    }

    #[test]
    fn lands_on_the_lowest_time_they_agree_on() {
        let mut clock = clock();
        clock.read(InterfaceId(0), at(900_000_000));
        for frame in 0..8 {
            clock.read(InterfaceId(0), at(100_000 + frame));
        }
        assert_eq!(clock.now(), at(100_000));
    }
}
