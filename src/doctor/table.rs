//! A map with room for so many.

use core::hash::Hash;
use std::collections::VecDeque;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// A map that holds `room` entries at most. At the bound the oldest goes, in the order in which they came.
///
/// Invariant: `order` has each key once. The hash, seeded anew in each process, decides nothing but where an entry lies.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    entries: HashMap<K, V, RandomState>,
    order: VecDeque<K>,
    room: usize,
    /// How many went because of the bound.
    pub(super) evicted: u64,
}

impl<K: Copy + Eq + Hash, V> Table<K, V> {
    pub(super) fn with_room(room: usize) -> Self {
        Self { entries: HashMap::default(), order: VecDeque::new(), room, evicted: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    /// Adds an entry under a new key; gives what went for it.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        if self.entries.insert(key, value).is_none() {
            self.order.push_back(key);
        }
        if self.entries.len() <= self.room {
            return None;
        }
        self.evicted += 1;
        self.pop_oldest()
    }

    /// The oldest entry.
    pub(super) fn oldest(&self) -> Option<&V> {
        self.entries.get(self.order.front()?)
    }

    pub(super) fn pop_oldest(&mut self) -> Option<V> {
        self.entries.remove(&self.order.pop_front()?)
    }

    /// All values, the oldest first.
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.order.iter().filter_map(|key| self.entries.get(key).map(|value| (key, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_bound_the_oldest_goes() {
        let mut table = Table::with_room(2);
        assert_eq!(table.insert(1, 'a'), None);
        assert_eq!(table.insert(2, 'b'), None);
        assert_eq!(table.insert(2, 'c'), None);
        assert_eq!(table.insert(3, 'd'), Some('a'));
        assert_eq!(table.values().collect::<String>(), "cd");
        assert_eq!((table.len(), table.evicted), (2, 1));
    }
}
