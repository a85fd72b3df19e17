//! Header values, and how they split.

use core::fmt;
use std::borrow::Cow;

use memchr::{memchr, memchr2, memchr3};

use crate::sip::find::find;

/// The value of one header line: borrowed, without the white space around it, possibly folded.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Value<'a>(&'a [u8]);

impl<'a> Value<'a> {
    /// A value from the bytes after a colon.
    #[must_use]
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(trim(bytes))
    }

    /// A value of bytes without white space around them.
    #[inline]
    pub(super) const fn trimmed(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes as sent, folds included.
    #[must_use]
    #[inline]
    pub const fn raw(&self) -> &'a [u8] {
        self.0
    }

    /// The bytes with each fold, and the white space around it, as one space (RFC 3261 §7.3.1).
    #[must_use]
    pub fn unfold(&self) -> Cow<'a, [u8]> {
        unfold(self.0)
    }

    /// The elements of a list header, without those that are empty.
    ///
    /// Commas inside quoted strings, `<…>` and comments do not split. Only for headers whose grammar is a list: From, To,
    /// Call-ID, CSeq, Date and the credentials have commas that mean something else.
    #[must_use]
    pub fn elements(&self) -> Elements<'a> {
        Elements(Pieces::new(self.0, b','))
    }
}

impl fmt::Debug for Value<'_> {
    /// Any header may name a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes)", self.0.len())
    }
}

/// The elements of a list header.
#[derive(Clone)]
pub struct Elements<'a>(Pieces<'a>);

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        self.0.by_ref().map(Value::new).find(|value| !value.0.is_empty())
    }
}

impl fmt::Debug for Elements<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Elements")
    }
}

/// Splits at a separator that stands outside quoted strings, `<…>` and `(…)`.
///
/// Linear in the length of the value whatever it holds: a bracket that is never closed is an ordinary byte, and is searched
/// for once, not again at each piece. A quote that is never closed takes the rest.
#[derive(Clone)]
pub(super) struct Pieces<'a> {
    /// Absent after the last piece.
    pub(super) rest: Option<&'a [u8]>,
    separator: u8,
    /// No byte that opens anything; looked for when there is a separator.
    plain: Option<bool>,
    /// Whether a `<` may still find its `>`, a `(` its `)`.
    brackets: bool,
    comments: bool,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(bytes: &'a [u8], separator: u8) -> Self {
        Self { rest: Some(bytes), separator, plain: None, brackets: true, comments: true }
    }

    /// Where the next separator stands.
    #[inline]
    fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        // Without one the rest is one piece, whatever it holds.
        let separator = find(self.separator, bytes)?;
        let plain = *self.plain.get_or_insert_with(|| memchr3(b'"', b'<', b'(', bytes).is_none());
        if plain { Some(separator) } else { self.find_outside(bytes, separator) }
    }

    /// The same where the first separator may be inside something.
    fn find_outside(&mut self, bytes: &[u8], mut separator: usize) -> Option<usize> {
        let mut at = 0;
        loop {
            let Some(length) = memchr3(b'"', b'<', b'(', bytes.get(at..separator)?) else { return Some(separator) };
            at += length;
            match bytes.get(at)? {
                b'"' if opens_quoted(bytes, at) => at = end_of_quoted(bytes, at)?,
                b'<' if self.brackets => match memchr(b'>', bytes.get(at..)?) {
                    Some(length) => at += length,
                    None => self.brackets = false,
                },
                b'(' if self.comments => match end_of_comment(bytes, at) {
                    Some(end) => at = end,
                    None => self.comments = false,
                },
                _ => {}
            }
            at += 1;
            if at > separator {
                separator = at + memchr(self.separator, bytes.get(at..)?)?;
            }
        }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let split = self.find(rest).and_then(|at| Some((rest.get(..at)?, rest.get(at + 1..)?)));
        let (piece, rest) = split.map_or((rest, None), |(piece, rest)| (piece, Some(rest)));
        self.rest = rest;
        Some(piece)
    }
}

/// Whether the quote at `at` opens a string: some stacks escape the quotes around a display name, and mean none.
pub(super) fn opens_quoted(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1).and_then(|before| bytes.get(before)) != Some(&b'\\')
}

