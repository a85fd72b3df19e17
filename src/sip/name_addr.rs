//! Addresses with a display name and parameters: From, To, Contact, P-Asserted-Identity and their like.

use core::fmt;
use std::borrow::Cow;

use memchr::{memchr, memchr2};

use crate::sip::find::{find, find_either};
use crate::sip::method::are_token;
use crate::sip::parameter::{self, parameter};
use crate::sip::value::{Pieces, end_of_quoted, is_space, opens_quoted, trim, unfold};

/// A name-addr or addr-spec with its header parameters (RFC 3261 §25.1).
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct NameAddr<'a> {
    /// The display name as sent, without its quotes; empty when there is none.
    pub display: &'a [u8],
    /// The URI, without its brackets.
    pub uri: &'a [u8],
    /// What follows it. In the form without brackets every `;param` belongs here (RFC 3261 §20), not to the URI.
    pub params: &'a [u8],
}

impl<'a> NameAddr<'a> {
    /// Reads one value or list element; absent when quotes or brackets are not closed, or there is no URI.
    #[must_use]
    pub fn read(value: &'a [u8]) -> Option<Self> {
        Self::split(value).filter(|address| !address.uri.is_empty())
    }

    /// The same with a URI that may be empty: a tag can be read without one.
    pub(super) fn split(value: &'a [u8]) -> Option<Self> {
        Self::split_noting(value).map(|(address, _)| address)
    }

    /// The same, and whether the value is off the grammar: no URI, spaces inside the brackets, an unquoted comma
    /// or an escape before.
    pub(super) fn split_noting(value: &'a [u8]) -> Option<(Self, bool)> {
        let value = trim(value);
        let mut at = 0;
        let mut escaped = false;
        while let Some(found) = memchr2(b'"', b'<', value.get(at..)?) {
            at += found;
            if value.get(at) == Some(&b'<') {
                let name = value.get(..at)?;
                let inside = value.get(at + 1..)?;
                let (inside, params) = inside.split_at_checked(memchr(b'>', inside)?)?;
                let address = Self { display: display(name), uri: trim(inside), params: trim(params.get(1..)?) };
                let comma = memchr(b',', name).is_some() && memchr(b'"', name).is_none();
                return Some((
                    address,
                    escaped || comma || address.uri.is_empty() || address.uri.len() != inside.len(),
                ));
            }
            if opens_quoted(value, at) {
                at = end_of_quoted(value, at)? + 1;
            } else {
                escaped = true;
                at += 1;
            }
        }
        let uri = Pieces::new(value, b';').next()?;
        let address = Self { display: &[], uri: trim(uri), params: value.get(uri.len()..)? };
        Some((address, escaped || address.uri.is_empty()))
    }

    /// The tag: the first one; empty when there is none.
    #[must_use]
    pub fn tag(&self) -> &'a [u8] {
        let tag = parameter(self.params, b"tag").unwrap_or_default();
        // A token: what comes after a blank or a comma is another thing.
        let length = tag.iter().position(|byte| is_space(*byte) || *byte == b',').unwrap_or(tag.len());
        tag.get(..length).unwrap_or_default()
    }
}

/// What nearly every From and To is: `"name" <uri>` or `<uri>`, with a tag behind or nothing.
///
/// [`NameAddr`] reads the same from it (a test compares the two), at several times the cost.
pub(super) struct Usual<'a> {
    without_tag: &'a [u8],
    /// Empty when there is none.
    pub(super) tag: &'a [u8],
}

impl<'a> Usual<'a> {
    /// Absent says nothing but "read it as any other".
    #[inline]
    pub(super) fn read(value: &'a [u8]) -> Option<Self> {
        let inside = match value {
            [b'<', inside @ ..] => inside,
            [b'"', name @ ..] => {
                // A backslash before the quote may escape it.
                match name.get(find_either([b'"', b'\\'], name)?..)? {
                    [b'"', b' ', b'<', inside @ ..] | [b'"', b'<', inside @ ..] => inside,
                    _ => return None,
                }
            }
            _ => return None,
        };
        let (uri, params) = inside.split_at_checked(find(b'>', inside)?)?;
        let params = params.get(1..)?;
        if is_space(*uri.first()?) || is_space(*uri.last()?) {
            return None;
        }
        let tag = match params.strip_prefix(b";tag=") {
            Some(tag) if !tag.is_empty() && are_token(tag) => tag,
            None if params.is_empty() => params,
            _ => return None,
        };
        Some(Self { without_tag: value.get(..value.len() - params.len())?, tag })
    }
}

impl fmt::Debug for NameAddr<'_> {
    /// It names a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NameAddr(…)")
    }
}

/// A display name without the quotes around it.
fn display(text: &[u8]) -> &[u8] {
    let text = trim(text);
    match text {
        [b'"', inside @ .., b'"'] if end_of_quoted(text, 0) == Some(text.len() - 1) => inside,
        _ => text,
    }
}

/// A From or To value, unfolded, without its tag: what a record keeps of the party.
#[must_use]
pub fn without_tag(value: &[u8]) -> Cow<'_, [u8]> {
    let text = unfold(value);
    if let Cow::Borrowed(text) = text
        && let Some(usual) = Usual::read(text)
    {
        return Cow::Borrowed(usual.without_tag);
    }
    without_tag_slowly(text)
}

