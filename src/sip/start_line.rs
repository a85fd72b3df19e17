//! The first line of a message.

use core::fmt;

use memchr::{memchr, memchr2, memrchr, memrchr2};

use crate::sip::anomaly::{Anomalies, Anomaly};
use crate::sip::defect::Defect;
use crate::sip::find::{find, has};
use crate::sip::mask::Block;
use crate::sip::method::{Method, is_token};

const VERSION: &[u8] = b"SIP/2.0";

/// Request-Line or Status-Line (RFC 3261 §7.1, §7.2).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum StartLine<'a> {
    Request {
        method: Method<'a>,
        /// The Request-URI, of any scheme, as sent.
        uri: &'a [u8],
    },
    Response {
        /// 100 to 699.
        status: u16,
        /// Any octets, often none.
        reason: &'a [u8],
    },
}

impl<'a> StartLine<'a> {
    /// Reads a line without its line end.
    pub(super) fn read(line: &'a [u8], anomalies: &mut Anomalies) -> Result<Self, Defect> {
        if let Some(usual) = usual(line) {
            return Ok(usual);
        }
        Self::read_slowly(line, anomalies)
    }

    /// The same for any line.
    fn read_slowly(line: &'a [u8], anomalies: &mut Anomalies) -> Result<Self, Defect> {
        if line.first_chunk::<4>().is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/")) {
            return read_status_line(line, anomalies);
        }
        read_request_line(line, anomalies)
    }
}

impl fmt::Debug for StartLine<'_> {
    /// The Request-URI names a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request { method, .. } => write!(f, "{method:?} …"),
            Self::Response { status, .. } => write!(f, "{status}"),
        }
    }
}

/// A line as nearly every stack writes it, with nothing odd in it; absent says nothing but "read it slowly" (a test
/// compares the two).
#[inline]
fn usual(line: &[u8]) -> Option<StartLine<'_>> {
    if let Some(rest) = line.strip_prefix(b"SIP/2.0 ") {
        let [hundreds @ b'1'..=b'6', tens @ b'0'..=b'9', ones @ b'0'..=b'9', b' ', reason @ ..] = rest else {
            return None;
        };
        let status = [hundreds, tens, ones].into_iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
        return Some(StartLine::Response { status, reason });
    }
    let (method, rest) = line.split_at_checked(find(b' ', line)?)?;
    let method = Method::named(method)?;
    let uri = rest.strip_prefix(b" ")?.strip_suffix(b" SIP/2.0")?;
    let odd = matches!(uri, [] | [b'<', ..])
        || has(uri, |block: Block| block.blank() | block.equal(b'?'), |byte| byte <= b' ' || byte == b'?');
    (!odd).then_some(StartLine::Request { method, uri })
}

fn read_status_line<'a>(line: &'a [u8], anomalies: &mut Anomalies) -> Result<StartLine<'a>, Defect> {
    let (version, rest) = cut(line).unwrap_or((line, &[]));
    if !version.eq_ignore_ascii_case(VERSION) {
        return Err(Defect::Version);
    }
    let tidy = trim_start(rest);
    let (code, reason) = cut(tidy).unwrap_or((tidy, &[]));
    // Three digits exactly: 4294967301 must not wrap to 5.
    let &[b'1'..=b'6', b'0'..=b'9', b'0'..=b'9'] = code else { return Err(Defect::StatusCode) };
    let status = code.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
    // The space before the reason is required even when there is none.
    anomalies.insert_if(tidy.len() != rest.len() || tidy.len() == code.len(), Anomaly::StartLineSpacing);
    Ok(StartLine::Response { status, reason })
}

fn read_request_line<'a>(line: &'a [u8], anomalies: &mut Anomalies) -> Result<StartLine<'a>, Defect> {
    let (method, rest) = cut(line).ok_or(Defect::NotSip)?;
    if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
        return Err(Defect::NotSip);
    }
    let tidy = trim_end(rest);
    let at =
        memrchr2(b' ', b'\t', tidy).ok_or_else(|| if is_version(tidy) { Defect::StartLine } else { Defect::NotSip })?;
    let (before, version) = (tidy.get(..at).unwrap_or_default(), tidy.get(at + 1..).unwrap_or_default());
    if !is_version(version) {
        return Err(Defect::NotSip);
    }
    if !version.eq_ignore_ascii_case(VERSION) {
        return Err(Defect::Version);
    }
    let uri = trim_end(trim_start(before));
    if uri.is_empty() || memchr2(b' ', b'\t', uri).is_some() {
        return Err(Defect::StartLine);
    }
    anomalies.insert_if(uri.len() != before.len() || tidy.len() != rest.len(), Anomaly::StartLineSpacing);
    anomalies.insert_if(uri.first() == Some(&b'<') || has_uri_headers(uri), Anomaly::RequestUri);
    Ok(StartLine::Request { method: Method::new(method), uri })
}

/// Whether a URI carries headers after a `?`, which is a letter like any other in the user part.
pub(super) fn has_uri_headers(uri: &[u8]) -> bool {
    let Some(at) = memchr(b'?', uri) else { return false };
    memrchr(b'@', uri).is_none_or(|end| at > end || memchr(b'?', uri.get(end..).unwrap_or_default()).is_some())
}

