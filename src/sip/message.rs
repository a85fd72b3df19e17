//! One SIP message, indexed in a single pass.

use core::fmt;

use memchr::memchr;

use crate::sip::anomaly::{Anomalies, Anomaly};
use crate::sip::cseq::{CSeq, decimal};
use crate::sip::defect::Defect;
use crate::sip::header::Header;
use crate::sip::index::Index;
use crate::sip::method::Method;
use crate::sip::name_addr::NameAddr;
use crate::sip::sdp::Sdp;
use crate::sip::start_line::{StartLine, has_uri_headers};
use crate::sip::value::{Value, is_space, trim};
use crate::sip::via;

/// Bytes of a header block that are read, start line included: offsets are 16 bits. A UDP datagram has no more.
const HEADER_BLOCK: usize = u16::MAX as usize;
/// Header lines that are read. Beyond both bounds the rest is skipped and noted; the message is used when its key headers
/// came before.
const LINES: usize = 1024;

/// What brought the bytes of a message, which decides where it ends (RFC 3261 §18.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carriage {
    /// A whole datagram, WebSocket message or SCTP user message: the end of it ends the body, where no Content-Length does.
    Datagram,
    /// The start of one, whose tail the capture cut off: snap length, lost fragments.
    CutDatagram,
    /// The message as framed on a stream by its Content-Length; a body that is not all there was left out by the framer.
    Stream,
}

/// A borrowed index over one message: fixed size, no heap.
///
/// Invariant: every slice it gives is one of the bytes it was parsed from, and start line, Call-ID, From, To and CSeq were
/// there and readable.
#[derive(Clone)]
pub struct Message<'a> {
    /// From the start line to the last byte handed in.
    bytes: &'a [u8],
    start: StartLine<'a>,
    call_id: &'a [u8],
    from_tag: &'a [u8],
    to_tag: &'a [u8],
    branch: &'a [u8],
    cseq: CSeq<'a>,
    body: &'a [u8],
    /// Bytes of the start line with its line end, and of all up to the body.
    headers_at: usize,
    head: usize,
    via_count: u16,
    anomalies: Anomalies,
    body_is_cut: bool,
    index: Index,
}

impl<'a> Message<'a> {
    /// Indexes one message. CRLFs before the start line are skipped (RFC 3261 §7.5).
    ///
    /// # Errors
    /// The reason why the bytes are no message, or none that can be told to a dialog.
    pub fn parse(bytes: &'a [u8], carriage: Carriage) -> Result<Self, Defect> {
        let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let bytes = bytes.get(blank..).unwrap_or_default();
        let mut scan = Scan::new(bytes, carriage)?;
        scan.headers();
        scan.finish()
    }

