//! Every dialog the probe knows, found by its Call-ID.

use core::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::dialog::{Dialog, NOWHERE, Place, Side, side_of};
use super::slots::Slots;
use crate::charging::Point;

/// Most entries of one Call-ID. Call-ID and tags are chosen by whoever sends: without a bound one Call-ID with a million
/// tags would make each of its messages walk a million entries. Past it a new one takes the place of the oldest
/// unconfirmed one, or of the oldest.
const MAX_OF_ONE_CALL: usize = 256;

/// At the table's bound this share of it is evicted at once, so that the search for victims costs little each.
const EVICTED_SHARE: usize = 64;

/// Dialogs by Call-ID.
///
/// Invariants: entries of one Call-ID form a chain that the index finds by its head; an entry is in exactly one chain.
/// The hash is seeded anew in each process, since the Call-ID is the sender's to choose; it decides nothing but where
/// things lie: victims are chosen by confirmation and age.
pub(crate) struct Table {
    slots: Slots,
    index: HashTable<Place>,
    hasher: RandomState,
    next_ordinal: u64,
    /// Bytes of all blocks.
    bytes: usize,
    max: usize,
    max_bytes: usize,
}

impl Table {
    pub(crate) fn new(max: usize, max_bytes: usize) -> Self {
        Self {
            slots: Slots::default(),
            index: HashTable::new(),
            hasher: RandomState::default(),
            next_ordinal: 0,
            bytes: 0,
            max_bytes,
            // Places are 32 bits wide, and one of them is no place.
            max: max.clamp(MAX_OF_ONE_CALL, NOWHERE as usize - 1),
        }
    }

    /// The hash by which a Call-ID is found: half of it is kept with each dialog, and is enough.
    pub(crate) fn hash(&self, call_id: &[u8]) -> u32 {
        (self.hasher.hash_one(call_id) >> 32) as u32
    }

    /// The ordinals of dialogs that are added from now on come after this one.
    pub(crate) fn number_after(&mut self, ordinal: u64) {
        self.next_ordinal = self.next_ordinal.max(ordinal.saturating_add(1));
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Blocks of dialogs in the table have grown by so many bytes, or shrunk.
    pub(crate) fn grew(&mut self, bytes: isize) {
        self.bytes = self.bytes.saturating_add_signed(bytes);
    }

    pub(crate) fn get(&self, place: Place) -> Option<&Dialog> {
        self.slots.get(place)
    }

    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut Dialog> {
        self.slots.get_mut(place)
    }

    /// Every place in use, in an order that follows from the input alone.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        self.slots.places()
    }

    /// Where the newest dialog of a call is, or nowhere; each leads to the next.
    pub(crate) fn newest(&self, hash: u32, call_id: &[u8]) -> Place {
        self.index.find(spread(hash), |place| self.is_of(*place, hash, call_id)).copied().unwrap_or(NOWHERE)
    }

