//! TCP: each conversation's two directions, and what each says about the other.

use core::time::Duration;

use crate::packet::{Hop, TcpSegment};
use crate::time::Timestamp;

use super::delivery::Delivery;
use super::direction::{Direction, dismiss};
use super::shared::{Shared, Work};
use super::table::{Rank, Table, canonical};
use super::timers::Timers;

/// Every TCP conversation being followed.
///
/// Invariant: a direction that holds bytes has an entry in `timers`, so that age and the bound on all bytes reach it.
#[derive(Debug)]
pub(super) struct Tcp {
    table: Table<[Direction; 2]>,
    timers: Timers,
}

impl Tcp {
    pub(super) fn new(seed: u64) -> Self {
        Self { table: Table::new(seed), timers: Timers::default() }
    }

    pub(super) fn segment(
        &mut self,
        shared: &mut Shared,
        now: Timestamp,
        hop: &Hop,
        segment: &TcpSegment<'_>,
        deliver: &mut dyn FnMut(Delivery<'_>),
    ) {
        let (key, side) = canonical(hop);
        let id = match self.table.find(&key) {
            Some(id) => id,
            None if Direction::is_worth_following(segment) => self.admit(shared, now, &key),
            None => return,
        };
        let Some((_, directions)) = self.table.get_mut(id) else { return };
        let [first, second] = directions;
        let (own, other) = if side == 0 { (first, second) } else { (second, first) };

        let mut work = Work { shared, hop: *hop, now, deliver };
        if !own.segment_in_order(&mut work, segment) {
            own.segment(&mut work, segment);
        }
        if own.held.is_some() {
            own.tidy(&mut work);
            let due = own.due(&work.shared.limits);
            self.timers.arm((id, side), &mut own.armed, due);
        }
        if segment.ack && other.is_behind(segment.acknowledgement) {
            work.hop = hop.reversed();
            other.acknowledge(&mut work, segment.acknowledgement);
            let due = other.due(&work.shared.limits);
            self.timers.arm((id, side ^ 1), &mut other.armed, due);
        }
        let rank = if own.sip || other.sip { Rank::Sip } else { Rank::Other };
        self.table.touch(id, now, rank);
        if shared.buffered > shared.limits.buffered {
            self.shrink(shared, now, deliver);
        }
    }

    /// Does what is due by `now`.
    pub(super) fn expire(&mut self, shared: &mut Shared, now: Timestamp, deliver: &mut dyn FnMut(Delivery<'_>)) {
        while let Some((id, side)) = self.timers.pop_due(now) {
            let Some((hop, direction)) = direction(&mut self.table, id, side) else { continue };
            direction.armed = Timestamp::MAX;
            direction.expire(&mut Work { shared, hop, now, deliver });
            // Never due again at this very time, so that the loop ends whatever the limits are.
            let due = direction.due(&shared.limits).map(|due| due.max(now.plus(Duration::from_nanos(1))));
            if now < Timestamp::MAX {
                self.timers.arm((id, side), &mut direction.armed, due);
            }
        }
    }

    /// Delivers all that waits.
    pub(super) fn finish(&mut self, shared: &mut Shared, now: Timestamp, deliver: &mut dyn FnMut(Delivery<'_>)) {
        while let Some((id, side)) = self.timers.pop() {
            let Some((hop, direction)) = direction(&mut self.table, id, side) else { continue };
            direction.armed = Timestamp::MAX;
            let mut work = Work { shared, hop, now, deliver };
            direction.flush(&mut work);
            direction.tidy(&mut work);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn next_timeout(&self) -> Option<Timestamp> {
        self.timers.first()
    }

    /// A new conversation. Makes room for it: old age first, then the bound on their number.
    fn admit(&mut self, shared: &mut Shared, now: Timestamp, key: &Hop) -> u32 {
        for (rank, idle) in [(Rank::Other, shared.limits.idle_other), (Rank::Sip, shared.limits.idle_sip)] {
            // Two for each one that comes: more is never needed to keep up.
            for _ in 0..2 {
                let Some((id, touched)) = self.table.oldest(rank) else { break };
                if now.since(touched) <= idle {
                    break;
                }
                shared.counts.aged += 1;
                self.remove(shared, id);
            }
        }
        while self.table.len() >= shared.limits.conversations.max(1) {
            let Some((id, _)) = self.table.oldest(Rank::Other).or_else(|| self.table.oldest(Rank::Sip)) else { break };
            shared.counts.evicted += 1;
            self.remove(shared, id);
        }
        self.table.insert(key, now)
    }

    fn remove(&mut self, shared: &mut Shared, id: u32) {
        let Some(mut directions) = self.table.remove(id) else { return };
        for (side, direction) in directions.iter_mut().enumerate() {
            self.timers.disarm((id, side), direction.armed);
            dismiss(direction, shared);
        }
    }

    /// Drops buffers, the nearest deadline first, until the bound on all bytes holds.
    fn shrink(&mut self, shared: &mut Shared, now: Timestamp, deliver: &mut dyn FnMut(Delivery<'_>)) {
        while shared.buffered > shared.limits.buffered {
            let Some((id, side)) = self.timers.pop() else { return };
            let Some((hop, direction)) = direction(&mut self.table, id, side) else { continue };
            direction.armed = Timestamp::MAX;
            direction.drop_held(&mut Work { shared, hop, now, deliver });
        }
    }
}

/// A direction, and the hop it travels.
fn direction(table: &mut Table<[Direction; 2]>, id: u32, side: usize) -> Option<(Hop, &mut Direction)> {
    let (key, directions) = table.get_mut(id)?;
    let hop = if side == 0 { *key } else { key.reversed() };
    directions.get_mut(side).map(|direction| (hop, direction))
}
