//! Bytes that came before something that precedes them.

use std::collections::VecDeque;

use crate::time::Timestamp;

/// Most pieces of one assembler. Beyond it the caller must give up a hole.
///
/// A full 256 KiB of usual segments is 180; more is made of tiny ones, where the cost is not in their bytes.
const PIECES: usize = 256;
/// A segment up to this size is joined to the piece before it, so that a sender of tiny segments needs few pieces. It then
/// lends its time to the whole piece; no message is so small that it would lend it to another.
const TINY: usize = 64;
/// Largest piece that is made by joining.
const JOINED: usize = 1024;
/// What a piece costs beside its bytes.
const PIECE_COST: usize = 64;

/// A run of bytes with nothing missing inside.
#[derive(Debug)]
pub(super) struct Piece {
    /// Sequence number of the first byte.
    pub(super) at: u32,
    /// Capture time of the latest frame that brought some of it.
    pub(super) time: Timestamp,
    pub(super) bytes: Vec<u8>,
}

impl Piece {
    /// Sequence number after the last byte.
    pub(super) fn end(&self) -> u32 {
        self.at.wrapping_add(self.bytes.len() as u32)
    }

    /// Takes off the bytes from `at` on, if there are any; what is before `at` stays and may be nothing.
    pub(super) fn split_off(&mut self, at: u32) -> Option<Self> {
        let keep = at.wrapping_sub(self.at) as i32;
        let keep = usize::try_from(keep).unwrap_or(0);
        let bytes = (keep < self.bytes.len()).then(|| self.bytes.split_off(keep))?;
        Some(Self { at: self.at.wrapping_add(keep as u32), time: self.time, bytes })
    }
}

/// What [`Assembler::insert`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Inserted {
    /// Bytes that were new.
    pub(super) fresh: usize,
    /// Some of the bytes differ from those that were there first, and stay.
    pub(super) differs: bool,
}

/// Pieces in sequence order, bounded by the caller in bytes and by [`PIECES`] in number.
///
/// Invariant: no piece is empty, and no two overlap; in the order of distance from `base`, each ends at or before the
/// start of the next. Distances are below 2^31: the caller turns away what is further.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    pieces: VecDeque<Piece>,
    bytes: usize,
}

impl Assembler {
    /// Puts `bytes` at sequence number `at`, into holes only: where bytes are already, the first ones stay.
    ///
    /// `base` is a sequence number at or before every piece.
    pub(super) fn insert(&mut self, base: u32, at: u32, time: Timestamp, mut bytes: &[u8]) -> Inserted {
        let distance = |at: u32| at.wrapping_sub(base);
        let mut result = Inserted::default();
        let mut at = at;
        let mut index = self.pieces.partition_point(|piece| distance(piece.end()) <= distance(at));
        while !bytes.is_empty() {
            // Up to the next piece there is room.
            let room = self.pieces.get(index).map_or(u32::MAX, |next| distance(next.at).saturating_sub(distance(at)));
            let (new, rest) = bytes.split_at((room as usize).min(bytes.len()));
            if !new.is_empty() {
                result.fresh += new.len();
                index = self.add(index, at, time, new);
                at = at.wrapping_add(new.len() as u32);
            }
            bytes = rest;
            // Then the piece that is there first.
            let Some(next) = self.pieces.get(index).filter(|_| !bytes.is_empty()) else { continue };
            let offset = at.wrapping_sub(next.at) as usize;
            let held = next.bytes.get(offset..).unwrap_or_default();
            let known = held.len().min(bytes.len());
            let (same, rest) = bytes.split_at(known);
            result.differs |= held.get(..known) != Some(same);
            at = at.wrapping_add(known as u32);
            bytes = rest;
            index += 1;
        }
        result
    }

