//! Streaming Zstandard (RFC 8878), one frame or many, skippable frames included.
//!
//! The decoder is fed block by block, by its own hint of how much comes next: a call that meets a corrupt block gives
//! nothing of what it unpacked before, so no call may hold more than one block.

use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

use super::{
    damage::{Compression, Fault},
    raw::Raw,
};

/// First bytes of a frame (RFC 8878 §3.1.1).
pub(super) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// First bytes of a skippable frame, the lowest of 16 (RFC 8878 §3.1.2): parallel compressors begin files with one.
pub(super) const SKIPPABLE: [u8; 4] = [0x50, 0x2a, 0x4d, 0x18];

/// The shortest input that says anything: a magic and one byte of frame header.
const FIRST_HINT: usize = 5;

/// A block header (RFC 8878 §3.1.1.2), which the decoder's hint adds to the block before it.
const BLOCK_HEADER: usize = 3;

/// A zstd file being unpacked.
///
/// Invariant: between calls the decoder holds unpacked bytes only if `pending`, and at most one block of input.
///
/// Memory: the decoder refuses windows above 128 MiB (the library's own limit), so a hostile header cannot ask for more.
pub(super) struct Zstd {
    raw: Raw,
    decoder: Decoder<'static>,
    /// Bytes that complete the next block; 0 between frames.
    hint: usize,
    /// The last call filled its output: more may wait inside.
    pending: bool,
}

impl Zstd {
    pub(super) fn new(raw: Raw) -> Result<Self, Fault> {
        let decoder = Decoder::new().map_err(Fault::Read)?;
        Ok(Self { raw, decoder, hint: 0, pending: false })
    }

    pub(super) fn raw(&self) -> &Raw {
        &self.raw
    }

    /// Unpacks into `out`; 0 only at a clean end.
    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<usize, Fault> {
        // Each turn consumes input, gives output or returns, so the loop ends with the file.
        loop {
            let (between_frames, pending) = (self.hint == 0, self.pending);
            let input = if pending { &[] } else { self.raw.fill()? };
            if input.is_empty() && !pending {
                return if between_frames { Ok(0) } else { Err(Fault::CompressedEnd(Compression::Zstd)) };
            }
            // The next block's header comes by itself: a corrupt one would take with it what this block gives.
            let wanted = match self.hint {
                0 => FIRST_HINT,
                hint @ 1..=BLOCK_HEADER => hint,
                hint => hint - BLOCK_HEADER,
            };
            let mut from = InBuffer::around(input.get(..wanted).unwrap_or(input));
            let mut to = OutBuffer::around(&mut *out);
            let hint = self
                .decoder
                .run(&mut from, &mut to)
                .map_err(|error| Fault::Corrupt(Compression::Zstd, error.to_string()))?;
            let (consumed, given) = (from.pos(), to.pos());
            self.raw.take(consumed);
            self.hint = hint;
            self.pending = given == out.len() && hint != 0;
            if given > 0 {
                return Ok(given);
            }
            if consumed == 0 && !pending {
                return Err(Fault::Corrupt(Compression::Zstd, "it makes no progress".to_owned()));
            }
        }
    }
}
