//! MIME multiparts (RFC 2046 §5.1, RFC 5621), as far as one part has to be found in them.

use memchr::{memchr, memmem};

use crate::sip::parameter::{Parameters, is_same, parameter};
use crate::sip::value::trim;

/// Multiparts inside one another that are looked into.
const DEPTH: u8 = 3;

/// The body of the first part of a media type, in the body itself or inside a multipart.
///
/// Without a Content-Type none is found. A part in a transfer encoding other than an identity is not.
pub(super) fn find<'a>(body: &'a [u8], content_type: &[u8], wanted: &[u8]) -> Option<&'a [u8]> {
    // No parameters, which is the rule.
    if is_same(content_type, wanted) {
        return Some(body);
    }
    find_within(body, content_type, wanted, DEPTH)
}

fn find_within<'a>(body: &'a [u8], content_type: &[u8], wanted: &[u8], depth: u8) -> Option<&'a [u8]> {
    let media_type = Parameters::new(content_type).next()?.name;
    if media_type.eq_ignore_ascii_case(wanted) {
        return Some(body);
    }
    let multipart = media_type.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"));
    if !multipart || depth == 0 {
        return None;
    }
    let boundary = parameter(content_type, b"boundary").filter(|boundary| !boundary.is_empty())?;
    Parts::new(body, boundary).find_map(|part| {
        let (headers, body) = split(part);
        let content_type = header(headers, b"Content-Type").or_else(|| header(headers, b"c"))?;
        let encoding = header(headers, b"Content-Transfer-Encoding").unwrap_or(b"binary");
        let plain = [&b"binary"[..], b"8bit", b"7bit"].iter().any(|plain| plain.eq_ignore_ascii_case(encoding));
        find_within(body, content_type, wanted, depth - 1).filter(|_| plain)
    })
}

/// The parts between the delimiter lines `--boundary`. A last part that is never closed is given too.
struct Parts<'a, 'b> {
    rest: Option<&'a [u8]>,
    boundary: &'b [u8],
}

impl<'a, 'b> Parts<'a, 'b> {
    fn new(body: &'a [u8], boundary: &'b [u8]) -> Self {
        let mut parts = Self { rest: Some(body), boundary };
        // What stands before the first delimiter is a preamble.
        parts.next();
        parts
    }

    /// Where the next delimiter line starts, and what follows its line; nothing follows the closing one.
    fn delimiter(&self, text: &'a [u8]) -> Option<(usize, Option<&'a [u8]>)> {
        memmem::find_iter(text, self.boundary).find_map(|at| {
            let before = text.get(..at)?.strip_suffix(b"--")?;
            let at_line_start = before.last().is_none_or(|byte| *byte == b'\n');
            let after = text.get(at + self.boundary.len()..)?;
            let end = memchr(b'\n', after);
            let line = trim(after.get(..end.unwrap_or(after.len()))?);
            let closing = line == b"--";
            // Another boundary may start with this one.
            if !at_line_start || !(line.is_empty() || closing) {
                return None;
            }
            Some((before.len(), end.filter(|_| !closing).and_then(|end| after.get(end + 1..))))
        })
    }
}

impl<'a> Iterator for Parts<'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.rest?;
        let Some((end, rest)) = self.delimiter(text) else {
            self.rest = None;
            return Some(text);
        };
        self.rest = rest;
        // The line end before a delimiter belongs to it.
        let part = text.get(..end)?;
        let part = part.strip_suffix(b"\n").unwrap_or(part);
        Some(part.strip_suffix(b"\r").unwrap_or(part))
    }
}

/// Headers and body of a part.
fn split(part: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(length) = part.get(at..).and_then(|rest| memchr(b'\n', rest)) {
        let line = part.get(at..at + length).unwrap_or_default();
        let next = at + length + 1;
        if matches!(line, [] | [b'\r']) {
            return (part.get(..at).unwrap_or_default(), part.get(next..).unwrap_or_default());
        }
        at = next;
    }
    (part, &[])
}

/// The value of a header of a part, folds left in it.
fn header<'a>(headers: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut at = 0;
    while let Some(rest) = headers.get(at..).filter(|rest| !rest.is_empty()) {
        let mut end = memchr(b'\n', rest).unwrap_or(rest.len());
        while let Some(b' ' | b'\t') = rest.get(end + 1) {
            end += 1 + rest.get(end + 1..).and_then(|more| memchr(b'\n', more)).unwrap_or(rest.len() - end - 1);
        }
        let line = rest.get(..end)?;
        if let Some(colon) = memchr(b':', line)
            && trim(line.get(..colon)?).eq_ignore_ascii_case(name)
        {
            return Some(trim(line.get(colon + 1..)?));
        }
        at += end + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIXED: &[u8] = b"preamble\r\n--b1\r\nContent-Type: text/plain\r\n\r\nv=no\r\n--b1x\r\n--b1 \r\n\
        Content-Disposition: x\r\ncontent-type :\r\n application/SDP;charset=x\r\n\r\nv=0\r\nm=x\r\n\r\n--b1--\r\nepilogue";

    fn find_sdp<'a>(body: &'a [u8], content_type: &str) -> Option<&'a [u8]> {
        find(body, content_type.as_bytes(), b"application/sdp")
    }

    #[test]
    fn a_part_is_found_by_its_type() {
        assert_eq!(find_sdp(MIXED, "Multipart/Mixed; boundary=\"b1\""), Some(&b"v=0\r\nm=x\r\n"[..]));
        assert_eq!(find_sdp(MIXED, "multipart/mixed;boundary=b1"), Some(&b"v=0\r\nm=x\r\n"[..]));
    }

    #[test]
    fn without_the_right_boundary_there_is_no_part() {
        assert_eq!(find_sdp(MIXED, "multipart/mixed;boundary=b"), None);
        assert_eq!(find_sdp(MIXED, "multipart/mixed"), None);
        assert_eq!(find_sdp(MIXED, "multipart/mixed;boundary="), None);
        assert_eq!(find_sdp(MIXED, "text/plain"), None);
        assert_eq!(find_sdp(MIXED, ""), None);
    }

    #[test]
    fn multiparts_nest_to_a_depth() {
        let mut body = b"v=0".to_vec();
        let mut content_type = "application/sdp".to_owned();
        for depth in 0..=DEPTH {
            assert_eq!(find_sdp(&body, &content_type), Some(&b"v=0"[..]), "{depth}");
            body = [format!("--b{depth}\nContent-Type: {content_type}\n\n").as_bytes(), &body, b"\n"].concat();
            body.extend_from_slice(format!("--b{depth}--").as_bytes());
            content_type = format!("multipart/related;boundary=b{depth}");
        }
        assert_eq!(find_sdp(&body, &content_type), None);
    }

    #[test]
    fn encoded_parts_are_not_read() {
        let body = b"--b\nContent-Type: application/sdp\nContent-Transfer-Encoding: base64\n\ndj0w\n--b--";
        assert_eq!(find_sdp(body, "multipart/mixed;boundary=b"), None);
    }

    #[test]
    fn a_part_cut_off_is_given_as_far_as_it_goes() {
        let body = b"--b\nContent-Type: application/sdp\n\nv=0\nm=mess";
        assert_eq!(find_sdp(body, "multipart/mixed;boundary=b"), Some(&b"v=0\nm=mess"[..]));
    }
}
