//! A wrapper that keeps personal data out of logs.

use core::fmt;

/// Text from the wire that may name a person: parties, addresses, message text.
///
/// It prints as `…` wherever a log or a panic would show it; [`Private::reveal`] is the one way to the value, and is
/// called where a record leaves for the Charging Enabler or the operator's own output, and in debug logs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Private<T>(T);

impl<T> Private<T> {
    /// Wraps a value read from the wire.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for a reader who is entitled to it.
    pub const fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Private<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}
