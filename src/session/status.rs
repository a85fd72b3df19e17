//! What a failure of a request inside a dialog does to the dialog.

/// Whether this final status of an INVITE, UPDATE, INFO or MESSAGE inside a dialog ends the dialog or its INVITE usage.
///
/// RFC 5057 §5.1: 404, 410, 416, 482, 484, 485, 502 and 604 destroy the dialog; 408, 480 and 481 the usage, which for
/// charging is the same. Others fail the transaction alone: the session stays as it was (RFC 3261 §14.1).
pub(crate) fn ends_dialog(status: u16) -> bool {
    matches!(status, 404 | 408 | 410 | 416 | 480 | 481 | 482 | 484 | 485 | 502 | 604)
}

/// Whether a final status asks the sender to try again with credentials.
pub(crate) fn is_challenge(status: u16) -> bool {
    matches!(status, 401 | 407)
}
