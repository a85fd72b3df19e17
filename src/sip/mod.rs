//! SIP as it really is on the wire: framing, lexer, the headers that charging needs, SDP.

mod framing;

pub use framing::{BODY_LIMIT, Fault, Framing, HEAD_LIMIT, Scan, find_start, frame, frame_on, is_start, keep_alive};
pub(crate) use framing::{Search, StartLine, is_familiar, search_start, start_line};