    /// The dialogs of a call, at every charging point, newest first.
    pub(crate) fn call<'t>(&'t self, hash: u32, call_id: &[u8]) -> impl Iterator<Item = (Place, &'t Dialog)> {
        let mut next = self.newest(hash, call_id);
        core::iter::from_fn(move || {
            let place = next;
            let dialog = self.get(place)?;
            next = dialog.next;
            Some((place, dialog))
        })
    }

    /// The dialog with these two tags, and which side the first of them is.
    pub(crate) fn dialog(
        &self,
        hash: u32,
        point: Point,
        call_id: &[u8],
        one: &[u8],
        other: &[u8],
    ) -> Option<(Place, Side)> {
        self.call(hash, call_id).filter(|(_, dialog)| dialog.point == point).find_map(|(place, dialog)| {
            let (_, first, second) = dialog.key();
            Some((place, side_of((first, second?), one, other)?))
        })
    }

    /// Adds a dialog and says where it is, and which entries had to go for it.
    pub(crate) fn insert(&mut self, mut dialog: Dialog, evicted: &mut Vec<(Place, Dialog)>) -> Place {
        if self.len() >= self.max || self.bytes > self.max_bytes {
            self.evict(evicted);
        }
        let (hash, call_id) = (dialog.hash, dialog.call_id());
        if self.call(hash, call_id).nth(MAX_OF_ONE_CALL - 1).is_some() {
            let victim = self.call(hash, call_id).min_by_key(|(_, other)| worth(other));
            if let Some(place) = victim.map(|(place, _)| place) {
                evicted.extend(self.remove(place).map(|dialog| (place, dialog)));
            }
        }
        self.bytes += dialog.block.size();
        dialog.ordinal = self.next_ordinal;
        // A restored image may hold any number.
        self.next_ordinal = self.next_ordinal.saturating_add(1);

        let place = self.slots.next_place();
        let slots = &self.slots;
        let entry = self.index.entry(
            spread(hash),
            |place| slot_is_of(slots, *place, hash, dialog.call_id()),
            |place| slots.get(*place).map_or(0, |dialog| spread(dialog.hash)),
        );
        match entry {
            Entry::Occupied(mut head) => {
                dialog.next = *head.get();
                *head.get_mut() = place;
            }
            Entry::Vacant(vacant) => {
                dialog.next = NOWHERE;
                vacant.insert(place);
            }
        }
        self.slots.insert(dialog);
        place
    }

    /// Takes a dialog out.
    pub(crate) fn remove(&mut self, place: Place) -> Option<Dialog> {
        let (hash, next) = {
            let dialog = self.get(place)?;
            (dialog.hash, dialog.next)
        };
        let slots = &self.slots;
        let call_id = slots.get(place)?.call_id();
        let head = self.index.find_entry(spread(hash), |head| slot_is_of(slots, *head, hash, call_id));
        if let Ok(mut head) = head {
            if *head.get() == place {
                if next == NOWHERE {
                    head.remove();
                } else {
                    *head.get_mut() = next;
                }
            } else {
                let mut before = *head.get();
                while let Some(dialog) = self.slots.get_mut(before) {
                    if dialog.next == place {
                        dialog.next = next;
                        break;
                    }
                    before = dialog.next;
                }
            }
        }
        let dialog = self.slots.remove(place);
        self.bytes = self.bytes.saturating_sub(dialog.as_ref().map_or(0, |dialog| dialog.block.size()));
        dialog
    }

    /// Makes room: what is worth least first.
    fn evict(&mut self, evicted: &mut Vec<(Place, Dialog)>) {
        let count = (self.len() / EVICTED_SHARE).max(1);
        let mut ranked: Vec<_> =
            self.places().filter_map(|place| self.get(place).map(|dialog| (worth(dialog), place))).collect();
        if ranked.len() > count {
            ranked.select_nth_unstable(count);
            ranked.truncate(count);
        }
        ranked.sort_unstable();
        for (_, place) in ranked {
            evicted.extend(self.remove(place).map(|dialog| (place, dialog)));
        }
    }

    fn is_of(&self, place: Place, hash: u32, call_id: &[u8]) -> bool {
        slot_is_of(&self.slots, place, hash, call_id)
    }
}

/// What goes first at a bound: what was never confirmed, then what has ended and only absorbs what still arrives, then
/// open sessions; of each the oldest.
fn worth(dialog: &Dialog) -> (bool, bool, u64) {
    let ended = dialog.ending.as_deref().is_some_and(|ending| ending.told.is_some());
    (dialog.is_confirmed(), !ended, dialog.ordinal)
}

fn slot_is_of(slots: &Slots, place: Place, hash: u32, call_id: &[u8]) -> bool {
    slots.get(place).is_some_and(|dialog| dialog.hash == hash && dialog.call_id() == call_id)
}

