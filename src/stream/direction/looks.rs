//! What the first bytes of a segment look like, where nothing is known of those before it.

use crate::sip::framing::{is_familiar, is_start, keep_alive};
use crate::stream::reader::is_opaque;
use crate::stream::websocket;

/// Whether a segment without a beginning may belong to a SIP stream: text, at least where it starts.
///
/// Encrypted and binary streams fail here, so that nothing of them is ever kept; MSRP and HTTP name themselves.
pub(super) fn may_be_sip(payload: &[u8]) -> bool {
    websocket::begins_handshake(payload) || is_text(payload) && !begins_msrp(payload) && !payload.starts_with(b"HTTP/")
}

/// Whether these bytes may be from the middle of a SIP message, which is text where it is not a body of another kind.
pub(in crate::stream) fn is_text(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(16)).unwrap_or_default();
    let control = |byte: &u8| (*byte < b' ' && !matches!(byte, b'\t' | b'\r' | b'\n')) || *byte == 0x7f;
    !(head.is_empty() || head.iter().any(control) || is_opaque(head))
}

/// Whether these bytes begin as an MSRP message does, with a transaction identifier (RFC 4975 §9). The asterisk that ends
/// a media line of an SDP is none.
fn begins_msrp(bytes: &[u8]) -> bool {
    bytes.strip_prefix(b"MSRP ").is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_alphanumeric))
}

/// A quick look at a segment of a stream that is not SIP: whether it deserves [`Direction::probe`](super::Direction::probe).
#[inline]
pub(super) fn may_turn_sip(payload: &[u8]) -> bool {
    is_start(payload) || websocket::begins_handshake(payload) || websocket::begins_sip(payload)
}

/// Whether a segment begins with a whole start line, of a response or a registered method, after any keep-alives.
pub(in crate::stream) fn begins_familiar(payload: &[u8]) -> bool {
    is_start(payload) && is_familiar(payload.get(keep_alive(payload)..).unwrap_or_default())
}
