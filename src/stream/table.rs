//! Conversations by their two ends, and which of them goes first.

use core::hash::{BuildHasher, Hasher};
use core::net::IpAddr;
use core::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::packet::{Endpoint, Hop};
use crate::time::Timestamp;

/// No slot.
const NONE: u32 = u32::MAX;
/// A conversation moves to the end of its list at most this often: most frames leave the lists, and other conversations'
/// cache lines, alone. Age is thus known to a second.
const TOUCH: Duration = Duration::from_secs(1);

/// What a conversation is worth keeping for. The lesser goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// No SIP seen.
    Other,
    Sip,
}

/// The hop as it is filed: the same for both directions. And which of the two directions it is, 0 or 1.
pub(super) fn canonical(hop: &Hop) -> (Hop, usize) {
    if hop.source <= hop.destination { (*hop, 0) } else { (hop.reversed(), 1) }
}

#[derive(Debug)]
struct Slot<T> {
    key: Hop,
    /// Number of the segment with which it began.
    born: u64,
    touched: Timestamp,
    value: T,
    /// Neighbours in the list of its rank; of a free slot, `after` is the next free one.
    before: u32,
    after: u32,
    rank: Rank,
}

#[derive(Clone, Copy, Debug)]
struct List {
    first: u32,
    last: u32,
}

/// A table of `T`, one for each conversation.
///
/// Invariant: every used slot is in the index once, and in exactly one list, that of its rank, in the order in which it
/// was last touched. The hash decides nothing but where to look: what is evicted is the first of a list.
#[derive(Debug)]
pub(super) struct Table<T> {
    index: HashTable<u32>,
    slots: Vec<Slot<T>>,
    free: u32,
    lists: [List; 2],
    hasher: FixedState,
}

