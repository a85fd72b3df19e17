//! Searches in a few bytes, in line: to call and set up a vector search costs more than it saves in the forty bytes of a
//! header line.

use crate::sip::mask::Block;

/// Where a byte stands first.
#[inline]
pub(super) fn find(byte: u8, text: &[u8]) -> Option<usize> {
    first(text, |block| block.equal(byte), |other| other == byte)
}

/// Whether a byte stands in a text that is told by its block, or alone.
#[inline]
pub(super) fn has(text: &[u8], places: impl Fn(Block) -> u32, is: impl Fn(u8) -> bool) -> bool {
    first(text, places, is).is_some()
}

/// Where the first of two bytes stands.
#[inline]
pub(super) fn find_either(bytes: [u8; 2], text: &[u8]) -> Option<usize> {
    first(text, |block| block.equal(bytes[0]) | block.equal(bytes[1]), |other| bytes.contains(&other))
}

/// Where the first byte is that `places` finds in its block, and `is` alone.
#[inline(always)]
fn first(text: &[u8], places: impl Fn(Block) -> u32, is: impl Fn(u8) -> bool) -> Option<usize> {
    let (blocks, _) = text.as_chunks::<16>();
    let mut at = 0;
    for block in blocks {
        let found = places(Block::new(block));
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize);
        }
        at += 16;
    }
    // The last sixteen: of them those that were seen have none.
    if let Some(block) = text.last_chunk() {
        let found = places(Block::new(block));
        return (found != 0).then(|| text.len() - 16 + found.trailing_zeros() as usize);
    }
    // Eight from each end.
    if let (Some(begin), Some(end)) = (text.first_chunk(), text.last_chunk()) {
        let found = places(Block::halves(*begin, *end));
        let at = (found != 0).then(|| found.trailing_zeros() as usize)?;
        return Some(if at < 8 { at } else { text.len() + at - 16 });
    }
    text.iter().position(|byte| is(*byte))
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
        }

        #[test]
        fn finds_the_first_of_near_bytes(text in prop::collection::vec(b'8'..=b'<', 0..60)) {
            for byte in b'7'..=b'=' {
                let either = text.iter().position(|other| *other == byte || *other == b':');
                prop_assert_eq!(find_either([byte, b':'], &text), either);
                prop_assert_eq!(find(byte, &text), text.iter().position(|other| *other == byte));
            }
        }

        #[test]
        fn sees_every_byte_that_is_meant(text in prop::collection::vec(any::<u8>(), 0..60), bits in any::<u8>()) {
            for text in [text.clone(), text.iter().map(|byte| byte | bits).collect()] {
                let blank = |byte| byte <= b' ';
                prop_assert_eq!(has(&text, Block::blank, blank), text.iter().any(|byte| blank(*byte)));
            }
        }
    }
}
