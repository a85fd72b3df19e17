//! One datagram that is being put together from its fragments.

use super::fragment::{Beginning, Fragment, Key, Origin};
use crate::time::Timestamp;

/// Separate pieces of one datagram. Fragments that arrive in order make one piece, in reverse order at most 45 of 1500
/// bytes; more is somebody sending 8-byte fragments to make us work.
const MAX_PIECES: usize = 128;

/// What a datagram costs besides its bytes: its entries in three tables.
const OVERHEAD: usize = 256;

/// A datagram that has become whole; its bytes are in the buffer that the caller lent.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) protocol: u8,
    /// Length on the wire: more than what is in the buffer when fragments were cut.
    pub(super) wire: usize,
}

/// Consecutive bytes of a datagram, kept as they arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    offset: usize,
    /// Length on the wire.
    wire: usize,
    /// Where its captured bytes begin in the log, and how many they are.
    start: usize,
    captured: usize,
}

impl Piece {
    fn end(self) -> usize {
        self.offset + self.wire
    }
}

/// The memory of a datagram: captured bytes in the order of arrival, and where they belong.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    pub(super) log: Vec<u8>,
    /// By offset, without overlap, at most [`MAX_PIECES`].
    pub(super) pieces: Vec<Piece>,
}

impl Buffers {
    pub(super) fn cost(&self) -> usize {
        OVERHEAD + self.log.capacity() + self.pieces.capacity() * size_of::<Piece>()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    /// Delivered. Lingers to absorb copies of its fragments.
    Whole,
    /// Dropped for an overlap or for its many pieces; absorbs the rest of its fragments (RFC 5722 §4).
    Condemned,
}

#[derive(Debug)]
pub(super) struct Datagram {
    /// Order of arrival of first fragments: the order of eviction.
    pub(super) ordinal: u64,
    pub(super) since: Timestamp,
    pub(super) state: State,
    /// Its beginning was handed out.
    pub(super) is_told: bool,
    pub(super) buffers: Buffers,
    /// Sum of the pieces' lengths on the wire.
    covered: usize,
    /// Known once the last fragment was seen.
    total: Option<usize>,
    /// Of the fragment at offset 0: its protocol, and the frame that it came in.
    first: Option<(u8, Origin)>,
}

/// What adding a fragment did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// All its bytes were there already, and the same.
    Nothing,
    New,
    /// It contradicts what is there: other bytes at the same place, or another end.
    Contradiction,
    TooManyPieces,
}

impl Datagram {
    pub(super) fn new(ordinal: u64, since: Timestamp, buffers: Buffers) -> Self {
        Self { ordinal, since, state: State::Waiting, is_told: false, buffers, covered: 0, total: None, first: None }
    }

    /// Adds what is new in a fragment. What was there first stays: the receiver's choice is unknown, and the first copy is
    /// what nearly every system keeps. An IPv6 contradiction changes nothing, for the datagram is lost anyway.
    pub(super) fn add(&mut self, fragment: &Fragment<'_>, is_v6: bool) -> Added {
        let (offset, octets) = (fragment.field.offset, fragment.octets);
        let end = offset + octets.wire();
        if self.ends_elsewhere(fragment) {
            return Added::Contradiction;
        }
        let differs = self.differs(offset, octets.captured());
        if differs && is_v6 {
            return Added::Contradiction;
        }

        let covered_before = self.covered;
        let (mut at, mut index) = (offset, 0);
        while at < end {
            match self.buffers.pieces.get(index) {
                Some(piece) if piece.end() <= at => index += 1,
                Some(piece) if piece.offset <= at => {
                    at = piece.end();
                    index += 1;
                }
                next => {
                    let gap_end = next.map_or(end, |piece| piece.offset.min(end));
                    if self.buffers.pieces.len() >= MAX_PIECES {
                        return Added::TooManyPieces;
                    }
                    let bytes = octets.skip(at - offset).limit(gap_end - at).captured();
                    index = self.insert(index, at, gap_end - at, bytes);
                    at = gap_end;
                }
            }
        }
        if !fragment.field.more {
            self.total = Some(end);
        }
        if offset == 0 && self.first.is_none() {
            self.first = Some((fragment.protocol, fragment.origin));
        }
        match () {
            () if differs => Added::Contradiction,
            () if self.covered == covered_before => Added::Nothing,
            () => Added::New,
        }
    }

