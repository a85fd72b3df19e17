//! The Reason header (RFC 3326).

use core::fmt;

use crate::sip::cseq::decimal;
use crate::sip::parameter::Parameters;

/// One reason: why a request was sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Reason<'a> {
    /// `SIP`, `Q.850`, `RELEASE_CAUSE`, …
    pub protocol: &'a [u8],
    /// Absent where there is none, or none that is a number.
    pub cause: Option<u32>,
    /// Without its quotes, escapes as sent; often bare in spite of the grammar.
    pub text: Option<&'a [u8]>,
}

impl<'a> Reason<'a> {
    /// Reads one element of the header; absent when it names no protocol.
    #[must_use]
    pub fn read(element: &'a [u8]) -> Option<Self> {
        let mut parameters = Parameters::new(element);
        let protocol = parameters.next().filter(|first| first.value.is_none())?;
        let mut reason = Self { protocol: protocol.name, cause: None, text: None };
        for parameter in parameters {
            if parameter.name.eq_ignore_ascii_case(b"cause") {
                reason.cause = reason.cause.or_else(|| parameter.value.and_then(decimal));
            } else if parameter.name.eq_ignore_ascii_case(b"text") {
                reason.text = reason.text.or(parameter.value);
            }
        }
        Some(reason)
    }
}

impl fmt::Debug for Reason<'_> {
    /// The text may be anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reason({}, {:?})", self.protocol.escape_ascii(), self.cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::value::Value;

    #[test]
    fn reasons_are_read_one_by_one() {
        let value =
            Value::new(b"SIP ;cause=200 ;text=\"Call completed, elsewhere\", Q.850;text=Normal call clearing;CAUSE=16");
        let reasons: Vec<_> = value.elements().map(|element| Reason::read(element.raw()).unwrap()).collect();
        assert_eq!(
            reasons,
            [
                Reason { protocol: b"SIP", cause: Some(200), text: Some(b"Call completed, elsewhere") },
                Reason { protocol: b"Q.850", cause: Some(16), text: Some(b"Normal call clearing") },
            ]
        );
    }

    #[test]
    fn a_cause_that_is_no_number_is_absent() {
        assert_eq!(Reason::read(b"SIP;cause=many").unwrap().cause, None);
        assert_eq!(Reason::read(b"SIP;cause=99999999999").unwrap().cause, None);
        assert_eq!(Reason::read(b"cause=16"), None);
        assert_eq!(Reason::read(b""), None);
    }
}
