//! The chunks of an SCTP packet (RFC 9260 §3.2), and the few of them that matter.

use crate::sip::framing::{StartLine, is_start, keep_alive, start_line};
use crate::stream::direction::is_text;

/// The chunks of one packet, as far as they are there.
pub(super) struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Chunks<'a> {
    pub(super) fn of(packet: &'a [u8]) -> Self {
        Self { rest: packet }
    }
}

/// What a chunk says, as far as it matters here.
pub(super) enum Chunk<'a> {
    Data(Data<'a>),
    /// INIT or INIT ACK: the first TSN of its sender.
    Init {
        tsn: u32,
    },
    /// All up to this TSN of the other side's were received.
    Sack {
        tsn: u32,
    },
    /// RFC 3758: the sender gave up all up to this TSN.
    Forward {
        tsn: u32,
    },
    Other,
}

/// A fragment of a user message, or a whole one.
pub(super) struct Data<'a> {
    pub(super) tsn: u32,
    pub(super) begins: bool,
    pub(super) ends: bool,
    /// Fragments of one group with consecutive indexes make a message. All DATA chunks are one group, by TSN; each message in
    /// I-DATA chunks is one, by fragment number.
    pub(super) group: u64,
    pub(super) index: u32,
    pub(super) payload: &'a [u8],
    /// The capture cut the payload.
    pub(super) cut: bool,
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Chunk<'a>> {
        let header: [u8; 4] = self.rest.get(..4)?.try_into().ok()?;
        let [kind, flags, high, low] = header;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < 4 {
            self.rest = &[];
            return None;
        }
        let cut = length > self.rest.len();
        let value = self.rest.get(4..length.min(self.rest.len())).unwrap_or_default();
        // Chunks are padded to four bytes; the length leaves the padding out.
        self.rest = self.rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Chunk::read(kind, flags, value, cut).unwrap_or(Chunk::Other))
    }
}

impl<'a> Chunk<'a> {
    fn read(kind: u8, flags: u8, value: &'a [u8], cut: bool) -> Option<Self> {
        let word = |at: usize| Some(u32::from_be_bytes(value.get(at..at + 4)?.try_into().ok()?));
        let (begins, ends, unordered) = (flags & 2 != 0, flags & 1 != 0, flags & 4 != 0);
        Some(match kind {
            0 => {
                let (tsn, payload) = (word(0)?, value.get(12..)?);
                Self::Data(Data { tsn, begins, ends, group: 0, index: tsn, payload, cut })
            }
            64 => {
                let (tsn, stream, message) = (word(0)?, word(4)? >> 16, word(8)?);
                let group = 1 << 63 | u64::from(unordered) << 48 | u64::from(stream) << 32 | u64::from(message);
                let index = if begins { 0 } else { word(12)? };
                Self::Data(Data { tsn, begins, ends, group, index, payload: value.get(16..)?, cut })
            }
            1 | 2 => Self::Init { tsn: word(12)? },
            3 => Self::Sack { tsn: word(0)? },
            192 | 194 => Self::Forward { tsn: word(0)? },
            _ => return None,
        })
    }

    /// Whether an association is worth an entry for this chunk: its beginning, or SIP.
    pub(super) fn is_worth_following(&self) -> bool {
        match self {
            Self::Init { .. } => true,
            Self::Data(data) => data.may_be_sip(),
            _ => false,
        }
    }
}

impl Data<'_> {
    /// A whole message shows its start line, a first fragment at least the beginning of it; any other fragment can only
    /// look like text. It may begin as MSRP does (`m=message 2855 TCP/MSRP *`, cut there): MSRP itself never runs over SCTP.
    pub(super) fn may_be_sip(&self) -> bool {
        match (self.begins, self.ends) {
            (true, true) => is_start(self.payload),
            (true, false) => {
                let blank = keep_alive(self.payload);
                !matches!(start_line(self.payload.get(blank..).unwrap_or_default()), StartLine::No)
            }
            (false, _) => is_text(self.payload),
        }
    }
}
