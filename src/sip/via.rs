//! The Via header (RFC 3261 §20.42, RFC 3581).

use core::fmt;

use memchr::memchr;

use crate::sip::find::{find, has};
use crate::sip::mask::Block;
use crate::sip::parameter::parameter;
use crate::sip::value::{Pieces, Value, is_space, trim};

/// One element of a Via: one hop that the request took.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Via<'a> {
    /// `UDP`, `TCP`, `TLS`, …; any token is legal.
    pub transport: &'a [u8],
    /// Host and port as sent, IPv6 in brackets.
    pub sent_by: &'a [u8],
    pub params: &'a [u8],
}

impl<'a> Via<'a> {
    /// Reads one element; absent when it is not `name / version / transport sent-by`.
    #[must_use]
    pub fn read(element: &'a [u8]) -> Option<Self> {
        let head = Pieces::new(element, b';').next()?;
        let name = memchr(b'/', head)?;
        let version = name + 1 + memchr(b'/', head.get(name + 1..)?)?;
        let rest = trim(head.get(version + 1..)?);
        let blank = rest.iter().position(|byte| is_space(*byte))?;
        let (transport, sent_by) = (rest.get(..blank)?, trim(rest.get(blank..)?));
        Some(Self { transport, sent_by, params: element.get(head.len()..)? })
    }

    /// The `branch` parameter: the transaction; empty when there is none.
    #[must_use]
    pub fn branch(&self) -> &'a [u8] {
        parameter(self.params, b"branch").unwrap_or_default()
    }

    /// The `received` parameter: where the request really came from. An IPv6 address stands with or without brackets
    /// (RFC 5118 §4.5).
    #[must_use]
    pub fn received(&self) -> Option<&'a [u8]> {
        parameter(self.params, b"received").map(|address| match address {
            [b'[', inside @ .., b']'] => inside,
            _ => address,
        })
    }
}

impl fmt::Debug for Via<'_> {
    /// It holds addresses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Via({} …)", self.transport.escape_ascii())
    }
}

/// What one Via line adds to a message.
pub(super) struct Line<'a> {
    /// Values in it, empty ones not counted.
    pub(super) values: u16,
    /// Branch of its first value.
    pub(super) branch: &'a [u8],
    /// Empty values or parameters.
    pub(super) odd: bool,
}

impl<'a> Line<'a> {
    /// Reads a line; its branch only where it is the top one.
    #[inline]
    pub(super) fn read(value: Value<'a>, top: bool) -> Self {
        let raw = value.raw();
        if top && !has(raw, hiding, |byte| matches!(byte, b',' | b'"' | b'<' | b'(')) {
            return Self::read_plain(raw);
        }
        if !top && find(b',', raw).is_none() {
            return Self { values: 1, branch: &[], odd: raw.is_empty() };
        }
        Self::read_slowly(raw, top)
    }

    /// The top line, where nothing in it can hide a separator: what nearly every one is.
    fn read_plain(raw: &'a [u8]) -> Self {
        let mut line = Self { values: u16::from(!raw.is_empty()), branch: &[], odd: false };
        let mut branch = None;
        let (mut before, mut rest) = (false, raw);
        loop {
            let at = find(b';', rest);
            let piece = trim(at.and_then(|at| rest.get(..at)).unwrap_or(rest));
            line.odd |= piece.is_empty();
            if before && branch.is_none() {
                branch = branch_of(piece);
            }
            let Some(next) = at.and_then(|at| rest.get(at + 1..)) else { break };
            (before, rest) = (true, next);
        }
        line.branch = branch.unwrap_or_default();
        line
    }

    /// The same for any line.
    fn read_slowly(raw: &'a [u8], top: bool) -> Self {
        let mut line = Self { values: 0, branch: &[], odd: false };
        for element in Pieces::new(raw, b',').map(trim) {
            if element.is_empty() {
                line.odd = true;
                continue;
            }
            if line.values == 0 && top {
                line.read_branch(element);
            }
            line.values = line.values.saturating_add(1);
        }
        line
    }

    /// The branch without the rest of the element: an element that is not quite a Via may still have one.
    fn read_branch(&mut self, element: &'a [u8]) {
        let mut branch = None;
        for (place, piece) in Pieces::new(element, b';').enumerate() {
            let piece = trim(piece);
            self.odd |= piece.is_empty();
            if place == 0 || branch.is_some() {
                continue;
            }
            branch = branch_of(piece);
        }
        self.branch = branch.unwrap_or_default();
    }
}

/// Where a comma is, or what may hide one or a semicolon.
#[inline]
fn hiding(block: Block) -> u32 {
    block.equal(b',') | block.equal(b'"') | block.equal(b'<') | block.equal(b'(')
}

/// The branch, where a parameter is one.
#[inline]
fn branch_of(piece: &[u8]) -> Option<&[u8]> {
    // As nearly all write it.
    if let Some(value) = piece.strip_prefix(b"branch=")
        && matches!(value.first(), Some(b'!' | b'#'..))
    {
        return Some(value);
    }
    let read = crate::sip::parameter::read(piece);
    read.name.eq_ignore_ascii_case(b"branch").then(|| read.value.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_plain_line_is_read_as_any_other(
            words in prop::collection::vec(prop::sample::select(vec![
                ";", ";branch=", "branch", "BRANCH", "=", "z9", " ", "\t", "\r\n ", "rport", ";received=1", ":", "/", ")", ">", "\\",
            ]), 0..12),
            start in prop::sample::select(vec!["", "SIP/2.0/UDP a:1", "SIP/2.0/UDP a;branch=z9hG4bK1"]),
        ) {
            let text = start.to_owned() + &words.concat();
            let value = Value::new(text.as_bytes());
            let (plain, slow) = (Line::read_plain(value.raw()), Line::read_slowly(value.raw(), true));
            prop_assert_eq!((plain.values, plain.branch, plain.odd), (slow.values, slow.branch, slow.odd));
        }
    }

    #[test]
    fn white_space_may_stand_around_the_slashes() {
        let via =
            Via::read(b"SIP  / 2.0\r\n  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ").unwrap();
        assert_eq!((via.transport, via.sent_by), (&b"TCP"[..], &b"spindle.example.com"[..]));
        assert_eq!(via.branch(), b"z9hG4bK9ikj8");
    }

    #[test]
    fn received_loses_its_brackets() {
        for form in ["[2001:db8::9:255]", "2001:db8::9:255"] {
            let text = format!("SIP/2.0/UDP [2001:db8::9:1];received={form};branch=z9hG4bKas3");
            let via = Via::read(text.as_bytes()).unwrap();
            assert_eq!(via.received(), Some(&b"2001:db8::9:255"[..]));
            assert_eq!(via.sent_by, b"[2001:db8::9:1]");
        }
    }

    #[test]
    fn what_is_no_via_is_none() {
        for text in ["", "SIP/2.0", "SIP/2.0/UDP", "SIP/2.0/UDP;branch=x", "a b c"] {
            assert_eq!(Via::read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn values_are_counted_and_the_first_branch_kept() {
        let line = Line::read(Value::new(b"SIP/2.0/UDP a;branch=1;branch=2, SIP/2.0/UDP b;branch=3"), true);
        assert_eq!((line.values, line.branch, line.odd), (2, &b"1"[..], false));
        let line = Line::read(Value::new(b"SIP/2.0/UDP 192.0.2.15;;,;,,"), true);
        assert_eq!((line.values, line.branch, line.odd), (2, &b""[..], true));
    }
}
