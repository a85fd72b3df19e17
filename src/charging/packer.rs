//! Making blocks.

use memchr::{memchr, memrchr};

use super::block::{Block, HEAD, Part};
use super::fact::{Fact, Sharing};
use super::field::{FORM, FactValue, Fields, Form, LONG, OWN, PART, WORD, bit, first, kinds_in, of_kind, value};
use super::words::Words;

/// Most values kept of a header that may come many times, over all hops.
pub(super) const MAX_VALUES: usize = 4;
/// Longest value kept of one field, in bytes: a header may be 64 KiB long, and a table of dialogs must not be. What is
/// longer is cut; Call-ID and tags, which identify, are kept to [`MAX_KEY`] and compared by their kept part.
pub(crate) const MAX_VALUE: usize = 1024;
/// Longest Call-ID or tag kept.
pub(super) const MAX_KEY: usize = 4096;

/// Gathers fields into a buffer that is used again and again, then packs them exactly; knows the words of all its blocks.
#[derive(Default)]
pub struct Packer {
    bytes: Vec<u8>,
    /// The kinds gathered so far, one bit each.
    kinds: u64,
    /// Where [`Fact::Answered`] stands, if it was gathered.
    answer: usize,
    pub(super) words: Words,
    /// Room for [`Packer::push_written`].
    written: Vec<u8>,
}

impl Packer {
    /// Begins a new block.
    pub fn clear(&mut self) -> &mut Self {
        self.bytes.clear();
        self.kinds = 0;
        self
    }

    /// Adds a field; values over the bounds are cut.
    pub fn push(&mut self, fact: Fact, value: &[u8]) -> &mut Self {
        let bound = if fact <= Fact::SecondTag { MAX_KEY } else { MAX_VALUE };
        let value = &value[..value.len().min(bound)];
        self.note(fact);
        let shortened = match fact.sharing() {
            Sharing::Nothing => false,
            Sharing::Whole => self.push_word(fact, value, 0),
            Sharing::Host => self.push_host(fact, value),
            Sharing::PartOf(of) => self.push_part(fact, value, of) || self.push_host(fact, value),
        };
        if !shortened {
            self.push_own(fact, value);
        }
        self
    }

    /// Notes that a field of this kind is about to be added.
    fn note(&mut self, fact: Fact) {
        if fact == Fact::Answered && !self.has(fact) {
            self.answer = self.bytes.len();
        }
        self.kinds |= bit(fact);
    }

    fn push_own(&mut self, fact: Fact, value: &[u8]) {
        self.bytes.push(fact as u8 | OWN);
        match u8::try_from(value.len()) {
            Ok(len) if len < LONG => self.bytes.push(len),
            _ => {
                self.bytes.push(LONG);
                self.bytes.extend_from_slice(&(value.len() as u16).to_le_bytes());
            }
        }
        self.bytes.extend_from_slice(value);
    }

    /// Adds a value of which all from `at` on is a word, if that is one.
    fn push_word(&mut self, fact: Fact, value: &[u8], at: usize) -> bool {
        let Some((head, tail)) = value.split_at_checked(at) else { return false };
        let Ok(len) = u8::try_from(head.len()) else { return false };
        let Some(number) = self.words.number(tail) else { return false };
        self.bytes.extend_from_slice(&[fact as u8 | WORD, len]);
        self.bytes.extend_from_slice(head);
        self.bytes.extend_from_slice(&number.to_le_bytes());
        true
    }

    /// Adds an address whose host, with all that follows it, is a word.
    fn push_host(&mut self, fact: Fact, value: &[u8]) -> bool {
        memrchr(b'@', value).is_some_and(|at| self.push_word(fact, value, at))
    }

