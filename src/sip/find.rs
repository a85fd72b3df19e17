//! Searches in a few bytes: eight at a time, where setting up a vector search costs more than it saves.

/// The same byte in each place of a word.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The places of the bytes of `word` that are below `bound` (at most 0x80), as their highest bits. The lowest place is
/// exact; above it a borrow may mark others.
const fn below(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(each(bound)) & !word & each(0x80)
}

/// Where a byte stands first.
#[inline]
pub(super) fn find(byte: u8, text: &[u8]) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        let found = below(u64::from_le_bytes(*word) ^ each(byte), 1);
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    Some(at + rest.iter().position(|other| *other == byte)?)
}

/// Whether a space or a control character is among them: a hint that a closer look is due.
#[inline]
pub(super) fn has_blank(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks::<8>();
    words.iter().any(|word| below(u64::from_le_bytes(*word), b'!') != 0) || rest.iter().any(|byte| *byte <= b' ')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(text in prop::collection::vec(any::<u8>(), 0..40), byte in any::<u8>()) {
            for byte in text.iter().copied().chain([byte, b'\n', 0, 0xff]) {
                prop_assert_eq!(find(byte, &text), text.iter().position(|other| *other == byte));
            }
        }

        #[test]
        fn finds_the_first_of_near_bytes(text in prop::collection::vec(b'8'..=b'<', 0..40)) {
            for byte in b'7'..=b'=' {
                prop_assert_eq!(find(byte, &text), text.iter().position(|other| *other == byte));
            }
        }

        #[test]
        fn sees_every_blank(text in prop::collection::vec(any::<u8>(), 0..40), bits in any::<u8>()) {
            for text in [text.clone(), text.iter().map(|byte| byte | bits).collect()] {
                prop_assert_eq!(has_blank(&text), text.iter().any(|byte| *byte <= b' '));
            }
        }
    }
}
