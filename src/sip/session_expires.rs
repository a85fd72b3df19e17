//! Session-Expires (RFC 4028 §4).

use crate::sip::cseq::decimal;
use crate::sip::parameter::{Parameters, parameter};

/// The session timer a message asks for or grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// The session interval.
    pub seconds: u32,
    /// Who refreshes, where it is said.
    pub refresher: Option<Refresher>,
}

/// The side that refreshes a session, by its role in the transaction that set the timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refresher {
    Uac,
    Uas,
}

impl SessionExpires {
    /// Reads a header value; absent when it is no number of seconds.
    #[must_use]
    pub fn read(value: &[u8]) -> Option<Self> {
        let seconds = Self::seconds(value)?;
        let refresher = match parameter(value, b"refresher") {
            Some(side) if side.eq_ignore_ascii_case(b"uac") => Some(Refresher::Uac),
            Some(side) if side.eq_ignore_ascii_case(b"uas") => Some(Refresher::Uas),
            _ => None,
        };
        Some(Self { seconds, refresher })
    }

    /// The interval alone.
    #[must_use]
    pub fn seconds(value: &[u8]) -> Option<u32> {
        decimal(Parameters::new(value).next()?.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_and_its_refresher_are_read() {
        let read = SessionExpires::read(b" 1800 ; Refresher = UAS").unwrap();
        assert_eq!(read, SessionExpires { seconds: 1800, refresher: Some(Refresher::Uas) });
        let read = SessionExpires::read(b"90;x=y;refresher=proxy").unwrap();
        assert_eq!(read, SessionExpires { seconds: 90, refresher: None });
    }

    #[test]
    fn what_is_no_number_is_no_timer() {
        for value in ["", ";refresher=uac", "-90", "90s", "99999999999"] {
            assert_eq!(SessionExpires::read(value.as_bytes()), None, "{value}");
        }
    }
}
