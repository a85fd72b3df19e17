//! The fields of a protobuf message, one after the other, as they lie in its bytes.

/// One field's value. Groups are gone from protobuf, and their wire types with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ch1) enum Value<'a> {
    Varint(u64),
    /// A text, a message, or packed numbers.
    Bytes(&'a [u8]),
    /// 32 or 64 bits; the contract has no such field, a later one may.
    Fixed,
}

/// The bytes are no protobuf message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a protobuf message")]
pub(in crate::ch1) struct Malformed;

/// Number and value of each field; ends at the first that cannot be read.
#[derive(Clone)]
pub(in crate::ch1) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(in crate::ch1) const fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// What was not read yet.
    #[cfg(test)]
    pub(in crate::ch1) const fn rest(&self) -> &'a [u8] {
        self.0
    }

    #[inline(always)]
    fn varint(&mut self) -> Option<u64> {
        // Nearly every key, length and number takes one byte or two.
        match self.0 {
            [byte @ 0..0x80, rest @ ..] => {
                self.0 = rest;
                return Some(u64::from(*byte));
            }
            [low, high @ 0..0x80, rest @ ..] => {
                self.0 = rest;
                return Some(u64::from(*low & 0x7f) | u64::from(*high) << 7);
            }
            _ => {}
        }
        self.long_varint()
    }

    #[cold]
    fn long_varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            // Of the tenth byte one bit fits; prost refuses more, and so do we.
            if shift == 63 && *byte > 1 {
                return None;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    #[inline]
    fn field(&mut self) -> Option<(u32, Value<'a>)> {
        let key = u32::try_from(self.varint()?).ok()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.bytes(8).map(|_| Value::Fixed)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.bytes(length)?)
            }
            5 => self.bytes(4).map(|_| Value::Fixed)?,
            _ => return None,
        };
        (key >= 8).then_some((key >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or(Malformed))
    }
}