    /// Adds a value that stands within that of another fact.
    fn push_part(&mut self, fact: Fact, text: &[u8], of: Fact) -> bool {
        // An empty value takes no more room as it is.
        if text.is_empty() || !self.has(of) {
            return false;
        }
        let Some(whole) = first(&self.bytes, of, &self.words) else { return false };
        // An address between the brackets of another, or from there on; anywhere else it would be no part that repeats.
        let open = memchr(b'<', whole.head).unwrap_or(0);
        let stands = |start: &usize| whole.part(*start, text.len()).is_some_and(|part| part.is(text));
        let Some(start) = [open, open + 1].into_iter().find(stands) else { return false };
        let (Ok(start), Ok(len)) = (u8::try_from(start), u8::try_from(text.len())) else { return false };
        self.bytes.extend_from_slice(&[fact as u8 | PART, of as u8, start, len]);
        true
    }

    /// Adds a field that is written piece by piece.
    pub fn push_written(&mut self, fact: Fact, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        let mut value = core::mem::take(&mut self.written);
        value.clear();
        write(&mut value);
        self.push(fact, &value);
        self.written = value;
        self
    }

    /// Adds values of a kind that was not gathered before; empty ones are left out.
    pub fn push_new<'v>(&mut self, fact: Fact, values: impl IntoIterator<Item = &'v [u8]>) -> &mut Self {
        if !self.has(fact) {
            for value in values {
                if !value.is_empty() {
                    self.push(fact, value);
                }
            }
        }
        self
    }

    /// Adds the fields of a block for which `keep` says yes. What others are [parts](Sharing::PartOf) of, From and To, must
    /// be among them if those are.
    pub fn copy(&mut self, block: &Block, mut keep: impl FnMut(Fact) -> bool) -> &mut Self {
        for field in block.fields() {
            if keep(field.fact) {
                self.note(field.fact);
                self.bytes.extend_from_slice(field.bytes);
            }
        }
        self
    }

    /// Adds the fields at the front of a block: the key up to this kind, which may be the hops of the INVITE behind it.
    pub fn copy_front(&mut self, block: &Block, last: Fact) -> &mut Self {
        let (front, _) = block.front(last);
        self.copy_bytes(front, kinds_in(front))
    }

    /// Adds what the INVITE told, as it is, from behind those fields at the front.
    pub fn copy_behind(&mut self, block: &Block, last: Fact) -> &mut Self {
        self.copy_from(block, block.front(last).0.len())
    }

    fn copy_bytes(&mut self, fields: &[u8], kinds: u64) -> &mut Self {
        self.kinds |= kinds;
        self.bytes.extend_from_slice(fields);
        self
    }

    /// Adds all that the INVITE told, and the key, as they are.
    pub fn copy_invite(&mut self, block: &Block) -> &mut Self {
        self.copy_from(block, 0)
    }

    /// Adds what stands in the part of the INVITE from there on.
    fn copy_from(&mut self, block: &Block, start: usize) -> &mut Self {
        let bytes = block.part(Part::Invite).0.get(start..).unwrap_or_default();
        self.copy_bytes(bytes, if block.has(Fact::Answered) { kinds_in(bytes) } else { block.kinds() })
    }

    /// Adds the fields of a part of a block for which `keep` says yes, with From and To as in [`Packer::copy`].
    pub fn copy_part(&mut self, block: &Block, part: Part, mut keep: impl FnMut(Fact) -> bool) -> &mut Self {
        self.copy_as(block, part, |fact, _| keep(fact).then_some(fact))
    }

    /// Adds the fields of a part of a block, each as the kind that `kind` says, if any. It is told the value too, where that
    /// stands in the block as it is; a kind may only become one that is shared in the same way.
    pub fn copy_as(
        &mut self,
        block: &Block,
        part: Part,
        mut kind: impl FnMut(Fact, &[u8]) -> Option<Fact>,
    ) -> &mut Self {
        for field in block.part(part) {
            let own = if let Form::Own(value) = field.form { value } else { &[] };
            let Some(fact) = kind(field.fact, own) else { continue };
            let at = self.bytes.len();
            self.note(fact);
            self.bytes.extend_from_slice(field.bytes);
            if fact != field.fact
                && let Some(kind) = self.bytes.get_mut(at)
            {
                *kind = *kind & FORM | fact as u8;
            }
        }
        self
    }

    /// Adds the part of the answer, from [`Fact::Answered`] on, if there is one.
    pub fn copy_answer(&mut self, block: &Block, mut keep: impl FnMut(Fact) -> bool) -> &mut Self {
        if let Some(hops) = block.own(Fact::Answered) {
            self.push(Fact::Answered, hops).copy_part(block, Part::Answer, &mut keep);
        }
        self
    }

    /// Adds what a part of a block tells and was not gathered yet: of a list the values that are missing, of anything else
    /// all or nothing. What stood in another value stands for itself where that may be gone.
    pub fn merge(&mut self, block: &Block, part: Part, mut keep: impl FnMut(Fact) -> bool) -> &mut Self {
        let had = self.kinds;
        for field in block.part(part) {
            let fact = field.fact;
            let value = value(block.bytes(), field.form, &self.words);
            let is_new = if fact.is_list() { self.lacks(fact, &value) } else { had & bit(fact) == 0 };
            if !is_new || !keep(fact) {
                continue;
            }
            if let Form::Part(..) = field.form {
                let text = value.to_box();
                self.push(fact, &text);
            } else {
                self.note(fact);
                self.bytes.extend_from_slice(field.bytes);
            }
        }
        self
    }

    /// Whether there is room in a list for this value, and it was not gathered.
    fn lacks(&self, fact: Fact, text: &FactValue<'_>) -> bool {
        if !self.has(fact) {
            return true;
        }
        let mut values = of_kind(&self.bytes, fact).take(MAX_VALUES);
        let mut known = 0;
        values.all(|field| {
            known += 1;
            !value(&self.bytes, field.form, &self.words).is_same(text)
        }) && known < MAX_VALUES
    }

    /// Adds a value to a list, if that does not have it and has room.
    pub fn push_list(&mut self, fact: Fact, text: &[u8]) -> &mut Self {
        if self.lacks(fact, &FactValue { head: &text[..text.len().min(MAX_VALUE)], tail: &[] }) {
            self.push(fact, text);
        }
        self
    }

    /// Whether a field of this kind was gathered.
    pub fn has(&self, fact: Fact) -> bool {
        self.kinds & bit(fact) != 0
    }

    /// Whether this very field was gathered.
    pub fn holds(&self, fact: Fact, text: &[u8]) -> bool {
        Fields(&self.bytes).any(|field| field.fact == fact && value(&self.bytes, field.form, &self.words).is(text))
    }

    /// Whether what was gathered is what the block has.
    pub fn is(&self, block: &Block) -> bool {
        *self.bytes == *block.bytes()
    }

    /// Packs into a block that is there, and says by how many bytes it grew.
    pub fn repack(&self, block: &mut Block) -> isize {
        let before = block.size();
        *block = self.pack();
        block.size() as isize - before as isize
    }

    /// The block.
    pub fn pack(&self) -> Block {
        let answer = if self.has(Fact::Answered) { self.answer } else { self.bytes.len() };
        let mut block = Vec::with_capacity(HEAD + self.bytes.len());
        block.extend_from_slice(&self.kinds.to_le_bytes());
        block.extend_from_slice(&(answer as u32).to_le_bytes());
        block.extend_from_slice(&self.bytes);
        Block(block.into_boxed_slice())
    }

    /// The facts of a block as a probe can read them that does not know the words: a kind, a length in two bytes and the
    /// bytes of each.
    #[must_use]
    pub fn spell(&self, block: &Block) -> Vec<u8> {
        self.spell_some(block, |_| true)
    }

    /// The spelling of those facts for which `keep` says yes.
    pub(super) fn spell_some(&self, block: &Block, keep: impl Fn(Fact) -> bool) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2 * block.size());
        for field in block.fields() {
            if keep(field.fact) {
                let value = value(block.bytes(), field.form, &self.words);
                let [low, high] = ((value.head.len() + value.tail.len()) as u16).to_le_bytes();
                bytes.extend_from_slice(&[field.fact as u8, low, high]);
                bytes.extend_from_slice(value.head);
                bytes.extend_from_slice(value.tail);
            }
        }
        bytes
    }

    /// The block of which this is the [spelling](Packer::spell); nothing if it is none.
    #[must_use]
    pub fn read(&mut self, mut spelled: &[u8]) -> Option<Block> {
        self.clear();
        while !spelled.is_empty() {
            let (fact, value) = next_spelled(&mut spelled)?;
            self.push(fact, value);
        }
        Some(self.pack())
    }
}

