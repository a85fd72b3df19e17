//! The lines of a header block.

use memchr::memchr;

/// Bytes of a header block that are read, start line included: offsets are 16 bits. A UDP datagram has no more.
pub(super) const HEADER_BLOCK: usize = 64 * 1024;
/// Header lines that are read. Beyond both bounds the rest is skipped and noted; the message is used when its key headers
/// came before.
pub(super) const LINES: usize = 1024;

/// Header lines of a block, folds joined.
pub(super) struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether bytes that were sent may follow the last of these.
    cut: bool,
    /// A line ended in LF alone.
    pub(super) bare: bool,
}

pub(super) enum Next {
    /// A line with its folds, without its last line end.
    Line { start: usize, end: usize },
    /// The empty line; the body starts here.
    Body(usize),
    /// The bytes end before the empty line. A line without its end is not read: it could be half a tag.
    Unfinished,
}

impl<'a> Lines<'a> {
    /// Where the next line starts, or the one that was not read.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// Reads from the first header line, at `at`, to the end of the block.
    pub(super) const fn new(bytes: &'a [u8], at: usize, cut: bool) -> Self {
        Self { bytes, at, cut, bare: false }
    }

    pub(super) fn next(&mut self) -> Next {
        let start = self.at;
        let Some(mut end) = self.line_end(start) else { return Next::Unfinished };
        let line = self.bytes.get(start..end).unwrap_or_default();
        if matches!(line, [] | [b'\r']) {
            return Next::Body(end + 1);
        }
        loop {
            match self.bytes.get(end + 1) {
                Some(b' ' | b'\t') => {}
                // The fold that carries the tag may be what the capture cut off.
                None if self.cut => return Next::Unfinished,
                _ => break,
            }
            let Some(next) = self.line_end(end + 1) else { return Next::Unfinished };
            end = next;
        }
        self.at = end + 1;
        let ends_in_crlf = end.checked_sub(1).and_then(|before| self.bytes.get(before)) == Some(&b'\r');
        self.bare |= !ends_in_crlf;
        Next::Line { start, end: end - usize::from(ends_in_crlf) }
    }

    fn line_end(&self, from: usize) -> Option<usize> {
        Some(from + memchr(b'\n', self.bytes.get(from..)?)?)
    }
}

/// Name and value of a header line; absent when it is none. Blanks may stand before the colon (RFC 3261 §7.3.1).
pub(super) fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    // Names are short, too short for a vector search to pay.
    let colon = line.iter().position(|byte| *byte == b':')?;
    let mut name = line.get(..colon)?;
    while let [rest @ .., b' ' | b'\t'] = name {
        name = rest;
    }
    // A line that starts with a blank is a fold of nothing.
    let blank = matches!(name, [] | [b' ' | b'\t', ..]);
    (!blank).then_some((name, line.get(colon + 1..)?))
}
