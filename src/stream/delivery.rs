//! What the stream stage hands on.

use core::fmt;

use crate::packet::{Carrier, Hop};
use crate::sip::Carriage;
use crate::time::Timestamp;

/// One thing that came out of a stream.
#[derive(Clone, Copy, Debug)]
pub enum Delivery<'a> {
    Message(Message<'a>),
    /// Bytes of this stream were never seen; what they held is lost. Evidence for the sessions on this hop.
    Gap(Gap),
}

/// One framed SIP message.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    pub hop: Hop,
    pub carrier: Carrier,
    /// What decides where it ends. [`Carriage::CutDatagram`] on any carrier: the end of its body was never seen.
    pub carriage: Carriage,
    /// Capture time of the frame that brought its last missing byte. Earlier than the frame being handled where the
    /// message had to wait behind a hole.
    pub time: Timestamp,
    /// Exactly one SIP message, start line to the end of its body, or to where it is cut.
    pub bytes: &'a [u8],
    /// Its start was found by searching, or it is the first after a gap: it may be text in another message's body.
    pub after_gap: bool,
}

/// The text of a message is private: only its size is printed.
impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("hop", &self.hop)
            .field("carrier", &self.carrier)
            .field("carriage", &self.carriage)
            .field("time", &self.time)
            .field("len", &self.bytes.len())
            .field("after_gap", &self.after_gap)
            .finish()
    }
}

/// A piece of a SIP stream that was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub hop: Hop,
    pub carrier: Carrier,
    /// Capture time at which it was given up.
    pub time: Timestamp,
    /// TCP: bytes; SCTP: chunks. At least 1.
    pub missing: u32,
}
