//! The typed parts of a party's address: URI, display name, scheme, user, host.
//!
//! Read when a record is built for the wire. A record never depends on it: the raw header value always goes out too.
//!
//! A plain URI is read here; `rsip` reads the others. It is not believed blindly, since version 0.4 refuses `tel:`, IPv6 references and URI headers,
//! and takes `sip:john.doe@example.com` for a host named `john.doe@example.com`: where it refuses or where its host
//! holds an `@`, the URI is split at its delimiters (RFC 3261 §25.1) instead. The path used in it (`Uri::try_from`) is
//! nom combinators over checked slices, without indexing, unwrapping or recursion, so it is called without a net; the
//! property test below is the proof we keep.

use core::fmt;
use std::borrow::Cow;

use memchr::{memchr, memchr2, memrchr};

/// Longest URI handed to rsip; a longer one is split at its delimiters only. No real address comes near it.
const TYPED_URI: usize = 1024;

/// A party's address, as far as it could be read. Borrowed from the header value where nothing had to be changed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PartyAddress<'a> {
    /// The whole value.
    pub raw: &'a [u8],
    /// The URI with its parameters.
    pub uri: Option<&'a [u8]>,
    /// The display name, without quotes and escapes.
    pub display_name: Option<Cow<'a, [u8]>>,
    /// In lower case.
    pub scheme: Option<Cow<'a, str>>,
    /// The user part; the number of a `tel:` URI.
    pub user: Option<Cow<'a, [u8]>>,
    /// The host, without its port; an IPv6 address without its brackets.
    pub host: Option<Cow<'a, [u8]>>,
}

/// Addresses identify people.
impl fmt::Debug for PartyAddress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PartyAddress(…)")
    }
}

impl<'a> PartyAddress<'a> {
    /// Reads the value of From, To, P-Asserted-Identity or P-Served-User: a name-addr or an addr-spec (RFC 3261 §20).
    ///
    /// Without angle brackets everything from the first `;` on belongs to the header, not to the URI (§20.10).
    #[must_use]
    pub fn read(raw: &'a [u8]) -> Self {
        let Some(open) = opening_bracket(raw) else {
            let end = memchr(b';', raw).unwrap_or(raw.len());
            return Self { raw, ..Self::read_uri(raw.get(..end).unwrap_or(raw)) };
        };
        let (before, rest) = raw.split_at(open);
        let inside = rest.get(1..).unwrap_or_default();
        let end = memchr(b'>', inside).unwrap_or(inside.len());
        let address = Self::read_uri(inside.get(..end).unwrap_or(inside));
        Self { raw, display_name: display_name(before), ..address }
    }

    /// Reads a Request-URI: the URI alone, whose parameters are its own.
    #[must_use]
    pub fn read_uri(raw: &'a [u8]) -> Self {
        let uri = raw.trim_ascii();
        let mut address = Self { raw, ..Self::default() };
        if uri.is_empty() {
            return address;
        }
        address.uri = Some(uri);
        let Some((scheme, rest)) = split_scheme(uri) else { return address };
        match &*scheme {
            "sip" | "sips" if address.read_plain(rest) => {}
            "sip" | "sips" => address.read_sip(uri, rest),
            "tel" => address.user = before(rest, b";?").filter(|number| !number.is_empty()).map(Cow::Borrowed),
            _ => {}
        }
        address.scheme = Some(scheme);
        address
    }

    /// User and host of nearly every address there is, `user@host` with at most a port and parameters, of letters and digits;
    /// false for every other. rsip, which reads the same in them, takes most of a microsecond for it, four times a record.
    fn read_plain(&mut self, rest: &'a [u8]) -> bool {
        let Some((user, after)) = take(rest, |byte| byte.is_ascii_alphanumeric() || b"+-_".contains(&byte)) else {
            return false;
        };
        let Some((host, after)) = after
            .strip_prefix(b"@")
            .and_then(|host| take(host, |byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)))
        else {
            return false;
        };
        let after = match after.strip_prefix(b":") {
            None => after,
            Some(port) => match take(port, |byte| byte.is_ascii_digit()) {
                Some((port, after)) if port.len() <= 4 => after,
                _ => return false,
            },
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b";=-._".contains(&byte);
        if !(after.is_empty() || after.starts_with(b";") && after.iter().all(|byte| plain(*byte))) {
            return false;
        }
        (self.user, self.host) = (Some(Cow::Borrowed(user)), Some(Cow::Borrowed(host)));
        true
    }

    /// User and host of a SIP URI; `rest` follows the scheme's colon.
    fn read_sip(&mut self, uri: &'a [u8], rest: &'a [u8]) {
        if !self.read_typed(uri) {
            self.split_sip(rest);
        }
    }

