//! Wire bytes as protobuf text, without loss.
//!
//! Protobuf text is UTF-8; SIP header values need not be. Bytes that are not UTF-8 become `\xNN` (lower-case hex) and a
//! backslash becomes `\\`; everything else stands for itself. Undoing both gives the bytes back.

use core::fmt::Write;
use std::borrow::Cow;

/// Whether these bytes are ASCII without a backslash, as nearly all are: they stand for themselves. Told a word at a time.
#[inline]
pub(super) fn is_plain(bytes: &[u8]) -> bool {
    const LOW: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let (words, rest) = bytes.as_chunks::<8>();
    let odd = words.iter().fold(0, |odd, word| {
        let word = u64::from_ne_bytes(*word);
        let other = word ^ (LOW * b'\\' as u64);
        // Above the first zero byte of `other` a borrow may mark more; that there is one is exact.
        odd | word | (other.wrapping_sub(LOW) & !other)
    });
    odd & HIGH == 0 && rest.iter().all(|byte| byte.is_ascii() && *byte != b'\\')
}

/// Text that stands for these bytes.
#[must_use]
pub fn escape(bytes: &[u8]) -> Cow<'_, str> {
    if memchr::memchr(b'\\', bytes).is_none()
        && let Ok(text) = core::str::from_utf8(bytes)
    {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        for (index, part) in chunk.valid().split('\\').enumerate() {
            if index > 0 {
                text.push_str(r"\\");
            }
            text.push_str(part);
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, r"\x{byte:02x}");
        }
    }
    Cow::Owned(text)
}

/// The bytes that this text stands for; nothing when a backslash is followed by anything but `\` or `xNN`.
#[must_use]
pub fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, escaped) = rest.split_at(at);
        bytes.extend_from_slice(plain);
        rest = match escaped {
            [_, b'\\', rest @ ..] => {
                bytes.push(b'\\');
                rest
            }
            [_, b'x', high, low, rest @ ..] => {
                bytes.push(hex_digit(*high)? << 4 | hex_digit(*low)?);
                rest
            }
            _ => return None,
        };
    }
    bytes.extend_from_slice(rest);
    Some(bytes)
}

/// Value of a lower-case hexadecimal digit.
pub(crate) fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn writes_what_the_contract_says() {
        assert_eq!(escape("Zoë 😀".as_bytes()), "Zoë 😀");
        assert_eq!(escape(b"J\xfcrgen"), r"J\xfcrgen");
        assert_eq!(escape(br"a\xff"), r"a\\xff");
        assert_eq!(escape(b"\xe2\x82"), r"\xe2\x82");
    }

    #[test]
    fn refuses_what_it_never_writes() {
        for text in [r"\", r"\y", r"\x", r"\xf", r"\xFF", r"\xzz"] {
            assert_eq!(unescape(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn plain_is_what_stands_for_itself(bytes in prop::collection::vec(any::<u8>(), 0..40), bits in any::<u8>()) {
            for bytes in [bytes.clone(), bytes.iter().map(|byte| byte & 0x7f & bits | 0x50).collect()] {
                prop_assert_eq!(is_plain(&bytes), bytes.is_ascii() && !bytes.contains(&b'\\'));
            }
        }

        #[test]
        fn gives_the_bytes_back(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\\'), Just(b'x')], 0..40)) {
            prop_assert_eq!(unescape(&escape(&bytes)), Some(bytes));
        }
    }
}