    /// Adds a piece before `index`, or to the end of the one there; returns the index after it.
    fn add(&mut self, index: usize, at: u32, time: Timestamp, bytes: &[u8]) -> usize {
        self.bytes += bytes.len();
        let before = index.checked_sub(1).and_then(|before| self.pieces.get_mut(before));
        let joins = |piece: &&mut Piece| piece.end() == at && piece.bytes.len() + bytes.len() <= JOINED;
        if let Some(before) = before.filter(|_| bytes.len() <= TINY).filter(joins) {
            before.bytes.extend_from_slice(bytes);
            before.time = before.time.max(time);
            return index;
        }
        self.pieces.insert(index, Piece { at, time, bytes: bytes.to_vec() });
        index + 1
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(super) fn first(&self) -> Option<&Piece> {
        self.pieces.front()
    }

    pub(super) fn pieces(&self) -> impl DoubleEndedIterator<Item = &Piece> {
        self.pieces.iter()
    }

    pub(super) fn pop(&mut self) -> Option<Piece> {
        let piece = self.pieces.pop_front()?;
        self.bytes -= piece.bytes.len();
        Some(piece)
    }

    /// Start of the run without holes that holds the byte at `at`.
    pub(super) fn run_start(&self, at: u32) -> Option<u32> {
        let holds = |piece: &Piece| at.wrapping_sub(piece.at) < piece.bytes.len() as u32;
        let index = self.pieces.iter().rposition(holds)?;
        self.run_start_at(index)
    }

    /// Start of the run without holes that ends before `end`.
    pub(super) fn run_before(&self, end: u32) -> Option<u32> {
        let index = self.pieces.iter().rposition(|piece| piece.end() == end)?;
        self.run_start_at(index)
    }

    fn run_start_at(&self, index: usize) -> Option<u32> {
        let mut start = self.pieces.get(index)?.at;
        for before in self.pieces.range(..index).rev() {
            if before.end() != start {
                break;
            }
            start = before.at;
        }
        Some(start)
    }

    /// Copies the beginning of the run that starts at `start` to `out`; returns how many bytes.
    pub(super) fn copy_run(&self, start: u32, out: &mut [u8]) -> usize {
        let (mut next, mut len) = (start, 0);
        for piece in self.pieces.iter().skip_while(|piece| piece.at != start) {
            let Some(room) = out.get_mut(len..).filter(|room| !room.is_empty() && piece.at == next) else { break };
            let part = piece.bytes.len().min(room.len());
            room.iter_mut().zip(&piece.bytes).for_each(|(to, from)| *to = *from);
            len += part;
            next = piece.end();
        }
        len
    }

    /// Puts a whole piece behind all others.
    pub(super) fn push(&mut self, piece: Piece) {
        self.bytes += piece.bytes.len();
        self.pieces.push_back(piece);
    }

    /// Bytes held.
    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_full(&self) -> bool {
        self.pieces.len() >= PIECES
    }

    /// What it takes to keep the pieces, in bytes.
    pub(super) fn cost(&self) -> usize {
        self.bytes + self.pieces.len() * PIECE_COST
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `[10 abc | 20 de]`
    fn shown(assembler: &Assembler) -> String {
        let pieces = assembler.pieces().map(|piece| format!("{} {}", piece.at, String::from_utf8_lossy(&piece.bytes)));
        format!("[{}]", pieces.collect::<Vec<_>>().join(" | "))
    }

    fn put(assembler: &mut Assembler, at: u32, text: &str) -> Inserted {
        assembler.insert(0, at, Timestamp::MIN, text.as_bytes())
    }

    #[test]
    fn keeps_pieces_in_order_and_joins_neighbours() {
        let mut assembler = Assembler::default();
        put(&mut assembler, 20, "de");
        put(&mut assembler, 10, "abc");
        assert_eq!(shown(&assembler), "[10 abc | 20 de]");
        put(&mut assembler, 13, "x");
        assert_eq!(shown(&assembler), "[10 abcx | 20 de]");
        assert_eq!(assembler.len(), 6);
    }

    #[test]
    fn the_first_bytes_stay_and_a_difference_is_told() {
        let mut assembler = Assembler::default();
        put(&mut assembler, 10, "bc");
        put(&mut assembler, 14, "f");
        assert_eq!(put(&mut assembler, 9, "abcdefg"), Inserted { fresh: 4, differs: false });
        assert_eq!(put(&mut assembler, 10, "bX"), Inserted { fresh: 0, differs: true });
        let text: Vec<u8> = assembler.pieces().flat_map(|piece| piece.bytes.clone()).collect();
        assert_eq!(text, b"abcdefg");
    }

    #[test]
    fn large_neighbours_keep_their_own_times() {
        let mut assembler = Assembler::default();
        assembler.insert(0, 0, Timestamp::from_nanos(1), &[b'a'; 65]);
        assembler.insert(0, 65, Timestamp::from_nanos(2), &[b'b'; 65]);
        let times: Vec<_> = assembler.pieces().map(|piece| piece.time.nanos()).collect();
        assert_eq!(times, [1, 2]);
    }

    proptest! {
        #[test]
        fn holds_what_a_map_of_bytes_would(
            base in prop_oneof![Just(0u32), Just(u32::MAX - 40), any::<u32>()],
            parts in proptest::collection::vec((0u32..100, proptest::collection::vec(0u8..3, 0..20)), 0..40),
        ) {
            let mut assembler = Assembler::default();
            let mut model = std::collections::BTreeMap::new();
            for (offset, bytes) in &parts {
                let mut expected = Inserted::default();
                for (at, byte) in (*offset..).zip(bytes) {
                    match model.get(&at) {
                        Some(held) => expected.differs |= held != byte,
                        None => { model.insert(at, *byte); expected.fresh += 1; }
                    }
                }
                let inserted = assembler.insert(base, base.wrapping_add(*offset), Timestamp::MIN, bytes);
                prop_assert_eq!(inserted, expected);
                prop_assert_eq!(assembler.len(), model.len());
            }
            let held: Vec<(u32, u8)> = assembler.pieces()
                .flat_map(|piece| (piece.at.wrapping_sub(base)..).zip(piece.bytes.iter().copied())).collect();
            prop_assert_eq!(held, model.into_iter().collect::<Vec<_>>());
        }
    }
}