    /// User and host as rsip reads them; false where it refuses, or cannot be right.
    fn read_typed(&mut self, uri: &[u8]) -> bool {
        if uri.len() > TYPED_URI {
            return false;
        }
        let Ok(text) = core::str::from_utf8(uri) else { return false };
        let Ok(typed) = rsip::Uri::try_from(text) else { return false };
        let host = typed.host_with_port.host.to_string();
        if host.is_empty() || host.contains(['@', '?', '[']) {
            return false;
        }
        self.host = Some(Cow::Owned(host.into_bytes()));
        self.user =
            typed.auth.map(|auth| auth.user).filter(|user| !user.is_empty()).map(|user| Cow::Owned(user.into_bytes()));
        true
    }

    /// User and host split at the delimiters of RFC 3261 §25.1; `rest` follows the scheme's colon.
    fn split_sip(&mut self, rest: &'a [u8]) {
        // An unescaped `@` is allowed nowhere but behind the userinfo, yet a user part may hold `;` and `?`.
        let authority = match memrchr(b'@', rest) {
            None => rest,
            Some(at) => {
                let (userinfo, host) = rest.split_at(at);
                let user = before(userinfo, b":").filter(|user| !user.is_empty());
                self.user = user.map(Cow::Borrowed);
                host.get(1..).unwrap_or_default()
            }
        };
        let host = match authority.strip_prefix(b"[") {
            Some(reference) => before(reference, b"]"),
            None => before(authority, b":;?"),
        };
        self.host = host.filter(|host| !host.is_empty()).map(Cow::Borrowed);
    }
}

/// Position of the `<` that opens the URI: the first outside a quoted display name.
fn opening_bracket(raw: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut quoted = false;
    loop {
        let rest = raw.get(at..)?;
        let step = if quoted { memchr2(b'"', b'\\', rest)? } else { memchr2(b'"', b'<', rest)? };
        match rest.get(step)? {
            b'<' => return Some(at + step),
            b'"' => {
                quoted = !quoted;
                at += step + 1;
            }
            // A backslash takes the next byte with it.
            _ => at += step + 2,
        }
    }
}

/// What stands before the `<`: a quoted string without quotes and escapes, or bare words. Nothing when it is empty.
fn display_name(before: &[u8]) -> Option<Cow<'_, [u8]>> {
    let trimmed = before.trim_ascii();
    let Some(quoted) = trimmed.strip_prefix(b"\"") else {
        return (!trimmed.is_empty()).then_some(Cow::Borrowed(trimmed));
    };
    let text = quoted.strip_suffix(b"\"").unwrap_or(quoted);
    if text.is_empty() {
        return None;
    }
    if memchr(b'\\', text).is_none() {
        return Some(Cow::Borrowed(text));
    }
    let mut name = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        name.push(if byte == b'\\' { bytes.next().unwrap_or(b'\\') } else { byte });
    }
    Some(Cow::Owned(name))
}

/// Scheme in lower case and what follows its colon; nothing where there is no scheme (RFC 3986 §3.1).
fn split_scheme(uri: &[u8]) -> Option<(Cow<'_, str>, &[u8])> {
    let scheme = uri.get(..memchr(b':', uri)?)?;
    let rest = uri.get(scheme.len() + 1..)?;
    let letters = scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    if !letters || scheme.len() > 32 || !scheme.first()?.is_ascii_alphabetic() {
        return None;
    }
    let scheme = core::str::from_utf8(scheme).ok()?;
    let upper = scheme.bytes().any(|byte| byte.is_ascii_uppercase());
    Some((if upper { Cow::Owned(scheme.to_ascii_lowercase()) } else { Cow::Borrowed(scheme) }, rest))
}

/// The bytes at the front that are `of` a kind, at least one, and what follows them.
fn take(text: &[u8], of: impl Fn(u8) -> bool) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| !of(*byte)).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(taken, _)| !taken.is_empty())
}