fn is_version(text: &[u8]) -> bool {
    text.first_chunk::<4>().is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
}

/// What stands before and after the first blank.
fn cut(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr2(b' ', b'\t', text)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

const fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

const fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_usual_line_is_read_as_any_other(
            words in prop::collection::vec(prop::sample::select(vec![
                " ", "SIP/2.0", "\t", "INVITE", "sip:a@b", "200", "OK", "?", "<", ">", "SIP/", "1", "sip/2.0", "@", " SIP/2.0", "",
            ]), 0..9),
        ) {
            let line = words.concat();
            let mut anomalies = Anomalies::NONE;
            let slow = StartLine::read_slowly(line.as_bytes(), &mut anomalies);
            if let Some(usual) = usual(line.as_bytes()) {
                prop_assert_eq!(slow, Ok(usual));
                prop_assert!(anomalies.is_empty());
            }
        }
    }

    #[test]
    fn usual_lines_take_the_short_way() {
        for line in ["INVITE sip:a@b;x=y SIP/2.0", "PUBLISH urn:a SIP/2.0", "SIP/2.0 200 OK", "SIP/2.0 180 "] {
            assert!(usual(line.as_bytes()).is_some(), "{line}");
        }
    }

    fn read(line: &str) -> Result<(StartLine<'_>, Anomalies), Defect> {
        let mut anomalies = Anomalies::NONE;
        StartLine::read(line.as_bytes(), &mut anomalies).map(|start| (start, anomalies))
    }

    fn uri(line: &str) -> &str {
        match read(line).unwrap().0 {
            StartLine::Request { uri, .. } => str::from_utf8(uri).unwrap(),
            StartLine::Response { .. } => panic!("a response"),
        }
    }

    fn status(line: &str) -> (u16, Vec<u8>) {
        match read(line).unwrap().0 {
            StartLine::Response { status, reason } => (status, reason.to_vec()),
            StartLine::Request { .. } => panic!("a request"),
        }
    }

    #[test]
    fn any_scheme_and_any_token_make_a_request() {
        assert_eq!(uri("INVITE tel:+1-201-555-0123;phone-context=x SIP/2.0"), "tel:+1-201-555-0123;phone-context=x");
        assert_eq!(uri("!a-Method0*+`.%'~ urn:service:sos sip/2.0"), "urn:service:sos");
        assert_eq!(uri("BYE sip:[2001:db8::10]:5070 SIP/2.0"), "sip:[2001:db8::10]:5070");
    }

    #[test]
    fn status_lines_need_no_reason() {
        assert_eq!(status("SIP/2.0 200 OK"), (200, b"OK".to_vec()));
        assert_eq!(status("sip/2.0 180 "), (180, vec![]));
        assert_eq!(status("SIP/2.0 100"), (100, vec![]));
        assert!(read("SIP/2.0 100 ").unwrap().1.is_empty());
        assert!(read("SIP/2.0 100").unwrap().1.contains(Anomaly::StartLineSpacing));
    }

    #[test]
    fn status_codes_are_three_digits() {
        for code in ["4294967301", "99", "099", "700", "2000", "20", "2OO", "", "+20"] {
            assert_eq!(read(&format!("SIP/2.0 {code} x")).map(|_| ()), Err(Defect::StatusCode), "{code}");
        }
    }

    #[test]
    fn other_versions_are_told_from_other_protocols() {
        assert_eq!(read("OPTIONS sip:a SIP/7.0").map(|_| ()), Err(Defect::Version));
        assert_eq!(read("SIP/2.01 200 OK").map(|_| ()), Err(Defect::Version));
        assert_eq!(read("GET / HTTP/1.1").map(|_| ()), Err(Defect::NotSip));
        assert_eq!(read("MSRP a786hjs2 SEND").map(|_| ()), Err(Defect::NotSip));
        assert_eq!(read("INVITE").map(|_| ()), Err(Defect::NotSip));
        assert_eq!(read(" SIP/2.0").map(|_| ()), Err(Defect::NotSip));
    }

    #[test]
    fn a_request_line_has_three_parts() {
        assert_eq!(read("INVITE sip:a; lr SIP/2.0").map(|_| ()), Err(Defect::StartLine));
        assert_eq!(read("INVITE SIP/2.0").map(|_| ()), Err(Defect::StartLine));
        assert_eq!(read("INVITE  SIP/2.0").map(|_| ()), Err(Defect::StartLine));
    }

    #[test]
    fn spare_blanks_are_noted() {
        for line in ["INVITE  sip:a SIP/2.0", "INVITE sip:a  SIP/2.0", "INVITE sip:a SIP/2.0 ", "SIP/2.0  200 OK"] {
            assert!(read(line).unwrap().1.contains(Anomaly::StartLineSpacing), "{line}");
        }
    }

    #[test]
    fn request_uris_with_brackets_or_headers_are_noted() {
        for (line, odd) in [
            ("BYE <sip:a@b> SIP/2.0", true),
            ("BYE sip:a@b?Route=%3Csip:c%3E SIP/2.0", true),
            ("BYE sip:b?Route=c SIP/2.0", true),
            ("BYE sip:a?b@c SIP/2.0", false),
        ] {
            assert_eq!(read(line).unwrap().1.contains(Anomaly::RequestUri), odd, "{line}");
        }
    }
}
