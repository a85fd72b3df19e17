//! Session descriptions (RFC 4566), as far as charging looks into them: which media were agreed, and the attributes of
//! MSRP (RFC 4975 §8, RFC 5547, RFC 6135, RFC 6714).

use core::fmt;

use crate::sip::find::find;
use crate::sip::multipart;
use crate::sip::parameter::is_same;
use crate::sip::value::trim;

/// One session description, borrowed and read on demand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sdp<'a>(&'a [u8]);

impl<'a> Sdp<'a> {
    /// Finds the description in a body of that Content-Type, also inside a multipart. Without a Content-Type the body must
    /// look like one.
    #[must_use]
    pub fn read(body: &'a [u8], content_type: Option<&[u8]>) -> Option<Self> {
        match content_type {
            Some(content_type) => multipart::find(body, content_type, b"application/sdp"),
            None => Some(body).filter(|body| body.starts_with(b"v=")),
        }
        .map(Self)
    }

    /// The lines before the first `m=`, with what they say that is asked for most, and the lines from there on.
    fn split(&self) -> (&'a [u8], Lines<'a>, &'a [u8]) {
        let (read, length) = Lines::read(self.0);
        let (session, media) = self.0.split_at_checked(length).unwrap_or_default();
        (session, read, media)
    }

    /// The `o=` line: who made the description, and which version of it this is.
    #[must_use]
    pub fn origin(&self) -> Option<&'a [u8]> {
        field(self.split().0, b'o')
    }

    /// The `c=` line of the session.
    #[must_use]
    pub fn connection(&self) -> Option<&'a [u8]> {
        self.split().1.connection
    }

    /// An attribute of the session; empty when it has no value.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&'a [u8]> {
        attribute(self.split().0, name)
    }

    /// The m= sections, in their order. One whose m= line cannot be read is left out.
    pub fn media(&self) -> impl Iterator<Item = MediaSection<'a>> + use<'a> {
        let (_, session, media) = self.split();
        Sections { rest: media }.filter_map(move |(line, lines, read)| {
            let direction = read.direction.or(session.direction).unwrap_or_default();
            let read = Lines { connection: read.connection.or(session.connection), ..read };
            MediaSection::read(line, lines, read, direction)
        })
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
    /// What they say that is asked for most; the connection else of the session.
    read: Lines<'a>,
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

impl Direction {
    fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"sendrecv" => Some(Self::SendReceive),
            b"sendonly" => Some(Self::SendOnly),
            b"recvonly" => Some(Self::ReceiveOnly),
            b"inactive" => Some(Self::Inactive),
            _ => None,
        }
    }
}

impl<'a> MediaSection<'a> {
    fn read(line: &'a [u8], lines: &'a [u8], read: Lines<'a>, direction: Direction) -> Option<Self> {
        let (kind, rest) = word(line.get(2..)?)?;
        let (port, rest) = word(rest)?;
        let (protocol, formats) = word(rest)?;
        // A port count may follow after a slash.
        let port = port.split(|byte| *byte == b'/').next()?;
        let port = str::from_utf8(port).ok()?.parse().ok()?;
        Some(Self { kind, port, protocol, formats: trim(formats), direction, lines, read })
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
        self.read.connection
    }

    /// `a=accept-types`: media types, blanks between them.
    #[must_use]
    pub fn accept_types(&self) -> Option<&'a [u8]> {
        self.read.accept_types
    }

    /// `a=path`: MSRP URIs, blanks between them, the endpoint's own last.
    #[must_use]
    pub fn path(&self) -> Option<&'a [u8]> {
        self.read.path
    }

    /// `a=file-selector` of a file transfer.
    #[must_use]
    pub fn file_selector(&self) -> Option<&'a [u8]> {
        self.read.file_selector
    }

    /// `a=setup`: who opens the connection.
    #[must_use]
    pub fn setup(&self) -> Option<&'a [u8]> {
        self.read.setup
    }

    /// `a=msrp-cema`: the connection goes to c= and m=, not to the path.
    #[must_use]
    pub fn msrp_cema(&self) -> bool {
        self.read.msrp_cema
    }
}

impl fmt::Debug for MediaSection<'_> {
    /// Its attributes hold addresses and file names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, protocol) = (self.kind.escape_ascii(), self.protocol.escape_ascii());
        write!(f, "m={kind} {} {protocol} …", self.port)
    }
}

/// The lines of a description up to an m= line, read in one pass: of each kind the first.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Lines<'a> {
    connection: Option<&'a [u8]>,
    direction: Option<Direction>,
    accept_types: Option<&'a [u8]>,
    path: Option<&'a [u8]>,
    file_selector: Option<&'a [u8]>,
    setup: Option<&'a [u8]>,
    msrp_cema: bool,
}

