//! The Reason headers of a BYE.

use serde::{Deserialize, Serialize};

use crate::sip::{Header, Message};
use crate::time::Timestamp;

/// Most values kept of one BYE.
const MAX_REASONS: usize = 4;

/// The Reason headers (RFC 3326) of one BYE: of its earliest copy that has any, whichever was delivered first.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Reasons {
    time: Timestamp,
    values: Vec<Box<[u8]>>,
}

impl Default for Reasons {
    fn default() -> Self {
        Self { time: Timestamp::MAX, values: Vec::new() }
    }
}

impl Reasons {
    /// Takes those of a copy, if it is an earlier one.
    pub(crate) fn keep(&mut self, time: Timestamp, bye: &Message<'_>) {
        if time >= self.time || bye.first(Header::Reason).is_none() {
            return;
        }
        let values = bye.all(Header::Reason).flat_map(|value| value.elements()).take(MAX_REASONS);
        self.values = values.map(|value| value.unfold().into_owned().into_boxed_slice()).collect();
        self.time = time;
    }

    pub(crate) fn values(&self) -> &[Box<[u8]>] {
        &self.values
    }
}
