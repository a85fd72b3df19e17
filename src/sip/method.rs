//! SIP methods.

use core::fmt;

/// A method: case-sensitive (RFC 3261 §7.1), so `invite` is another method than `INVITE`, and `RE%47ISTER` than REGISTER.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method<'a> {
    Invite,
    Ack,
    Bye,
    Cancel,
    Register,
    Options,
    Info,
    Update,
    Prack,
    Message,
    Subscribe,
    Notify,
    Refer,
    Publish,
    /// Any other token, as sent.
    Other(&'a [u8]),
}

impl<'a> Method<'a> {
    /// The method a token names.
    #[must_use]
    #[inline]
    pub fn new(token: &'a [u8]) -> Self {
        Self::named(token).unwrap_or(Self::Other(token))
    }

    /// The method of that name, where it is one of those that have a name here.
    #[inline]
    pub(super) fn named(token: &[u8]) -> Option<Self> {
        Some(match token {
            b"INVITE" => Self::Invite,
            b"ACK" => Self::Ack,
            b"BYE" => Self::Bye,
            b"CANCEL" => Self::Cancel,
            b"REGISTER" => Self::Register,
            b"OPTIONS" => Self::Options,
            b"INFO" => Self::Info,
            b"UPDATE" => Self::Update,
            b"PRACK" => Self::Prack,
            b"MESSAGE" => Self::Message,
            b"SUBSCRIBE" => Self::Subscribe,
            b"NOTIFY" => Self::Notify,
            b"REFER" => Self::Refer,
            b"PUBLISH" => Self::Publish,
            _ => return None,
        })
    }

    /// The token, as sent.
    #[must_use]
    pub const fn token(&self) -> &'a [u8] {
        match self {
            Self::Invite => b"INVITE",
            Self::Ack => b"ACK",
            Self::Bye => b"BYE",
            Self::Cancel => b"CANCEL",
            Self::Register => b"REGISTER",
            Self::Options => b"OPTIONS",
            Self::Info => b"INFO",
            Self::Update => b"UPDATE",
            Self::Prack => b"PRACK",
            Self::Message => b"MESSAGE",
            Self::Subscribe => b"SUBSCRIBE",
            Self::Notify => b"NOTIFY",
            Self::Refer => b"REFER",
            Self::Publish => b"PUBLISH",
            Self::Other(token) => token,
        }
    }
}

impl fmt::Debug for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.token().escape_ascii())
    }
}

/// Whether all of these bytes may. Without a branch for each: a tag has some ten of them, and they nearly always may.
#[inline]
pub(super) fn are_token(text: &[u8]) -> bool {
    let (eights, rest) = text.as_chunks::<8>();
    let all = |text: &[u8]| text.iter().fold(true, |all, byte| all & is_token(*byte));
    eights.iter().all(|eight| all(eight)) && rest.iter().all(|byte| is_token(*byte))
}

/// Whether a byte may stand in a token (RFC 3261 §25.1).
#[inline]
pub(super) const fn is_token(byte: u8) -> bool {
    TOKEN[byte as usize]
}

static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let other = matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        table[byte as usize] = other || byte.is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_gives_its_method_and_back() {
        for token in [
            "INVITE",
            "ACK",
            "BYE",
            "CANCEL",
            "REGISTER",
            "OPTIONS",
            "INFO",
            "UPDATE",
            "PRACK",
            "MESSAGE",
            "SUBSCRIBE",
            "NOTIFY",
            "REFER",
            "PUBLISH",
        ] {
            let method = Method::new(token.as_bytes());
            assert!(!matches!(method, Method::Other(_)), "{token}");
            assert_eq!(method.token(), token.as_bytes());
        }
    }

    #[test]
    fn methods_are_told_apart_by_case() {
        assert_eq!(Method::new(b"bye"), Method::Other(b"bye"));
        assert_ne!(Method::new(b"RE%47IST%45R"), Method::Register);
    }
}
