//! What a dialog keeps of its messages, in one packed block.
//!
//! Three hundred thousand open sessions with a dozen strings each would be millions of small allocations. A block is one
//! exact allocation: fields one after the other. Most values of a network are said over and over: hosts, user agents and
//! services are kept once for all dialogs ([`Words`]), and what a dialog says twice is kept once in it.

use super::fact::{Fact, Sharing};
use super::field::{FactValue, Fields, Form, bit, first, of_kind, split_field, take_own, value};
use super::packer::Packer;

/// A part of a block, by the message that it came with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The key of the dialog, and what the INVITE told: what further branches of it have too.
    Invite,
    /// What the answer and all after it told, of this dialog alone.
    Answer,
}

/// A packed, immutable list of facts.
///
/// Invariant: made by [`Packer`] alone. A head says which kinds there are, so that what is absent is not looked for, and where
/// the answer begins. Then follows a sequence of whole fields: the key and the hops of the INVITE, and then all else. A field
/// begins with its kind and, in the two highest bits, its [form](Form); numbers of words are those of the packer that made it.
#[derive(Clone, Default)]
pub struct Block(pub(super) Box<[u8]>);

/// Bytes of the head: a bit for each kind, and where [`Fact::Answered`] stands among the fields, or would.
pub(super) const HEAD: usize = size_of::<u64>() + size_of::<u32>();

impl Block {
    /// The first value of a kind that is always kept as it is.
    pub fn own(&self, fact: Fact) -> Option<&[u8]> {
        self.all_own(fact).next()
    }

    /// Every value of a kind that is always kept as it is, in the order in which they were packed.
    pub fn all_own(&self, fact: Fact) -> impl Iterator<Item = &[u8]> {
        debug_assert!(fact.sharing() == Sharing::Nothing, "{fact:?}");
        let bytes = match self.has(fact) {
            false => &[],
            // The hops stand before all but the key, and are not looked for behind that.
            true if fact == Fact::InviteHop => self.front(fact).0,
            true => self.bytes(),
        };
        of_kind(bytes, fact).filter_map(|field| if let Form::Own(value) = field.form { Some(value) } else { None })
    }

    /// Whether it has this kind.
    #[must_use]
    pub fn has(&self, fact: Fact) -> bool {
        self.kinds() & bit(fact) != 0
    }

    /// The first value of this kind; `packer` is the one that packed it.
    #[must_use]
    pub fn first<'a>(&'a self, fact: Fact, packer: &'a Packer) -> Option<FactValue<'a>> {
        if self.has(fact) { first(self.bytes(), fact, &packer.words) } else { None }
    }

    /// Every value; `packer` is the one that packed it.
    pub fn values<'a>(&'a self, packer: &'a Packer) -> impl Iterator<Item = (Fact, FactValue<'a>)> {
        self.fields().map(|field| (field.fact, value(self.bytes(), field.form, &packer.words)))
    }

    /// Call-ID, first tag and, of a dialog, second tag, which stand before all else.
    #[must_use]
    pub fn key(&self) -> (&[u8], &[u8], Option<&[u8]>) {
        let mut rest = self.bytes();
        let call_id = take_own(&mut rest, Fact::CallId).unwrap_or_default();
        let first = take_own(&mut rest, Fact::FirstTag).unwrap_or_default();
        (call_id, first, take_own(&mut rest, Fact::SecondTag))
    }

    /// The Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &[u8] {
        take_own(&mut self.bytes(), Fact::CallId).unwrap_or_default()
    }

    /// Bytes of its facts.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes().len()
    }

    /// The fields at the front up to this kind, and what follows them.
    pub(super) fn front(&self, last: Fact) -> (&[u8], &[u8]) {
        let mut rest = self.bytes();
        while let Some((kind, _, after)) = split_field(rest)
            && kind <= last as u8
        {
            rest = after;
        }
        self.bytes().split_at_checked(self.bytes().len() - rest.len()).unwrap_or_default()
    }

    /// The kinds that it has, one bit each.
    pub(super) fn kinds(&self) -> u64 {
        self.0.first_chunk().map_or(0, |kinds| u64::from_le_bytes(*kinds))
    }

    /// The fields.
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.get(HEAD..).unwrap_or_default()
    }

    pub(super) fn fields(&self) -> Fields<'_> {
        Fields(self.bytes())
    }

    /// The fields of a part; [`Fact::Answered`], which stands between the two, is in neither.
    pub(super) fn part(&self, part: Part) -> Fields<'_> {
        let answer = self.0.get(size_of::<u64>()..).and_then(<[u8]>::first_chunk);
        let answer = answer.map_or(0, |answer| u32::from_le_bytes(*answer) as usize);
        let Some((invite, answer)) = self.bytes().split_at_checked(answer) else { return Fields(&[]) };
        match part {
            Part::Invite => Fields(invite),
            Part::Answer => {
                let mut rest = Fields(answer);
                rest.next();
                rest
            }
        }
    }
}
