//! Where a SIP message ends on a stream.

use tolltap::sip::{Framing, find_start, frame, is_start, keep_alive};

/// Longest input of which every beginning is framed; of a longer one a share of them is.
const EVERY: usize = 256;

/// The bytes are what a stream brought so far: the verdict on their beginning never contradicts the verdict on more.
pub fn framing(bytes: &[u8]) {
    let mut settled = None;
    // The shortest length at which a message may be whole.
    let mut whole_at = 0;
    for end in (0..=bytes.len()).step_by(bytes.len() / EVERY + 1) {
        let verdict = frame(&bytes[..end]);
        match (settled, verdict) {
            (Some(before), now) => assert_eq!(now, before, "after {end} bytes"),
            (None, Framing::Need(more)) => {
                assert!(more > 0, "nothing is missing after {end} bytes");
                whole_at = whole_at.max(end + more);
            }
            (None, Framing::Message(length)) => {
                assert!(length <= end && whole_at <= end, "a message of {length} bytes after {end}, due at {whole_at}");
                assert!(is_start(bytes));
                settled = Some(verdict);
            }
            (None, Framing::NotSip | Framing::Resync) => settled = Some(verdict),
        }
    }

    // Every message start of the stream, found one by one; each search goes on behind the last.
    let mut from = 0;
    while let Some(start) = find_start(bytes, from) {
        assert!(start >= from && is_start(&bytes[start..]));
        assert!(start == 0 || bytes[start - 1] == b'\n', "a start line inside a line");
        from = match frame(&bytes[start..]) {
            Framing::Message(length) => start + length,
            _ => start + 1,
        };
    }
    assert!(keep_alive(bytes) <= bytes.len());
}
