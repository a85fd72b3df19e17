//! SIP over WebSocket: RFC 7118 on the frames of RFC 6455, one SIP message a WebSocket message.

use memchr::memmem;

use crate::sip::framing::{BODY_LIMIT, HEAD_LIMIT, StartLine, is_start, keep_alive, start_line};
use crate::time::Timestamp;

/// Longest frame header: 2 bytes, 8 of length, 4 of mask.
const HEADER: usize = 14;
/// Longest message; a longer one is skipped.
const MESSAGE_LIMIT: usize = HEAD_LIMIT + BODY_LIMIT;
/// Bytes of a frame that are unmasked to see whether SIP begins there.
const PREFIX: usize = 1024;
/// Longest HTTP header block of an upgrade.
pub(super) const UPGRADE_LIMIT: usize = 16 * 1024;

/// Whether these bytes begin as one half of a WebSocket handshake does (RFC 6455 §4).
pub(super) fn begins_handshake(bytes: &[u8]) -> bool {
    bytes.starts_with(REQUEST) || bytes.starts_with(RESPONSE)
}

/// As [`begins_handshake`], or too few bytes to tell.
pub(super) fn may_begin_handshake(bytes: &[u8]) -> bool {
    begins_handshake(bytes) || RESPONSE.starts_with(bytes)
}

const REQUEST: &[u8] = b"GET ";
const RESPONSE: &[u8] = b"HTTP/1.1 101";

/// The HTTP header block at the start of `bytes`: its length, once it is all there.
pub(super) fn handshake_len(bytes: &[u8]) -> Option<usize> {
    let window = bytes.get(..bytes.len().min(UPGRADE_LIMIT))?;
    memmem::find(window, b"\r\n\r\n").map(|end| end + 4)
}

