//! Texts that many dialogs have in common, kept once.

use core::hash::BuildHasher;

use foldhash::fast::{FixedState, RandomState};
use hashbrown::HashTable;

/// Most words kept. A network has some thousands of user agents, hosts and services; past it a value stays in its dialog.
const MAX_WORDS: usize = 8192;
/// Longest word, in bytes.
const MAX_WORD: usize = 255;
/// Shortest: a shorter one would take no less as a number.
const MIN_WORD: usize = 5;
/// How many texts are remembered that were seen once.
const SIEVE: usize = 4096;

/// Texts by number.
///
/// Invariants: a word is never changed nor forgotten while its dialogs live, so its number stands for it in every block;
/// there are at most [`MAX_WORDS`], of 2 MiB in all. A text becomes a word when it is seen again soon: one that names a
/// person, or that a sender makes up, stays where it is. Whether a text becomes a word does not depend on the seed.
pub(super) struct Words {
    texts: Vec<Box<[u8]>>,
    index: HashTable<u16>,
    hasher: RandomState,
    /// Hashes of texts seen once, each at the place that its hash gives; a later one takes the place.
    sieve: Box<[u32]>,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            texts: Vec::new(),
            index: HashTable::new(),
            hasher: RandomState::default(),
            sieve: vec![0; SIEVE].into_boxed_slice(),
        }
    }
}

impl Words {
    /// The number of a text, if it is a word, or now becomes one.
    pub(super) fn number(&mut self, text: &[u8]) -> Option<u16> {
        if !(MIN_WORD..=MAX_WORD).contains(&text.len()) {
            return None;
        }
        let hash = self.hasher.hash_one(text);
        let known =
            self.index.find(hash, |number| self.texts.get(usize::from(*number)).is_some_and(|word| **word == *text));
        if known.is_some() {
            return known.copied();
        }
        if self.texts.len() >= MAX_WORDS || !self.seen_before(text) {
            return None;
        }
        let number = u16::try_from(self.texts.len()).ok()?;
        self.texts.push(text.into());
        let (texts, hasher) = (&self.texts, &self.hasher);
        self.index.insert_unique(hash, number, |number| {
            texts.get(usize::from(*number)).map_or(0, |word| hasher.hash_one(&**word))
        });
        Some(number)
    }

    /// The word of a number.
    pub(super) fn word(&self, number: u16) -> &[u8] {
        self.texts.get(usize::from(number)).map_or(&[], |word| word)
    }

    fn seen_before(&mut self, text: &[u8]) -> bool {
        // The same in every process: what becomes a word decides how many bytes a dialog takes, and so what is evicted.
        let hash = FixedState::default().hash_one(text);
        let Some(place) = self.sieve.get_mut(hash as usize % SIEVE) else { return false };
        core::mem::replace(place, (hash >> 32) as u32) == (hash >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_seen_twice_becomes_a_word() {
        let mut words = Words::default();
        assert_eq!(words.number(b"IM-client/OMA1.0"), None);
        let number = words.number(b"IM-client/OMA1.0").unwrap();
        assert_eq!(words.number(b"IM-client/OMA1.0"), Some(number));
        assert_eq!(words.word(number), b"IM-client/OMA1.0");
    }

    #[test]
    fn words_are_bounded_and_keep_their_numbers() {
        let mut words = Words::default();
        let mut numbers = Vec::new();
        for value in 0..3 * MAX_WORDS {
            let text = format!("agent/{value}");
            words.number(text.as_bytes());
            numbers.extend(words.number(text.as_bytes()).map(|number| (number, text)));
        }
        assert_eq!((words.texts.len(), numbers.len()), (MAX_WORDS, MAX_WORDS));
        assert!(numbers.iter().all(|(number, text)| words.word(*number) == text.as_bytes()));
        assert_eq!(words.number(&[b'x'; MAX_WORD + 1]), None);
    }

    #[test]
    fn what_is_seen_once_leaves_nothing() {
        let mut words = Words::default();
        for value in 0..100_000 {
            assert_eq!(words.number(format!("{value:08x}").as_bytes()), None);
        }
        assert!(words.texts.is_empty());
    }
}
