//! Where one SIP message ends and the next begins, in bytes that only a stream delivers (RFC 3261 §7.5, §18.3).
//!
//! Everything here is stateless but [`Scan`], which only remembers how far the same bytes were read before, so that a
//! message that arrives one byte at a time is scanned once. A body is opaque: its length is all that is asked of it,
//! because the body of an IM session (CPIM, a SIP fragment, a resource list) may well contain lines that look like SIP.

use memchr::memchr;

use crate::sip::find::find;
use crate::sip::method::Method;

/// Longest header block, start line and empty line included. Beyond it nothing is framed ([`Fault::HeadTooLong`]).
pub const HEAD_LIMIT: usize = 64 * 1024;
/// Longest body. Beyond it nothing is framed ([`Fault::BodyTooLong`]).
pub const BODY_LIMIT: usize = 1024 * 1024;
/// Longest start line; a longer first line is not SIP.
const START_LINE_LIMIT: usize = 8 * 1024;
/// Longest method; the longest in RFC 4475 has 44 characters.
const METHOD_LIMIT: usize = 64;
/// Most blanks between the parts of a start line (RFC 4475 §3.1.2.9 has two).
const BLANKS_LIMIT: usize = 64;

/// What the bytes at a supposed message start turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// At least this many more bytes are needed. Not an error.
    Need(usize),
    /// One whole message of this many bytes stands at the start.
    Message(usize),
    /// These bytes are not SIP: there is no start line here.
    NotSip,
    /// SIP, but where it ends cannot be known: look for the next start line. [`Scan::fault`] says why.
    Resync,
}

/// Why a message could not be framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No Content-Length, which a stream needs (RFC 3261 §20.14).
    NoLength,
    /// Two lengths that differ, or one that is no number.
    BadLength,
    /// The header block is longer than [`HEAD_LIMIT`].
    HeadTooLong,
    /// The body would be longer than [`BODY_LIMIT`].
    BodyTooLong,
    /// A start line among the headers, at a place that was only supposed to be a message start.
    StartLineInside,
}

/// How far one message was read. Valid for the same message in a buffer that only grows at its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scan {
    /// Start of the line being read; 0 until the start line is complete.
    line: u32,
    /// There is no LF from `line` up to here.
    seen: u32,
    /// Start of a Content-Length value whose end is not known yet (it may be folded); 0 for none.
    value: u32,
    /// Length of the header block with its empty line; 0 until that is complete.
    head: u32,
    /// The same of a header block without a Content-Length.
    bare: u32,
    length: Option<u32>,
    fault: Option<Fault>,
    unsure: bool,
}

impl Scan {
    /// A scan of bytes that may not be a message start: found by searching, not by the end of the message before.
    ///
    /// A start line among the headers then means that the supposed start was text in a body (a SIP fragment, RFC 3420),
    /// and ends the scan. At a certain start the same line is only a malformed header, which must not hide the others.
    #[must_use]
    pub fn unsure() -> Self {
        Self { unsure: true, ..Self::default() }
    }

    /// Whether the start line has been read in full.
    #[must_use]
    pub fn has_start_line(&self) -> bool {
        self.line > 0
    }

    /// Length of the whole message, once its header block is complete.
    #[must_use]
    pub fn whole(&self) -> Option<usize> {
        (self.head > 0).then(|| self.head as usize + self.length.unwrap_or(0) as usize)
    }

    /// Length of a header block that is complete and whose only fault is [`Fault::NoLength`], where the message start can be
    /// trusted: it is certain, or the stream stage says that a segment begins with it.
    pub(crate) fn head_without_length(&self, begins_segment: bool) -> Option<usize> {
        (self.bare > 0 && (begins_segment || !self.unsure)).then_some(self.bare as usize)
    }

    /// Why the last [`frame_on`] said [`Framing::Resync`].
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    fn fail(&mut self, fault: Fault) -> Framing {
        self.fault = Some(fault);
        Framing::Resync
    }

    /// Takes the Content-Length value that ends before `end`, if one was open.
    fn close_value(&mut self, bytes: &[u8], end: usize) {
        if self.value == 0 {
            return;
        }
        let value = bytes.get(self.value as usize..end).unwrap_or_default().trim_ascii();
        self.value = 0;
        // RFC 4475 §3.3.9: equal lengths are harmless, different ones leave the end of the message open.
        match (decimal(value), self.length) {
            (None, _) => self.fault = Some(Fault::BadLength),
            (Some(new), Some(old)) if new != old => self.fault = Some(Fault::BadLength),
            (Some(new), _) => self.length = Some(new),
        }
    }
}

