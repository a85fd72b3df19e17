//! The lines of a header block.

use crate::sip::find::find;
use crate::sip::header::{Header, REACH};
use crate::sip::mask::equal_64;

/// Bytes of a header block that are read, start line included: offsets are 16 bits. A UDP datagram has no more.
pub(super) const HEADER_BLOCK: usize = 64 * 1024;
/// Header lines that are read. Beyond both bounds the rest is skipped and noted; the message is used when its key headers
/// came before.
pub(super) const LINES: usize = 1024;

/// Header lines of a block, folds joined.
pub(super) struct Lines<'a> {
    block: &'a [u8],
    /// Where the next line starts, or the one that was not read.
    pub(super) at: usize,
    feeds: Feeds,
    /// Whether bytes that were sent may follow the last of these.
    cut: bool,
    /// A line ended in LF alone.
    pub(super) bare: bool,
}

pub(super) enum Next<'a> {
    Line(Line<'a>),
    /// The empty line; the body starts here.
    Body(usize),
    /// The bytes end before the empty line. A line without its end is not read: it could be half a tag.
    Unfinished,
}

/// A header line with its folds, without its last line end.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    /// Where in the block it begins.
    pub(super) start: usize,
    pub(super) text: &'a [u8],
    /// The same, and all that follows in the block.
    from: &'a [u8],
}

impl<'a> Lines<'a> {
    /// Reads from the line at `at` to the end of the block.
    #[inline]
    pub(super) fn new(block: &'a [u8], at: usize, cut: bool) -> Self {
        Self { block, at, feeds: Feeds::new(block, at), cut, bare: false }
    }

    /// The start line, of lines that are read from the start: it has no folds. Absent without its end.
    #[inline]
    pub(super) fn start_line(&mut self) -> Option<&'a [u8]> {
        let end = self.feeds.next(self.block)?;
        self.at = end + 1;
        let line = self.block.get(..end)?;
        Some(line.strip_suffix(b"\r").unwrap_or_else(|| {
            self.bare = true;
            line
        }))
    }

    #[inline(always)]
    pub(super) fn next(&mut self) -> Next<'a> {
        let start = self.at;
        let Some(from) = self.block.get(start..) else { return Next::Unfinished };
        let Some(mut end) = self.feeds.next(self.block) else { return Next::Unfinished };
        if end - start < 2 && matches!(from, [b'\n', ..] | [b'\r', b'\n', ..]) {
            return Next::Body(end + 1);
        }
        if !matches!(self.block.get(end + 1), Some(b'!'..)) {
            let Some((folded, feeds)) = folded(self.block, self.feeds, end, self.cut) else { return Next::Unfinished };
            (end, self.feeds) = (folded, feeds);
        }
        let Some(text) = from.get(..end - start) else { return Next::Unfinished };
        self.at = end + 1;
        let text = match text {
            [text @ .., b'\r'] => text,
            _ => {
                self.bare = true;
                text
            }
        };
        Next::Line(Line { start, text, from })
    }
}

/// Where a line ends whose own line end is at `end`, with its folds. By value: the state of a pass stays in registers.
#[cold]
fn folded(block: &[u8], mut feeds: Feeds, mut end: usize, cut: bool) -> Option<(usize, Feeds)> {
    loop {
        match block.get(end + 1) {
            Some(b' ' | b'\t') => end = feeds.next(block)?,
            // The fold that carries the tag may be what the capture cut off.
            None if cut => return None,
            _ => return Some((end, feeds)),
        }
    }
}

/// The line feeds that are still ahead, found in 64 bytes at once.
#[derive(Clone, Copy)]
struct Feeds {
    /// Those in the window, as bits.
    ahead: u64,
    /// Where the window begins.
    window: usize,
}

impl Feeds {
    #[inline]
    fn new(block: &[u8], at: usize) -> Self {
        Self { ahead: block.get(at..).map_or(0, in_window), window: at }
    }

    /// Where the next one is.
    #[inline(always)]
    fn next(&mut self, block: &[u8]) -> Option<usize> {
        while self.ahead == 0 {
            self.window += 64;
            self.ahead = in_window(block.get(self.window..)?);
        }
        let at = self.window + self.ahead.trailing_zeros() as usize;
        self.ahead &= self.ahead - 1;
        Some(at)
    }
}

/// The line feeds in the first 64 bytes.
#[inline]
fn in_window(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(bytes) => equal_64(bytes, b'\n'),
        None => in_rest(bytes),
    }
}

/// The same at the end of the block.
#[inline(never)]
fn in_rest(bytes: &[u8]) -> u64 {
    let mut padded = [0; 64];
    if let Some(begin) = padded.get_mut(..bytes.len()) {
        begin.copy_from_slice(bytes);
    }
    equal_64(&padded, b'\n')
}

impl<'a> Line<'a> {
    /// Which header it is, if it is one that is read, and its value; absent when it is no header line.
    #[inline(always)]
    pub(super) fn field(&self) -> Option<(Option<Header>, &'a [u8])> {
        match self.from.first_chunk().and_then(|begin| self.usual(begin)) {
            Some(field) => Some(field),
            None => self.field_slowly(),
        }
    }

    /// The same where the colon is not far from the begin of the line. Absent says nothing but "read it slowly".
    #[inline(always)]
    fn usual(&self, begin: &[u8; REACH]) -> Option<(Option<Header>, &'a [u8])> {
        let (colon, header) = Header::ahead_of_colon(begin)?;
        let value = self.text.get(colon + 1..)?;
        // Any other name is one if no blank is at its ends.
        let named = header.is_some()
            || matches!((begin.first(), begin.get(colon.wrapping_sub(1))), (Some(b'!'..), Some(b'!'..)));
        named.then_some((header, value))
    }

    #[inline(never)]
    fn field_slowly(&self) -> Option<(Option<Header>, &'a [u8])> {
        // The last line of a message without a body has few bytes after its begin.
        let mut padded = [0; REACH];
        if let Some(begin) = padded.get_mut(..self.from.len()) {
            begin.copy_from_slice(self.from);
            if let Some(field) = self.usual(&padded) {
                return Some(field);
            }
        }
        let (name, value) = self.split()?;
        Some((Header::named(name), value))
    }

    /// Name and value; absent when it is no header line. Blanks may stand before the colon (RFC 3261 §7.3.1).
    pub(super) fn split(&self) -> Option<(&'a [u8], &'a [u8])> {
        let colon = find(b':', self.text)?;
        let mut name = self.text.get(..colon)?;
        while let [rest @ .., b' ' | b'\t'] = name {
            name = rest;
        }
        // A line that starts with a blank is a fold of nothing.
        let blank = matches!(name, [] | [b' ' | b'\t', ..]);
        (!blank).then_some((name, self.text.get(colon + 1..)?))
    }
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
                    Next::Line(line) => found.push((line.start, line.start + line.text.len())),
                    Next::Body(at) => break Some(at),
                    Next::Unfinished => break None,
                }
            };
            prop_assert_eq!((found, body, lines.bare), plainly(&bytes, cut));
        }
    }
}
