//! Searches in a few bytes, in line: to call and set up a vector search costs more than it saves in the forty bytes of a
//! header line.

/// The same byte in each place of a word.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The places of the bytes of `word` that are below `bound` (at most 0x80), as their highest bits. The lowest place is
/// exact; above it a borrow may mark others.
const fn below(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(each(bound)) & !word & each(0x80)
}

/// The places of a byte in a word, in the same way.
#[inline]
pub(super) const fn places(word: u64, byte: u8) -> u64 {
    below(word ^ each(byte), 1)
}

/// Where a byte stands first.
#[inline]
pub(super) fn find(byte: u8, text: &[u8]) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        let found = places(u64::from_le_bytes(*word), byte);
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    Some(at + rest.iter().position(|other| *other == byte)?)
}

/// The same in a text that may be long: sixteen bytes at a time.
#[inline]
pub(super) fn find_far<const BYTE: u8>(text: &[u8]) -> Option<usize> {
    let (chunks, rest) = text.as_chunks::<16>();
    let mut at = 0;
    for chunk in chunks {
        if has(chunk, |other| other == BYTE) {
            return Some(at + find(BYTE, chunk)?);
        }
        at += 16;
    }
    Some(at + find(BYTE, rest)?)
}

/// Whether a byte is among them that `is` is true of: a few comparisons, joined without a branch.
#[inline]
pub(super) fn has_any(text: &[u8], is: impl Fn(u8) -> bool) -> bool {
    let (chunks, rest) = text.as_chunks::<16>();
    if chunks.iter().any(|chunk| has(chunk, &is)) {
        return true;
    }
    match text.last_chunk::<16>() {
        _ if rest.is_empty() => false,
        // Some of them for a second time, which is cheaper than the rest one by one.
        Some(chunk) => has(chunk, &is),
        None => rest.iter().any(|byte| is(*byte)),
    }
}

/// Without a branch, so that the compiler compares all sixteen at once.
#[inline(always)]
fn has(chunk: &[u8; 16], is: impl Fn(u8) -> bool) -> bool {
    chunk.iter().fold(false, |has, byte| has | is(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(text in prop::collection::vec(any::<u8>(), 0..60), byte in any::<u8>()) {
            for byte in text.iter().copied().chain([byte, b'\n', 0, 0xff]) {
                prop_assert_eq!(find(byte, &text), text.iter().position(|other| *other == byte));
            }
            prop_assert_eq!(find_far::<b'\n'>(&text), text.iter().position(|other| *other == b'\n'));
        }

        #[test]
        fn finds_the_first_of_near_bytes(text in prop::collection::vec(b'8'..=b'<', 0..60)) {
            for byte in b'7'..=b'=' {
                prop_assert_eq!(find(byte, &text), text.iter().position(|other| *other == byte));
            }
            prop_assert_eq!(find_far::<b';'>(&text), text.iter().position(|other| *other == b';'));
        }

        #[test]
        fn sees_every_byte_that_is_meant(text in prop::collection::vec(any::<u8>(), 0..60), bits in any::<u8>()) {
            for text in [text.clone(), text.iter().map(|byte| byte | bits).collect()] {
                for is in [|byte| byte <= b' ', |byte| matches!(byte, b'"' | b'<')] {
                    prop_assert_eq!(has_any(&text, is), text.iter().any(|byte| is(*byte)));
                }
            }
        }
    }
}