/// Frames the message at the start of `bytes`; keep-alives were skipped before.
#[must_use]
pub fn frame(bytes: &[u8]) -> Framing {
    frame_on(bytes, &mut Scan::default())
}

/// As [`frame`], going on where `scan` stopped in the same message.
#[must_use]
pub fn frame_on(bytes: &[u8], scan: &mut Scan) -> Framing {
    if scan.head == 0
        && let Err(verdict) = scan_head(bytes, scan)
    {
        return verdict;
    }
    let Some(whole) = scan.whole() else { return Framing::Need(1) };
    match whole.checked_sub(bytes.len()) {
        None | Some(0) => Framing::Message(whole),
        Some(missing) => Framing::Need(missing),
    }
}

/// Reads lines up to the empty one; `Err` holds the verdict where it cannot get there.
fn scan_head(bytes: &[u8], scan: &mut Scan) -> Result<(), Framing> {
    if scan.line == 0 {
        match start_line_from(bytes, scan.seen as usize) {
            StartLine::Whole(length) => (scan.line, scan.seen) = (length as u32, length as u32),
            StartLine::Partial => {
                scan.seen = bytes.len() as u32;
                return Err(Framing::Need(1));
            }
            StartLine::No => return Err(Framing::NotSip),
        }
    }
    loop {
        let line = scan.line as usize;
        let found = bytes.get(scan.seen as usize..).and_then(|rest| memchr(b'\n', rest));
        let Some(length) = found else {
            if bytes.len() > HEAD_LIMIT {
                return Err(scan.fail(Fault::HeadTooLong));
            }
            scan.seen = bytes.len() as u32;
            return Err(Framing::Need(1));
        };
        let next = scan.seen as usize + length + 1;
        if next > HEAD_LIMIT {
            return Err(scan.fail(Fault::HeadTooLong));
        }
        let text = bytes.get(line..next).unwrap_or_default();
        match text {
            [b'\n'] | [b'\r', b'\n'] => {
                scan.close_value(bytes, line);
                if let Some(fault) = scan.fault {
                    return Err(scan.fail(fault));
                }
                match scan.length {
                    None => {
                        scan.bare = next as u32;
                        return Err(scan.fail(Fault::NoLength));
                    }
                    Some(length) if length as usize > BODY_LIMIT => return Err(scan.fail(Fault::BodyTooLong)),
                    Some(_) => scan.head = next as u32,
                }
                return Ok(());
            }
            // A folded line (RFC 3261 §7.3.1) belongs to the value before it.
            [b' ' | b'\t', ..] => {}
            _ => {
                scan.close_value(bytes, line);
                if let Some(offset) = content_length(text) {
                    scan.value = (line + offset) as u32;
                }
                if scan.unsure && is_plain_start(text) {
                    return Err(scan.fail(Fault::StartLineInside));
                }
            }
        }
        (scan.line, scan.seen) = (next as u32, next as u32);
    }
}

/// Offset of the value when `line` is a Content-Length header, in full or compact (`l`), blanks before the colon allowed.
fn content_length(line: &[u8]) -> Option<usize> {
    let name = match line.first()? {
        b'l' | b'L' => 1,
        b'c' | b'C' if line.get(..14)?.eq_ignore_ascii_case(b"content-length") => 14,
        _ => return None,
    };
    let rest = line.get(name..)?;
    let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    (rest.get(blanks) == Some(&b':')).then_some(name + blanks + 1)
}

/// A number of digits alone; more than fits is as good as the largest, which is over every limit.
fn decimal(text: &[u8]) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u32, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        Some(value.saturating_mul(10).saturating_add(digit))
    })
}

/// Whether a datagram or segment begins with a whole SIP start line, after any keep-alive CRLFs.
///
/// This is the gate in front of the lexer: media and other protocols fail on their first byte or first line. It lets
/// through what RFC 4475 calls lenient (extra blanks, any method token, any case of `SIP/2.0`); the lexer is the judge.
#[must_use]
#[inline]
pub fn is_start(bytes: &[u8]) -> bool {
    let Some(&first) = bytes.first() else { return false };
    if !TOKEN[first as usize] && !matches!(first, b'\r' | b'\n') {
        return false;
    }
    matches!(start_line(bytes.get(keep_alive(bytes)..).unwrap_or_default()), StartLine::Whole(_))
}

