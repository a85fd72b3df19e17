//! Session descriptions (RFC 4566), as far as charging looks into them: which media were agreed, and the attributes of
//! MSRP (RFC 4975 §8, RFC 5547, RFC 6135, RFC 6714).

use core::fmt;

use memchr::{memchr, memchr2, memmem};

use crate::sip::multipart;
use crate::sip::value::trim;

/// One session description, borrowed and read on demand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sdp<'a> {
    /// The lines before the first `m=`.
    session: &'a [u8],
    /// The lines from the first `m=` on.
    media: &'a [u8],
}

impl<'a> Sdp<'a> {
    /// Finds the description in a body of that Content-Type, also inside a multipart. Without a Content-Type the body must
    /// look like one.
    #[must_use]
    pub fn read(body: &'a [u8], content_type: Option<&[u8]>) -> Option<Self> {
        let description = match content_type {
            Some(content_type) => multipart::find(body, content_type, b"application/sdp")?,
            None => Some(body).filter(|body| body.starts_with(b"v="))?,
        };
        let (session, media) = match description.starts_with(b"m=") {
            true => description.split_at_checked(0)?,
            false => match memmem::find(description, b"\nm=") {
                Some(at) => description.split_at_checked(at + 1)?,
                None => (description, &[][..]),
            },
        };
        Some(Self { session, media })
    }

    /// The `o=` line: who made the description, and which version of it this is.
    #[must_use]
    pub fn origin(&self) -> Option<&'a [u8]> {
        field(self.session, b'o')
    }

    /// The `c=` line of the session.
    #[must_use]
    pub fn connection(&self) -> Option<&'a [u8]> {
        field(self.session, b'c')
    }

    /// An attribute of the session; empty when it has no value.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&'a [u8]> {
        attribute(self.session, name)
    }

    /// The m= sections, in their order. One whose m= line cannot be read is left out.
    pub fn media(&self) -> impl Iterator<Item = MediaSection<'a>> + use<'a> {
        let session = self.session;
        // Read once, not once a section: a hostile body has thousands of them.
        let default = direction(session).unwrap_or_default();
        Sections { rest: self.media }.filter_map(move |section| MediaSection::read(section, session, default))
    }
}

impl fmt::Debug for Sdp<'_> {
    /// It holds addresses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sdp({} sections)", self.media().count())
    }
}

/// One m= section, with what it takes over from the session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MediaSection<'a> {
    /// `message`, `audio`, …
    pub kind: &'a [u8],
    /// 0 means refused, or not yet offered.
    pub port: u16,
    /// `TCP/MSRP`, `RTP/AVP`, …
    pub protocol: &'a [u8],
    /// The rest of the m= line.
    pub formats: &'a [u8],
    /// The direction attribute of the section, else of the session.
    pub direction: Direction,
    /// The lines after the m= line.
    lines: &'a [u8],
    session: &'a [u8],
}

/// Direction attribute, from the side of who sent the description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    #[default]
    SendReceive,
    SendOnly,
    ReceiveOnly,
    Inactive,
}

impl<'a> MediaSection<'a> {
    fn read(section: &'a [u8], session: &'a [u8], default: Direction) -> Option<Self> {
        let line = lines(section).next()?;
        let (kind, rest) = word(line.get(2..)?)?;
        let (port, rest) = word(rest)?;
        let (protocol, formats) = word(rest)?;
        // A port count may follow after a slash.
        let port = port.split(|byte| *byte == b'/').next()?;
        let port = str::from_utf8(port).ok()?.parse().ok()?;
        let lines = section.get(line.len()..)?;
        let direction = direction(lines).unwrap_or(default);
        Some(Self { kind, port, protocol, formats: trim(formats), direction, lines, session })
    }

    /// Whether it is MSRP, over TLS too (RFC 4975 §8.1).
    #[must_use]
    pub fn is_msrp(&self) -> bool {
        let transport = self.protocol.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        self.kind.eq_ignore_ascii_case(b"message") && transport.eq_ignore_ascii_case(b"MSRP")
    }

    /// An attribute of the section; empty when it has no value.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&'a [u8]> {
        attribute(self.lines, name)
    }

    /// The `c=` line of the section, else of the session.
    #[must_use]
    pub fn connection(&self) -> Option<&'a [u8]> {
        field(self.lines, b'c').or_else(|| field(self.session, b'c'))
    }

    /// `a=accept-types`: media types, blanks between them.
    #[must_use]
    pub fn accept_types(&self) -> Option<&'a [u8]> {
        self.attribute("accept-types")
    }

    /// `a=path`: MSRP URIs, blanks between them, the endpoint's own last.
    #[must_use]
    pub fn path(&self) -> Option<&'a [u8]> {
        self.attribute("path")
    }

    /// `a=file-selector` of a file transfer.
    #[must_use]
    pub fn file_selector(&self) -> Option<&'a [u8]> {
        self.attribute("file-selector")
    }

    /// `a=setup`: who opens the connection.
    #[must_use]
    pub fn setup(&self) -> Option<&'a [u8]> {
        self.attribute("setup")
    }

    /// `a=msrp-cema`: the connection goes to c= and m=, not to the path.
    #[must_use]
    pub fn msrp_cema(&self) -> bool {
        self.attribute("msrp-cema").is_some()
    }
}