    /// The first line.
    #[must_use]
    pub const fn start(&self) -> StartLine<'a> {
        self.start
    }

    /// Call-ID, byte for byte, case kept.
    #[must_use]
    pub const fn call_id(&self) -> &'a [u8] {
        self.call_id
    }

    /// Tag of From; empty when missing (RFC 2543).
    #[must_use]
    pub const fn from_tag(&self) -> &'a [u8] {
        self.from_tag
    }

    /// Tag of To; empty when missing, as in every initial request.
    #[must_use]
    pub const fn to_tag(&self) -> &'a [u8] {
        self.to_tag
    }

    /// Sequence number and method of the request, in responses too.
    #[must_use]
    pub const fn cseq(&self) -> CSeq<'a> {
        self.cseq
    }

    /// Branch of the top Via; empty when there is none.
    #[must_use]
    pub const fn branch(&self) -> &'a [u8] {
        self.branch
    }

    /// Via values, over all lines and after splitting commas.
    #[must_use]
    pub const fn via_count(&self) -> u16 {
        self.via_count
    }

    /// The first line of a header.
    #[must_use]
    pub fn first(&self, header: Header) -> Option<Value<'a>> {
        self.index.first(self.bytes, header)
    }

    /// The lines of a header, top to bottom, at most 16. A key header has one, its first.
    pub fn all(&self, header: Header) -> impl Iterator<Item = Value<'a>> + use<'_, 'a> {
        self.index.all(self.bytes, header)
    }

    /// The first header of a name that is not among [`Header`], in any case. Reads the header block again.
    #[must_use]
    pub fn custom(&self, name: &[u8]) -> Option<Value<'a>> {
        if let Some(header) = Header::named(name) {
            return self.first(header);
        }
        let mut lines = Lines { bytes: self.bytes.get(..self.head)?, at: self.headers_at, cut: false, bare: false };
        for _ in 0..LINES {
            let Next::Line { start, end } = lines.next() else { return None };
            let line = self.bytes.get(start..end)?;
            let Some(colon) = memchr(b':', line) else { continue };
            if trim(line.get(..colon)?).eq_ignore_ascii_case(trim(name)) {
                return Some(Value::new(line.get(colon + 1..)?));
            }
        }
        None
    }

    /// The body: by Content-Length, else the rest of the datagram.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Whether the body is shorter than its Content-Length, or may be.
    #[must_use]
    pub const fn body_is_cut(&self) -> bool {
        self.body_is_cut
    }

    /// The session description in the body, also inside a multipart; absent where the body is encoded.
    #[must_use]
    pub fn sdp(&self) -> Option<Sdp<'a>> {
        if self.body.is_empty() {
            return None;
        }
        let encoding = self.first(Header::ContentEncoding);
        if encoding.is_some_and(|encoding| !encoding.raw().eq_ignore_ascii_case(b"identity")) {
            return None;
        }
        Sdp::read(self.body, self.first(Header::ContentType).map(|value| value.raw()))
    }

    /// Start line and headers with the empty line that ends them: enough to parse the message again without its body, as
    /// [`Carriage::CutDatagram`].
    #[must_use]
    pub fn head(&self) -> &'a [u8] {
        self.bytes.get(..self.head).unwrap_or_default()
    }

    /// What was odd but did not matter.
    #[must_use]
    pub const fn anomalies(&self) -> Anomalies {
        self.anomalies
    }
}

impl fmt::Debug for Message<'_> {
    /// Nothing that names a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("start", &self.start)
            .field("cseq", &self.cseq)
            .field("head", &self.head)
            .field("body", &self.body.len())
            .field("anomalies", &self.anomalies)
            .finish_non_exhaustive()
    }
}

/// Header lines of a block, folds joined.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether bytes that were sent may follow the last of these.
    cut: bool,
    /// A line ended in LF alone.
    bare: bool,
}

enum Next {
    /// A line with its folds, without its last line end.
    Line { start: usize, end: usize },
    /// The empty line; the body starts here.
    Body(usize),
    /// The bytes end before the empty line. A line without its end is not read: it could be half a tag.
    Unfinished,
}

impl Lines<'_> {
    fn next(&mut self) -> Next {
        let start = self.at;
        let Some(mut end) = self.line_end(start) else { return Next::Unfinished };
        let line = self.bytes.get(start..end).unwrap_or_default();
        if matches!(line, [] | [b'\r']) {
            return Next::Body(end + 1);
        }
        loop {
            match self.bytes.get(end + 1) {
                Some(b' ' | b'\t') => {}
                // The fold that carries the tag may be what the capture cut off.
                None if self.cut => return Next::Unfinished,
                _ => break,
            }
            let Some(next) = self.line_end(end + 1) else { return Next::Unfinished };
            end = next;
        }
        self.at = end + 1;
        let ends_in_crlf = end.checked_sub(1).and_then(|before| self.bytes.get(before)) == Some(&b'\r');
        self.bare |= !ends_in_crlf;
        Next::Line { start, end: end - usize::from(ends_in_crlf) }
    }

    fn line_end(&self, from: usize) -> Option<usize> {
        Some(from + memchr(b'\n', self.bytes.get(from..)?)?)
    }
}

/// The state of one pass over a message.
struct Scan<'a> {
    message: Message<'a>,
    carriage: Carriage,
    /// The header block did not end within what is read of it.
    unfinished: bool,
    defect: Option<Defect>,
    content_length: Option<u32>,
}

