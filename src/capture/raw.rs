//! The bytes of a file as stored, before any decompression.

use std::io::{ErrorKind, Read};

use super::damage::Fault;

/// Read ahead of the decompressor, and to look at the first bytes of a file.
const CHUNK: usize = 64 * 1024;

/// A file, pipe or terminal, counted, with one chunk of read-ahead.
///
/// Invariant: `start <= end <= chunk.len()`; `chunk[start..end]` are the bytes read and not yet taken.
pub(super) struct Raw {
    input: Box<dyn Read + Send>,
    chunk: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes taken from here, so that progress does not run ahead by the read-ahead.
    taken: u64,
}

impl Raw {
    /// `taken` is how many bytes of the file come before the first that `input` gives.
    pub(super) fn new(input: Box<dyn Read + Send>, taken: u64) -> Self {
        Self { input, chunk: Vec::new(), start: 0, end: 0, taken }
    }

    /// Bytes of the file taken so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// The first bytes, at least `wanted` (a few) of them unless the file is shorter, without taking them.
    pub(super) fn peek(&mut self, wanted: usize) -> Result<&[u8], Fault> {
        while self.end - self.start < wanted {
            if self.more()? == 0 {
                break;
            }
        }
        Ok(self.ahead())
    }

    /// What has been read ahead.
    pub(super) fn ahead(&self) -> &[u8] {
        self.chunk.get(self.start..self.end).unwrap_or_default()
    }

    /// Takes `count` bytes of the read-ahead.
    pub(super) fn take(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.taken += count as u64;
    }

    /// Read-ahead, refilled when it is used up; empty only at the end of the file.
    pub(super) fn fill(&mut self) -> Result<&[u8], Fault> {
        if self.start == self.end {
            self.more()?;
        }
        Ok(self.ahead())
    }

    /// Takes the next byte; `None` at the end of the file.
    pub(super) fn byte(&mut self) -> Result<Option<u8>, Fault> {
        let byte = self.fill()?.first().copied();
        self.take(usize::from(byte.is_some()));
        Ok(byte)
    }

    /// Takes bytes straight into `out`, past the read-ahead once that is used up; 0 at the end of the file.
    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<usize, Fault> {
        if self.start < self.end {
            let ahead = self.ahead();
            let count = ahead.len().min(out.len());
            if let (Some(to), Some(from)) = (out.get_mut(..count), ahead.get(..count)) {
                to.copy_from_slice(from);
            }
            self.take(count);
            return Ok(count);
        }
        // An uncompressed file needs the chunk for its first bytes only.
        self.chunk = Vec::new();
        let count = read_once(&mut *self.input, out)?;
        self.taken += count as u64;
        Ok(count)
    }

    /// Reads once more behind what is ahead; 0 at the end of the file or when the chunk is full.
    fn more(&mut self) -> Result<usize, Fault> {
        if self.chunk.is_empty() {
            self.chunk = vec![0; CHUNK];
        }
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        let count = read_once(&mut *self.input, self.chunk.get_mut(self.end..).unwrap_or_default())?;
        self.end += count;
        Ok(count)
    }
}

/// One read, repeated when a signal interrupts it.
fn read_once(input: &mut (dyn Read + Send), out: &mut [u8]) -> Result<usize, Fault> {
    loop {
        match input.read(out) {
            // A reader that claims more than it was given room for would break the indices above.
            Ok(count) => return Ok(count.min(out.len())),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Fault::Read(error)),
        }
    }
}