/// Offset of the next start line, at or after `from`, that stands at the beginning of a line; offset 0 begins a line.
#[must_use]
pub fn find_start(bytes: &[u8], from: usize) -> Option<usize> {
    let begins = from == 0 || bytes.get(from - 1) == Some(&b'\n');
    match search_start(bytes.get(from..)?, begins) {
        Search::Found(at) => Some(from + at),
        Search::Nothing { .. } => None,
    }
}

/// Length of the keep-alives at the start (RFC 5626 §3.5.1), which are line ends: nothing else before a start line is.
#[must_use]
#[inline]
pub fn keep_alive(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

/// What a search for a start line found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    /// A whole start line at this offset.
    Found(usize),
    /// None; but the bytes from `keep` on (perhaps none) may be the beginning of one. `begins_line`: `keep` begins a line.
    Nothing { keep: usize, begins_line: bool },
}

/// Searches `bytes` for a start line at the beginning of a line. `begins_line` says whether the first byte begins one.
pub(crate) fn search_start(bytes: &[u8], begins_line: bool) -> Search {
    let nothing = Search::Nothing { keep: bytes.len(), begins_line: false };
    let mut at = 0;
    if !begins_line {
        let Some(end) = memchr(b'\n', bytes) else { return nothing };
        at = end + 1;
    }
    loop {
        let Some(rest) = bytes.get(at..) else { return nothing };
        let Some(end) = memchr(b'\n', rest) else {
            let keep = rest.is_empty() || start_line(rest) == StartLine::Partial;
            return if keep { Search::Nothing { keep: at, begins_line: true } } else { nothing };
        };
        let line = rest.get(..=end).unwrap_or_default();
        if is_plain_start(line) {
            return Search::Found(at);
        }
        at += end + 1;
    }
}

/// Whether a whole line is a start line, for a search. Text that ends in `SIP/2.0` is not one: a Request-URI with blanks
/// inside (RFC 4475 §3.1.2.8) passes where a message is due, but never makes a line a message start.
#[inline]
fn is_plain_start(line: &[u8]) -> bool {
    let status = matches!(line.first(), Some(b's' | b'S'));
    // A cheap look at both ends before the line is read.
    if !status && !matches!(line, [.., b'0' | b' ' | b'\t', b'\n'] | [.., b'0' | b' ' | b'\t', b'\r', b'\n']) {
        return false;
    }
    if start_line(line) == StartLine::No {
        return false;
    }
    let words = line.trim_ascii_end().split(|byte| matches!(byte, b' ' | b'\t'));
    (status && line.get(3) == Some(&b'/')) || words.filter(|word| !word.is_empty()).count() == 3
}

/// What stands at the start of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartLine {
    /// A whole start line of this length, line end included.
    Whole(usize),
    /// These bytes may be the beginning of one.
    Partial,
    No,
}

/// Judges the first line of `bytes`: a request line, a status line, the beginning of one, or something else.
pub(crate) fn start_line(bytes: &[u8]) -> StartLine {
    start_line_from(bytes, 0)
}

/// Whether the bytes begin with a status line or a request line whose method is registered.
///
/// Weighs two possible starts against each other; a message with any other method is still a message.
pub(crate) fn is_familiar(bytes: &[u8]) -> bool {
    const METHODS: [&[u8]; 14] = [
        b"INVITE",
        b"ACK",
        b"BYE",
        b"CANCEL",
        b"OPTIONS",
        b"REGISTER",
        b"PRACK",
        b"SUBSCRIBE",
        b"NOTIFY",
        b"PUBLISH",
        b"INFO",
        b"REFER",
        b"MESSAGE",
        b"UPDATE",
    ];
    let word = bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
    word.eq_ignore_ascii_case(VERSION) || METHODS.contains(&word)
}

const VERSION: &[u8] = b"SIP/2.0";