/// Whether an HTTP header block, request or 101 response, turns its direction into a WebSocket that may carry SIP.
///
/// A client that names sub-protocols names `sip` (RFC 7118 §4.1). A response may leave the name out.
pub(super) fn upgrades(block: &[u8]) -> bool {
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

/// Whether `bytes` begin with the first frame of a message that is SIP: how a WebSocket is joined mid-stream.
pub(super) fn begins_sip(bytes: &[u8]) -> bool {
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

/// The header of one frame (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug)]
struct Header {
    fin: bool,
    /// RSV1: the message is compressed (RFC 7692).
    compressed: bool,
    reserved: bool,
    opcode: u8,
    length: u64,
    /// Zero where the payload is not masked, which comes to the same.
    mask: [u8; 4],
    /// Bytes that the header takes.
    size: usize,
}

impl Header {
    /// The header at the start of `bytes`, once it is all there.
    fn read(bytes: &[u8]) -> Option<Self> {
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

/// What these bytes cannot be: frames of a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// What a run of bytes brought, beside messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Skipped {
    /// Messages over the bound or with a hole inside.
    pub(super) unfinished: u64,
    /// Compressed messages.
    pub(super) opaque: u64,
}

/// What becomes of the message being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Keep,
    /// It is too long, or bytes of it are lost.
    Drop,
    Opaque,
}

/// One direction of a WebSocket.
///
/// Invariant: `header` holds the first bytes of a frame header that is not complete, or `left` bytes of a frame's payload
/// are still to come; never both. `message` is empty unless `inside`.
#[derive(Debug)]
pub(super) struct WebSocket {
    header: [u8; HEADER],
    header_len: usize,
    frame: Option<Header>,
    left: u64,
    /// A message has begun and not ended.
    inside: bool,
    fate: Fate,
    /// The unmasked message so far.
    message: Vec<u8>,
    /// Capture time of the newest byte of it.
    time: Timestamp,
}

impl Default for WebSocket {
    fn default() -> Self {
        Self {
            header: [0; HEADER],
            header_len: 0,
            frame: None,
            left: 0,
            inside: false,
            fate: Fate::Keep,
            message: Vec::new(),
            time: Timestamp::MIN,
        }
    }
}

impl WebSocket {
    /// Reads bytes in order, and hands on each whole message that is SIP.
    ///
    /// `scratch` lends its room to a message while that is unmasked, and has it back unless the message stays incomplete.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        time: Timestamp,
        scratch: &mut Vec<u8>,
        skipped: &mut Skipped,
        message: &mut dyn FnMut(&[u8], Timestamp),
    ) -> Result<(), Broken> {
        if self.message.capacity() == 0 {
            core::mem::swap(&mut self.message, scratch);
        }
        let result = self.read_frames(bytes, time, skipped, message);
        if self.message.is_empty() {
            core::mem::swap(&mut self.message, scratch);
            self.message = Vec::new();
        }
        result
    }

    fn read_frames(
        &mut self,
        mut bytes: &[u8],
        time: Timestamp,
        skipped: &mut Skipped,
        message: &mut dyn FnMut(&[u8], Timestamp),
    ) -> Result<(), Broken> {
        while !bytes.is_empty() {
            let Some(frame) = self.frame else {
                bytes = self.read_header(bytes)?;
                self.end_empty_frame(time, skipped, message);
                continue;
            };
            let take = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            let (payload, rest) = bytes.split_at(take);
            bytes = rest;
            let whole = take as u64 == frame.length;
            self.left -= take as u64;
            let last = self.left == 0;
            if last {
                self.frame = None;
            }
            if frame.opcode >= 8 {
                continue;
            }
            // The usual message of a server: one unmasked frame in one segment, read where it stands.
            if whole && frame.fin && frame.mask == [0; 4] && self.message.is_empty() && self.fate == Fate::Keep {
                self.inside = false;
                hand_on(payload, time, message);
                continue;
            }
            self.keep(payload, (frame.length - self.left - take as u64) as usize, frame.mask, time);
            if last && frame.fin {
                self.end(skipped, message);
            }
        }
        Ok(())
    }

    /// Passes over `missing` bytes that were never seen. `Err` where they may hold a frame header.
    pub(super) fn lose(&mut self, missing: u32, skipped: &mut Skipped) -> Result<(), Broken> {
        let frame = self.frame.ok_or(Broken)?;
        self.left = self.left.checked_sub(u64::from(missing)).ok_or(Broken)?;
        if frame.opcode < 8 && self.fate == Fate::Keep {
            self.fate = Fate::Drop;
            self.message = Vec::new();
        }
        if self.left == 0 {
            self.frame = None;
            if frame.opcode < 8 && frame.fin {
                self.end(skipped, &mut |_, _| {});
            }
        }
        Ok(())
    }

    /// Bytes kept.
    pub(super) fn cost(&self) -> usize {
        self.message.capacity()
    }

    /// Whether a message has begun and not ended.
    pub(super) fn is_inside(&self) -> bool {
        self.inside || self.header_len > 0
    }

    fn read_header<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Broken> {
        let before = self.header_len;
        let take = (HEADER - before).min(bytes.len());
        let (head, _) = bytes.split_at(take);
        if let Some(room) = self.header.get_mut(before..before + take) {
            room.copy_from_slice(head);
        }
        self.header_len += take;
        let Some(frame) = Header::read(self.header.get(..self.header_len).unwrap_or_default()) else {
            return Ok(&[]);
        };
        self.header_len = 0;
        let control = frame.opcode >= 8;
        let known = matches!(frame.opcode, 0 | 1 | 2 | 8 | 9 | 10);
        if frame.reserved || !known || (control && (frame.length > 125 || !frame.fin)) || frame.length >> 63 != 0 {
            return Err(Broken);
        }
        if !control {
            // A message that began before the join, or one that another began inside of: not to be trusted.
            let continues = frame.opcode == 0;
            if !continues {
                self.message.clear();
                self.fate = if frame.compressed { Fate::Opaque } else { Fate::Keep };
            } else if !self.inside {
                self.fate = Fate::Drop;
            }
            self.inside = true;
        }
        self.left = frame.length;
        self.frame = Some(frame);
        // `size` counts the bytes read before too; at least one of it is among these.
        Ok(bytes.get(frame.size.saturating_sub(before)..).unwrap_or_default())
    }

    /// A frame without payload ends with its header.
    fn end_empty_frame(&mut self, time: Timestamp, skipped: &mut Skipped, message: &mut dyn FnMut(&[u8], Timestamp)) {
        let Some(frame) = self.frame.filter(|frame| frame.length == 0) else { return };
        self.frame = None;
        if frame.opcode < 8 && frame.fin {
            self.time = self.time.max(time);
            self.end(skipped, message);
        }
    }

    /// Unmasks and keeps a part of a payload that begins `offset` bytes into it.
    fn keep(&mut self, payload: &[u8], offset: usize, mask: [u8; 4], time: Timestamp) {
        if self.fate != Fate::Keep {
            return;
        }
        if self.message.len() + payload.len() > MESSAGE_LIMIT {
            self.fate = Fate::Drop;
            self.message = Vec::new();
            return;
        }
        self.time = if self.message.is_empty() { time } else { self.time.max(time) };
        let clear = payload.iter().enumerate().map(|(index, byte)| byte ^ mask[(offset + index) % 4]);
        self.message.extend(clear);
    }

    fn end(&mut self, skipped: &mut Skipped, message: &mut dyn FnMut(&[u8], Timestamp)) {
        match self.fate {
            Fate::Keep => hand_on(&self.message, self.time, message),
            Fate::Drop => skipped.unfinished += 1,
            Fate::Opaque => skipped.opaque += 1,
        }
        self.inside = false;
        self.fate = Fate::Keep;
        self.message.clear();
    }
}

/// A message that is SIP goes on; a keep-alive (RFC 7118 §6) or anything else does not.
fn hand_on(bytes: &[u8], time: Timestamp, message: &mut dyn FnMut(&[u8], Timestamp)) {
    if is_start(bytes) {
        message(bytes.get(keep_alive(bytes)..).unwrap_or_default(), time);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    const BYE: &[u8] = b"BYE sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/WS x\r\nCall-ID: 1\r\n\r\n";

    /// One frame as RFC 6455 §5.2 lays it out.
    pub(in crate::stream) fn frame(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
        let flag = if mask.is_some() { 0x80 } else { 0 };
        let mut bytes = vec![first];
        match payload.len() {
            length @ 0..=125 => bytes.push(flag | length as u8),
            length @ 126..=0xffff => {
                bytes.push(flag | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            length => {
                bytes.push(flag | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend(mask.unwrap_or_default().get(..if mask.is_some() { 4 } else { 0 }).unwrap());
        let mask = mask.unwrap_or_default();
        bytes.extend(payload.iter().enumerate().map(|(index, byte)| byte ^ mask[index % 4]));
        bytes
    }

    fn messages(parts: &[&[u8]]) -> (Vec<Vec<u8>>, Skipped) {
        let (mut socket, mut skipped, mut out) = (WebSocket::default(), Skipped::default(), Vec::new());
        for part in parts {
            socket
                .read(part, Timestamp::MIN, &mut Vec::new(), &mut skipped, &mut |bytes, _| out.push(bytes.to_vec()))
                .unwrap();
        }
        (out, skipped)
    }

    fn long() -> Vec<u8> {
        [BYE, &[b'x'; 70_000]].concat()
    }

    #[test]
    fn frames_of_every_length_masked_or_not() {
        let medium = [BYE, &[b'x'; 300]].concat();
        for payload in [BYE, &medium, &long()] {
            for mask in [None, Some([1, 2, 3, 255])] {
                for first in [0x81, 0x82] {
                    assert_eq!(messages(&[&frame(first, mask, payload)]).0, [payload.to_vec()]);
                }
            }
        }
    }

    #[test]
    fn split_at_every_byte() {
        let mask = Some([9, 8, 7, 6]);
        let stream = [
            frame(0x01, mask, &BYE[..20]),
            frame(0x89, mask, b"ping"),
            frame(0x00, mask, &BYE[20..33]),
            frame(0x8a, None, b""),
            frame(0x80, mask, &BYE[33..]),
            frame(0x82, mask, b"\r\n\r\n"),
            frame(0x82, None, &[BYE, &[b'x'; 200]].concat()),
            frame(0x88, mask, b"\x03\xe8"),
        ]
        .concat();
        let expected = vec![BYE.to_vec(), [BYE, &[b'x'; 200]].concat()];
        for at in 0..stream.len() {
            let (left, right) = stream.split_at(at);
            assert_eq!(messages(&[left, right]).0, expected, "split at {at}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(messages(&bytes).0, expected);
    }

    #[test]
    fn a_message_of_empty_and_last_empty_frames_is_whole() {
        let stream = [frame(0x01, None, b""), frame(0x00, None, BYE), frame(0x80, None, b"")].concat();
        assert_eq!(messages(&[&stream]).0, [BYE.to_vec()]);
    }

    #[test]
    fn compressed_and_overlong_messages_are_skipped_and_counted() {
        let many = vec![b'x'; MESSAGE_LIMIT / 2 + 1];
        let stream = [
            frame(0xc1, None, b"deflated"),
            frame(0x01, None, &many),
            frame(0x80, None, &many),
            frame(0x81, None, BYE),
        ]
        .concat();
        let (out, skipped) = messages(&[&stream]);
        assert_eq!(out, [BYE.to_vec()]);
        assert_eq!(skipped, Skipped { unfinished: 1, opaque: 1 });
    }

    #[test]
    fn a_hole_inside_a_frame_costs_that_message_only() {
        let stream = [frame(0x81, None, &long()), frame(0x81, None, BYE)].concat();
        let (mut socket, mut skipped, mut out) = (WebSocket::default(), Skipped::default(), 0);
        socket.read(&stream[..500], Timestamp::MIN, &mut Vec::new(), &mut skipped, &mut |_, _| out += 1).unwrap();
        assert_eq!(socket.lose(60_000, &mut skipped), Ok(()));
        socket.read(&stream[60_500..], Timestamp::MIN, &mut Vec::new(), &mut skipped, &mut |_, _| out += 1).unwrap();
        assert_eq!((out, skipped.unfinished), (1, 1));
        assert_eq!(socket.lose(1, &mut skipped), Err(Broken), "a hole between frames");
    }

    #[test]
    fn what_is_no_websocket_is_told() {
        for bytes in
            [&[0x83u8, 0][..], &[0x91, 0], &[0x89, 126, 0, 200], &[0x09, 0], &[0x81, 127, 255, 0, 0, 0, 0, 0, 0, 0]]
        {
            let mut socket = WebSocket::default();
            let result = socket.read(bytes, Timestamp::MIN, &mut Vec::new(), &mut Skipped::default(), &mut |_, _| {});
            assert_eq!(result, Err(Broken), "{bytes:x?}");
        }
    }

    #[test]
    fn both_halves_of_the_handshake_are_known() {
        let request =
            "GET /chat HTTP/1.1\r\nHost: a\r\nupgrade: WebSocket\r\nSec-WebSocket-Protocol: msrp, SIP\r\n\r\n";
        assert_eq!(handshake_len(request.as_bytes()), Some(request.len()));
        assert!(upgrades(request.as_bytes()));
        assert!(upgrades(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"));
        assert!(!upgrades(b"HTTP/1.1 200 OK\r\nUpgrade: websocket\r\n\r\n"));
        assert!(!upgrades(b"GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n"));
        assert!(!upgrades(b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"));
    }

    #[test]
    fn a_frame_that_begins_sip_is_recognised_mid_stream() {
        assert!(begins_sip(&frame(0x81, Some([1, 2, 3, 4]), BYE)));
        assert!(begins_sip(&frame(0x02, None, BYE)));
        assert!(begins_sip(&frame(0x82, None, &long())[..1460]));
        assert!(!begins_sip(&frame(0x81, None, b"hello")));
        assert!(!begins_sip(&frame(0x80, None, BYE)), "the middle of a message");
        assert!(!begins_sip(&frame(0xc1, None, BYE)), "compressed");
        assert!(!begins_sip(BYE));
    }

    proptest! {
        #[test]
        fn hostile_bytes_do_no_harm(parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..12), hole in any::<u32>()) {
            let (mut socket, mut skipped) = (WebSocket::default(), Skipped::default());
            for part in &parts {
                let _ = (begins_sip(part), upgrades(part), handshake_len(part));
                if socket.read(part, Timestamp::MIN, &mut Vec::new(), &mut skipped, &mut |_, _| {}).is_err() {
                    break;
                }
                let _ = socket.lose(hole % 64, &mut skipped);
            }
        }
    }
}
