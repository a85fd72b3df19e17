//! The Reason headers of a BYE.

use serde::{Deserialize, Serialize};

use crate::charging::MAX_VALUE;
use crate::sip::{Header, Message};
use crate::time::Timestamp;

/// Most values kept of one BYE, each cut at [`MAX_VALUE`].
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
        let cut = |text: &[u8]| text[..text.len().min(MAX_VALUE)].into();
        self.values = values.map(|value| cut(&value.unfold())).collect();
        self.time = time;
    }

    pub(crate) fn values(&self) -> &[Box<[u8]>] {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Carriage;

    #[test]
    fn a_long_value_is_cut() {
        let long = "x".repeat(3000);
        let text = format!(
            "BYE sip:b@example.net SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@example.net>;tag=a\r\n\
             To: <sip:b@example.net>;tag=b\r\nCall-ID: reasons@example.net\r\nCSeq: 1 BYE\r\n\
             Reason: SIP;cause=480;text=\"{long}\"\r\nReason: Q.850;cause=16\r\nContent-Length: 0\r\n\r\n"
        );
        let bye = Message::parse(text.as_bytes(), Carriage::Datagram).expect("a message");
        let mut reasons = Reasons::default();
        reasons.keep(Timestamp::MIN, &bye);
        let kept: Vec<_> = reasons.values().iter().map(|value| value.len()).collect();
        assert_eq!(kept, [MAX_VALUE, 14]);
    }
}
