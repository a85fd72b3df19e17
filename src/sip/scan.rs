//! The pass over a message that fills its index and judges it.

use crate::sip::anomaly::Anomaly;
use crate::sip::cseq::{CSeq, decimal};
use crate::sip::defect::Defect;
use crate::sip::find::{find, has};
use crate::sip::header::Header;
use crate::sip::lines::{HEADER_BLOCK, LINES, Line, Lines, Next};
use crate::sip::mask::Block;
use crate::sip::message::{Carriage, Message};
use crate::sip::name_addr::{NameAddr, Usual};
use crate::sip::start_line::{StartLine, has_uri_headers};
use crate::sip::value::{Value, is_space, trim_telling};
use crate::sip::via;

/// The headers that [`Scan::special`] reads.
const JUDGED: u64 = Header::CallId.bit()
    | Header::From.bit()
    | Header::To.bit()
    | Header::CSeq.bit()
    | Header::ContentLength.bit()
    | Header::Via.bit()
    | Header::Contact.bit()
    | Header::Date.bit();

/// The state of one pass over a message.
///
/// It fills the message where it lies: one is too large to be handed from step to step.
pub(super) struct Scan<'m, 'a> {
    message: &'m mut Message<'a>,
    carriage: Carriage,
    /// The header block did not end within what is read of it.
    unfinished: bool,
    defect: Option<Defect>,
    content_length: Option<u32>,
}

impl<'m, 'a> Scan<'m, 'a> {
    pub(super) const fn new(message: &'m mut Message<'a>, carriage: Carriage) -> Self {
        Self { message, carriage, unfinished: false, defect: None, content_length: None }
    }

    /// Reads the start line, and gives the lines that follow it.
    #[inline]
    pub(super) fn start_line(&mut self) -> Result<Lines<'a>, Defect> {
        let bytes = self.message.bytes;
        let block = bytes.get(..HEADER_BLOCK).unwrap_or(bytes);
        let cut = self.carriage == Carriage::CutDatagram || block.len() < bytes.len();
        let mut lines = Lines::new(block, 0, cut);
        let line = lines.start_line().ok_or(Defect::NotSip)?;
        self.message.start = StartLine::read(line, &mut self.message.anomalies)?;
        self.message.headers_at = lines.at;
        Ok(lines)
    }

    /// Reads the header lines, up to the empty one.
    #[inline]
    pub(super) fn headers(&mut self, mut lines: Lines<'a>) {
        let limit = self.message.bytes.len() > HEADER_BLOCK;
        let mut read = 0;
        loop {
            match lines.next() {
                Next::Line(line) if read < LINES => {
                    read += 1;
                    self.line(&line);
                }
                Next::Line(_) => self.note(Anomaly::HeaderBlockLimit),
                Next::Body(at) => {
                    self.message.head = at;
                    break;
                }
                Next::Unfinished => {
                    self.unfinished = true;
                    self.message.head = lines.at;
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
    #[inline(always)]
    fn line(&mut self, line: &Line<'a>) {
        let Some((header, text)) = line.field() else { return self.note(Anomaly::BadLine) };
        let Some(header) = header else { return };
        let (before, trimmed) = trim_telling(text);
        let start = line.start + line.text.len() - text.len() + before;
        if JUDGED & header.bit() != 0 {
            self.special(header, Value::trimmed(trimmed));
        }
        // The block has no more bytes than fit.
        let added = self.message.index.add(header, start as u16, (start + trimmed.len()) as u16);
        // Vias beyond the index are counted, and nothing else is asked of them.
        self.message.anomalies.insert_if(!added && header != Header::Via, Anomaly::IndexFull);
    }

    /// What is read at once: the key headers, and the few others where an oddity is worth a note.
    #[inline(never)]
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
                let bare = value.raw().first() != Some(&b'<') && find(b'<', value.raw()).is_none();
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
                let odd = has(value.raw(), Block::blank, |byte| byte <= b' ')
                    && value.raw().iter().any(|byte| is_space(*byte));
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
        if let Some(usual) = Usual::read(value.raw()) {
            return usual.tag;
        }
        let Some((address, odd)) = NameAddr::split_noting(value.raw()) else {
            self.drop_for(Defect::UnbalancedQuotes);
            return &[];
        };
        self.message.anomalies.insert_if(odd, Anomaly::PartySyntax);
        address.tag()
    }

    fn content_length(&mut self, value: Value<'a>) {
        let digits = value.raw();
        if digits.is_empty() && self.carriage != Carriage::Stream {
            return self.note(Anomaly::ContentLengthSyntax);
        }
        // A length that does not fit is still a number: it is beyond the end, and is judged so.
        let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let Some(length) = decimal(digits).or_else(|| all_digits.then_some(u32::MAX)) else {
            return self.drop_for(Defect::ContentLength);
        };
        match self.content_length.replace(length) {
            None => {}
            Some(earlier) if earlier == length => self.note(Anomaly::RepeatedHeader),
            Some(_) => self.drop_for(Defect::ContentLength),
        }
    }

    /// Judges the message as a whole.
    pub(super) fn finish(&mut self) -> Result<(), Defect> {
        if let Some(defect) = self.defect {
            return Err(defect);
        }
        let message = &*self.message;
        let needed = [
            (Header::CallId, Defect::NoCallId),
            (Header::From, Defect::NoFrom),
            (Header::To, Defect::NoTo),
            (Header::CSeq, Defect::NoCSeq),
        ];
        if let Some((_, defect)) = needed.into_iter().find(|(header, _)| !message.index.has(*header)) {
            return Err(defect);
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
        self.body()
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
