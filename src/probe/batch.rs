//! What a Ledger on a thread of its own is given.

use core::hash::BuildHasher;
use core::ops::Range;

use foldhash::fast::RandomState;

use super::share::Share;
use super::sighting::{Sighting, Sink};
use super::turn::Turn;
use crate::packet::Hop;
use crate::session::Lost;
use crate::sip::{Carriage, call_id_of};
use crate::time::Timestamp;

/// What one Tap found for one Ledger in a round. With those of the other Taps for the same round it is all that there is up to
/// `until`: that is the Ledger's clock.
pub struct Batch(pub(super) Share<Found>);

pub(super) enum Found {
    Sighting { time: Timestamp, hop: Hop, carriage: Carriage, message: Range<usize> },
    Lost { lost: Lost, from: Timestamp, to: Timestamp, count: u64 },
    Restore(Range<usize>),
}

/// Sorts what a Tap finds by the Ledgers it is for, round by round.
///
/// Invariant: all messages of a Call-ID go to the same Ledger, whichever Tap found them (`hasher` is that of all Taps); what
/// concerns every session goes to all of them.
pub(super) struct Batches {
    shares: Vec<Share<Found>>,
    turn: Turn,
    hasher: RandomState,
}

impl Batches {
    /// For so many Ledgers, at least one.
    pub(super) fn new(ledgers: usize, hasher: RandomState) -> Self {
        let shares = (0..ledgers.max(1)).map(|_| Share::new()).collect();
        Self { shares, turn: Turn::FIRST, hasher }
    }

    /// What follows is of this turn.
    pub(super) fn turn(&mut self, turn: Turn) {
        self.turn = turn;
    }

    /// Closes the round: a batch for each Ledger, in their order.
    pub(super) fn close(&mut self, until: Timestamp, ended: bool) -> Vec<Batch> {
        self.shares.iter_mut().map(|share| Batch(share.close(until, ended))).collect()
    }

    /// Gives an image to the only Ledger.
    pub(super) fn restore(&mut self, image: &[u8]) {
        if let Some(first) = self.shares.first_mut() {
            let image = first.keep(image);
            first.push(self.turn, Found::Restore(image));
        }
    }

    /// Which Ledger keeps the sessions of this message; the first, where it is none.
    fn ledger_of(&self, message: &[u8]) -> usize {
        if self.shares.len() < 2 {
            return 0;
        }
        call_id_of(message).map_or(0, |call_id| self.hasher.hash_one(call_id) as usize % self.shares.len())
    }
}

impl Sink for Batches {
    #[inline]
    fn at(&mut self, now: Timestamp) {
        if now > self.turn.now {
            self.turn = Turn { now, ..Turn::FIRST };
        }
    }

    fn due(&mut self, due: Timestamp, born: u64, at_the_end: bool) {
        self.turn = match at_the_end {
            true => Turn::at_the_end(self.turn.now, due, born),
            false => Turn { born, ..self.turn },
        };
    }

    fn sighting(&mut self, sighting: &Sighting<'_>) {
        let &Sighting { time, hop, carriage, bytes } = sighting;
        let ledger = self.ledger_of(bytes);
        let Some(share) = self.shares.get_mut(ledger) else { return };
        let message = share.keep(bytes);
        share.push(self.turn, Found::Sighting { time, hop, carriage, message });
    }

    fn lost(&mut self, lost: Lost, from: Timestamp, to: Timestamp, count: u64) {
        for share in &mut self.shares {
            share.push(self.turn, Found::Lost { lost, from, to, count });
        }
    }
}