/// The index takes the place from the low bits and what it compares first from the high ones.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charging::{Confirmation, Fact, Packer, Party, Role, ServiceKind, Trigger};
    use crate::session::dialog::{Marks, Moment};
    use crate::session::ending::Conclusion;
    use crate::time::Timestamp;

    fn dialog(table: &Table, call_id: &[u8], tag: u32, confirmed_by: Confirmation) -> Dialog {
        let mut packer = Packer::default();
        packer.push(Fact::CallId, call_id).push(Fact::FirstTag, &tag.to_be_bytes()).push(Fact::SecondTag, b"b");
        Dialog {
            block: packer.pack(),
            hash: table.hash(call_id),
            next: NOWHERE,
            ordinal: 0,
            point: Point(0),
            confirmed_by,
            marks: Marks::default(),
            invite_vias: 1,
            invite_minutes: 0,
            invite_cseq: None,
            highest_cseq: [0; 2],
            invite: Moment::NEVER,
            answer: Moment::NEVER,
            ack: Moment::NEVER,
            joined: Timestamp::MIN,
            last_message: Timestamp::MIN,
            last_good: Timestamp::MIN,
            went_on: Timestamp::MIN,
            refreshed: Timestamp::MIN,
            session_expires: 0,
            queued: Timestamp::MAX,
            ending: None,
        }
    }

    /// Adds dialogs of one Call-ID each; every third is confirmed.
    fn fill(table: &mut Table, count: u32) -> Vec<(Place, Dialog)> {
        let mut evicted = Vec::new();
        for number in 0..count {
            let by = if number % 3 == 0 { Confirmation::Answer } else { Confirmation::None };
            let dialog = dialog(table, &number.to_be_bytes(), number, by);
            table.insert(dialog, &mut evicted);
        }
        evicted
    }

    #[test]
    fn what_is_unconfirmed_goes_first_and_then_the_oldest() {
        let mut table = Table::new(1_000, usize::MAX);
        let evicted = fill(&mut table, 3_000);
        assert!(table.len() <= 1_000);
        let first_confirmed = evicted.iter().position(|(_, dialog)| dialog.is_confirmed()).unwrap_or(evicted.len());
        assert!(evicted[..first_confirmed].is_sorted_by_key(|(_, dialog)| dialog.ordinal), "the oldest first");
        // While there was anything unconfirmed, nothing confirmed had to go.
        assert!(first_confirmed >= 1_000, "{first_confirmed}");
    }

    #[test]
    fn what_has_ended_goes_before_what_is_open() {
        let mut table = Table::new(1_000, usize::MAX);
        let mut evicted = Vec::new();
        for number in 0..1_020_u32 {
            let mut dialog = dialog(&table, &number.to_be_bytes(), number, Confirmation::Answer);
            if number >= 900 {
                dialog.ending().told = Some(Conclusion {
                    trigger: Trigger::Bye,
                    stop: Timestamp::MIN,
                    detected: None,
                    cause: 0,
                    ended_by: Party::Caller,
                    terminated_by: Role::Unspecified,
                    sender: None,
                    not_at_server: false,
                    confirmed_by: Confirmation::Answer,
                    service: ServiceKind::Unknown,
                    invite: Moment::NEVER,
                    answer: Moment::NEVER,
                    ack: Moment::NEVER,
                });
            }
            table.insert(dialog, &mut evicted);
        }
        assert!(!evicted.is_empty());
        assert!(evicted.iter().all(|(_, dialog)| dialog.ordinal >= 900), "open sessions are older, and stay");
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut table = Table::new(1_000_000, 10_000);
        fill(&mut table, 5_000);
        let bytes: usize = table.places().filter_map(|place| table.get(place)).map(|dialog| dialog.block.size()).sum();
        assert!(bytes <= 10_100, "{bytes}");
        assert_eq!(table.bytes, bytes);
    }

    #[test]
    fn one_call_id_with_many_tags_stays_a_short_chain() {
        let mut table = Table::new(1_000_000, usize::MAX);
        let mut evicted = Vec::new();
        for tag in 0..10_000 {
            let dialog = dialog(&table, b"one", tag, Confirmation::None);
            table.insert(dialog, &mut evicted);
        }
        assert_eq!(table.call(table.hash(b"one"), b"one").count(), MAX_OF_ONE_CALL);
        assert_eq!(evicted.len(), 10_000 - MAX_OF_ONE_CALL);
    }

    #[test]
    fn a_removed_dialog_leaves_its_chain_whole() {
        let mut table = Table::new(1_000, usize::MAX);
        let mut evicted = Vec::new();
        let places: Vec<Place> = (0..5)
            .map(|tag| {
                let dialog = dialog(&table, b"one", tag, Confirmation::None);
                table.insert(dialog, &mut evicted)
            })
            .collect();
        for (removed, place) in places.iter().enumerate() {
            assert!(table.remove(*place).is_some());
            assert_eq!(table.call(table.hash(b"one"), b"one").count(), places.len() - removed - 1);
        }
        assert_eq!((table.len(), table.bytes), (0, 0));
    }
}
