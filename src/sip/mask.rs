//! Sixteen bytes compared at once: where in them a byte stands, as bits, the first lowest.
//!
//! SSE2 is part of every x86-64. Elsewhere two words do the same (a test compares both with the plain way).

/// Sixteen bytes to compare.
#[derive(Clone, Copy)]
pub(super) struct Block(imp::Block);

impl Block {
    #[inline(always)]
    pub(super) fn new(bytes: &[u8; 16]) -> Self {
        Self(imp::Block::new(bytes))
    }

    /// Eight bytes, and eight that need not follow them.
    #[inline(always)]
    pub(super) fn halves(low: [u8; 8], high: [u8; 8]) -> Self {
        Self(imp::Block::halves(u64::from_le_bytes(low), u64::from_le_bytes(high)))
    }

    /// Where a byte stands.
    #[inline(always)]
    pub(super) fn equal(self, byte: u8) -> u32 {
        self.0.equal(byte)
    }

    /// Where a control or a blank stands: a byte that is no more than a space.
    #[inline(always)]
    pub(super) fn blank(self) -> u32 {
        self.0.blank()
    }

    /// Whether these are the bytes, after those of `bits` are set in each.
    #[inline(always)]
    pub(super) fn is_with(self, bits: &[u8; 16], bytes: &[u8; 16]) -> bool {
        self.0.is_with(imp::Block::new(bits), imp::Block::new(bytes))
    }
}

/// Where a byte stands in 64 bytes.
#[inline(always)]
pub(super) fn equal_64(bytes: &[u8; 64], byte: u8) -> u64 {
    let (blocks, _) = bytes.as_chunks::<16>();
    blocks.iter().rev().fold(0, |places, block| places << 16 | u64::from(Block::new(block).equal(byte)))
}

#[cfg(target_arch = "x86_64")]
use sse2 as imp;
#[cfg(not(target_arch = "x86_64"))]
use words as imp;

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use safe_arch::{cmp_eq_mask_i8_m128i, m128i, min_u8_m128i, move_mask_i8_m128i, set_i64_m128i, set_splat_i8_m128i};

    #[derive(Clone, Copy)]
    pub(super) struct Block(m128i);

    impl Block {
        #[inline(always)]
        pub(super) fn new(bytes: &[u8; 16]) -> Self {
            Self(safe_arch::load_unaligned_m128i(bytes))
        }

        #[inline(always)]
        pub(super) fn halves(low: u64, high: u64) -> Self {
            Self(set_i64_m128i(high as i64, low as i64))
        }

        #[inline(always)]
        pub(super) fn equal(self, byte: u8) -> u32 {
            move_mask_i8_m128i(cmp_eq_mask_i8_m128i(self.0, set_splat_i8_m128i(byte as i8))) as u32
        }

        #[inline(always)]
        pub(super) fn blank(self) -> u32 {
            let least = min_u8_m128i(self.0, set_splat_i8_m128i(b' ' as i8));
            move_mask_i8_m128i(cmp_eq_mask_i8_m128i(self.0, least)) as u32
        }

        #[inline(always)]
        pub(super) fn is_with(self, bits: Self, bytes: Self) -> bool {
            move_mask_i8_m128i(cmp_eq_mask_i8_m128i(self.0 | bits.0, bytes.0)) == 0xffff
        }
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
mod words {
    /// The lowest bits, or the highest, of all bytes.
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    const HIGH: u64 = !LOW;

    #[derive(Clone, Copy)]
    pub(super) struct Block([u64; 2]);

    impl Block {
        #[inline(always)]
        pub(super) fn new(bytes: &[u8; 16]) -> Self {
            let both = u128::from_le_bytes(*bytes);
            Self::halves(both as u64, (both >> 64) as u64)
        }

        #[inline(always)]
        pub(super) fn halves(low: u64, high: u64) -> Self {
            Self([low, high])
        }

        #[inline(always)]
        pub(super) fn equal(self, byte: u8) -> u32 {
            let same = u64::from_ne_bytes([byte; 8]);
            // No carry leaves a byte, so that each is told exactly.
            self.places(|word| !((((word ^ same) & LOW) + LOW) | (word ^ same)))
        }

        #[inline(always)]
        pub(super) fn blank(self) -> u32 {
            const ABOVE: u64 = u64::from_ne_bytes([0x7f - b' '; 8]);
            self.places(|word| !(((word & LOW) + ABOVE) | word))
        }

        #[inline(always)]
        pub(super) fn is_with(self, bits: Self, bytes: Self) -> bool {
            self.0[0] | bits.0[0] == bytes.0[0] && self.0[1] | bits.0[1] == bytes.0[1]
        }

        /// The highest bits of the bytes, gathered.
        #[inline(always)]
        fn places(self, marked: impl Fn(u64) -> u64) -> u32 {
            let [low, high] = self.0.map(|word| ((marked(word) & HIGH) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56);
            (low | high << 8) as u32
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_are_those_of_a_plain_search(bytes: [u8; 64], bits: u8, byte: u8) {
            for bytes in [bytes, bytes.map(|byte| byte & bits), bytes.map(|byte| byte | bits)] {
                let plainly = |is: &dyn Fn(u8) -> bool| {
                    bytes.iter().rev().fold(0u64, |places, byte| places << 1 | u64::from(is(*byte)))
                };
                let first = bytes.first_chunk().unwrap();
                let with = first.map(|byte| byte | bits);
                for other in [with, with.map(|byte| byte ^ (byte == with[3]) as u8)] {
                    prop_assert_eq!(Block::new(first).is_with(&[bits; 16], &other), with == other);
                    let [first, bits, bytes] = [*first, [bits; 16], other].map(|bytes| words::Block::new(&bytes));
                    prop_assert_eq!(first.is_with(bits, bytes), with == other);
                }
                let blank = plainly(&|byte| byte <= b' ') as u16;
                prop_assert_eq!(Block::new(first).blank(), u32::from(blank));
                prop_assert_eq!(words::Block::new(first).blank(), u32::from(blank));
                for wanted in [byte, byte & bits, bytes[5], b'\n', 0, 0xff] {
                    let places = plainly(&|byte| byte == wanted);
                    prop_assert_eq!(equal_64(&bytes, wanted), places);
                    prop_assert_eq!(Block::new(first).equal(wanted), u32::from(places as u16));
                    prop_assert_eq!(words::Block::new(first).equal(wanted), u32::from(places as u16));
                }
            }
        }
    }
}
