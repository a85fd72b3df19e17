//! The fields of a [`Block`](super::Block): how a fact is kept, and how it is found.

use std::borrow::Cow;

use super::fact::Fact;
use super::words::Words;

/// A value, in the two pieces in which it may be kept.
#[derive(Clone, Copy, Default)]
pub struct FactValue<'a> {
    pub(super) head: &'a [u8],
    pub(super) tail: &'a [u8],
}

impl<'a> FactValue<'a> {
    /// All its bytes.
    #[must_use]
    pub fn bytes(&self) -> Cow<'a, [u8]> {
        match (self.head, self.tail) {
            (whole, []) | ([], whole) => Cow::Borrowed(whole),
            (head, tail) => Cow::Owned([head, tail].concat()),
        }
    }

    /// All its bytes, in an allocation of their own.
    #[must_use]
    pub fn to_box(&self) -> Box<[u8]> {
        let mut bytes = Vec::with_capacity(self.head.len() + self.tail.len());
        bytes.extend_from_slice(self.head);
        bytes.extend_from_slice(self.tail);
        bytes.into_boxed_slice()
    }

    /// Whether these are its bytes.
    #[must_use]
    pub fn is(&self, text: &[u8]) -> bool {
        text.strip_prefix(self.head).is_some_and(|rest| rest == self.tail)
    }

    pub(super) fn is_same(&self, other: &FactValue<'_>) -> bool {
        let (short, long) = if self.head.len() <= other.head.len() { (self, other) } else { (other, self) };
        let between = long.head.strip_prefix(short.head);
        between.and_then(|between| short.tail.strip_prefix(between)).is_some_and(|rest| rest == long.tail)
    }

    /// The part of `len` bytes from `start` on.
    pub(super) fn part(&self, start: usize, len: usize) -> Option<Self> {
        let end = start.checked_add(len)?;
        let split = self.head.len();
        Some(Self {
            head: self.head.get(start.min(split)..end.min(split))?,
            tail: self.tail.get(start.saturating_sub(split)..end.saturating_sub(split))?,
        })
    }
}

/// The bit of a kind.
pub(super) const fn bit(fact: Fact) -> u64 {
    1 << fact as u8
}

/// The kinds of these fields, one bit each.
pub(super) fn kinds_in(mut fields: &[u8]) -> u64 {
    let mut kinds = 0;
    while let Some((kind, _, rest)) = split_field(fields) {
        kinds |= 1 << kind;
        fields = rest;
    }
    kinds
}

/// Takes a field off the front, if it is of this kind, and is kept as it is.
pub(super) fn take_own<'a>(rest: &mut &'a [u8], fact: Fact) -> Option<&'a [u8]> {
    let [kind, short, after @ ..] = *rest else { return None };
    if *kind != fact as u8 | OWN {
        return None;
    }
    let (value, after) = if *short < LONG {
        after.split_at_checked(usize::from(*short))?
    } else {
        let (len, after) = after.split_first_chunk::<2>()?;
        after.split_at_checked(usize::from(u16::from_le_bytes(*len)))?
    };
    *rest = after;
    Some(value)
}

/// How a field keeps its value.
#[derive(Clone, Copy)]
pub(super) enum Form<'a> {
    /// As it is: a length, as one byte below 255 or as 255 and two bytes, and the bytes.
    Own(&'a [u8]),
    /// With a word at its end: a length byte, so many bytes, and the number of the word in two.
    Word(&'a [u8], u16),
    /// As a part of the first value of another fact of the block: that fact, where it starts, and its length, a byte each.
    Part(Fact, u8, u8),
}

pub(super) const OWN: u8 = 0;
pub(super) const WORD: u8 = 1 << 6;
pub(super) const PART: u8 = 2 << 6;
pub(super) const FORM: u8 = 3 << 6;

#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) fact: Fact,
    pub(super) form: Form<'a>,
    /// The whole field.
    pub(super) bytes: &'a [u8],
}

/// Iterator over the fields of a block.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        let (&kind, rest) = self.0.split_first()?;
        let (&short, rest) = rest.split_first()?;
        let (form, rest) = match kind & FORM {
            OWN => {
                let (len, rest) = if short < LONG {
                    (usize::from(short), rest)
                } else {
                    let (len, rest) = rest.split_first_chunk::<2>()?;
                    (usize::from(u16::from_le_bytes(*len)), rest)
                };
                let (value, rest) = rest.split_at_checked(len)?;
                (Form::Own(value), rest)
            }
            WORD => {
                let (head, rest) = rest.split_at_checked(usize::from(short))?;
                let (number, rest) = rest.split_first_chunk::<2>()?;
                (Form::Word(head, u16::from_le_bytes(*number)), rest)
            }
            _ => {
                let ([start, len], rest) = rest.split_first_chunk::<2>()?;
                (Form::Part(Fact::from_byte(short)?, *start, *len), rest)
            }
        };
        let bytes = self.0.get(..self.0.len() - rest.len())?;
        self.0 = rest;
        Some(Field { fact: Fact::from_byte(kind & !FORM)?, form, bytes })
    }
}

/// The kind of the first field, the bytes of that field, and what follows it.
#[inline]
pub(super) fn split_field(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [kind, short, after @ ..] = bytes else { return None };
    let length = match kind & FORM {
        OWN if *short < LONG => 2 + usize::from(*short),
        OWN => 4 + usize::from(u16::from_le_bytes(*after.first_chunk()?)),
        WORD => 4 + usize::from(*short),
        _ => 4,
    };
    let (field, rest) = bytes.split_at_checked(length)?;
    Some((kind & !FORM, field, rest))
}

/// The fields of a kind; the others are only stepped over.
pub(super) fn of_kind(mut bytes: &[u8], fact: Fact) -> impl Iterator<Item = Field<'_>> {
    core::iter::from_fn(move || {
        loop {
            let (kind, field, rest) = split_field(bytes)?;
            bytes = rest;
            if kind == fact as u8 {
                return Fields(field).next();
            }
        }
    })
}

pub(super) fn first<'a>(block: &'a [u8], fact: Fact, words: &'a Words) -> Option<FactValue<'a>> {
    of_kind(block, fact).next().map(|field| value(block, field.form, words))
}

/// The value that a form in this block stands for.
pub(super) fn value<'a>(block: &'a [u8], form: Form<'a>, words: &'a Words) -> FactValue<'a> {
    match form {
        Form::Own(head) => FactValue { head, tail: &[] },
        Form::Word(head, number) => FactValue { head, tail: words.word(number) },
        Form::Part(of, start, len) => {
            let whole = of_kind(block, of).next().map(|field| match field.form {
                Form::Own(head) => FactValue { head, tail: &[] },
                Form::Word(head, number) => FactValue { head, tail: words.word(number) },
                // A part of a part is never made.
                Form::Part(..) => FactValue::default(),
            });
            whole.and_then(|whole| whole.part(usize::from(start), usize::from(len))).unwrap_or_default()
        }
    }
}

/// Length byte that says that two more bytes of length follow.
pub(super) const LONG: u8 = 255;
