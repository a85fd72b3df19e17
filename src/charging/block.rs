//! What a dialog keeps of its messages, in one packed block.
//!
//! Three hundred thousand open sessions with a dozen strings each would be millions of small allocations. A block is one
//! exact allocation: fields one after the other, each a kind, a length and its bytes.

use serde::{Deserialize, Serialize};

/// What a field of a block is. The order of the variants is the order in which a block keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Fact {
    CallId,
    /// Tag of the side that sent the INVITE, or, while the INVITE is unknown, of whoever was seen first.
    FirstTag,
    /// Tag of the other side; a dialog without this field is an attempt.
    SecondTag,
    /// Hop and branch of an INVITE, as two 32-bit hashes; kept until the dialog is confirmed.
    InviteHop,
    From,
    To,
    RequestUri,
    CallerAsserted,
    CalleeAsserted,
    ServedUser,
    CallerAgent,
    CalleeAgent,
    CallerInstance,
    CalleeInstance,
    CommunicationService,
    FeatureTag,
    Priority,
    CallerAccess,
    CalleeAccess,
    Cellular,
    Visited,
    ChargingFunctions,
    Icid,
    IcidGeneratedAt,
    OriginatingIoi,
    TerminatingIoi,
    TransitIoi,
    RelatedIcid,
    SessionId,
    ContributionId,
    ConversationId,
    InReplyToContributionId,
    Configured,
    /// One m= section of the latest answered SDP, as [`Media`](super::Media) packs itself.
    Media,
    /// Address of the charging point: port, then 4 or 16 bytes.
    Node,
}

impl Fact {
    const ALL: [Self; 35] = [
        Self::CallId,
        Self::FirstTag,
        Self::SecondTag,
        Self::InviteHop,
        Self::From,
        Self::To,
        Self::RequestUri,
        Self::CallerAsserted,
        Self::CalleeAsserted,
        Self::ServedUser,
        Self::CallerAgent,
        Self::CalleeAgent,
        Self::CallerInstance,
        Self::CalleeInstance,
        Self::CommunicationService,
        Self::FeatureTag,
        Self::Priority,
        Self::CallerAccess,
        Self::CalleeAccess,
        Self::Cellular,
        Self::Visited,
        Self::ChargingFunctions,
        Self::Icid,
        Self::IcidGeneratedAt,
        Self::OriginatingIoi,
        Self::TerminatingIoi,
        Self::TransitIoi,
        Self::RelatedIcid,
        Self::SessionId,
        Self::ContributionId,
        Self::ConversationId,
        Self::InReplyToContributionId,
        Self::Configured,
        Self::Media,
        Self::Node,
    ];

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}

/// Longest value kept of one field, in bytes: a header may be 64 KiB long, and a table of dialogs must not be. What is
/// longer is cut; Call-ID and tags, which identify, are kept to [`MAX_KEY`] and compared by their kept part.
pub(super) const MAX_VALUE: usize = 1024;
/// Longest Call-ID or tag kept.
pub(super) const MAX_KEY: usize = 4096;

/// A packed, immutable list of facts.
///
/// Invariant: the bytes are a sequence of whole fields (kind, length as one byte below 255 or as 255 and two bytes,
/// value), made by [`Packer`] alone.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Block(Box<[u8]>);

impl Block {
    /// The first value of this kind.
    pub fn first(&self, fact: Fact) -> Option<&[u8]> {
        self.all(fact).next()
    }

    /// Every value of this kind, in the order in which they were packed.
    pub fn all(&self, fact: Fact) -> impl Iterator<Item = &[u8]> {
        self.fields().filter(move |field| field.0 == fact).map(|field| field.1)
    }

    /// Bytes it takes, without the allocator's share.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// Every field.
    pub fn fields(&self) -> Fields<'_> {
        Fields(&self.0)
    }
}

/// Iterator over the fields of a block.
pub struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (Fact, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&kind, rest) = self.0.split_first()?;
        let (&short, rest) = rest.split_first()?;
        let (len, rest) = if short < LONG {
            (usize::from(short), rest)
        } else {
            let (len, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_le_bytes(*len)), rest)
        };
        let (value, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((Fact::from_byte(kind)?, value))
    }
}

/// Length byte that says that two more bytes of length follow.
const LONG: u8 = 255;

/// Gathers fields into a buffer that is used again and again, then packs them exactly.
#[derive(Default)]
pub struct Packer {
    bytes: Vec<u8>,
    /// The kinds gathered so far, one bit each.
    kinds: u64,
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
        self.kinds |= 1 << fact as u8;
        self.bytes.push(fact as u8);
        match u8::try_from(value.len()) {
            Ok(len) if len < LONG => self.bytes.push(len),
            _ => {
                self.bytes.push(LONG);
                self.bytes.extend_from_slice(&(value.len() as u16).to_le_bytes());
            }
        }
        self.bytes.extend_from_slice(value);
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

    /// Adds the fields of a block for which `keep` says yes.
    pub fn copy(&mut self, block: &Block, mut keep: impl FnMut(Fact) -> bool) -> &mut Self {
        for (fact, value) in block.fields() {
            if keep(fact) {
                self.push(fact, value);
            }
        }
        self
    }

    /// Whether a field of this kind was gathered.
    pub fn has(&self, fact: Fact) -> bool {
        self.kinds & (1 << fact as u8) != 0
    }

    /// Whether this very field was gathered.
    pub fn holds(&self, fact: Fact, value: &[u8]) -> bool {
        Fields(&self.bytes).any(|field| field == (fact, value))
    }

    /// Whether what was gathered is what the block has.
    pub fn is(&self, block: &Block) -> bool {
        *self.bytes == *block.0
    }

    /// Packs into a block that is there, and says by how many bytes it grew.
    pub fn repack(&self, block: &mut Block) -> isize {
        let before = block.size();
        *block = self.pack();
        block.size() as isize - before as isize
    }

    /// The block.
    pub fn pack(&self) -> Block {
        Block(self.bytes.as_slice().into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn gives_back_what_was_packed(fields in prop::collection::vec((0_u8..35, prop::collection::vec(any::<u8>(), 0..700)), 0..20)) {
            let mut packer = Packer::default();
            for (kind, value) in &fields {
                packer.push(Fact::from_byte(*kind).unwrap(), value);
            }
            let block = packer.pack();
            let back: Vec<_> = block.fields().map(|(fact, value)| (fact as u8, value.to_vec())).collect();
            prop_assert_eq!(back, fields);
        }
    }

    #[test]
    fn numbers_every_kind() {
        for (index, fact) in Fact::ALL.into_iter().enumerate() {
            assert_eq!(fact as usize, index);
        }
    }

    #[test]
    fn cuts_what_is_too_long() {
        let long = vec![b'x'; 100_000];
        let block = Packer::default().push(Fact::From, &long).push(Fact::CallId, &long).pack();
        assert_eq!(block.first(Fact::From).unwrap().len(), MAX_VALUE);
        assert_eq!(block.first(Fact::CallId).unwrap().len(), MAX_KEY);
    }
}