impl<T: Default> Table<T> {
    pub(super) fn new(seed: u64) -> Self {
        let list = List { first: NONE, last: NONE };
        Self {
            index: HashTable::new(),
            slots: Vec::new(),
            free: NONE,
            lists: [list; 2],
            hasher: FixedState::with_seed(seed),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Hashes a canonical hop in a few words; the derived `Hash` of addresses takes many small steps.
    fn hash(hasher: &FixedState, key: &Hop) -> u64 {
        let mut state = hasher.build_hasher();
        let mut end = |endpoint: &Endpoint| match endpoint.address {
            IpAddr::V4(address) => {
                state.write_u64(u64::from(address.to_bits()) | u64::from(endpoint.port) << 32 | 1 << 48);
            }
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                state.write_u64(bits as u64);
                state.write_u64((bits >> 64) as u64);
                state.write_u64(u64::from(endpoint.port));
            }
        };
        end(&key.source);
        end(&key.destination);
        state.write_u64(key.domain.0);
        state.finish()
    }

    /// Finds a conversation by its canonical hop.
    pub(super) fn find(&self, key: &Hop) -> Option<u32> {
        let hash = Self::hash(&self.hasher, key);
        self.index.find(hash, |id| self.slots.get(*id as usize).is_some_and(|slot| slot.key == *key)).copied()
    }

    /// Adds a conversation that is not there, and begins with the segment of this number.
    pub(super) fn insert(&mut self, key: &Hop, born: u64, now: Timestamp) -> u32 {
        let value = T::default();
        let slot = Slot { key: *key, born, touched: now, value, before: NONE, after: NONE, rank: Rank::Other };
        let id = match self.slots.get_mut(self.free as usize) {
            Some(free) => {
                let id = self.free;
                self.free = free.after;
                *free = slot;
                id
            }
            None => {
                self.slots.push(slot);
                (self.slots.len() - 1) as u32
            }
        };
        let (hasher, slots) = (&self.hasher, &self.slots);
        self.index.insert_unique(Self::hash(hasher, key), id, |id| {
            slots.get(*id as usize).map_or(0, |slot| Self::hash(hasher, &slot.key))
        });
        self.append(id);
        id
    }

    /// Takes a conversation out.
    pub(super) fn remove(&mut self, id: u32) -> Option<T> {
        let key = self.slots.get(id as usize)?.key;
        let entry = self.index.find_entry(Self::hash(&self.hasher, &key), |found| *found == id).ok()?;
        entry.remove();
        self.unlink(id);
        let slot = self.slots.get_mut(id as usize)?;
        slot.after = self.free;
        self.free = id;
        Some(core::mem::take(&mut slot.value))
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<(&Hop, &mut T)> {
        self.slots.get_mut(id as usize).map(|slot| (&slot.key, &mut slot.value))
    }

    /// Notes a sign of life, and what the conversation is now worth.
    pub(super) fn touch(&mut self, id: u32, now: Timestamp, rank: Rank) {
        let Some(slot) = self.slots.get_mut(id as usize) else { return };
        if slot.rank == rank && now.since(slot.touched) < TOUCH {
            return;
        }
        self.unlink(id);
        if let Some(slot) = self.slots.get_mut(id as usize) {
            slot.touched = slot.touched.max(now);
            slot.rank = rank;
        }
        self.append(id);
    }

    /// With which segment a conversation began.
    pub(super) fn born(&self, id: u32) -> u64 {
        self.slots.get(id as usize).map_or(0, |slot| slot.born)
    }

    /// What a conversation is worth, and how long ago it was touched.
    pub(super) fn age(&self, id: u32, now: Timestamp) -> Option<(Rank, Duration)> {
        self.slots.get(id as usize).map(|slot| (slot.rank, now.since(slot.touched)))
    }

    /// The one of this rank that was touched first, and when.
    pub(super) fn oldest(&self, rank: Rank) -> Option<(u32, Timestamp)> {
        let id = self.lists.get(rank as usize)?.first;
        self.slots.get(id as usize).map(|slot| (id, slot.touched))
    }

    fn unlink(&mut self, id: u32) {
        let Some(slot) = self.slots.get(id as usize) else { return };
        let (before, after, rank) = (slot.before, slot.after, slot.rank as usize);
        let Some(list) = self.lists.get_mut(rank) else { return };
        match self.slots.get_mut(before as usize) {
            Some(slot) => slot.after = after,
            None => list.first = after,
        }
        match self.slots.get_mut(after as usize) {
            Some(slot) => slot.before = before,
            None => list.last = before,
        }
    }

    fn append(&mut self, id: u32) {
        let Some(slot) = self.slots.get(id as usize) else { return };
        let Some(list) = self.lists.get_mut(slot.rank as usize) else { return };
        let before = core::mem::replace(&mut list.last, id);
        match self.slots.get_mut(before as usize) {
            Some(slot) => slot.after = id,
            None => list.first = id,
        }
        if let Some(slot) = self.slots.get_mut(id as usize) {
            (slot.before, slot.after) = (before, NONE);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use super::*;
    use crate::packet::Domain;

    fn hop(port: u16) -> Hop {
        let end = |last, port| Endpoint { address: Ipv4Addr::new(10, 0, 0, last).into(), port };
        Hop { source: end(1, port), destination: end(2, 5060), domain: Domain(0) }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn both_directions_are_one_conversation() {
        let (key, side) = canonical(&hop(1));
        let (other_key, other_side) = canonical(&hop(1).reversed());
        assert_eq!(key, other_key);
        assert_ne!(side, other_side);
    }

    #[test]
    fn the_oldest_without_sip_goes_first_whatever_the_hash() {
        for seed in 0..20 {
            let mut table: Table<u8> = Table::new(seed);
            let ids: Vec<u32> = (0..4).map(|port| table.insert(&hop(port), 0, at(i64::from(port)))).collect();
            table.touch(ids[0], at(10), Rank::Sip);
            table.touch(ids[1], at(11), Rank::Other);
            assert_eq!(table.oldest(Rank::Other), Some((ids[2], at(2))));
            table.remove(ids[2]);
            assert_eq!(table.oldest(Rank::Other), Some((ids[3], at(3))));
            table.remove(ids[3]);
            assert_eq!(table.oldest(Rank::Other), Some((ids[1], at(11))));
            table.remove(ids[1]);
            assert_eq!(table.oldest(Rank::Other), None);
            assert_eq!(table.oldest(Rank::Sip), Some((ids[0], at(10))));
            assert_eq!((table.len(), table.find(&hop(0)), table.find(&hop(1))), (1, Some(ids[0]), None));
        }
    }

    #[test]
    fn slots_are_used_again() {
        let mut table: Table<u8> = Table::new(1);
        for round in 0..1000u16 {
            let id = table.insert(&hop(round), 0, at(0));
            assert!(id < 2);
            if round > 0 {
                let old = table.find(&hop(round - 1)).unwrap();
                assert!(table.remove(old).is_some());
                assert!(table.remove(old).is_none());
            }
        }
        assert_eq!(table.len(), 1);
    }
}
