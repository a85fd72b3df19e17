//! The lines of a header block.

use memchr::memchr;

use crate::sip::find::find;

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

    #[inline]
    pub(super) fn next(&mut self) -> Next {
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        match rest {
            [b'\n', ..] => return Next::Body(start + 1),
            [b'\r', b'\n', ..] => return Next::Body(start + 2),
            _ => {}
        }
        let Some(length) = memchr(b'\n', rest) else { return Next::Unfinished };
        let mut end = start + length;
        if !matches!(rest.get(length + 1), Some(b'!'..)) {
            let Some(folded) = self.folded(end) else { return Next::Unfinished };
            end = folded;
        }
        self.at = end + 1;
        let ends_in_crlf = end.checked_sub(1).and_then(|before| self.bytes.get(before)) == Some(&b'\r');
        self.bare |= !ends_in_crlf;
        Next::Line { start, end: end - usize::from(ends_in_crlf) }
    }

    /// The end of a line whose own line end is at `end`, with its folds.
    #[cold]
    fn folded(&self, mut end: usize) -> Option<usize> {
        loop {
            match self.bytes.get(end + 1) {
                Some(b' ' | b'\t') => {}
                // The fold that carries the tag may be what the capture cut off.
                None if self.cut => return None,
                _ => return Some(end),
            }
            end += 1 + memchr(b'\n', self.bytes.get(end + 1..)?)?;
        }
    }
}

/// Name and value of a header line; absent when it is none. Blanks may stand before the colon (RFC 3261 §7.3.1).
#[inline]
pub(super) fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = find(b':', line)?;
    let mut name = line.get(..colon)?;
    while let [rest @ .., b' ' | b'\t'] = name {
        name = rest;
    }
    // A line that starts with a blank is a fold of nothing.
    let blank = matches!(name, [] | [b' ' | b'\t', ..]);
    (!blank).then_some((name, line.get(colon + 1..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines of a block, told the long way: byte by byte.
    fn plainly(bytes: &[u8], cut: bool) -> (Vec<(usize, usize)>, Option<usize>, bool) {
        let (mut lines, mut bare, mut start) = (Vec::new(), false, 0);
        'lines: loop {
            let mut end = start;
            loop {
                match bytes.get(end) {
                    None => return (lines, None, bare),
                    Some(b'\n') if matches!(bytes[start..end], [] | [b'\r']) => return (lines, Some(end + 1), bare),
                    Some(b'\n') if matches!(bytes.get(end + 1), Some(b' ' | b'\t')) => {}
                    Some(b'\n') if end + 1 == bytes.len() && cut => return (lines, None, bare),
                    Some(b'\n') => {
                        let crlf = bytes[end - 1] == b'\r';
                        bare |= !crlf;
                        lines.push((start, end - usize::from(crlf)));
                        start = end + 1;
                        continue 'lines;
                    }
                    Some(_) => {}
                }
                end += 1;
            }
        }
    }

    proptest! {
        #[test]
        fn lines_are_those_that_the_bytes_tell(
            bytes in prop::collection::vec(prop::sample::select(b"\r\n\n\r \tab:".to_vec()), 0..60), cut: bool,
        ) {
            let mut lines = Lines::new(&bytes, 0, cut);
            let mut found = Vec::new();
            let body = loop {
                match lines.next() {
                    Next::Line { start, end } => found.push((start, end)),
                    Next::Body(at) => break Some(at),
                    Next::Unfinished => break None,
                }
            };
            prop_assert_eq!((found, body, lines.bare), plainly(&bytes, cut));
        }
    }
}
