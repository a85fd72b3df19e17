//! The Expires header (RFC 3261 §20.19).

use super::cseq::decimal;
use super::header::Header;
use super::message::Message;

/// How many seconds what the message asks for is valid; absent when it does not say, or not in a number of 32 bits.
#[must_use]
pub fn expires(message: &Message<'_>) -> Option<u32> {
    let value = message.first(Header::Expires)?;
    decimal(value.raw().trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Carriage;

    #[test]
    fn reads_seconds_and_nothing_else() {
        for (value, seconds) in [
            ("Expires: 600", Some(600)),
            ("expires :\t4294967295 ", Some(u32::MAX)),
            ("Expires: 4294967296", None),
            ("Expires: Thu, 01 Dec 1994 16:00:00 GMT", None),
            ("Expires:", None),
            ("Subject: 600", None),
        ] {
            let text = format!(
                "INVITE sip:b SIP/2.0\r\nFrom: <sip:a>\r\nTo: <sip:b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n{value}\r\n\r\n"
            );
            let message = Message::parse(text.as_bytes(), Carriage::Datagram).unwrap();
            assert_eq!(expires(&message), seconds, "{value}");
        }
    }
}