    /// Inserts a piece before `index`, or lengthens the one before it when both are neighbours in the datagram and in the
    /// log. Gives the index of the piece that comes next.
    fn insert(&mut self, index: usize, offset: usize, wire: usize, bytes: &[u8]) -> usize {
        let Buffers { log, pieces } = &mut self.buffers;
        self.covered += wire;
        let start = log.len();
        log.extend_from_slice(bytes);
        let before = index.checked_sub(1).and_then(|before| pieces.get_mut(before));
        if let Some(before) = before
            && before.end() == offset
            && before.captured == before.wire
            && before.start + before.captured == start
        {
            before.wire += wire;
            before.captured += bytes.len();
            return index;
        }
        pieces.insert(index, Piece { offset, wire, start, captured: bytes.len() });
        index + 1
    }

    /// Whether the end that a fragment tells of, or goes beyond, contradicts what is known.
    fn ends_elsewhere(&self, fragment: &Fragment<'_>) -> bool {
        let end = fragment.field.offset + fragment.octets.wire();
        let reached = self.buffers.pieces.last().map_or(0, |piece| piece.end());
        match self.total {
            Some(total) => end > total || !fragment.field.more && end != total,
            None => !fragment.field.more && reached > end,
        }
    }

    /// Whether a fragment cannot be one of this datagram.
    pub(super) fn is_another(&self, fragment: &Fragment<'_>) -> bool {
        self.ends_elsewhere(fragment) || self.differs(fragment.field.offset, fragment.octets.captured())
    }

    /// Whether some captured byte is another than the one captured earlier for the same place.
    fn differs(&self, offset: usize, bytes: &[u8]) -> bool {
        let Buffers { log, pieces } = &self.buffers;
        pieces.iter().any(|piece| {
            let from = piece.offset.max(offset);
            let to = (piece.offset + piece.captured).min(offset + bytes.len());
            if from >= to {
                return false;
            }
            let ours = log.get(piece.start + from - piece.offset..piece.start + to - piece.offset);
            ours != bytes.get(from - offset..to - offset)
        })
    }

    /// Whether a fragment adds nothing to this whole datagram.
    pub(super) fn has(&self, fragment: &Fragment<'_>) -> bool {
        let end = fragment.field.offset + fragment.octets.wire();
        let fits = self.total.is_some_and(|total| if fragment.field.more { end <= total } else { end == total });
        fits && !self.differs(fragment.field.offset, fragment.octets.captured())
    }

    /// Puts the datagram together if nothing is missing.
    pub(super) fn finish(&self, whole: &mut Vec<u8>) -> Option<Whole> {
        let total = self.total.filter(|total| *total == self.covered && self.state == State::Waiting)?;
        let (protocol, _) = self.first?;
        self.copy_run(whole)?;
        Some(Whole { protocol, wire: total })
    }

    /// Hands out what there is from the first byte on, once.
    pub(super) fn begin(&mut self, key: Key, beginning: &mut Vec<u8>) -> Option<Beginning> {
        let (protocol, origin) = self.first.filter(|_| self.state == State::Waiting && !self.is_told)?;
        self.is_told = true;
        self.copy_run(beginning)?;
        Some(Beginning { key, protocol, origin, total: self.total })
    }

    /// Copies the captured bytes from the first one to where one is missing.
    fn copy_run(&self, run: &mut Vec<u8>) -> Option<()> {
        run.clear();
        for piece in &self.buffers.pieces {
            if piece.offset != run.len() {
                break;
            }
            run.extend_from_slice(self.buffers.log.get(piece.start..piece.start + piece.captured)?);
            if piece.captured < piece.wire {
                break;
            }
        }
        Some(())
    }
}