/// The length of a start line as nearly every stack writes it; absent says nothing but "look closer" (a test compares the
/// two).
#[inline]
fn usual_line(bytes: &[u8]) -> Option<usize> {
    let window = bytes.get(..START_LINE_LIMIT).unwrap_or(bytes);
    if let Some(rest) = bytes.strip_prefix(b"SIP/2.0 ") {
        let [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', ..] = rest else { return None };
        return Some(find(b'\n', window)? + 1);
    }
    let method = find(b' ', bytes.first_chunk::<16>()?)?;
    Method::named(bytes.get(..method)?)?;
    // What no Request-URI begins with is looked at closer.
    let [b'A'..=b'Z' | b'a'..=b'z', ..] = bytes.get(method + 1..)? else { return None };
    let end = find(b'\n', window)?;
    let uri = bytes.get(method + 1..end)?.strip_suffix(b" SIP/2.0\r")?;
    (!uri.is_empty()).then_some(end + 1)
}

/// As [`start_line`]; there is known to be no LF before `seen`.
fn start_line_from(bytes: &[u8], seen: usize) -> StartLine {
    // Where a part was read before, the line comes in pieces, and is not read from its start again.
    let usual = if seen == 0 { usual_line(bytes) } else { None };
    usual.map_or_else(|| judge_line(bytes, seen), StartLine::Whole)
}

/// The same for any line.
fn judge_line(bytes: &[u8], seen: usize) -> StartLine {
    let prefix = bytes.len().min(VERSION.len());
    let (head, tail) = bytes.split_at(prefix);
    if VERSION.get(..prefix).is_some_and(|version| head.eq_ignore_ascii_case(version)) {
        // Also the beginning of a method such as SUBSCRIBE; more bytes will tell.
        return if prefix < VERSION.len() { StartLine::Partial } else { status_line(bytes, tail, seen) };
    }
    let method = bytes.iter().take(METHOD_LIMIT + 1).take_while(|byte| TOKEN[**byte as usize]).count();
    if method == 0 || method > METHOD_LIMIT {
        return StartLine::No;
    }
    let after = bytes.get(method..).unwrap_or_default();
    let blanks = blanks(after);
    match after.get(blanks) {
        _ if blanks > BLANKS_LIMIT => return StartLine::No,
        None => return StartLine::Partial,
        _ if blanks == 0 => return StartLine::No,
        // No Request-URI begins so, but the paths of HTTP and RTSP do.
        Some(b'/' | b'*' | 0..=0x20 | 0x7f) => return StartLine::No,
        Some(_) => {}
    }
    let Some(end) = line_end(bytes, seen.max(method)) else { return unfinished(bytes) };
    let line = bytes.get(..end).unwrap_or_default().trim_ascii_end();
    let Some((rest, version)) = line.split_at_checked(line.len().saturating_sub(VERSION.len())) else {
        return StartLine::No;
    };
    // At least one byte of Request-URI between the blanks.
    let separated = matches!(rest.last(), Some(b' ' | b'\t')) && rest.trim_ascii_end().len() > method + blanks;
    if separated && version.eq_ignore_ascii_case(VERSION) { StartLine::Whole(end + 1) } else { StartLine::No }
}

/// `tail` is what follows `SIP/2.0`: blanks and three digits. A longer number passes; the lexer rejects it.
fn status_line(bytes: &[u8], tail: &[u8], seen: usize) -> StartLine {
    let blanks = blanks(tail);
    let code = tail.get(blanks..).unwrap_or_default();
    let digits = code.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
    if blanks > BLANKS_LIMIT || (blanks == 0 && !tail.is_empty()) || (digits < 3 && digits < code.len()) {
        return StartLine::No;
    }
    match line_end(bytes, seen.max(VERSION.len())) {
        Some(end) => StartLine::Whole(end + 1),
        None => unfinished(bytes),
    }
}

fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take(BLANKS_LIMIT + 1).take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

fn line_end(bytes: &[u8], from: usize) -> Option<usize> {
    let window = bytes.get(from..bytes.len().min(START_LINE_LIMIT))?;
    memchr(b'\n', window).map(|end| from + end)
}

fn unfinished(bytes: &[u8]) -> StartLine {
    if bytes.len() < START_LINE_LIMIT { StartLine::Partial } else { StartLine::No }
}

/// The characters of a token (RFC 3261 §25.1).
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"-.!%*_+`'~";
    let mut mark = 0;
    while mark < marks.len() {
        table[marks[mark] as usize] = true;
        mark += 1;
    }
    table
};

#[cfg(test)]
mod tests;
