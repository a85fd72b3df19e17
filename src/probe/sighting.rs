//! One SIP message at one place and time, as it crosses from the reader's side to the sessions' side.

use crate::packet::{Carrier, Hop, InterfaceId};
use crate::sip::Message;
use crate::time::Timestamp;

/// One SIP message seen once.
#[derive(Clone, Debug)]
pub struct Sighting<'a> {
    /// Capture time of the frame that brought its last missing byte.
    pub time: Timestamp,
    /// Where it was captured, and the number of the frame there: with the time, the order in which Ledgers take sightings.
    pub source: InterfaceId,
    pub ordinal: u64,
    pub hop: Hop,
    pub carrier: Carrier,
    pub message: Message<'a>,
}

/// Who takes what a Tap finds: a Ledger on the same thread, or the rings towards several.
pub(crate) trait Sink {
    /// A SIP message was seen.
    fn sighting(&mut self, sighting: &Sighting<'_>);

    /// Bytes of a stream that carries SIP were lost at this time.
    fn gap(&mut self, time: Timestamp);
}