/// The bytes before the first of `ends`, or all of them.
fn before<'a>(text: &'a [u8], ends: &[u8]) -> Option<&'a [u8]> {
    let end = text.iter().position(|byte| ends.contains(byte)).unwrap_or(text.len());
    text.get(..end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Display name, scheme, user and host, `-` where absent.
    fn parts(address: &PartyAddress<'_>) -> String {
        let text =
            |part: Option<&[u8]>| part.map_or_else(|| "-".into(), |part| String::from_utf8_lossy(part).into_owned());
        format!(
            "{} | {} | {} | {}",
            text(address.display_name.as_deref()),
            text(address.scheme.as_deref().map(str::as_bytes)),
            text(address.user.as_deref()),
            text(address.host.as_deref())
        )
    }

    fn header(raw: &str) -> String {
        parts(&PartyAddress::read(raw.as_bytes()))
    }

    #[test]
    fn reads_the_forms_of_a_name_addr() {
        assert_eq!(header("\"Alice\" <sip:alice@example.com;user=phone>;x=y"), "Alice | sip | alice | example.com");
        assert_eq!(header("Alice Liddell <SIPS:alice@example.com:5061>"), "Alice Liddell | sips | alice | example.com");
        assert_eq!(header("<sip:example.com>"), "- | sip | - | example.com");
        assert_eq!(header("sip:alice@example.com;x=y"), "- | sip | alice | example.com");
        assert_eq!(header("\"\" <sip:a@b>"), "- | sip | a | b");
    }

    #[test]
    fn a_quoted_name_may_hold_brackets_and_escapes() {
        assert_eq!(header(r#""A \"<x>\" B" <sip:a@b>"#), r#"A "<x>" B | sip | a | b"#);
        assert_eq!(header(r#""A \\" <sip:a@b>"#), r"A \ | sip | a | b");
        assert_eq!(header(r#""open <sip:a@b>"#), "- | - | - | -");
    }

    #[test]
    fn splits_what_rsip_refuses_or_misreads() {
        assert_eq!(header("<sip:john.doe@example.com>"), "- | sip | john.doe | example.com");
        assert_eq!(header("<sip:a@[2001:db8::1]:5060;lr>"), "- | sip | a | 2001:db8::1");
        assert_eq!(header("<sip:[::1]>"), "- | sip | - | ::1");
        assert_eq!(header("<tel:+491711234567;phone-context=x>"), "- | tel | +491711234567 | -");
        assert_eq!(header("<sip:a:secret@b.example?Subject=x>"), "- | sip | a | b.example");
        assert_eq!(header("<sip:a;b=c@d.example;e>"), "- | sip | a;b=c | d.example");
        assert_eq!(header("<sip:a@b:99999>"), "- | sip | a | b");
        assert_eq!(header("<urn:service:sos>"), "- | urn | - | -");
        assert_eq!(header("<not a uri>"), "- | - | - | -");
    }

    #[test]
    fn keeps_bytes_that_are_not_utf_8() {
        let address = PartyAddress::read(b"\"J\xfcrgen\" <sip:j\xfc@example.com>");
        assert_eq!(address.display_name.as_deref(), Some(&b"J\xfcrgen"[..]));
        assert_eq!(address.user.as_deref(), Some(&b"j\xfc"[..]));
        assert_eq!(address.host.as_deref(), Some(&b"example.com"[..]));
    }

    #[test]
    fn parameters_without_brackets_belong_to_the_header_or_to_the_request_uri() {
        let value = b"sip:a@b;user=phone";
        assert_eq!(PartyAddress::read(value).uri, Some(&b"sip:a@b"[..]));
        assert_eq!(PartyAddress::read_uri(value).uri, Some(&value[..]));
        assert_eq!(PartyAddress::read(value).raw, value);
    }

    proptest! {
        /// Against rsip, and against the split at delimiters where rsip refuses.
        #[test]
        fn the_plain_way_reads_what_the_long_way_does(
            uri in "sips?:[a-z0-9+_-]{1,6}@[a-z0-9.-]{1,12}(:[0-9]{1,5})?(;[a-z;=._-]{0,12})?[ %@:?]{0,1}"
        ) {
            let (_, rest) = split_scheme(uri.as_bytes()).unwrap();
            let mut plain = PartyAddress::default();
            if plain.read_plain(rest) {
                let mut long = PartyAddress::default();
                long.read_sip(uri.as_bytes(), rest);
                prop_assert_eq!(plain.user, long.user);
                prop_assert_eq!(plain.host, long.host);
            }
        }

        #[test]
        fn never_panics_and_always_keeps_the_raw_value(raw in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(PartyAddress::read(&raw).raw, &raw[..]);
            prop_assert_eq!(PartyAddress::read_uri(&raw).raw, &raw[..]);
        }

        #[test]
        fn never_panics_near_real_uris(raw in r#"("?[a-z]{0,3}"? ?<)?(sips?|tel|urn|SIP):[a-z0-9.@:;=?&%\[\]<>"/\\]{0,40}>?(;[a-z=é]*)?"#) {
            let address = PartyAddress::read(raw.as_bytes());
            prop_assert!(address.host.is_none_or(|host| !host.contains(&b'@')));
            prop_assert_eq!(PartyAddress::read_uri(raw.as_bytes()).raw, raw.as_bytes());
        }
    }
}