impl<'a> Lines<'a> {
    /// Reads from the start of a line, and tells how many bytes come before the next m= line.
    fn read(text: &'a [u8]) -> (Self, usize) {
        let mut read = Self::default();
        let mut rest = text;
        while !rest.is_empty() && !rest.starts_with(b"m=") {
            let (line, after) = line(rest);
            match line {
                [b'c', b'=', value @ ..] => {
                    read.connection.get_or_insert_with(|| trim(value));
                }
                [b'a', b'=', attribute @ ..] => read.note(attribute),
                _ => {}
            }
            rest = after;
        }
        (read, text.len() - rest.len())
    }

    fn note(&mut self, attribute: &'a [u8]) {
        let (name, value) = name_and_value(attribute);
        let is = |other: &[u8]| is_same(name, other);
        let place = match name.len() {
            8 => {
                self.direction = self.direction.or_else(|| Direction::named(name));
                return;
            }
            9 => {
                self.msrp_cema |= is(b"msrp-cema");
                return;
            }
            4 if is(b"path") => &mut self.path,
            5 if is(b"setup") => &mut self.setup,
            12 if is(b"accept-types") => &mut self.accept_types,
            13 if is(b"file-selector") => &mut self.file_selector,
            _ => return,
        };
        place.get_or_insert(value);
    }
}

/// Splits before each m= line: that line, the lines behind it, and what they say.
struct Sections<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Sections<'a> {
    type Item = (&'a [u8], &'a [u8], Lines<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, after) = line(self.rest);
        let (read, length) = Lines::read(after);
        let (lines, rest) = after.split_at_checked(length)?;
        self.rest = rest;
        Some((line, lines, read))
    }
}

/// The first line of a text, ended by CRLF or LF, and what follows it.
fn line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = find(b'\n', text).unwrap_or(text.len());
    let (line, after) = text.split_at_checked(end).unwrap_or_default();
    (line.strip_suffix(b"\r").unwrap_or(line), after.get(1..).unwrap_or_default())
}

/// The lines of a text.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    core::iter::from_fn(move || {
        let (line, after) = (!rest.is_empty()).then(|| line(rest))?;
        rest = after;
        Some(line)
    })
}

/// The first word of a line, and what follows it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = trim(text);
    let end = text.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end)?;
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
    lines(text).filter_map(|line| line.strip_prefix(b"a=")).map(name_and_value)
}

fn name_and_value(attribute: &[u8]) -> (&[u8], &[u8]) {
    let colon = find(b':', attribute).unwrap_or(attribute.len());
    (trim(attribute.get(..colon).unwrap_or_default()), trim(attribute.get(colon + 1..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        /// What is read in one pass is what a search of its own finds.
        #[test]
        fn one_pass_reads_what_single_searches_find(
            words in prop::collection::vec(prop::sample::select(vec![
                "\r\n", "\n", "m=message 1 TCP/MSRP *", "\nm=audio 2 x 0\r\n", "a=", "c=", "o=", "a=path:", "A=path", "a=Path : x",
                "a=setup:active", "a=msrp-cema", "a=sendonly", "a=inactive\r", "a=SendOnly", "a=accept-types:text/plain *",
                "a=file-selector:name:x", "c=IN IP4 192.0.2.1", " ", ":", "x", "m=", "\r", "a=recvonly:x", "a= sendrecv",
            ]), 0..40),
        ) {
            let text = format!("v=0{}", words.concat());
            let text = text.as_bytes();
            let sdp = Sdp::read(text, None).unwrap();
            let plainly = |text: &'_ [u8]| attributes(text).find_map(|(name, _)| Direction::named(name));
            let (session, _, media) = sdp.split();
            prop_assert_eq!([session, media].concat(), text);
            prop_assert!(!session.windows(3).any(|start| start == b"\nm="));
            prop_assert!(media.is_empty() || media.starts_with(b"m="));
            prop_assert_eq!(sdp.connection(), field(session, b'c'));
            let mut sections = 0;
            for section in sdp.media() {
                sections += 1;
                prop_assert!(!section.lines.windows(3).any(|start| start == b"\nm="));
                prop_assert_eq!(section.path(), section.attribute("path"));
                prop_assert_eq!(section.setup(), section.attribute("setup"));
                prop_assert_eq!(section.accept_types(), section.attribute("accept-types"));
                prop_assert_eq!(section.file_selector(), section.attribute("file-selector"));
                prop_assert_eq!(section.msrp_cema(), section.attribute("msrp-cema").is_some());
                prop_assert_eq!(section.connection(), field(section.lines, b'c').or_else(|| field(session, b'c')));
                let direction = plainly(section.lines).or_else(|| plainly(session)).unwrap_or_default();
                prop_assert_eq!(section.direction, direction);
            }
            let readable = media.split(|byte| *byte == b'\n').filter(|line| {
                line.starts_with(b"m=message 1 TCP/MSRP *") || line.starts_with(b"m=audio 2 x 0")
            });
            prop_assert!(sections >= readable.count());
        }
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
