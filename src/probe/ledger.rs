//! The sessions' side: from sightings to records. It owns the sessions, by Call-ID.

use super::counts::{Counts, SipCounts};
use super::notes::Notes;
use super::output::{Note, Output};
use super::sighting::{Sighting, Sink};
use crate::charging::{Options, PortsSeen};
use crate::session::{Lost, Sessions};
use crate::sip::Message;
use crate::time::Timestamp;

/// Takes sightings in the order in which they happened, reads them, and gives records.
///
/// Invariant: what a Ledger makes of a message depends on the messages of the same Call-ID before it, and on the losses; so
/// messages may be shared out over Ledgers by Call-ID, and losses told to all of them. Legs that are merged have several
/// Call-IDs, and need one Ledger for all.
pub(crate) struct Ledger {
    sessions: Sessions,
    sip: SipCounts,
    notes: Notes,
}

impl Ledger {
    pub(crate) fn new(options: Options) -> Self {
        Self { sessions: Sessions::new(options), sip: SipCounts::default(), notes: Notes::default() }
    }

    /// No more sightings: what waits is settled as if its time had passed.
    pub(crate) fn end(&mut self) {
        self.sessions.end();
    }

    /// At which ports the operator's IM Servers were seen.
    pub(crate) fn ports_seen(&self) -> PortsSeen {
        self.sessions.ports_seen()
    }

    /// Takes back what a probe before this one kept.
    pub(crate) fn restore(&mut self, image: &[u8]) {
        if let Err(reason) = self.sessions.restore(image) {
            self.notes.add(Note::NotRestored(reason));
        }
    }

    /// Whether [`Ledger::poll`] has nothing to give.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.sessions.is_quiet() && self.notes.is_empty()
    }

    /// The next output, if there is one.
    pub(crate) fn poll(&mut self) -> Option<Output> {
        if let Some(record) = self.sessions.pop() {
            return Some(Output::Record(record));
        }
        if let Some(change) = self.sessions.pop_change() {
            return Some(Output::Change(change));
        }
        if let Some(dropped) = self.sessions.take_dropped() {
            return Some(Output::Note(Note::SessionsDropped(dropped)));
        }
        self.notes.pop().map(Output::Note)
    }

    pub(crate) fn next_timeout(&self) -> Option<Timestamp> {
        self.sessions.next_timeout()
    }

    /// What was counted here; the rest is zero.
    pub(crate) fn counts(&self) -> Counts {
        Counts { sip: self.sip, session: self.sessions.counts(), ..Counts::default() }
    }

    pub(crate) fn dialogs(&self) -> usize {
        self.sessions.len()
    }
}

impl Sink for Ledger {
    #[inline]
    fn at(&mut self, now: Timestamp) {
        self.sessions.advance(now);
    }

    #[inline]
    fn sighting(&mut self, sighting: &Sighting<'_>) {
        let mut message = Message::unread();
        if let Err(defect) = message.read(sighting.bytes, sighting.carriage) {
            self.sip.drop(defect);
            return;
        }
        self.sip.count(message.start());
        self.sip.odd += u64::from(!message.anomalies().is_empty());
        self.sessions.message(sighting.time, &sighting.hop, &message);
    }

    fn lost(&mut self, lost: Lost, from: Timestamp, to: Timestamp, count: u64) {
        self.sessions.lost(lost, from, to, count);
    }
}
