//! One SIP message, indexed in a single pass.

use core::fmt;

use crate::sip::anomaly::Anomalies;
use crate::sip::cseq::CSeq;
use crate::sip::defect::Defect;
use crate::sip::header::Header;
use crate::sip::index::Index;
use crate::sip::lines::{LINES, Lines, Next};
use crate::sip::method::Method;
use crate::sip::scan::Scan;
use crate::sip::sdp::Sdp;
use crate::sip::start_line::StartLine;
use crate::sip::value::{Value, trim};

/// What brought the bytes of a message, which decides where it ends (RFC 3261 §18.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carriage {
    /// A whole datagram, WebSocket message or SCTP user message: the end of it ends the body, where no Content-Length does.
    Datagram,
    /// The start of one, whose tail the capture cut off: snap length, lost fragments.
    CutDatagram,
    /// The message as framed on a stream by its Content-Length; a body that is not all there was left out by the framer.
    Stream,
    /// What [`Message::head`] gave: a message that was parsed before, without its body.
    Head,
}

/// A borrowed index over one message: fixed size, no heap.
///
/// A key header that stands twice with the same bytes is noted and used; with other bytes the message is dropped, for which
/// of the two the receiver took is unknowable. A missing Via is noted: a session is told by Call-ID and tags, so the message
/// still counts, with an empty branch.
///
/// Invariant: every slice it gives is one of the bytes it was parsed from, and start line, Call-ID, From, To and CSeq were
/// there and readable.
#[derive(Clone)]
pub struct Message<'a> {
    /// From the start line to the last byte handed in.
    pub(super) bytes: &'a [u8],
    pub(super) start: StartLine<'a>,
    pub(super) call_id: &'a [u8],
    pub(super) from_tag: &'a [u8],
    pub(super) to_tag: &'a [u8],
    pub(super) branch: &'a [u8],
    pub(super) cseq: CSeq<'a>,
    pub(super) body: &'a [u8],
    /// Bytes of the start line with its line end, and of all that was read up to the body.
    pub(super) headers_at: usize,
    pub(super) head: usize,
    pub(super) via_count: u16,
    pub(super) anomalies: Anomalies,
    pub(super) body_is_cut: bool,
    pub(super) index: Index,
}

impl<'a> Message<'a> {
    /// Indexes one message. CRLFs before the start line are skipped (RFC 3261 §7.5).
    ///
    /// # Errors
    /// The reason why the bytes are no message, or none that can be told to a dialog.
    pub fn parse(bytes: &'a [u8], carriage: Carriage) -> Result<Self, Defect> {
        let mut message = Self::unread();
        message.read(bytes, carriage)?;
        Ok(message)
    }

    /// A message to [`Message::read`].
    pub(crate) const fn unread() -> Self {
        Self {
            bytes: &[],
            start: StartLine::Response { status: 0, reason: &[] },
            call_id: &[],
            from_tag: &[],
            to_tag: &[],
            branch: &[],
            cseq: CSeq { number: 0, method: Method::Other(&[]) },
            body: &[],
            headers_at: 0,
            head: 0,
            via_count: 0,
            anomalies: Anomalies::NONE,
            body_is_cut: false,
            index: Index::new(),
        }
    }

    /// As [`Message::parse`], where the message lies: it is too large to be handed on. Only for one that is unread; after
    /// an error it is of no use.
    pub(crate) fn read(&mut self, bytes: &'a [u8], carriage: Carriage) -> Result<(), Defect> {
        let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.bytes = bytes.get(blank..).unwrap_or_default();
        let mut scan = Scan::new(self, carriage);
        let lines = scan.start_line()?;
        scan.headers(lines);
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
        let name = trim(name);
        if let Some(header) = Header::named(name) {
            return self.first(header);
        }
        let mut lines = Lines::new(self.head(), self.headers_at, false);
        for _ in 0..LINES {
            let Next::Line(line) = lines.next() else { return None };
            let named = line.split().filter(|(found, _)| found.eq_ignore_ascii_case(name));
            let value = named.map(|(_, value)| Value::new(value));
            if value.is_some() {
                return value;
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

    /// Start line and headers, with the empty line that ends them: all that was read but the body. Parsed again, as
    /// [`Carriage::Head`], it gives the same message without its body.
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
