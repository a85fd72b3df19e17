//! What a Tap on a thread of its own is given.

use core::hash::{BuildHasher, Hasher};
use core::net::IpAddr;
use core::ops::Range;

use foldhash::fast::RandomState;

use super::gate::{Onward, Seen};
use super::share::Share;
use super::turn::Turn;
use crate::packet::{Hop, Segment};
use crate::session::Lost;
use crate::time::Timestamp;

/// One Tap's share of a round.
pub struct Parcel(pub(super) Share<Given>);

pub(super) enum Given {
    Segment {
        seen: Seen,
        /// Without its payload.
        head: Segment<'static>,
        payload: Range<usize>,
    },
    Lost {
        lost: Lost,
        from: Timestamp,
        to: Timestamp,
        count: u64,
    },
    /// The image of a session that a probe before this one kept.
    Restore(Range<usize>),
}

/// What it takes to keep one thing, beside its bytes.
const ITEM: usize = size_of::<(Turn, Given)>();

/// Shares out what passes the Gate over Taps, round by round.
///
/// Invariant: both directions of a conversation go to the same Tap, by their innermost addresses; what concerns every session
/// goes by way of the first.
pub(super) struct Parcels {
    shares: Vec<Share<Given>>,
    turn: Turn,
    /// Payload bytes and entries of this round.
    filled: usize,
    hasher: RandomState,
}

impl Parcels {
    /// For so many Taps, at least one.
    pub(super) fn new(taps: usize) -> Self {
        let shares = (0..taps.max(1)).map(|_| Share::new()).collect();
        Self { shares, turn: Turn::FIRST, filled: 0, hasher: RandomState::default() }
    }

    /// How much this round has: payload bytes, and what it takes to keep them.
    pub(super) fn filled(&self) -> usize {
        self.filled
    }

    /// Closes the round: a parcel for each Tap, in their order.
    pub(super) fn close(&mut self, ended: bool) -> impl Iterator<Item = Parcel> {
        self.filled = 0;
        let until = self.turn.now;
        self.shares.iter_mut().map(move |share| Parcel(share.close(until, ended)))
    }

    /// Gives an image to the Ledgers.
    pub(super) fn restore(&mut self, image: &[u8]) {
        self.by_the_first(|share| Given::Restore(share.keep(image)));
    }

    fn by_the_first(&mut self, given: impl FnOnce(&mut Share<Given>) -> Given) {
        self.turn.number += 1;
        self.filled += ITEM;
        if let Some(first) = self.shares.first_mut() {
            let what = given(first);
            first.push(self.turn, what);
        }
    }

    /// Which Tap takes the conversations between these two addresses.
    fn tap_of(&self, hop: &Hop) -> usize {
        let bits = |address| match address {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits(),
        };
        let (one, other) = (bits(hop.source.address), bits(hop.destination.address));
        let mut state = self.hasher.build_hasher();
        state.write_u128(one.min(other));
        state.write_u128(one.max(other));
        state.finish() as usize % self.shares.len().max(1)
    }
}

impl Onward for Parcels {
    #[inline]
    fn at(&mut self, now: Timestamp) {
        self.turn.now = now;
    }

    fn segment(&mut self, seen: Seen, segment: &Segment<'_>) {
        let tap = self.tap_of(&segment.hop);
        self.turn.number += 1;
        let Some(share) = self.shares.get_mut(tap) else { return };
        let payload = share.keep(segment.payload());
        self.filled += payload.len() + ITEM;
        let what = Given::Segment { seen, head: segment.over(&[]), payload };
        share.push(self.turn, what);
    }

    fn lost(&mut self, lost: Lost, from: Timestamp, to: Timestamp, count: u64) {
        self.by_the_first(|_| Given::Lost { lost, from, to, count });
    }
}
