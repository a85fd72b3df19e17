//! Cause-Code 861 (TS 32.299 §7.2.35): at most 0 is good, 1 and more is bad; statuses are positive.

use crate::sip::Reason;

/// Normal end of a session.
pub const NORMAL: i32 = 0;
/// The set-up was not completed: no ACK, or a BYE before it.
pub const UNSUCCESSFUL_SETUP: i32 = 2;
/// The probe's own limit ended the session.
pub const INTERNAL: i32 = 3;
/// The session timer ran out: what RFC 4028 §10 has a user agent say in the BYE that was not seen.
pub const TIMED_OUT: i32 = 408;

/// The cause that the Reason headers (RFC 3326) of a BYE give, if they tell of an error.
///
/// TS 32.260 §5.2.2.2: only who sent the BYE knows of an error; for others it is a normal end, unless its Reason says
/// otherwise. Only SIP statuses are Cause-Codes; a Q.850 cause stands in the Reason on the record.
pub fn of_reasons<'a>(reasons: impl IntoIterator<Item = &'a [u8]>) -> Option<i32> {
    reasons.into_iter().filter_map(Reason::read).find_map(|reason| {
        let cause = reason.cause.filter(|cause| (400..700).contains(cause))?;
        reason.protocol.eq_ignore_ascii_case(b"SIP").then_some(i32::try_from(cause).ok()?)
    })
}
