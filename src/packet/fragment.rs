//! Reassembly of IPv4 (RFC 791 §3.2, RFC 815) and IPv6 (RFC 8200 §4.5, RFC 5722) fragments.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::address::Domain;
use super::counts::FragmentCounts;
use super::datagram::{Added, Buffers, Datagram, State, Whole};
use super::frame::InterfaceId;
use super::ip::FragmentField;
use super::octets::Octets;
use super::peel::PeelLimits;
use super::stop::{Damage, Stop};
use crate::time::Timestamp;

/// The longest datagram that an IP length field can describe. Fragments that end beyond it ("ping of death") are damaged.
pub(super) const LONGEST: usize = 65_535;

/// How long a datagram that is complete stays, to recognise its fragments when the mirror shows them once more. Left
/// alone, a second copy of its last fragment would wait for 30 s and might end up in a later datagram of the same id.
const LINGER: Duration = Duration::from_secs(2);

/// Emptied buffers kept for the next datagrams, so that steady fragmented traffic does not allocate.
const MAX_SPARE: usize = 64;
/// A buffer that grew beyond this is given back.
const LARGEST_SPARE: usize = 16 << 10;

/// One fragment.
#[derive(Clone, Copy)]
pub(super) struct Fragment<'a> {
    pub(super) field: FragmentField,
    /// The protocol that this fragment names.
    pub(super) protocol: u8,
    pub(super) octets: Octets<'a>,
    pub(super) origin: Origin,
}

/// The frame that a fragment came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) time: Timestamp,
    pub(super) interface: InterfaceId,
    pub(super) number: u64,
}

/// The beginning of a datagram whose other fragments did not come in time; its bytes are in the buffer that the caller
/// lent, without a hole.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) key: Key,
    pub(super) protocol: u8,
    /// The frame of its first fragment.
    pub(super) origin: Origin,
    /// Length of the whole datagram on the wire, where its last fragment was seen.
    pub(super) total: Option<usize>,
}

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

/// The datagrams that wait for fragments.
///
/// A datagram of which some fragments do not come is not lost: a capture filter on ports lets first fragments through and
/// no others, and all that a record needs stands there. So its beginning is handed out once it has waited for the reorder
/// window. The datagram stays, to absorb what is late; if that completes it, it is given as any other, and to the sessions
/// its message is the same one sent again, with the body that was missing.
///
/// Invariants: every datagram is in `waiting` (by ordinal) or, once whole, in `lingering`, which may also name datagrams
/// that are gone; `bytes` is the sum of the costs of all datagrams. After each call `bytes` and the number of datagrams
/// are within the limits: what lingers goes first, then the oldest waiting, by order of arrival and never by hash order.
/// No beginning of an ordinal before `told` is still to be handed out, unless it came after its time; `due` is never later
/// than the first time at which [`Fragments::overdue`] has something to do.
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
    reorder: Duration,
    told: u64,
    due: Timestamp,
    /// Dropped at a bound, with a beginning that is still to be handed out: what one fragment has pushed out.
    gone: VecDeque<(Key, Datagram)>,
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
            reorder: limits.reorder.min(limits.fragment_age),
            told: 0,
            due: Timestamp::MAX,
            gone: VecDeque::new(),
        }
    }

    /// Whether [`Fragments::overdue`] may have something to do.
    #[inline]
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.due <= now && self.due != Timestamp::MAX
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

    /// When a beginning is next handed out, or dropped for its age.
    pub(super) fn next_timeout(&self) -> Option<Timestamp> {
        if !self.gone.is_empty() {
            return Some(self.due);
        }
        let untold = self.next_untold().map(|(_, since, _)| since.plus(self.reorder));
        [untold, self.next_expiry()].into_iter().flatten().min()
    }

    /// The oldest datagram that has not yet been asked for its beginning.
    fn next_untold(&self) -> Option<(u64, Timestamp, Key)> {
        let (ordinal, key) = self.waiting.range(self.told..).next()?;
        Some((*ordinal, self.datagrams.get(key)?.since, *key))
    }

    /// Hands out the next beginning that has waited for long enough at `now`, and drops what is too old.
    pub(super) fn overdue(
        &mut self,
        now: Timestamp,
        beginning: &mut Vec<u8>,
        counts: &mut FragmentCounts,
    ) -> Option<Beginning> {
        while let Some((key, mut datagram)) = self.gone.pop_front() {
            let found = datagram.begin(key, beginning);
            self.recycle(datagram.buffers);
            if found.is_some() {
                counts.beginnings += 1;
                return found;
            }
        }
        while self.lingering.front().is_some_and(|(until, ..)| *until <= now) {
            self.drop_lingering();
        }
        while let Some((ordinal, since, key)) = self.next_untold() {
            if since.plus(self.reorder) > now {
                break;
            }
            self.told = ordinal.wrapping_add(1);
            if let Some(found) = self.datagrams.get_mut(&key).and_then(|datagram| datagram.begin(key, beginning)) {
                counts.beginnings += 1;
                return Some(found);
            }
        }
        while self.next_expiry().is_some_and(|expiry| expiry <= now) {
            let Some((key, mut datagram)) = self.take_oldest_waiting() else { break };
            counts.expired += u64::from(datagram.state == State::Waiting);
            let found = datagram.begin(key, beginning);
            self.recycle(datagram.buffers);
            if found.is_some() {
                counts.beginnings += 1;
                return found;
            }
        }
        let lingering = self.lingering.front().map(|(until, ..)| *until);
        self.due = [lingering, self.next_timeout()].into_iter().flatten().min().unwrap_or(Timestamp::MAX);
        None
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
                // Its beginning was handed out, and the id is in use again: what waited stays as it is for good.
                State::Waiting if datagram.is_told && datagram.is_another(&fragment) => {
                    counts.expired += 1;
                    self.drop_datagram(&key);
                }
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
            self.due = self.due.min(now.plus(LINGER));
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
        self.datagrams.insert(key, Datagram::new(ordinal, now, buffers));
        self.due = self.due.min(now.plus(self.reorder));
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
                self.evict_oldest_waiting(counts);
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

    /// What was handed out has lost its tail alone, as if it had aged.
    fn evict_oldest_waiting(&mut self, counts: &mut FragmentCounts) {
        let Some((key, datagram)) = self.take_oldest_waiting() else { return };
        match datagram.state {
            State::Waiting if datagram.is_told => counts.expired += 1,
            State::Waiting => {
                counts.evicted += 1;
                self.due = Timestamp::MIN;
                return self.gone.push_back((key, datagram));
            }
            State::Whole | State::Condemned => {}
        }
        self.recycle(datagram.buffers);
    }

    fn take_oldest_waiting(&mut self) -> Option<(Key, Datagram)> {
        let (_, key) = self.waiting.pop_first()?;
        let datagram = self.datagrams.remove(&key)?;
        self.bytes = self.bytes.saturating_sub(datagram.buffers.cost());
        Some((key, datagram))
    }

    fn drop_datagram(&mut self, key: &Key) {
        let Some(datagram) = self.datagrams.remove(key) else { return };
        self.waiting.remove(&datagram.ordinal);
        self.bytes = self.bytes.saturating_sub(datagram.buffers.cost());
        self.recycle(datagram.buffers);
    }

    fn recycle(&mut self, mut buffers: Buffers) {
        let capacity = buffers.log.capacity();
        if self.spare.len() < MAX_SPARE && capacity > 0 && capacity <= LARGEST_SPARE {
            buffers.log.clear();
            buffers.pieces.clear();
            self.spare.push(buffers);
        }
    }
}
