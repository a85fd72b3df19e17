//! Reassembly of IPv4 (RFC 791 §3.2, RFC 815) and IPv6 (RFC 8200 §4.5, RFC 5722) fragments.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::address::Domain;
use super::counts::FragmentCounts;
use super::ip::FragmentField;
use super::octets::Octets;
use super::peel::PeelLimits;
use super::stop::{Damage, Stop};
use crate::time::Timestamp;

/// The longest datagram that an IP length field can describe. Fragments that end beyond it ("ping of death") are damaged.
const LONGEST: usize = 65_535;

/// Separate pieces of one datagram. Fragments that arrive in order make one piece, in reverse order at most 45 of 1500
/// bytes; more is somebody sending 8-byte fragments to make us work.
const MAX_PIECES: usize = 128;

/// How long a datagram that is complete stays, to recognise its fragments when the mirror shows them once more. Left
/// alone, a second copy of its last fragment would wait for 30 s and might end up in a later datagram of the same id.
const LINGER: Duration = Duration::from_secs(2);

/// What a datagram costs besides its bytes: its entries in three tables.
const OVERHEAD: usize = 256;

/// Emptied buffers kept for the next datagrams, so that steady fragmented traffic does not allocate.
const MAX_SPARE: usize = 64;
/// A buffer that grew beyond this is given back.
const LARGEST_SPARE: usize = 16 << 10;

/// What the fragments of one datagram have in common.
///
/// IPv6 has no protocol here: only the first fragment's is to be believed (RFC 8200 §4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: Option<u8>,
    pub(super) id: u32,
    pub(super) domain: Domain,
}

/// One fragment.
#[derive(Clone, Copy)]
pub(super) struct Fragment<'a> {
    pub(super) field: FragmentField,
    /// The protocol that this fragment names.
    pub(super) protocol: u8,
    pub(super) octets: Octets<'a>,
}

/// A datagram that has become whole; its bytes are in the buffer that the caller lent.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) protocol: u8,
    /// Length on the wire: more than what is in the buffer when fragments were cut.
    pub(super) wire: usize,
}

/// Consecutive bytes of a datagram, kept as they arrived.
#[derive(Clone, Copy, Debug)]
struct Piece {
    offset: usize,
    /// Length on the wire.
    wire: usize,
    /// Where its captured bytes begin in the log, and how many they are.
    start: usize,
    captured: usize,
}

impl Piece {
    fn end(self) -> usize {
        self.offset + self.wire
    }
}

/// The memory of a datagram: captured bytes in the order of arrival, and where they belong.
#[derive(Debug, Default)]
struct Buffers {
    log: Vec<u8>,
    /// By offset, without overlap, at most [`MAX_PIECES`].
    pieces: Vec<Piece>,
}

impl Buffers {
    fn cost(&self) -> usize {
        OVERHEAD + self.log.capacity() + self.pieces.capacity() * size_of::<Piece>()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    /// Delivered. Lingers to absorb copies of its fragments.
    Whole,
    /// Dropped for an overlap or for its many pieces; absorbs the rest of its fragments (RFC 5722 §4).
    Condemned,
}

#[derive(Debug)]
struct Datagram {
    /// Order of arrival of first fragments: the order of eviction.
    ordinal: u64,
    since: Timestamp,
    state: State,
    buffers: Buffers,
    /// Sum of the pieces' lengths on the wire.
    covered: usize,
    /// Known once the last fragment was seen.
    total: Option<usize>,
    /// Of the fragment at offset 0.
    protocol: Option<u8>,
}

/// What adding a fragment did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Added {
    /// All its bytes were there already, and the same.
    Nothing,
    New,
    /// It contradicts what is there: other bytes at the same place, or another end.
    Contradiction,
    TooManyPieces,
}

/// The datagrams that wait for fragments.
///
/// Invariants: every datagram is in `waiting` (by ordinal) or, once whole, in `lingering`, which may also name datagrams
/// that are gone; `bytes` is the sum of the costs of all datagrams. After each call `bytes` and the number of datagrams
/// are within the limits: what lingers goes first, then the oldest waiting, by order of arrival and never by hash order.
#[derive(Debug)]
pub(super) struct Fragments {
    datagrams: HashMap<Key, Datagram, FixedState>,
    waiting: BTreeMap<u64, Key>,
    lingering: VecDeque<(Timestamp, u64, Key)>,
    spare: Vec<Buffers>,
    bytes: usize,
    next_ordinal: u64,
    max_bytes: usize,
    max_datagrams: usize,
    age: Duration,
}