/// The same for any value.
fn without_tag_slowly(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let Some(address) = NameAddr::split(&text) else { return text };
    let head = text.len() - address.params.len();
    let mut kept = Vec::new();
    let mut removed = false;
    for (place, piece) in Pieces::new(address.params, b';').enumerate() {
        if parameter::read(trim(piece)).name.eq_ignore_ascii_case(b"tag") {
            removed = true;
            continue;
        }
        if place > 0 {
            kept.push(b';');
        }
        kept.extend_from_slice(piece);
    }
    if !removed {
        return text;
    }
    let head = trim(text.get(..head).unwrap_or_default());
    Cow::Owned(trim(&[head, &kept].concat()).to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The short way and the long way must tell the same; says whether the short way was taken.
    fn same_both_ways(text: &[u8]) -> bool {
        let text = trim(text);
        let Some(usual) = Usual::read(text) else { return false };
        let (address, odd) = NameAddr::split_noting(text).unwrap();
        assert_eq!((address.tag(), odd), (usual.tag, false), "{}", text.escape_ascii());
        assert_eq!(without_tag_slowly(unfold(text)), without_tag(text), "{}", text.escape_ascii());
        true
    }

    proptest! {
        #[test]
        fn usual_values_are_read_as_any_other(
            words in prop::collection::vec(prop::sample::select(vec![
                "\"", "<", ">", ";", "tag", "=", ";tag=", "a1", " ", ",", "\\", "(", ")", "sip:a@b", "\r\n ", "TAG", "%", "\"A\" <", ">;tag=",
            ]), 0..12),
            start in 0_usize..3,
        ) {
            let start = ["", "<sip:a@b>", "\"A B\" <tel:1>;tag="][start];
            same_both_ways(format!("{start}{}", words.concat()).as_bytes());
        }

        #[test]
        fn one_byte_changed_is_read_as_any_other(place in 0_usize..60, byte in any::<u8>()) {
            let mut text = b"\"User 17\" <sip:+31600@im.example.net;x=y>;tag=0a1b.c2d3".to_vec();
            let place = place % text.len();
            text[place] = byte;
            same_both_ways(&text);
        }
    }

    #[test]
    fn usual_values_take_the_short_way() {
        for text in ["<sip:a@b>", "<tel:1>;tag=x", "\"A\" <sip:a@b;x=y>;tag=1-2.3", "\"\"<sip:a@b>"] {
            assert!(same_both_ways(text.as_bytes()), "{text}");
        }
    }

    fn tag(value: &str) -> &str {
        str::from_utf8(NameAddr::split(value.as_bytes()).unwrap().tag()).unwrap()
    }

    #[test]
    fn name_addr_gives_its_parts() {
        let address = NameAddr::read(b" \"Bob \\\" B\" <sip:bob@example.com;user=phone> ;tag=a6c85cf;x=1").unwrap();
        assert_eq!(address.display, b"Bob \\\" B");
        assert_eq!(address.uri, b"sip:bob@example.com;user=phone");
        assert_eq!(address.params, b";tag=a6c85cf;x=1");
        assert_eq!(NameAddr::read(b"Anonymous <sip:c8oqz84zk7z@privacy.org>").unwrap().display, b"Anonymous");
    }

    #[test]
    fn without_brackets_every_parameter_is_the_headers() {
        let address = NameAddr::read(b"sip:+12125551212@phone2net.com;tag=887s").unwrap();
        assert_eq!(address.uri, b"sip:+12125551212@phone2net.com");
        assert_eq!(address.tag(), b"887s");
        assert_eq!(tag("tel:+358-555-1234567;tag=1"), "1");
    }

    #[test]
    fn a_tag_inside_quotes_or_brackets_is_no_tag() {
        assert_eq!(tag("\"x;tag=no\" <sip:a@b;tag=no>;tag=yes"), "yes");
        assert_eq!(tag("\"x\\\";tag=no\" <sip:a@b;tag=no>"), "");
        assert_eq!(tag("\"<\" <sip:a@b>;TAG = Yes"), "Yes");
        assert_eq!(tag("<sip:a@b>;x=\";tag=no\";tag=yes"), "yes");
    }

    #[test]
    fn a_missing_tag_is_empty() {
        assert_eq!(tag("<sip:a@b>"), "");
        assert_eq!(tag("<sip:a@b>;tag"), "");
        assert_eq!(tag("<sip:a@b>;tag="), "");
        assert_eq!(tag(";tag=1"), "1");
    }

    #[test]
    fn open_quotes_and_brackets_are_refused() {
        assert_eq!(NameAddr::read(b"\"Mr. J. User <sip:j.user@example.com>"), None);
        assert_eq!(NameAddr::read(b"<sip:a@b;tag=1"), None);
        assert_eq!(NameAddr::read(b"<>;tag=1"), None);
    }

    #[test]
    fn an_escaped_quote_outside_quotes_opens_nothing() {
        assert_eq!(tag("\\\"A\\\" <sip:a@b>;tag=1"), "1");
        assert_eq!(tag("sip:a@b;x=\\\";tag=1"), "1");
    }

    #[test]
    fn the_tag_is_taken_out_of_what_a_record_keeps() {
        let cases: [(&str, &str); 6] = [
            ("\"A;tag=1\" <sip:a@b>;tag=1;x=2", "\"A;tag=1\" <sip:a@b>;x=2"),
            ("<sip:a@b> ; tag=1", "<sip:a@b>"),
            ("sip:a@b;x=\";tag=3\";TAG=1", "sip:a@b;x=\";tag=3\""),
            ("<sip:a@b>\r\n ;tag=1", "<sip:a@b>"),
            ("A\r\n  <sip:a@b>", "A <sip:a@b>"),
            ("\"open <sip:a@b>;tag=1", "\"open <sip:a@b>;tag=1"),
        ];
        for (value, kept) in cases {
            assert_eq!(without_tag(value.as_bytes()).as_ref(), kept.as_bytes(), "{value}");
        }
    }
}