impl<'a> Scan<'a> {
    fn new(bytes: &'a [u8], carriage: Carriage) -> Result<Self, Defect> {
        let block = bytes.get(..HEADER_BLOCK).unwrap_or(bytes);
        let line_end = memchr(b'\n', block).ok_or(Defect::NotSip)?;
        let line = block.get(..line_end).unwrap_or_default();
        let mut anomalies = Anomalies::NONE;
        let line = line.strip_suffix(b"\r").unwrap_or_else(|| {
            anomalies.insert(Anomaly::BareLineFeed);
            line
        });
        let start = StartLine::read(line, &mut anomalies)?;
        let message = Message {
            bytes,
            start,
            call_id: &[],
            from_tag: &[],
            to_tag: &[],
            branch: &[],
            cseq: CSeq { number: 0, method: Method::Other(&[]) },
            body: &[],
            headers_at: line_end + 1,
            head: block.len(),
            via_count: 0,
            anomalies,
            body_is_cut: false,
            index: Index::new(),
        };
        Ok(Self { message, carriage, unfinished: false, defect: None, content_length: None })
    }

    /// Reads the header lines, up to the empty one.
    fn headers(&mut self) {
        let bytes = self.message.bytes;
        let block = bytes.get(..HEADER_BLOCK).unwrap_or(bytes);
        let cut = self.carriage == Carriage::CutDatagram || block.len() < bytes.len();
        let mut lines = Lines { bytes: block, at: self.message.headers_at, cut, bare: false };
        let mut read = 0;
        loop {
            match lines.next() {
                Next::Line { start, end } if read < LINES => {
                    read += 1;
                    self.line(block, start, end);
                }
                Next::Line { .. } => self.note(Anomaly::HeaderBlockLimit),
                Next::Body(at) => {
                    self.message.head = at;
                    break;
                }
                Next::Unfinished => {
                    self.unfinished = true;
                    let limit = block.len() < bytes.len();
                    self.note(if limit { Anomaly::HeaderBlockLimit } else { Anomaly::HeadersUnfinished });
                    break;
                }
            }
        }
        self.message.anomalies.insert_if(lines.bare, Anomaly::BareLineFeed);
    }

    fn note(&mut self, anomaly: Anomaly) {
        self.message.anomalies.insert(anomaly);
    }

    /// The first defect is the one that counts.
    fn drop_for(&mut self, defect: Defect) {
        self.defect.get_or_insert(defect);
    }

    /// Reads one header line.
    fn line(&mut self, block: &'a [u8], start: usize, end: usize) {
        let line = block.get(start..end).unwrap_or_default();
        let colon = memchr(b':', line).filter(|_| line.first().is_some_and(|byte| !is_space(*byte)));
        let Some(colon) = colon else { return self.note(Anomaly::BadLine) };
        let name = trim_name(line.get(..colon).unwrap_or_default());
        let Some(header) = Header::named(name) else {
            return self.message.anomalies.insert_if(name.is_empty(), Anomaly::BadLine);
        };
        let value = Value::new(line.get(colon + 1..).unwrap_or_default());
        self.special(header, value);
        let range = u16::try_from(start + colon + 1).ok().zip(u16::try_from(end).ok());
        if !range.is_some_and(|(start, end)| self.message.index.add(header, start, end)) {
            self.note(Anomaly::IndexFull);
        }
    }

    /// What is read at once: the key headers, and the few others where an oddity is worth a note.
    fn special(&mut self, header: Header, value: Value<'a>) {
        match header {
            Header::CallId | Header::From | Header::To | Header::CSeq => self.key(header, value),
            Header::ContentLength => self.content_length(value),
            Header::Via => {
                let line = via::Line::read(value, !self.message.index.has(Header::Via));
                if self.message.via_count == 0 {
                    self.message.branch = line.branch;
                }
                self.message.via_count = self.message.via_count.saturating_add(line.values);
                self.message.anomalies.insert_if(line.odd, Anomaly::ViaSyntax);
            }
            Header::Contact => {
                let bare = memchr(b'<', value.raw()).is_none();
                self.message.anomalies.insert_if(bare && has_uri_headers(value.raw()), Anomaly::ContactSyntax);
            }
            Header::Date => self.message.anomalies.insert_if(!value.raw().ends_with(b"GMT"), Anomaly::DateSyntax),
            _ => {}
        }
    }