/// Takes the next fact off a [spelling](Packer::spell).
pub(super) fn next_spelled<'a>(spelled: &mut &'a [u8]) -> Option<(Fact, &'a [u8])> {
    let ([kind, len @ ..], rest) = spelled.split_first_chunk::<3>()?;
    let (value, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
    *spelled = rest;
    Some((Fact::from_byte(*kind)?, value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts(block: &Block, packer: &Packer) -> Vec<(u8, Vec<u8>)> {
        block.values(packer).map(|(fact, value)| (fact as u8, value.to_box().into_vec())).collect()
    }

    proptest! {
        #[test]
        fn gives_back_what_was_packed(fields in prop::collection::vec((0_u8..Fact::ALL.len() as u8, prop::collection::vec(any::<u8>(), 0..700)), 0..20)) {
            let mut packer = Packer::default();
            // Twice: the second time more of it is shared.
            for _ in 0..2 {
                packer.clear();
                for (kind, value) in &fields {
                    packer.push(Fact::from_byte(*kind).unwrap(), value);
                }
                let block = packer.pack();
                prop_assert_eq!(facts(&block, &packer), &fields[..]);
            }
        }

        #[test]
        fn what_is_shared_reads_as_if_it_were_not(
            dialogs in prop::collection::vec(
                prop::collection::vec((4_u8..Fact::ALL.len() as u8, "<?(sip:)?[ab]{0,2}(@example)?(>|;x)?", any::<bool>()), 0..12), 1..12),
        ) {
            let mut packer = Packer::default();
            let mut blocks = Vec::new();
            for dialog in &dialogs {
                packer.clear();
                for (kind, value, _) in dialog {
                    packer.push(Fact::from_byte(*kind).unwrap(), value.as_bytes());
                }
                let block = packer.pack();
                // From and To are always copied with what may be part of them.
                let kept = |fact: Fact| {
                    fact <= Fact::To || dialog.iter().any(|(kind, _, kept)| *kind == fact as u8 && *kept)
                };
                packer.clear().copy(&block, &kept);
                let copied: Vec<_> = dialog.iter().filter(|field| kept(Fact::from_byte(field.0).unwrap())).collect();
                blocks.push((block, packer.pack(), copied));
            }
            for ((block, copy, copied), dialog) in blocks.into_iter().zip(&dialogs) {
                let plain = |field: &(u8, String, bool)| (field.0, field.1.clone().into_bytes());
                prop_assert_eq!(facts(&block, &packer), dialog.iter().map(plain).collect::<Vec<_>>());
                prop_assert_eq!(facts(&copy, &packer), copied.into_iter().map(plain).collect::<Vec<_>>());
                let mut other = Packer::default();
                let spelled = other.read(&packer.spell(&block)).unwrap();
                prop_assert_eq!(facts(&spelled, &other), facts(&block, &packer));
                for (kind, value, _) in dialog {
                    let fact = Fact::from_byte(*kind).unwrap();
                    packer.clear().copy(&block, |_| true);
                    prop_assert!(packer.holds(fact, value.as_bytes()));
                    prop_assert!(!packer.holds(fact, &[value.as_bytes(), b"\0"].concat()));
                }
            }
        }
    }

    proptest! {
        /// Against every field, one after the other.
        #[test]
        fn what_the_head_says_is_what_the_fields_are(
            key in 2_u8..4,
            hops in 0_usize..3,
            invite in prop::collection::vec((Fact::From as u8..Fact::Answered as u8, 0_usize..300), 0..8),
            answer in prop::option::of(prop::collection::vec((Fact::From as u8..Fact::Answered as u8, 0_usize..9), 0..5)),
        ) {
            let mut packer = Packer::default();
            let fact = |kind: u8| Fact::from_byte(kind).unwrap();
            (0..key).for_each(|kind| _ = packer.push(fact(kind), &[kind; 300][..usize::from(kind) * 150]));
            (0..hops).for_each(|hop| _ = packer.push(Fact::InviteHop, &[hop as u8; 8]));
            invite.iter().for_each(|(kind, len)| _ = packer.push(fact(*kind), &[b'x'; 300][..*len]));
            if let Some(answer) = &answer {
                packer.push(Fact::Answered, b"hops");
                answer.iter().for_each(|(kind, len)| _ = packer.push(fact(*kind), &[b'y'; 9][..*len]));
            }
            let block = packer.pack();
            let all: Vec<_> = block.fields().map(|field| field.bytes).collect();
            prop_assert_eq!(all.concat(), block.bytes());
            for fact in Fact::ALL {
                let fields = || block.fields().filter(|field| field.fact == fact);
                prop_assert_eq!(block.has(fact), fields().count() > 0);
                prop_assert_eq!(of_kind(block.bytes(), fact).count(), fields().count());
                if fact.sharing() == Sharing::Nothing {
                    prop_assert_eq!(block.all_own(fact).count(), fields().count());
                }
            }
            let own = |fact| block.all_own(fact).next();
            let (call_id, first, second) = block.key();
            prop_assert_eq!((Some(call_id), Some(first), second), (own(Fact::CallId), own(Fact::FirstTag), own(Fact::SecondTag)));
            let told = usize::from(key) + hops + invite.len();
            let plain = block.fields().take(told).map(|field| field.bytes).collect::<Vec<_>>().concat();
            for last in [Fact::FirstTag, Fact::SecondTag, Fact::InviteHop] {
                packer.clear().copy_front(&block, last).copy_behind(&block, last);
                prop_assert_eq!(&packer.bytes, &plain);
                prop_assert_eq!(packer.kinds, kinds_in(&plain));
            }
            packer.clear().copy_invite(&block).copy_answer(&block, |_| true);
            prop_assert!(packer.is(&block));
            prop_assert_eq!(packer.pack().0, block.0);
        }
    }

    #[test]
    fn what_every_dialog_says_is_kept_once() {
        let mut packer = Packer::default();
        let mut pack = |user: u32| {
            let of = |before: &str, after: &str| format!("{before}sip:{user}@ims.example.net;user=phone{after}");
            packer.clear().push(Fact::From, of("\"A\" <", ">").as_bytes()).push(Fact::To, of("<", ">").as_bytes());
            packer.push(Fact::RequestUri, of("", "").as_bytes()).push(Fact::CallerAgent, b"IM-client/OMA1.0 Acme/1.0");
            (packer.pack().size(), facts(&packer.pack(), &packer))
        };
        let (first, _) = pack(10);
        let (_, _) = pack(20);
        let (third, values) = pack(30);
        assert!(2 * third < first, "{third} of {first}");
        assert_eq!(values[2].1, b"sip:30@ims.example.net;user=phone");
        assert_eq!(values[3].1, b"IM-client/OMA1.0 Acme/1.0");
    }

    #[test]
    fn numbers_every_kind() {
        for (index, fact) in Fact::ALL.into_iter().enumerate() {
            assert_eq!(fact as usize, index);
        }
        assert!(Fact::ALL.len() <= usize::from(WORD), "the kind has six bits");
    }

    #[test]
    fn cuts_what_is_too_long() {
        let long = vec![b'x'; 100_000];
        let mut packer = Packer::default();
        let block = packer.push(Fact::CallId, &long).push(Fact::From, &long).pack();
        assert_eq!(block.first(Fact::From, &packer).unwrap().bytes().len(), MAX_VALUE);
        assert_eq!(block.own(Fact::CallId).unwrap().len(), MAX_KEY);
    }
}
