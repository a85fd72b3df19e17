//! One SIP message at one place and time, as it crosses from the reader's side to the sessions' side.

use crate::packet::Hop;
use crate::session::Lost;
use crate::sip::Carriage;
use crate::time::Timestamp;

/// One SIP message seen once, not read yet.
#[derive(Clone, Copy)]
pub(crate) struct Sighting<'a> {
    /// Capture time of the frame that brought its last missing byte.
    pub(crate) time: Timestamp,
    pub(crate) hop: Hop,
    pub(crate) carriage: Carriage,
    pub(crate) bytes: &'a [u8],
}

/// Who takes what a Tap finds: a Ledger on the same thread, or what sorts it for several.
pub(crate) trait Sink {
    /// The capture clock stands at `now`: what follows, up to the next call, happens then.
    fn at(&mut self, now: Timestamp);

    /// What follows comes of a stream whose time is up at `due`, in a conversation that began with the segment `born`; `at_the_end`
    /// of the input whatever the time.
    fn due(&mut self, due: Timestamp, born: u64, at_the_end: bool) {
        let _ = (due, born, at_the_end);
    }

    /// A SIP message was seen.
    fn sighting(&mut self, sighting: &Sighting<'_>);

    /// Something was lost.
    fn lost(&mut self, lost: Lost, from: Timestamp, to: Timestamp, count: u64);
}