    fn key(&mut self, header: Header, value: Value<'a>) {
        if let Some(first) = self.message.first(header) {
            // Which of two would the receiver take? Unknowable, so neither is charged by.
            if first != value {
                return self.drop_for(Defect::DuplicateKeyHeader);
            }
            return self.note(Anomaly::RepeatedHeader);
        }
        match header {
            Header::CallId => {
                self.message.call_id = value.raw();
                let odd = value.raw().iter().any(|byte| is_space(*byte));
                self.message.anomalies.insert_if(odd, Anomaly::CallIdSyntax);
            }
            Header::From => self.message.from_tag = self.tag(value, Defect::NoFrom),
            Header::To => self.message.to_tag = self.tag(value, Defect::NoTo),
            _ => match CSeq::read(value.raw()) {
                Ok((cseq, odd)) => {
                    self.message.cseq = cseq;
                    self.message.anomalies.insert_if(odd, Anomaly::CSeqSyntax);
                }
                Err(defect) => self.drop_for(if value.raw().is_empty() { Defect::NoCSeq } else { defect }),
            },
        }
    }

    fn tag(&mut self, value: Value<'a>, missing: Defect) -> &'a [u8] {
        if value.raw().is_empty() {
            self.drop_for(missing);
            return &[];
        }
        let Some(address) = NameAddr::split(value.raw()) else {
            self.drop_for(Defect::UnbalancedQuotes);
            return &[];
        };
        self.message.anomalies.insert_if(address.is_odd(value.raw()), Anomaly::PartySyntax);
        address.tag()
    }

    fn content_length(&mut self, value: Value<'a>) {
        let digits = value.raw();
        if digits.is_empty() && self.carriage != Carriage::Stream {
            return self.note(Anomaly::ContentLengthSyntax);
        }
        // A length that does not fit is still a number: it is beyond the end, and is judged so.
        let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let Some(length) = decimal(digits).or(all_digits.then_some(u32::MAX)) else {
            return self.drop_for(Defect::ContentLength);
        };
        match self.content_length.replace(length) {
            None => {}
            Some(earlier) if earlier == length => self.note(Anomaly::RepeatedHeader),
            Some(_) => self.drop_for(Defect::ContentLength),
        }
    }

    /// Judges the message as a whole.
    fn finish(mut self) -> Result<Message<'a>, Defect> {
        if let Some(defect) = self.defect {
            return Err(defect);
        }
        let message = &self.message;
        for (header, defect) in [
            (Header::CallId, Defect::NoCallId),
            (Header::From, Defect::NoFrom),
            (Header::To, Defect::NoTo),
            (Header::CSeq, Defect::NoCSeq),
        ] {
            if !message.index.has(header) {
                return Err(defect);
            }
        }
        if message.call_id.is_empty() {
            return Err(Defect::NoCallId);
        }
        if let StartLine::Request { method, .. } = message.start
            && method != message.cseq.method
        {
            return Err(Defect::CSeqMethod);
        }
        if message.via_count == 0 {
            self.note(Anomaly::NoVia);
        }
        self.body()?;
        Ok(self.message)
    }

    /// Finds where the body ends.
    fn body(&mut self) -> Result<(), Defect> {
        let rest = self.message.bytes.get(self.message.head..).unwrap_or_default();
        let cut = self.carriage != Carriage::Datagram || self.unfinished;
        let Some(length) = self.content_length else {
            if self.carriage == Carriage::Stream {
                return Err(Defect::NoContentLength);
            }
            self.message.body = if self.unfinished { &[] } else { rest };
            self.message.body_is_cut = cut;
            return Ok(());
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(body) = rest.get(..length).filter(|_| !self.unfinished || length == 0) else {
            if !cut {
                return Err(Defect::BodyShort);
            }
            self.message.body = if self.unfinished { &[] } else { rest };
            self.message.body_is_cut = true;
            return Ok(());
        };
        self.message.body = body;
        self.message.anomalies.insert_if(!self.unfinished && body.len() < rest.len(), Anomaly::TrailingBytes);
        Ok(())
    }
}

/// Blanks may stand between a name and its colon (RFC 3261 §7.3.1).
const fn trim_name(mut name: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = name {
        name = rest;
    }
    name
}