impl Fragments {
    pub(super) fn new(limits: &PeelLimits) -> Self {
        Self {
            datagrams: HashMap::with_hasher(FixedState::with_seed(limits.hash_seed)),
            waiting: BTreeMap::new(),
            lingering: VecDeque::new(),
            spare: Vec::new(),
            bytes: 0,
            next_ordinal: 0,
            max_bytes: limits.fragment_bytes,
            max_datagrams: limits.fragment_datagrams,
            age: limits.fragment_age,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// Bytes held, bookkeeping included.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// When the oldest waiting datagram will be too old.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        let (_, key) = self.waiting.first_key_value()?;
        Some(self.datagrams.get(key)?.since.plus(self.age))
    }

    /// Drops what is too old at `now`.
    pub(super) fn expire(&mut self, now: Timestamp, counts: &mut FragmentCounts) {
        while self.lingering.front().is_some_and(|(until, ..)| *until <= now) {
            self.drop_lingering();
        }
        while self.next_expiry().is_some_and(|expiry| expiry <= now) {
            counts.expired += u64::from(self.drop_oldest_waiting());
        }
    }

    /// Takes a fragment. When it completes its datagram, `whole` holds the datagram's bytes, up to the first that the
    /// snap length cut off.
    pub(super) fn offer(
        &mut self,
        now: Timestamp,
        key: Key,
        fragment: Fragment<'_>,
        whole: &mut Vec<u8>,
        counts: &mut FragmentCounts,
    ) -> Result<Whole, Stop> {
        let (offset, wire) = (fragment.field.offset, fragment.octets.wire());
        if wire == 0 || offset + wire > LONGEST || fragment.field.more && !wire.is_multiple_of(8) {
            return Err(Stop::Damaged(Damage::BadFragment));
        }
        counts.fragments += 1;

        if let Some(datagram) = self.datagrams.get(&key) {
            match datagram.state {
                State::Waiting => {}
                State::Condemned => {
                    counts.condemned += 1;
                    return Err(Stop::Held);
                }
                State::Whole if datagram.has(&fragment) => {
                    counts.duplicate += 1;
                    return Err(Stop::Held);
                }
                // The id is in use again already.
                State::Whole => self.drop_datagram(&key),
            }
        }
        let is_new = !self.datagrams.contains_key(&key);
        if is_new {
            self.open(now, key);
        }
        let outcome = self.add(&key, fragment, whole, counts);
        if let Ok(done) = &outcome {
            counts.reassembled += 1;
            self.linger(now, &key);
            debug_assert!(done.wire <= LONGEST);
        }
        self.enforce_limits(counts);
        outcome
    }

    fn open(&mut self, now: Timestamp, key: Key) {
        let ordinal = self.next_ordinal;
        self.next_ordinal = self.next_ordinal.wrapping_add(1);
        let buffers = self.spare.pop().unwrap_or_default();
        self.bytes += buffers.cost();
        self.waiting.insert(ordinal, key);
        let datagram =
            Datagram { ordinal, since: now, state: State::Waiting, buffers, covered: 0, total: None, protocol: None };
        self.datagrams.insert(key, datagram);
    }

    fn add(
        &mut self,
        key: &Key,
        fragment: Fragment<'_>,
        whole: &mut Vec<u8>,
        counts: &mut FragmentCounts,
    ) -> Result<Whole, Stop> {
        let Some(datagram) = self.datagrams.get_mut(key) else { return Err(Stop::Held) };
        let cost_before = datagram.buffers.cost();
        let is_v6 = key.source.is_ipv6();
        let condemned = match datagram.add(&fragment, is_v6) {
            Added::Nothing => {
                counts.duplicate += 1;
                false
            }
            Added::New => false,
            Added::Contradiction => {
                counts.overlapping += 1;
                is_v6
            }
            Added::TooManyPieces => {
                counts.scattered += 1;
                true
            }
        };
        if condemned {
            datagram.state = State::Condemned;
            datagram.buffers = Buffers::default();
        }
        self.bytes = self.bytes.saturating_sub(cost_before).saturating_add(datagram.buffers.cost());
        datagram.finish(whole).ok_or(Stop::Held)
    }

    fn linger(&mut self, now: Timestamp, key: &Key) {
        let Some(datagram) = self.datagrams.get_mut(key) else { return };
        datagram.state = State::Whole;
        self.waiting.remove(&datagram.ordinal);
        self.lingering.push_back((now.plus(LINGER), datagram.ordinal, *key));
    }

    fn enforce_limits(&mut self, counts: &mut FragmentCounts) {
        // `lingering` may name what is gone, so it is bounded by itself too.
        while self.lingering.len() > self.max_datagrams {
            self.drop_lingering();
        }
        while self.bytes > self.max_bytes || self.datagrams.len() > self.max_datagrams {
            if !self.lingering.is_empty() {
                self.drop_lingering();
            } else if !self.waiting.is_empty() {
                counts.evicted += u64::from(self.drop_oldest_waiting());
            } else {
                return;
            }
        }
    }

    fn drop_lingering(&mut self) {
        let Some((_, ordinal, key)) = self.lingering.pop_front() else { return };
        if self.datagrams.get(&key).is_some_and(|datagram| datagram.ordinal == ordinal) {
            self.drop_datagram(&key);
        }
    }

    /// Whether what it dropped was still hoped for.
    fn drop_oldest_waiting(&mut self) -> bool {
        let Some((_, key)) = self.waiting.pop_first() else { return false };
        let was_waiting = self.datagrams.get(&key).is_some_and(|datagram| datagram.state == State::Waiting);
        self.drop_datagram(&key);
        was_waiting
    }

    fn drop_datagram(&mut self, key: &Key) {
        let Some(datagram) = self.datagrams.remove(key) else { return };
        self.waiting.remove(&datagram.ordinal);
        let mut buffers = datagram.buffers;
        self.bytes = self.bytes.saturating_sub(buffers.cost());
        let capacity = buffers.log.capacity();
        if self.spare.len() < MAX_SPARE && capacity > 0 && capacity <= LARGEST_SPARE {
            buffers.log.clear();
            buffers.pieces.clear();
            self.spare.push(buffers);
        }
    }
}

impl Datagram {
    /// Adds what is new in a fragment. What was there first stays: the receiver's choice is unknown, and the first copy is
    /// what nearly every system keeps. An IPv6 contradiction changes nothing, for the datagram is lost anyway.
    fn add(&mut self, fragment: &Fragment<'_>, is_v6: bool) -> Added {
        let (offset, octets) = (fragment.field.offset, fragment.octets);
        let end = offset + octets.wire();
        let reached = self.buffers.pieces.last().map_or(0, |piece| piece.end());
        let ends_elsewhere = match self.total {
            Some(total) => end > total || !fragment.field.more && end != total,
            None => !fragment.field.more && reached > end,
        };
        if ends_elsewhere {
            return Added::Contradiction;
        }
        let differs = self.differs(offset, octets.captured());
        if differs && is_v6 {
            return Added::Contradiction;
        }

        let covered_before = self.covered;
        let (mut at, mut index) = (offset, 0);
        while at < end {
            match self.buffers.pieces.get(index) {
                Some(piece) if piece.end() <= at => index += 1,
                Some(piece) if piece.offset <= at => {
                    at = piece.end();
                    index += 1;
                }
                next => {
                    let gap_end = next.map_or(end, |piece| piece.offset.min(end));
                    if self.buffers.pieces.len() >= MAX_PIECES {
                        return Added::TooManyPieces;
                    }
                    let bytes = octets.skip(at - offset).limit(gap_end - at).captured();
                    index = self.insert(index, at, gap_end - at, bytes);
                    at = gap_end;
                }
            }
        }
        if !fragment.field.more {
            self.total = Some(end);
        }
        if offset == 0 && self.protocol.is_none() {
            self.protocol = Some(fragment.protocol);
        }
        match () {
            () if differs => Added::Contradiction,
            () if self.covered == covered_before => Added::Nothing,
            () => Added::New,
        }
    }

