//! Every session in view: its dialogs, their deadlines, and the records that follow.

use core::time::Duration;
use std::collections::VecDeque;

use super::counts::SessionCounts;
use super::crossed::Crossed;
use super::deadline::Deadlines;
use super::dialog::{Dialog, Marks, Place, Side};
use super::ending::{conclude, failed_early};
use super::image::Change;
use super::legs::{Key, Legs, keys};
use super::losses::{Losses, Lost};
use super::table::Table;
use super::tell::revision_cause;
use crate::charging::{Confirmation, Options, PackedRecord, Packer, Point, PortsSeen, Servers};
use crate::packet::Hop;
use crate::sip::Message;
use crate::time::Timestamp;

/// What is dropped within so long is told as one: whoever sends requests with one Call-ID and ever new tags makes the probe
/// drop a session with each of them.
const DROPPED_TOGETHER: Duration = Duration::from_secs(1);

/// All dialogs of one Ledger.
///
/// Invariants: `now` never moves back. Whatever is learned of a dialog is added to its facts, and then [`Sessions::settle`]
/// works out what follows from all of them: a record leaves when that differs from what was told before. So the order in
/// which messages of a dialog arrive decides only how many revisions there are, not what the last one says.
pub struct Sessions {
    pub(super) table: Table,
    pub(super) servers: Servers,
    pub(super) options: Options,
    pub(super) packer: Packer,
    pub(super) counts: SessionCounts,
    pub(super) evicted: Vec<(Place, Dialog)>,
    /// Open sessions that went at the bound, and that nobody has asked about yet.
    dropped: Option<Dropped>,
    /// When somebody was told of some last.
    dropped_told: Timestamp,
    /// Legs by their keys; only where legs are merged.
    pub(super) legs: Option<Legs>,
    /// Dialogs changed by the input at hand, and what came of that; only where changes are wanted.
    pub(super) touched: Vec<Place>,
    pub(super) changes: VecDeque<Change>,
    /// By how much blocks have grown since the table was last told.
    pub(super) repacked: isize,
    pub(super) deadlines: Deadlines,
    pub(super) losses: Losses,
    pub(super) records: VecDeque<Box<PackedRecord>>,
    now: Timestamp,
}

/// Open sessions that were dropped at the bound of the table: no record of them will come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// When the first of them began, and the last was dropped.
    pub from: Timestamp,
    pub to: Timestamp,
    pub count: u64,
}

