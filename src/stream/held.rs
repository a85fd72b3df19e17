//! What one direction of a TCP conversation keeps while something is missing.

use crate::sip::framing::Scan;
use crate::time::Timestamp;

use super::assembler::Assembler;
use super::websocket::WebSocket;

/// Largest buffer that is kept with a spare box.
const SPARE_BUFFER: usize = 16 * 1024;

/// The part of a direction that exists only while bytes wait: most directions, most of the time, have none.
#[derive(Debug)]
pub(super) struct Held {
    /// In-order bytes from the start of a message that is not complete (or of a line, while the next start line is
    /// searched).
    pub(super) buffer: Vec<u8>,
    /// Capture time of the newest byte in `buffer`.
    pub(super) time: Timestamp,
    /// When `buffer` last grew.
    pub(super) progress: Timestamp,
    /// How far `buffer` was read.
    pub(super) scan: Scan,
    /// Reading on makes no sense while `buffer` is shorter than this.
    pub(super) need: usize,
    /// Pieces beyond the in-order bytes.
    pub(super) ahead: Assembler,
    /// While a join is recent: pieces from before the point of joining; or, where nothing is known yet, all pieces.
    pub(super) behind: Assembler,
    /// When the join stops being recent.
    pub(super) join_until: Option<Timestamp>,
    /// When bytes that were acknowledged and not seen stop being merely late.
    pub(super) ack_until: Option<Timestamp>,
    /// The highest acknowledgement since then, beyond that one; and when it is as old.
    pub(super) acked_later: Option<(u32, Timestamp)>,
    pub(super) websocket: Option<Box<WebSocket>>,
    /// What the shared account holds for this box.
    pub(super) accounted: usize,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            buffer: Vec::new(),
            time: Timestamp::MIN,
            progress: Timestamp::MIN,
            scan: Scan::default(),
            need: 0,
            ahead: Assembler::default(),
            behind: Assembler::default(),
            join_until: None,
            ack_until: None,
            acked_later: None,
            websocket: None,
            accounted: 0,
        }
    }
}

impl Held {
    pub(super) fn is_idle(&self) -> bool {
        self.buffer.is_empty()
            && self.ahead.is_empty()
            && self.behind.is_empty()
            && self.join_until.is_none()
            && self.ack_until.is_none()
            && self.websocket.is_none()
    }

    pub(super) fn cost(&self) -> usize {
        let websocket = self.websocket.as_ref().map_or(0, |websocket| websocket.cost());
        self.buffer.capacity() + self.ahead.cost() + self.behind.cost() + websocket
    }

    /// Whether a message has begun and not ended.
    pub(super) fn is_inside(&self) -> bool {
        !self.buffer.is_empty() || self.websocket.as_ref().is_some_and(|websocket| websocket.is_inside())
    }

    /// Empties the in-order part.
    pub(super) fn clear_buffer(&mut self) {
        self.buffer.clear();
        self.scan = Scan::default();
        self.need = 0;
        self.time = Timestamp::MIN;
    }

    /// Gives up room that nothing is in: what a WebSocket keeps for good, and what one long message needed.
    pub(super) fn trim(&mut self) {
        if self.buffer.is_empty() && (self.websocket.is_some() || self.buffer.capacity() > SPARE_BUFFER) {
            self.buffer = Vec::new();
        }
    }

    /// Empties everything; false when the buffer grew too large to be kept for another stream.
    pub(super) fn make_spare(&mut self) -> bool {
        let mut buffer = core::mem::take(&mut self.buffer);
        buffer.clear();
        let fits = buffer.capacity() <= SPARE_BUFFER;
        *self = Self { buffer, ..Self::default() };
        fits
    }
}
