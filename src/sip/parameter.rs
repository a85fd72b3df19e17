//! Parameters: `;name=value` lists after a header value or a URI (RFC 3261 §25.1, generic-param).

use core::fmt;

use memchr::memchr2;

use crate::sip::find::find;
use crate::sip::method::is_token;
use crate::sip::value::{Pieces, end_of_quoted, trim};

/// One parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Parameter<'a> {
    pub name: &'a [u8],
    /// Absent without `=`. A quoted value is given without its quotes, its escapes as sent.
    pub value: Option<&'a [u8]>,
}

impl fmt::Debug for Parameter<'_> {
    /// The value may be anything, the name of a person too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parameter({})", self.name.escape_ascii())
    }
}

/// The parameters of a list, which may start with a semicolon or without; empty ones are left out.
#[derive(Clone)]
pub struct Parameters<'a>(Pieces<'a>);

impl<'a> Parameters<'a> {
    /// Reads lazily, folds and white space allowed everywhere.
    #[must_use]
    pub fn new(params: &'a [u8]) -> Self {
        Self(Pieces::new(params, b';'))
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Parameter<'a>;

    fn next(&mut self) -> Option<Parameter<'a>> {
        self.usual().or_else(|| self.any())
    }
}

impl<'a> Parameters<'a> {
    /// The next one, whatever it looks like.
    fn any(&mut self) -> Option<Parameter<'a>> {
        self.0.by_ref().map(trim).find(|piece| !piece.is_empty()).map(read)
    }

    /// The next one if it looks like nearly every: `;name`, `;name=value` or `;name="value"`, with no blank and nothing that
    /// may hide a separator but these quotes.
    #[inline]
    fn usual(&mut self) -> Option<Parameter<'a>> {
        let text = self.0.rest?;
        let text = text.strip_prefix(b";").unwrap_or(text);
        let length = text.iter().position(|byte| !is_token(*byte)).unwrap_or(text.len());
        let (name, after) = text.split_at_checked(length).filter(|(name, _)| !name.is_empty())?;
        let (value, after) = match after {
            [b'=', b'"', quoted @ ..] => {
                let (value, after) = quoted.split_at_checked(memchr2(b'"', b'\\', quoted)?)?;
                (Some(value), after.strip_prefix(b"\"")?)
            }
            [b'=', value @ ..] => {
                let length = value.iter().position(|byte| ends_usual(*byte)).unwrap_or(value.len());
                let (value, after) = value.split_at_checked(length)?;
                (Some(value), after)
            }
            after => (None, after),
        };
        self.0.rest = match after {
            [] => None,
            [b';', rest @ ..] => Some(rest),
            _ => return None,
        };
        Some(Parameter { name, value })
    }
}

/// Whether two names are the same in any case. Nearly all are written as they are defined, and that is seen at once.
#[inline]
pub(super) fn is_same(one: &[u8], other: &[u8]) -> bool {
    one == other || one.eq_ignore_ascii_case(other)
}

/// What ends a value without quotes, or makes it an unusual one.
const fn ends_usual(byte: u8) -> bool {
    matches!(byte, b';' | b'"' | b'<' | b'(' | b' ' | b'\t' | b'\r' | b'\n')
}

impl fmt::Debug for Parameters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parameters")
    }
}

/// One piece between semicolons.
pub(super) fn read(piece: &[u8]) -> Parameter<'_> {
    let split = find(b'=', piece).and_then(|at| Some((piece.get(..at)?, piece.get(at + 1..)?)));
    split.map_or_else(
        || Parameter { name: trim(piece), value: None },
        |(name, value)| Parameter { name: trim(name), value: Some(unquote(trim(value))) },
    )
}

/// The inside of a quoted string; anything else as it is.
fn unquote(value: &[u8]) -> &[u8] {
    if value.first() != Some(&b'"') {
        return value;
    }
    // One that is never closed loses only its opening quote.
    value.get(1..end_of_quoted(value, 0).unwrap_or(value.len())).unwrap_or_default()
}

/// The value of the first parameter of that name (case-insensitive) outside quotes, brackets and comments; empty when it
/// stands without `=`.
#[must_use]
pub fn parameter<'a>(params: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    Parameters::new(params)
        .find(|parameter| is_same(parameter.name, name))
        .map(|parameter| parameter.value.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn usual_parameters_are_read_as_any_other(
            words in prop::collection::vec(prop::sample::select(vec![
                ";", "=", "\"", "\\", "<", ">", "(", ")", ",", " ", "\r\n ", "a", "+sip.instance", "=x", "=\"x;y\"", ";b=\"\"", ";c=d",
            ]), 0..14),
        ) {
            let text = words.concat();
            let usual: Vec<_> = Parameters::new(text.as_bytes()).collect();
            let mut plain = Parameters::new(text.as_bytes());
            prop_assert_eq!(usual, core::iter::from_fn(|| plain.any()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn names_are_case_insensitive_and_the_first_one_wins() {
        assert_eq!(parameter(b";a=1;TAG=x;tag=y", b"tag"), Some(&b"x"[..]));
        assert_eq!(parameter(b"a=1;b", b"A"), Some(&b"1"[..]));
        assert_eq!(parameter(b"a=1;b", b"b"), Some(&b""[..]));
        assert_eq!(parameter(b"a=1;b", b"c"), None);
    }

    #[test]
    fn white_space_and_folds_may_stand_everywhere() {
        assert_eq!(parameter(b" ;\r\n  branch  =\r\n   z9hG4bK9ikj8  ", b"branch"), Some(&b"z9hG4bK9ikj8"[..]));
    }

    #[test]
    fn quoted_values_hide_what_looks_like_parameters() {
        let params = br#";a=";tag=no\";tag=no";tag=yes"#;
        assert_eq!(parameter(params, b"tag"), Some(&b"yes"[..]));
        assert_eq!(parameter(params, b"a"), Some(&br#";tag=no\";tag=no"#[..]));
    }

    #[test]
    fn brackets_and_comments_hide_too() {
        assert_eq!(parameter(b";a=<sip:x;tag=no>;b=(;tag=no);tag=yes", b"tag"), Some(&b"yes"[..]));
    }

    #[test]
    fn a_value_may_hold_an_equals_sign() {
        assert_eq!(parameter(b"icid-value=AB+c==;x", b"icid-value"), Some(&b"AB+c=="[..]));
    }

    #[test]
    fn stray_semicolons_are_skipped() {
        assert_eq!(Parameters::new(b";; ;a;;b=;").count(), 2);
    }
}
