//! The frames of one direction of a WebSocket, put together to messages.

use crate::sip::framing::{BODY_LIMIT, HEAD_LIMIT, is_start, keep_alive};
use crate::time::Timestamp;

use super::frame::{HEADER, Header};

/// Longest message; a longer one is skipped.
pub(super) const MESSAGE_LIMIT: usize = HEAD_LIMIT + BODY_LIMIT;

/// What these bytes cannot be: frames of a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::stream) struct Broken;

/// What a run of bytes brought, beside messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::stream) struct Skipped {
    /// Messages over the bound or with a hole inside.
    pub(in crate::stream) unfinished: u64,
    /// Compressed messages.
    pub(in crate::stream) opaque: u64,
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
pub(in crate::stream) struct WebSocket {
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
    pub(in crate::stream) fn read(
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

    /// Passes over `missing` bytes that were never seen; the message that they are in is handed on as far as it is there.
    /// `Err` where they may hold a frame header.
    pub(in crate::stream) fn lose(
        &mut self,
        missing: u32,
        skipped: &mut Skipped,
        cut: &mut dyn FnMut(&[u8], Timestamp),
    ) -> Result<(), Broken> {
        let frame = self.frame.ok_or(Broken)?;
        self.left = self.left.checked_sub(u64::from(missing)).ok_or(Broken)?;
        if frame.opcode < 8 && self.fate == Fate::Keep {
            if let Some((message, time)) = self.beginning() {
                cut(message, time);
            }
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

    /// What is there of a message that has not ended, if it is SIP, and the capture time of its newest byte.
    pub(in crate::stream) fn beginning(&self) -> Option<(&[u8], Timestamp)> {
        let sip = self.inside && self.fate == Fate::Keep && is_start(&self.message);
        let message = self.message.get(keep_alive(&self.message)..).filter(|_| sip)?;
        Some((message, self.time))
    }

    /// Bytes kept.
    pub(in crate::stream) fn cost(&self) -> usize {
        self.message.capacity()
    }

    /// Whether a message has begun and not ended.
    pub(in crate::stream) fn is_inside(&self) -> bool {
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
