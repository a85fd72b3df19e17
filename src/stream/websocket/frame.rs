//! The header of a WebSocket frame (RFC 6455 §5.2), and what a frame begins with.

use crate::sip::framing::{StartLine, keep_alive, start_line};

/// Longest frame header: 2 bytes, 8 of length, 4 of mask.
pub(super) const HEADER: usize = 14;
/// Bytes of a frame that are unmasked to see whether SIP begins there.
const PREFIX: usize = 1024;

/// The header of one frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) fin: bool,
    /// RSV1: the message is compressed (RFC 7692).
    pub(super) compressed: bool,
    pub(super) reserved: bool,
    pub(super) opcode: u8,
    pub(super) length: u64,
    /// Zero where the payload is not masked, which comes to the same.
    pub(super) mask: [u8; 4],
    /// Bytes that the header takes.
    pub(super) size: usize,
}

impl Header {
    /// The header at the start of `bytes`, once it is all there.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        let (length, size) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
            127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
            short => (u64::from(short), 2),
        };
        let masked = second & 0x80 != 0;
        let mask = if masked { bytes.get(size..size + 4)?.try_into().ok()? } else { [0; 4] };
        Some(Self {
            fin: first & 0x80 != 0,
            compressed: first & 0x40 != 0,
            reserved: first & 0x30 != 0,
            opcode: first & 0x0f,
            length,
            mask,
            size: size + if masked { 4 } else { 0 },
        })
    }
}

/// Whether `bytes` begin with the first frame of a message that is SIP: how a WebSocket is joined mid-stream.
pub(in crate::stream) fn begins_sip(bytes: &[u8]) -> bool {
    // Text or binary, with or without FIN; no reserved bit.
    let Some(0x01 | 0x02 | 0x81 | 0x82) = bytes.first() else { return false };
    let Some(header) = Header::read(bytes) else { return false };
    let payload = bytes.get(header.size..).unwrap_or_default();
    let payload = payload.get(..payload.len().min(PREFIX).min(header.length as usize)).unwrap_or_default();
    let mut prefix = [0; PREFIX];
    for (index, (clear, byte)) in prefix.iter_mut().zip(payload).enumerate() {
        *clear = byte ^ header.mask[index % 4];
    }
    let prefix = prefix.get(..payload.len()).unwrap_or_default();
    matches!(start_line(prefix.get(keep_alive(prefix)..).unwrap_or_default()), StartLine::Whole(_))
}