/// Where the quoted string that opens at `open` has its closing quote.
pub(super) fn end_of_quoted(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// Where the comment that opens at `open` has its closing parenthesis; comments nest (RFC 3261 §25.1).
fn end_of_comment(bytes: &[u8], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = open;
    loop {
        match bytes.get(at)? {
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1)?,
            b'\\' => at += 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
        at += 1;
    }
}

/// White space inside a header value: a fold is a CRLF and a blank.
#[inline]
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Without the white space and folds around it.
#[inline]
pub(super) const fn trim(bytes: &[u8]) -> &[u8] {
    trim_telling(bytes).1
}

/// The same, and how many bytes were before it.
#[inline]
pub(super) const fn trim_telling(bytes: &[u8]) -> (usize, &[u8]) {
    // What nearly every value is: a blank after the colon, and none at its end.
    let (before, rest) = match bytes {
        [b' ', rest @ ..] => (1, rest),
        _ => (0, bytes),
    };
    match (rest.first(), rest.last()) {
        (Some(b'!'..), Some(b'!'..)) => (before, rest),
        _ => trim_slowly(bytes),
    }
}

#[cold]
const fn trim_slowly(bytes: &[u8]) -> (usize, &[u8]) {
    let mut rest = bytes;
    while let [first, inside @ ..] = rest {
        if !is_space(*first) {
            break;
        }
        rest = inside;
    }
    let before = bytes.len() - rest.len();
    while let [inside @ .., last] = rest {
        if !is_space(*last) {
            break;
        }
        rest = inside;
    }
    (before, rest)
}

/// Each fold, and the white space around it, as one space.
pub(super) fn unfold(bytes: &[u8]) -> Cow<'_, [u8]> {
    let bytes = trim(bytes);
    if memchr2(b'\n', b'\r', bytes).is_none() {
        return Cow::Borrowed(bytes);
    }
    let mut text = Vec::with_capacity(bytes.len());
    for line in bytes.split(|byte| matches!(byte, b'\n' | b'\r')).map(trim).filter(|line| !line.is_empty()) {
        if !text.is_empty() {
            text.push(b' ');
        }
        text.extend_from_slice(line);
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The pieces, found byte by byte.
    fn plainly(bytes: &[u8], separator: u8) -> Vec<&[u8]> {
        let (mut pieces, mut start, mut at, mut comments) = (Vec::new(), 0, 0, true);
        while at < bytes.len() {
            let rest = &bytes[at..];
            match bytes[at] {
                byte if byte == separator => {
                    pieces.push(&bytes[start..at]);
                    start = at + 1;
                }
                b'"' if opens_quoted(&bytes[start..], at - start) => match end_of_quoted(bytes, at) {
                    Some(end) => at = end,
                    None => break,
                },
                b'<' => at += rest.iter().position(|byte| *byte == b'>').unwrap_or(0),
                b'(' if comments => match end_of_comment(bytes, at) {
                    Some(end) => at = end,
                    None => comments = false,
                },
                _ => {}
            }
            at += 1;
        }
        pieces.push(&bytes[start..]);
        pieces
    }

    proptest! {
        #[test]
        fn pieces_are_those_found_byte_by_byte(
            bytes in prop::collection::vec(prop::sample::select(b"\"\"<<>>(),,;;\\ab".to_vec()), 0..60), comma: bool,
        ) {
            let separator = if comma { b',' } else { b';' };
            let pieces: Vec<_> = Pieces::new(&bytes, separator).collect();
            prop_assert_eq!(pieces, plainly(&bytes, separator));
        }
    }

    fn elements(value: &str) -> Vec<&str> {
        Value::new(value.as_bytes()).elements().map(|element| str::from_utf8(element.raw()).unwrap()).collect()
    }

    #[test]
    fn lists_split_at_commas() {
        assert_eq!(elements(" a , b,\r\n\tc "), ["a", "b", "c"]);
        assert_eq!(elements(""), [""; 0]);
        assert_eq!(elements(",, a,,"), ["a"]);
    }

    #[test]
    fn commas_inside_quotes_brackets_and_comments_do_not_split() {
        assert_eq!(
            elements(r#""a,\",b" <sip:c,d@e>;x="y,z" , f (g, (h,) \), i) j"#),
            [r#""a,\",b" <sip:c,d@e>;x="y,z""#, r"f (g, (h,) \), i) j"]
        );
    }

    #[test]
    fn what_is_never_closed_does_not_hide_the_commas() {
        assert_eq!(elements("a < b, c ( d, e"), ["a < b", "c ( d", "e"]);
        assert_eq!(elements("a, \"b, c"), ["a", "\"b, c"]);
    }

    #[test]
    fn folds_become_one_space() {
        let value = Value::new(b" Mr.\r\n  Watson \t\n\there ");
        assert_eq!(value.unfold().as_ref(), b"Mr. Watson here");
        assert!(matches!(Value::new(b"plain").unfold(), Cow::Borrowed(b"plain")));
        assert_eq!(value.raw(), b"Mr.\r\n  Watson \t\n\there");
    }

    #[test]
    fn a_value_does_not_print_its_text() {
        assert_eq!(format!("{:?}", Value::new(b"sip:alice@example.com")), "Value(21 bytes)");
    }
}
