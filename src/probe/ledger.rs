//! The sessions' side: from sightings to records. It owns the sessions, by Call-ID.

use super::sighting::{Sighting, Sink};
use crate::charging::{ImServer, Options, PackedRecord};
use crate::session::{Change, Dropped, Lost, NotRestored, SessionCounts, Sessions};
use crate::time::Timestamp;

/// Takes sightings in the order of (time, source, ordinal) within the reorder window, and gives records.
pub(crate) struct Ledger {
    sessions: Sessions,
}

impl Ledger {
    pub(crate) fn new(options: Options) -> Self {
        Self { sessions: Sessions::new(options) }
    }

    /// The clock of all that sight for this Ledger has reached `now`.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        self.sessions.advance(now);
    }

    pub(crate) fn lost(&mut self, lost: Lost, from: Timestamp, to: Timestamp, count: u64) {
        self.sessions.lost(lost, from, to, count);
    }

    pub(crate) fn end(&mut self) {
        self.sessions.end();
    }

    pub(crate) fn take_servers_on_other_ports(&mut self) -> impl Iterator<Item = ImServer> + use<> {
        self.sessions.take_servers_on_other_ports()
    }

    pub(crate) fn pop(&mut self) -> Option<Box<PackedRecord>> {
        self.sessions.pop()
    }

    pub(crate) fn pop_change(&mut self) -> Option<Change> {
        self.sessions.pop_change()
    }

    pub(crate) fn restore(&mut self, image: &[u8]) -> Result<(), NotRestored> {
        self.sessions.restore(image)
    }

    pub(crate) fn next_timeout(&self) -> Option<Timestamp> {
        self.sessions.next_timeout()
    }

    pub(crate) fn counts(&self) -> SessionCounts {
        self.sessions.counts()
    }

    pub(crate) fn take_dropped(&mut self) -> Option<Dropped> {
        self.sessions.take_dropped()
    }

    pub(crate) fn dialogs(&self) -> usize {
        self.sessions.len()
    }
}

impl Sink for Ledger {
    fn sighting(&mut self, sighting: &Sighting<'_>) {
        self.sessions.message(sighting.time, &sighting.hop, &sighting.message);
    }

    fn gap(&mut self, time: Timestamp) {
        self.sessions.lost(Lost::StreamBytes, time, time, 1);
    }
}
