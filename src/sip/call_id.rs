//! Whose message it is, without reading all of it.

use crate::sip::header::Header;
use crate::sip::lines::{HEADER_BLOCK, LINES, Lines, Next};
use crate::sip::value::Value;

/// The Call-ID of the message that [`Message::read`](crate::sip::Message) would read in these bytes; none where it would find
/// none. Bytes that are no message may have one too.
#[must_use]
pub(crate) fn call_id_of(bytes: &[u8]) -> Option<&[u8]> {
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let bytes = bytes.get(blank..)?;
    let block = bytes.get(..HEADER_BLOCK).unwrap_or(bytes);
    let mut lines = Lines::new(block, 0, block.len() < bytes.len());
    lines.start_line()?;
    for _ in 0..LINES {
        let Next::Line(line) = lines.next() else { return None };
        if let Some((Some(Header::CallId), text)) = line.field() {
            return Some(Value::new(text).raw());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sip::{Carriage, Message};

    const HEADERS: [&str; 12] = [
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
        "Call-ID: one@example.net",
        "i:two@example.net",
        "CALL-ID \t: \t three@example.net \t",
        "Call-ID:\r\n four@example.net",
        "Call-ID: five\r\n\t@example.net",
        "From: <sip:a@example.net>;tag=a",
        "To: <sip:b@example.net>;tag=b",
        "CSeq: 1 BYE",
        "Subject: i",
        "no header",
        "X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ];

    proptest! {
        #[test]
        fn is_what_the_whole_message_says(
            lines in prop::collection::vec(0..HEADERS.len(), 0..9),
            bare in any::<bool>(),
            blank in 0..3_usize,
            cut in 0..600_usize,
        ) {
            let end = if bare { "\n" } else { "\r\n" };
            let mut text = "\r\n".repeat(blank) + "BYE sip:b@example.net SIP/2.0" + end;
            for line in lines {
                text += &(HEADERS[line].replace("\r\n", end) + end);
            }
            // The rest of what a message needs, so that most can be read.
            text += &["From: <sip:a>;tag=a", "To: <sip:b>;tag=b", "CSeq: 1 BYE", "i: last", "", ""].join(end);
            let bytes = &text.as_bytes()[..text.len().saturating_sub(cut)];
            for carriage in [Carriage::Datagram, Carriage::CutDatagram, Carriage::Stream] {
                if let Ok(message) = Message::parse(bytes, carriage) {
                    prop_assert_eq!(call_id_of(bytes), Some(message.call_id()));
                }
            }
        }
    }
}