impl fmt::Debug for MediaSection<'_> {
    /// Its attributes hold addresses and file names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, protocol) = (self.kind.escape_ascii(), self.protocol.escape_ascii());
        write!(f, "m={kind} {} {protocol} …", self.port)
    }
}

/// Splits before each m= line.
struct Sections<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Sections<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memmem::find(self.rest, b"\nm=").map_or(self.rest.len(), |at| at + 1);
        let (section, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(section)
    }
}

/// The lines of a text, ended by CRLF or LF.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// The first word of a line, and what follows it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = trim(text);
    let (word, rest) = text.split_at_checked(memchr2(b' ', b'\t', text).unwrap_or(text.len()))?;
    (!word.is_empty()).then_some((word, rest))
}

/// The value of the first line of a letter.
fn field(text: &[u8], letter: u8) -> Option<&[u8]> {
    lines(text).find_map(|line| match line {
        [first, b'=', value @ ..] if *first == letter => Some(trim(value)),
        _ => None,
    })
}

/// The value of the first attribute of a name.
fn attribute<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    attributes(text).find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
}

fn attributes(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines(text).filter_map(|line| {
        let line = line.strip_prefix(b"a=")?;
        let colon = memchr(b':', line).unwrap_or(line.len());
        Some((trim(line.get(..colon)?), trim(line.get(colon + 1..).unwrap_or_default())))
    })
}

fn direction(text: &[u8]) -> Option<Direction> {
    attributes(text).find_map(|(name, _)| match name {
        b"sendrecv" => Some(Direction::SendReceive),
        b"sendonly" => Some(Direction::SendOnly),
        b"recvonly" => Some(Direction::ReceiveOnly),
        b"inactive" => Some(Direction::Inactive),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: &[u8] =
        b"v=0\r\no=alice 2890844526 1 IN IP4 host\r\ns= \r\nc=IN IP4 192.0.2.1\r\na=sendonly\r\nt=0 0\r\n\
        m=message 7654 TCP/MSRP *\r\na=accept-types:message/cpim text/plain\r\na=path:msrp://r.example.com:1/r;tcp \
        msrp://alice.example.com:7654/jshA7weztas;tcp\r\na=setup:actpass\r\na=msrp-cema\r\n\
        a=file-selector:name:\"a.jpg\" type:image/jpeg size:4092\r\na=recvonly\r\n\
        m=audio 49170/2 RTP/AVP  0 8\r\nc=IN IP6 2001:db8::1\r\n\
        m=video x RTP/AVP 31\r\n\
        m=image 0 udptl t38\r\n";

    fn chat() -> Sdp<'static> {
        Sdp::read(CHAT, Some(b"Application/SDP; charset=utf-8")).unwrap()
    }

    #[test]
    fn session_lines_are_read() {
        assert_eq!(chat().origin(), Some(&b"alice 2890844526 1 IN IP4 host"[..]));
        assert_eq!(chat().connection(), Some(&b"IN IP4 192.0.2.1"[..]));
        assert_eq!(chat().attribute("sendonly"), Some(&b""[..]));
        assert_eq!(chat().attribute("setup"), None);
    }

    #[test]
    fn msrp_sections_give_their_attributes() {
        let message = chat().media().next().unwrap();
        assert!(message.is_msrp());
        assert_eq!((message.kind, message.port, message.protocol), (&b"message"[..], 7654, &b"TCP/MSRP"[..]));
        assert_eq!(message.formats, b"*");
        assert_eq!(message.accept_types(), Some(&b"message/cpim text/plain"[..]));
        assert!(message.path().unwrap().ends_with(b"msrp://alice.example.com:7654/jshA7weztas;tcp"));
        assert_eq!(message.file_selector(), Some(&b"name:\"a.jpg\" type:image/jpeg size:4092"[..]));
        assert_eq!(message.setup(), Some(&b"actpass"[..]));
        assert!(message.msrp_cema());
        assert_eq!(message.direction, Direction::ReceiveOnly);
        assert_eq!(message.connection(), Some(&b"IN IP4 192.0.2.1"[..]));
    }

    #[test]
    fn sections_take_over_what_the_session_says() {
        let audio = chat().media().nth(1).unwrap();
        assert_eq!((audio.port, audio.formats, audio.direction), (49170, &b"0 8"[..], Direction::SendOnly));
        assert_eq!(audio.connection(), Some(&b"IN IP6 2001:db8::1"[..]));
        assert!(!audio.is_msrp());
    }

    #[test]
    fn a_section_that_cannot_be_read_does_not_hide_the_next() {
        let ports: Vec<_> = chat().media().map(|section| section.port).collect();
        assert_eq!(ports, [7654, 49170, 0]);
    }

    #[test]
    fn msrp_over_tls_is_msrp() {
        let sdp = Sdp::read(b"v=0\nm=message 1 tcp/tls/msrp *", None).unwrap();
        assert!(sdp.media().all(|section| section.is_msrp()));
    }

    #[test]
    fn other_bodies_are_no_description() {
        assert_eq!(Sdp::read(CHAT, Some(b"text/plain")), None);
        assert_eq!(Sdp::read(b"<xml/>", None), None);
        assert_eq!(Sdp::read(b"v=0", None).unwrap().media().count(), 0);
        assert_eq!(Sdp::read(b"m=message 1 TCP/MSRP *", Some(b"application/sdp")).unwrap().media().count(), 1);
    }
}
