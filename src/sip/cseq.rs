//! The CSeq header (RFC 3261 §20.16).

use crate::sip::defect::Defect;
use crate::sip::method::{Method, is_token};
use crate::sip::value::{is_space, trim};

/// A sequence number and the method of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CSeq<'a> {
    /// At most 2^31 - 1 (RFC 3261 §8.1.1.5).
    pub number: u32,
    pub method: Method<'a>,
}

impl<'a> CSeq<'a> {
    /// Reads a header value, and tells whether text stood after the method.
    #[inline]
    pub(super) fn read(value: &'a [u8]) -> Result<(Self, bool), Defect> {
        match Self::usual(value) {
            Some(usual) => Ok((usual, false)),
            None => Self::read_slowly(value),
        }
    }

    /// A short number, one space and a method that has a name: what nearly every value is. Absent says nothing but "read
    /// it slowly" (a test compares the two).
    #[inline]
    fn usual(value: &'a [u8]) -> Option<Self> {
        let mut number = 0;
        let mut rest = value;
        while let [digit @ b'0'..=b'9', after @ ..] = rest {
            number = u32::from(digit - b'0') + if number < 100_000_000 { number * 10 } else { return None };
            rest = after;
        }
        let method = Method::named(rest.strip_prefix(b" ").filter(|_| rest.len() < value.len())?)?;
        Some(Self { number, method })
    }

    /// The same for any value.
    fn read_slowly(value: &'a [u8]) -> Result<(Self, bool), Defect> {
        let value = trim(value);
        let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = value.split_at_checked(digits).ok_or(Defect::CSeq)?;
        let method = trim(rest);
        // Without a space between them, number and method cannot be told apart: `1x` may be either.
        if number.is_empty() || method.is_empty() || method.len() == rest.len() {
            return Err(Defect::CSeq);
        }
        let number = decimal(number).filter(|number| i32::try_from(*number).is_ok()).ok_or(Defect::CSeqRange)?;
        let length = method.iter().take_while(|byte| is_token(**byte)).count();
        let (token, after) = method.split_at_checked(length).ok_or(Defect::CSeq)?;
        if token.is_empty() || after.first().is_some_and(|byte| !is_space(*byte)) {
            return Err(Defect::CSeq);
        }
        Ok((Self { number, method: Method::new(token) }, !after.is_empty()))
    }
}

/// The value of decimal digits, leading zeros allowed; absent when it does not fit or another byte is among them.
pub(super) fn decimal(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u32, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_usual_value_is_read_as_any_other(
            words in prop::collection::vec(prop::sample::select(vec![
                "1", "0", "42", "99999999", "2147483647", " ", "\t", "\r\n ", "INVITE", "BYE", "bye", "X", "a", "@", "",
            ]), 0..6),
            plain in prop::sample::select(vec!["", "7 ", "314159 ", "1 INVITE"]),
        ) {
            let value = plain.to_owned() + &words.concat();
            if let Some(usual) = CSeq::usual(value.as_bytes()) {
                prop_assert_eq!(CSeq::read_slowly(value.as_bytes()), Ok((usual, false)));
            }
        }
    }

    #[test]
    fn usual_values_take_the_short_way() {
        for value in ["1 INVITE", "102 ACK", "314159265 BYE"] {
            assert!(CSeq::usual(value.as_bytes()).is_some(), "{value}");
        }
    }

    fn number(value: &str) -> Result<u32, Defect> {
        CSeq::read(value.as_bytes()).map(|(cseq, _)| cseq.number)
    }

    #[test]
    fn leading_zeros_and_folds_are_legal() {
        assert_eq!(CSeq::read(b" 0009\r\n  INVITE ").unwrap(), (CSeq { number: 9, method: Method::Invite }, false));
        assert_eq!(number("000000000000000000000000000000007 BYE"), Ok(7));
    }

    #[test]
    fn numbers_beyond_31_bits_are_refused_not_wrapped() {
        assert_eq!(number("2147483647 ACK"), Ok(2_147_483_647));
        assert_eq!(number("2147483648 ACK"), Err(Defect::CSeqRange));
        assert_eq!(number("36893488147419103232 ACK"), Err(Defect::CSeqRange));
    }

    #[test]
    fn a_number_or_a_method_alone_is_refused() {
        for value in ["", "1", "1 ", "INVITE", "1INVITE", "-1 INVITE", "1 \"x\"", "1 INV@ITE"] {
            assert_eq!(number(value), Err(Defect::CSeq), "{value}");
        }
    }

    #[test]
    fn text_after_the_method_is_told() {
        assert_eq!(CSeq::read(b"1 BYE x").unwrap(), (CSeq { number: 1, method: Method::Bye }, true));
    }
}
