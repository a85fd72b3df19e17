//! The HTTP exchange that opens a WebSocket (RFC 6455 §4).

use memchr::memmem;

/// Longest HTTP header block of an upgrade.
pub(in crate::stream) const UPGRADE_LIMIT: usize = 16 * 1024;

const REQUEST: &[u8] = b"GET ";
const RESPONSE: &[u8] = b"HTTP/1.1 101";

/// Whether these bytes begin as one half of a WebSocket handshake does (RFC 6455 §4).
pub(in crate::stream) fn begins_handshake(bytes: &[u8]) -> bool {
    bytes.starts_with(REQUEST) || bytes.starts_with(RESPONSE)
}

/// As [`begins_handshake`], or too few bytes to tell.
pub(in crate::stream) fn may_begin_handshake(bytes: &[u8]) -> bool {
    begins_handshake(bytes) || RESPONSE.starts_with(bytes)
}

/// The HTTP header block at the start of `bytes`: its length, once it is all there.
pub(in crate::stream) fn handshake_len(bytes: &[u8]) -> Option<usize> {
    let window = bytes.get(..bytes.len().min(UPGRADE_LIMIT))?;
    memmem::find(window, b"\r\n\r\n").map(|end| end + 4)
}

/// Whether an HTTP header block, request or 101 response, turns its direction into a WebSocket that may carry SIP.
///
/// A client that names sub-protocols names `sip` (RFC 7118 §4.1). A response may leave the name out.
pub(in crate::stream) fn upgrades(block: &[u8]) -> bool {
    let mut upgrade = false;
    let mut protocols = None;
    for line in block.split(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at(colon);
        if name.trim_ascii().eq_ignore_ascii_case(b"upgrade") {
            upgrade |= has_word(value, b"websocket");
        } else if name.trim_ascii().eq_ignore_ascii_case(b"sec-websocket-protocol") {
            *protocols.get_or_insert(false) |= has_word(value, b"sip");
        }
    }
    begins_handshake(block) && upgrade && protocols.unwrap_or(true)
}

/// `value` begins with the colon of its header.
fn has_word(value: &[u8], word: &[u8]) -> bool {
    value.split(|byte| matches!(byte, b':' | b',')).any(|part| part.trim_ascii().eq_ignore_ascii_case(word))
}