    /// Inserts a piece before `index`, or lengthens the one before it when both are neighbours in the datagram and in the
    /// log. Gives the index of the piece that comes next.
    fn insert(&mut self, index: usize, offset: usize, wire: usize, bytes: &[u8]) -> usize {
        let Buffers { log, pieces } = &mut self.buffers;
        self.covered += wire;
        let start = log.len();
        log.extend_from_slice(bytes);
        let before = index.checked_sub(1).and_then(|before| pieces.get_mut(before));
        if let Some(before) = before
            && before.end() == offset
            && before.captured == before.wire
            && before.start + before.captured == start
        {
            before.wire += wire;
            before.captured += bytes.len();
            return index;
        }
        pieces.insert(index, Piece { offset, wire, start, captured: bytes.len() });
        index + 1
    }

    /// Whether some captured byte is another than the one captured earlier for the same place.
    fn differs(&self, offset: usize, bytes: &[u8]) -> bool {
        let Buffers { log, pieces } = &self.buffers;
        pieces.iter().any(|piece| {
            let from = piece.offset.max(offset);
            let to = (piece.offset + piece.captured).min(offset + bytes.len());
            if from >= to {
                return false;
            }
            let ours = log.get(piece.start + from - piece.offset..piece.start + to - piece.offset);
            ours != bytes.get(from - offset..to - offset)
        })
    }

    /// Whether a fragment adds nothing to this whole datagram.
    fn has(&self, fragment: &Fragment<'_>) -> bool {
        let end = fragment.field.offset + fragment.octets.wire();
        let fits = self.total.is_some_and(|total| if fragment.field.more { end <= total } else { end == total });
        fits && !self.differs(fragment.field.offset, fragment.octets.captured())
    }

    /// Puts the datagram together if nothing is missing.
    fn finish(&self, whole: &mut Vec<u8>) -> Option<Whole> {
        let total = self.total.filter(|total| *total == self.covered && self.state == State::Waiting)?;
        whole.clear();
        for piece in &self.buffers.pieces {
            whole.extend_from_slice(self.buffers.log.get(piece.start..piece.start + piece.captured)?);
            if piece.captured < piece.wire {
                break;
            }
        }
        Some(Whole { protocol: self.protocol?, wire: total })
    }
}
