//! Transmission sequence numbers: which were seen, which are missing, and for how long.

use crate::stream::limits::StreamLimits;
use crate::time::Timestamp;

/// TSNs that are told apart at a time, in bits. A power of two.
const WINDOW: u32 = 1024;
/// How many TSNs before the first one seen are still taken, while a join is recent.
const EARLIER: u32 = 64;
/// A TSN further than this from the expected one belongs to another association.
const FAR: u32 = 1 << 20;

/// The TSNs of one direction of an association that carries SIP.
///
/// Invariant: every TSN before `base` is done with; those from `base` to `base + WINDOW` have a bit each in `seen`, at the
/// TSN modulo `WINDOW`; no bit is set beyond `next`, which is after the highest TSN seen.
#[derive(Debug)]
pub(super) struct Numbers {
    base: u32,
    next: u32,
    /// The first TSN seen: what is before it was never expected, so it is no gap.
    floor: u32,
    seen: [u64; WINDOW as usize / 64],
    join_until: Option<Timestamp>,
    /// When the first of the TSNs now missing was found missing.
    hole_since: Option<Timestamp>,
    /// Up to this TSN all were received, says the other side; since when that is known to be more than was seen.
    acked: Option<(u32, Timestamp)>,
    /// The same of the latest such TSN, beyond that one: what it tells of may be late for longer.
    acked_later: Option<(u32, Timestamp)>,
}

/// How far `tsn` is after `from`; negative when it is before.
pub(super) fn distance(tsn: u32, from: u32) -> i32 {
    tsn.wrapping_sub(from) as i32
}

impl Numbers {
    /// `expected`: the TSN that comes first, where the association was followed from its beginning.
    pub(super) fn new(tsn: u32, expected: Option<u32>, join_until: Timestamp) -> Self {
        let known = expected.filter(|expected| (0..WINDOW as i32).contains(&distance(tsn, *expected)));
        Self {
            base: known.unwrap_or_else(|| tsn.wrapping_sub(EARLIER)),
            next: known.unwrap_or(tsn),
            floor: known.unwrap_or(tsn),
            seen: [0; WINDOW as usize / 64],
            join_until: known.is_none().then_some(join_until),
            hole_since: None,
            acked: None,
            acked_later: None,
        }
    }

    /// Every TSN before this is done with.
    pub(super) fn base(&self) -> u32 {
        self.base
    }

    /// The TSN after the highest one seen.
    pub(super) fn next(&self) -> u32 {
        self.next
    }

    /// Whether a TSN belongs to another association.
    pub(super) fn is_far(&self, tsn: u32) -> bool {
        distance(tsn, self.base).unsigned_abs() > FAR
    }

    /// Whether a TSN was seen before, or given up.
    pub(super) fn is_done(&self, tsn: u32) -> bool {
        distance(tsn, self.base) < 0 || self.is_seen(tsn) && distance(tsn, self.next) < 0
    }

    /// Notes a TSN that was not done. Returns how many others it pushed out of the window unseen, and whether it came late.
    pub(super) fn note(&mut self, tsn: u32, now: Timestamp) -> (u32, bool) {
        let lost = self.advance(tsn.wrapping_sub(WINDOW - 1));
        let (word, bit) = Self::bit(tsn);
        if let Some(seen) = self.seen.get_mut(word) {
            *seen |= bit;
        }
        let late = distance(tsn, self.next) < 0;
        if !late {
            self.next = tsn.wrapping_add(1);
        }
        self.settle(now);
        (lost, late)
    }

    /// The receiver has everything up to `tsn`. If some of it was not seen it may only be late.
    pub(super) fn acknowledge(&mut self, tsn: u32, now: Timestamp) {
        if self.join_until.is_none() && self.is_ahead(tsn) {
            match self.acked {
                None => self.acked = Some((tsn, now)),
                Some((first, _)) if distance(tsn, self.acked_later.map_or(first, |later| later.0)) > 0 => {
                    self.acked_later = Some((tsn, now));
                }
                Some(_) => {}
            }
        }
    }

    /// The sender gave up all up to `tsn`: nobody lost it.
    pub(super) fn forward(&mut self, tsn: u32) {
        if self.is_ahead(tsn) {
            self.advance(tsn.wrapping_add(1));
        }
    }

    pub(super) fn due(&self, limits: &StreamLimits) -> Option<Timestamp> {
        let hole = self.hole_since.map(|since| since.plus(limits.hole_age));
        let acked = self.acked.map(|(_, since)| since.plus(limits.reorder));
        [self.join_until, hole, acked].into_iter().flatten().min()
    }

    /// Gives up what has been missing for too long; returns how many TSNs.
    pub(super) fn expire(&mut self, now: Timestamp, limits: &StreamLimits) -> u32 {
        let mut lost = 0;
        if self.join_until.is_some_and(|until| until <= now) {
            self.join_until = None;
            self.advance(self.floor);
        }
        if self.hole_since.is_some_and(|since| since.plus(limits.hole_age) <= now) {
            lost += self.advance(self.next);
        }
        while let Some((tsn, since)) = self.acked
            && since.plus(limits.reorder) <= now
        {
            self.acked = self.acked_later.take();
            lost += self.advance(tsn.wrapping_add(1));
        }
        self.settle(now);
        lost
    }

    fn is_ahead(&self, tsn: u32) -> bool {
        (0..FAR as i32).contains(&distance(tsn, self.base))
    }

    fn bit(tsn: u32) -> (usize, u64) {
        let bit = tsn % WINDOW;
        ((bit / 64) as usize, 1 << (bit % 64))
    }

    fn is_seen(&self, tsn: u32) -> bool {
        let (word, bit) = Self::bit(tsn);
        self.seen.get(word).is_some_and(|seen| seen & bit != 0)
    }

    /// Moves `base` up to `to`; returns how many TSNs that should have been seen were not.
    fn advance(&mut self, to: u32) -> u32 {
        let steps = distance(to, self.base);
        if steps <= 0 {
            return 0;
        }
        let mut lost = 0;
        for step in 0..steps.unsigned_abs().min(WINDOW) {
            let tsn = self.base.wrapping_add(step);
            lost += u32::from(!self.is_seen(tsn) && distance(tsn, self.floor) >= 0);
            let (word, bit) = Self::bit(tsn);
            if let Some(seen) = self.seen.get_mut(word) {
                *seen &= !bit;
            }
        }
        lost += steps.unsigned_abs().saturating_sub(WINDOW);
        self.base = to;
        if distance(self.next, to) < 0 {
            self.next = to;
        }
        lost
    }

    /// Moves `base` over what was seen.
    fn settle(&mut self, now: Timestamp) {
        while distance(self.next, self.base) > 0 && self.is_seen(self.base) {
            self.advance(self.base.wrapping_add(1));
        }
        let hole = self.join_until.is_none() && distance(self.next, self.base) > 0;
        self.hole_since = if hole { self.hole_since.or(Some(now)) } else { None };
    }
}