impl Sessions {
    /// No sessions yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let losses = Losses::new(options.max_session.saturating_mul(2));
        Self {
            table: Table::new(options.max_dialogs, options.max_dialog_bytes),
            servers: Servers::new(&options.im_servers),
            legs: options.one_charging_session.then(Legs::default),
            options,
            packer: Packer::default(),
            counts: SessionCounts::default(),
            evicted: Vec::new(),
            dropped: None,
            dropped_told: Timestamp::MIN,
            touched: Vec::new(),
            changes: VecDeque::new(),
            repacked: 0,
            deadlines: Deadlines::default(),
            losses,
            now: Timestamp::MIN,
            records: VecDeque::new(),
        }
    }

    /// Dialogs by outcome so far.
    #[must_use]
    pub fn counts(&self) -> SessionCounts {
        self.counts
    }

    /// Open sessions that were dropped at the table's bound since this was last told; those of a second, or the rest at the
    /// end of input, together.
    pub fn take_dropped(&mut self) -> Option<Dropped> {
        if self.dropped.is_none() || self.now < self.dropped_told.plus(DROPPED_TOGETHER) {
            return None;
        }
        self.dropped_told = self.now;
        self.dropped.take()
    }

    /// How many dialogs and attempts are in the table.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether the table is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.len() == 0
    }

    /// Whether there is nothing to be asked for: no record, no change, nobody who has to hear of dropped sessions.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.records.is_empty() && self.changes.is_empty() && self.dropped.is_none()
    }

    /// The next record that is ready to leave.
    pub fn pop(&mut self) -> Option<Box<PackedRecord>> {
        self.records.pop_front()
    }

    /// When time alone will change something next.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        self.deadlines.next()
    }

    /// A message crossed the observation point.
    pub fn message(&mut self, time: Timestamp, hop: &Hop, message: &Message<'_>) {
        // The one before may be from a source that is behind, and what it began overdue: also where the clock stands still.
        self.advance(self.now);
        let hash = self.table.hash(message.call_id());
        self.servers.look(hop);
        for (point, crossing) in self.servers.touched(hop).into_iter().flatten() {
            self.cross(&Crossed { time, hop, point, crossing, message, hash });
        }
        self.table.grew(core::mem::take(&mut self.repacked));
        if !self.evicted.is_empty() {
            self.bury_evicted();
        }
        self.touch_call(hash, message.call_id());
        self.keep_touched();
    }

    /// Something was lost between two times.
    pub fn lost(&mut self, lost: Lost, from: Timestamp, to: Timestamp, count: u64) {
        self.losses.note(lost, from, to, count);
    }

    /// Capture time has reached `now`: whatever was due by then happens.
    #[inline]
    pub fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        // Asked at every frame, and nearly always answered with no.
        if self.deadlines.next().is_some_and(|next| next <= self.now) {
            self.expire_due();
        }
    }

    #[inline(never)]
    fn expire_due(&mut self) {
        while let Some((at, place)) = self.deadlines.pop_due(self.now) {
            let Some(dialog) = self.table.get_mut(place) else { continue };
            if dialog.queued != at {
                continue;
            }
            dialog.queued = Timestamp::MAX;
            self.expire(place, at);
            self.touch(place);
        }
        self.keep_touched();
    }

    /// At which ports the operator's IM Servers were seen so far.
    pub(crate) fn ports_seen(&self) -> PortsSeen {
        self.servers.ports_seen().clone()
    }

    /// No more input: waiting ends are settled as if their time had passed, open sessions stay open.
    pub fn end(&mut self) {
        // What the last messages began may be overdue already.
        self.advance(self.now);
        self.dropped_told = Timestamp::MIN;
        let places: Vec<Place> = self.table.places().collect();
        for place in places {
            self.settle(place, Timestamp::MAX);
            let Some(dialog) = self.table.get(place) else { continue };
            let told = dialog.ending.as_ref().is_some_and(|ending| ending.told.is_some());
            match (dialog.is_attempt(), told) {
                (true, _) => self.count_attempt(place),
                (false, true) => {}
                (false, false) if dialog.is_confirmed() => {
                    if dialog.ending.as_ref().is_some_and(|ending| ending.stale.is_some()) {
                        self.counts.stale_byes += 1;
                    }
                    self.counts.still_open += u64::from(dialog.point != Point::ELSEWHERE);
                }
                (false, false) => self.count_waiting(place),
            }
        }
    }

    /// Works out what follows from the facts of a dialog as of `now`, and tells it if it is new.
    pub(super) fn settle(&mut self, place: Place, now: Timestamp) {
        let Some(dialog) = self.table.get_mut(place) else { return };
        let caller_known = dialog.caller_known();
        let Some(ending) = dialog.ending.as_deref() else {
            self.schedule(place, now);
            return;
        };
        // Rule 6: a callee may not send BYE before its 2xx (RFC 3261 §15).
        if caller_known && ending.byes[Side::Second.index()].is_some() {
            dialog.confirm(Confirmation::InDialogRequest);
        }
        let conclusion = conclude(dialog, now, &self.options);
        let failed = failed_early(dialog);
        let Some(ending) = dialog.ending.as_deref_mut() else { return };
        // A further BYE may have to wait for its original; that takes nothing back. Only a session that goes on does.
        let only_waits = conclusion.is_none() && ending.has_bye() && !failed;
        if conclusion != ending.told && !only_waits {
            let revised = revision_cause(ending.revision, ending.told.as_ref(), conclusion.as_ref());
            let before = ending.told;
            ending.told = conclusion;
            ending.told_at = now.min(self.now);
            self.tell(place, revised, before, now);
        }
        self.schedule(place, now);
    }

    /// Takes a dialog out of the table.
    pub(super) fn forget(&mut self, place: Place) {
        if let Some(dialog) = self.table.remove(place) {
            self.gone(&dialog);
            if let Some(legs) = &mut self.legs {
                legs.remove(place, &dialog);
            }
        }
    }

    /// Adds a dialog to the table.
    pub(super) fn insert(&mut self, dialog: Dialog) -> Place {
        let place = self.table.insert(dialog, &mut self.evicted);
        self.remember_leg(place);
        self.schedule(place, self.now);
        place
    }

    /// Notes the keys of a leg, where legs are merged.
    pub(super) fn remember_leg(&mut self, place: Place) {
        if let (Some(legs), Some(dialog)) = (&mut self.legs, self.table.get(place)) {
            legs.add(place, dialog);
        }
    }

    /// The keys of a leg whose block is about to change; none where legs are not merged.
    pub(super) fn leg_keys(&self, place: Place) -> Vec<Key> {
        let merged = self.legs.as_ref().and_then(|_| self.table.get(place));
        merged.map(|dialog| keys(dialog).collect()).unwrap_or_default()
    }

    /// Notes what has become of the keys of a leg, which were these.
    pub(super) fn renew_leg(&mut self, place: Place, before: &[Key]) {
        if let (Some(legs), Some(dialog)) = (&mut self.legs, self.table.get(place)) {
            legs.renew(place, before, dialog);
        }
    }

    /// Counts what had to go at the table's bound. The loss of an open session is a loss of state, which the records of
    /// all sessions that were open at the time will carry.
    pub(super) fn bury_evicted(&mut self) {
        for (place, dialog) in core::mem::take(&mut self.evicted) {
            self.gone(&dialog);
            if let Some(legs) = &mut self.legs {
                legs.remove(place, &dialog);
            }
            self.counts.evicted += 1;
            let told = dialog.ending.as_ref().is_some_and(|ending| ending.told.is_some());
            if dialog.is_confirmed() && !told {
                self.counts.evicted_sessions += 1;
                let (from, to) = (dialog.start(), self.now.max(dialog.last_message));
                self.losses.note(Lost::State, from, to, 1);
                let dropped = self.dropped.get_or_insert(Dropped { from, to, count: 0 });
                *dropped = Dropped { from: dropped.from.min(from), to: dropped.to.max(to), count: dropped.count + 1 };
            }
        }
    }

    pub(super) fn clock(&self) -> Timestamp {
        self.now
    }

    /// Counts a dialog that has just been confirmed.
    pub(super) fn confirm(&mut self, place: Place, by: Confirmation) {
        let Some(dialog) = self.table.get_mut(place) else { return };
        let was = dialog.is_confirmed();
        dialog.confirm(by);
        if !was && dialog.point != Point::ELSEWHERE {
            self.counts.confirmed += 1;
            self.counts.adopted += u64::from(!dialog.marks.has(Marks::INVITE));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Domain, Endpoint};
    use crate::sip::Carriage;

    #[test]
    fn sessions_dropped_one_by_one_are_told_together() {
        let mut sessions = Sessions::new(Options::default());
        let endpoint = |last| Endpoint { address: core::net::Ipv4Addr::new(192, 0, 2, last).into(), port: 5060 };
        let hop = Hop { source: endpoint(1), destination: endpoint(2), domain: Domain::default() };
        let mut told = Vec::new();
        for tag in 0..1_000 {
            let text = format!(
                "INFO sip:b@example.net SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{tag}\r\n\
                 From: <sip:a@example.net>;tag=a\r\nTo: <sip:b@example.net>;tag={tag}\r\nCall-ID: one@example.net\r\n\
                 CSeq: 1 INFO\r\nContent-Length: 0\r\n\r\n"
            );
            let time = Timestamp::from_nanos(1_000_000_000 + tag * 1_000_000);
            sessions.advance(time);
            let message = Message::parse(text.as_bytes(), Carriage::Datagram).expect("a message");
            sessions.message(time, &hop, &message);
            told.extend(sessions.take_dropped());
        }
        assert_eq!(told.len(), 1, "within a second");
        sessions.end();
        told.extend(sessions.take_dropped());
        assert_eq!(told.len(), 2);
        assert_eq!(told.iter().map(|told| told.count).sum::<u64>(), 1_000 - 256);
        assert_eq!(sessions.counts().evicted_sessions, 1_000 - 256);
    }
}
