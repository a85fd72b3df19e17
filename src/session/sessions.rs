//! Every session in view: its dialogs, their deadlines, and the records that follow.

use std::collections::VecDeque;

use core::time::Duration;

use super::counts::SessionCounts;
use super::deadline::Deadlines;
use super::dialog::{Dialog, Marks, Moment, NOWHERE, Place, Side};
use super::ending::{Conclusion, Ending, Inferred, TRANSACTION, conclude, failed_early};
use super::image::Change;
use super::legs::{Legs, direction};
use super::losses::{Losses, Lost};
use super::report::{compose, leg_of};
use super::table::Table;
use crate::charging::{
    Confirmation, Crossing, Fact, Options, Packer, Point, Revised, Role, Servers, ServiceKind, StopRecord, Trigger,
    cause,
};
use crate::packet::Hop;
use crate::sip::Message;
use crate::time::Timestamp;

/// Rule 4: how long an ended dialog absorbs what still arrives. A user agent on a slow access has T1 = 2 s, and 64·T1
/// is 128 s (TS 24.229 §7.7).
const TOMBSTONE: Duration = Duration::from_secs(128);

/// How long an attempt without any answer is remembered: a client gives up after 64·T1, here with T1 = 2 s.
const UNANSWERED: Duration = Duration::from_secs(128);

/// How long a ringing attempt is remembered: timer C (RFC 3261 §16.6, over 180 s) after the latest 1xx, and 32 s for
/// its outcome to arrive.
const RINGING: Duration = Duration::from_secs(212);

/// Fewest entries of the deadline queue that are worth a look for those that nobody waits for.
const MIN_DEADLINES: usize = 1024;

/// A message where it crossed a charging point.
#[derive(Clone, Copy)]
pub(super) struct Crossed<'a> {
    pub(super) time: Timestamp,
    pub(super) hop: &'a Hop,
    pub(super) point: Point,
    pub(super) crossing: Crossing,
    pub(super) message: &'a Message<'a>,
    /// Hash of the Call-ID.
    pub(super) hash: u64,
}

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
    /// Legs by their keys; only where legs are merged.
    pub(super) legs: Option<Legs>,
    /// Dialogs changed by the input at hand, and what came of that; only where changes are wanted.
    pub(super) touched: Vec<Place>,
    pub(super) changes: VecDeque<Change>,
    deadlines: Deadlines,
    losses: Losses,
    now: Timestamp,
    records: VecDeque<Box<StopRecord>>,
}

impl Sessions {
    /// No sessions yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            table: Table::new(options.max_dialogs),
            servers: Servers::new(&options.im_servers),
            legs: options.one_charging_session.then(Legs::default),
            options,
            packer: Packer::default(),
            counts: SessionCounts::default(),
            evicted: Vec::new(),
            touched: Vec::new(),
            changes: VecDeque::new(),
            deadlines: Deadlines::default(),
            losses: Losses::default(),
            now: Timestamp::MIN,
            records: VecDeque::new(),
        }
    }

    /// Dialogs by outcome so far.
    #[must_use]
    pub fn counts(&self) -> SessionCounts {
        self.counts
    }

    /// Open sessions that were dropped at the table's bound so far.
    #[must_use]
    pub fn evicted_sessions(&self) -> u64 {
        self.counts.evicted_sessions
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

    /// The next record that is ready to leave.
    pub fn pop(&mut self) -> Option<Box<StopRecord>> {
        self.records.pop_front()
    }

    /// When time alone will change something next.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        self.deadlines.next()
    }

    /// A message crossed the observation point.
    pub fn message(&mut self, time: Timestamp, hop: &Hop, message: &Message<'_>) {
        let hash = self.table.hash(message.call_id());
        for (point, crossing) in self.servers.touched(hop).into_iter().flatten() {
            self.cross(&Crossed { time, hop, point, crossing, message, hash });
        }
        self.bury_evicted();
        self.touch_call(hash, message.call_id());
        self.keep_touched();
    }

    /// Something was lost between two times.
    pub fn lost(&mut self, lost: Lost, from: Timestamp, to: Timestamp, count: u64) {
        self.losses.note(lost, from, to, count);
    }

    /// Capture time has reached `now`: whatever was due by then happens.
    pub fn advance(&mut self, now: Timestamp) {
        // Also where the clock stands still: a message from a source that is behind may have been overdue when it came.
        self.now = self.now.max(now);
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

    /// No more input: waiting ends are settled as if their time had passed, open sessions stay open.
    pub fn end(&mut self) {
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
                    self.counts.still_open += 1;
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
            self.tell(place, revised, before);
        }
        self.schedule(place, now);
    }

    /// Reports the present conclusion of a dialog; `before` is what was told until now.
    fn tell(&mut self, place: Place, revised: Revised, before: Option<Conclusion>) {
        let Some(dialog) = self.table.get(place) else { return };
        let Some(ending) = dialog.ending.as_deref() else { return };
        let first = ending.revision == 0;
        let Some(conclusion) = ending.told.or(before) else { return };
        let withdrawn = ending.told.is_none();

        if dialog.point == Point::ELSEWHERE {
            let (call_id, one, other) = dialog.key();
            let other = other.unwrap_or_default();
            let charged = self.table.call(dialog.hash, call_id).any(|(_, twin)| {
                let (_, first, second) = twin.key();
                twin.point != Point::ELSEWHERE
                    && ((first == one && second == Some(other)) || (first == other && second == Some(one)))
            });
            if first && !charged {
                self.counts.not_at_server += 1;
            }
            self.bump(place);
            return;
        }
        // A service that shows only now, with the copy of another hop, decides too: no revision has been used up by then.
        let other_service = self.options.only_im && conclusion.service == ServiceKind::Other;
        // What was withdrawn, or never told, is not withdrawn once more.
        let is_void = first || before.is_none_or(|before| before.service == ServiceKind::Other);
        if other_service && is_void {
            self.counts.other_service += u64::from(first && before.is_none());
            return;
        }
        if first && !dialog.is_confirmed() {
            self.counts.confirmed += 1;
            self.counts.adopted += 1;
        }
        let partner = self.legs.as_ref().and_then(|legs| legs.partner(&self.table, place));
        let merged = partner.is_some() || dialog.marks.has(Marks::MERGED);
        if merged && direction(dialog) == Some(Marks::LEG_OUT) {
            if first {
                self.counts.merged_legs += 1;
            }
            self.bump(place);
            return;
        }
        let toll =
            self.losses.between(dialog.start(), conclusion.stop.max(conclusion.detected.unwrap_or(conclusion.stop)));
        let revision = ending.revision + 1;
        let mut record = compose(dialog, &conclusion, toll, self.servers.name(dialog.point), revision, revised);
        record.withdrawn = withdrawn || other_service;
        record.identity.fork_index = self.fork_index(place);
        if let Some(leg) = partner.and_then(|partner| self.table.get(partner)) {
            record.legs.push(leg_of(leg, self.servers.name(leg.point)));
        }
        if first {
            *match conclusion.trigger {
                Trigger::Bye => &mut self.counts.records_by_bye,
                Trigger::ByeAnswer => &mut self.counts.records_by_bye_answer,
                Trigger::SessionTimer => &mut self.counts.records_by_session_timer,
                Trigger::DialogFailure => &mut self.counts.records_by_dialog_failure,
                Trigger::MaxSession => &mut self.counts.records_by_max_session,
            } += 1;
        } else {
            self.counts.revisions += 1;
            self.counts.withdrawn += u64::from(withdrawn || other_service);
        }
        self.records.push_back(Box::new(record));
        // It may end long after the entry of this leg has gone.
        if let Some(partner) = partner
            && let Some(leg) = self.table.get_mut(partner)
        {
            leg.marks.set(Marks::MERGED);
            self.touch(partner);
        }
        self.bump(place);
    }

    fn bump(&mut self, place: Place) {
        if let Some(ending) = self.table.get_mut(place).and_then(|dialog| dialog.ending.as_deref_mut()) {
            ending.revision += 1;
        }
    }

    /// Position of a dialog among the answered branches of its INVITE, in the order of their answers.
    fn fork_index(&self, place: Place) -> u32 {
        let Some(dialog) = self.table.get(place) else { return 0 };
        let (call_id, first, _) = dialog.key();
        let rank = |dialog: &Dialog| (dialog.answer.get().unwrap_or(dialog.joined), dialog.ordinal);
        let earlier = self.table.call(dialog.hash, call_id).filter(|(other, sibling)| {
            *other != place
                && sibling.point == dialog.point
                && sibling.is_confirmed()
                && sibling.invite_cseq == dialog.invite_cseq
                && sibling.key().1 == first
                && rank(sibling) < rank(dialog)
        });
        earlier.count() as u32
    }

    /// Time has passed for a dialog.
    fn expire(&mut self, place: Place, at: Timestamp) {
        let Some(dialog) = self.table.get(place) else { return };
        // As of just before: a wait that ends now is what has come up.
        if self.deadline(dialog, at.minus(Duration::from_nanos(1))) > at {
            self.schedule(place, at);
            return;
        }
        if dialog.is_attempt() {
            self.count_attempt(place);
            self.forget(place);
            return;
        }
        if dialog.ending.as_ref().is_some_and(|ending| ending.told.is_some()) {
            self.forget(place);
            return;
        }
        self.settle(place, at);
        let Some(dialog) = self.table.get(place) else { return };
        if dialog.ending.as_ref().is_some_and(|ending| ending.told.is_some()) {
            return;
        }
        if !dialog.is_confirmed() {
            if dialog.ending.as_deref().and_then(|ending| ending.waits_until(&self.options, at)).is_none() {
                self.count_waiting(place);
                self.forget(place);
            }
            return;
        }
        self.infer_end(place, at);
    }

    /// Ends a confirmed session without BYE, if one of the timers says so (rule 13).
    fn infer_end(&mut self, place: Place, at: Timestamp) {
        let after_loss = self.loses_refreshes(place);
        let Some(dialog) = self.table.get_mut(place) else { return };
        if dialog.ending.as_deref().is_some_and(Ending::has_bye) {
            self.schedule(place, at);
            return;
        }
        if let Some(ending) = dialog.ending.as_deref_mut()
            && let Some((_, stale)) = &ending.stale
            && at >= stale.time.plus(TRANSACTION)
        {
            ending.stale = None;
            self.counts.stale_byes += 1;
        }
        let failure = dialog.ending.as_deref().and_then(|ending| ending.failure);
        let inferred = if let Some(failure) = failure.filter(|failure| at >= failure.time.plus(TRANSACTION)) {
            let cause = i32::from(failure.status);
            Some((Trigger::DialogFailure, failure.last_good, failure.time.plus(TRANSACTION), cause))
        } else if dialog.timer_deadline(after_loss).is_some_and(|deadline| at >= deadline) {
            Some((Trigger::SessionTimer, dialog.last_message, at, cause::TIMED_OUT))
        } else if at >= dialog.last_message.plus(self.options.max_session) {
            if dialog.knows_only_ack() {
                self.counts.ack_only += 1;
                self.forget(place);
                return;
            }
            Some((Trigger::MaxSession, dialog.last_message, at, cause::INTERNAL))
        } else {
            None
        };
        if let Some((trigger, stop, detected, cause)) = inferred {
            // A timer that was learned of late may have run out before the last sign of life.
            dialog.ending().inferred = Some(Inferred { trigger, stop, detected: detected.max(stop), cause });
            self.settle(place, at);
        } else {
            self.schedule(place, at);
        }
    }

    /// Whether a refresh of this session may have been among what was lost: its timer is then given twice the time.
    fn loses_refreshes(&self, place: Place) -> bool {
        self.table
            .get(place)
            .is_some_and(|dialog| dialog.session_expires > 0 && self.losses.any_since(dialog.refreshed))
    }

    /// When this dialog has to be looked at next, as of `now`, if nothing more is seen of it.
    fn deadline(&self, dialog: &Dialog, now: Timestamp) -> Timestamp {
        if dialog.is_attempt() {
            let patience = if dialog.marks.has(Marks::PROVISIONAL) { RINGING } else { UNANSWERED };
            return dialog.last_message.plus(patience);
        }
        let silent = dialog.last_message.plus(self.options.max_session);
        let mut waits = Timestamp::MAX;
        if let Some(ending) = dialog.ending.as_deref() {
            if let Some(told) = &ending.told {
                let told_at = told.stop.max(ending.told_at);
                let patience = if ending.is_doubtful() { self.options.max_session.max(TOMBSTONE) } else { TOMBSTONE };
                return told_at.plus(patience);
            }
            match ending.waits_until(&self.options, now) {
                // A BYE that is known ends it, whatever it waits for: no timer may come up in between, over and over.
                Some(until) if ending.has_bye() => return until,
                Some(until) => waits = until,
                None if dialog.is_confirmed() => {}
                None if ending.has_bye() || ending.answer.is_some() => return dialog.last_message,
                None => {}
            }
        }
        if !dialog.is_confirmed() && waits == Timestamp::MAX {
            let patience = if dialog.marks.has(Marks::PROVISIONAL) { RINGING } else { TRANSACTION };
            return dialog.last_message.plus(patience);
        }
        let after_loss = dialog.session_expires > 0 && self.losses.any_since(dialog.refreshed);
        let timer = dialog.timer_deadline(after_loss).unwrap_or(Timestamp::MAX);
        waits.min(silent).min(timer)
    }

    /// Makes sure that the dialog is looked at no later than it has to be.
    pub(super) fn schedule(&mut self, place: Place, now: Timestamp) {
        let Some(dialog) = self.table.get(place) else { return };
        let deadline = self.deadline(dialog, now);
        if deadline < dialog.queued {
            self.deadlines.push(deadline, place);
            if let Some(dialog) = self.table.get_mut(place) {
                dialog.queued = deadline;
            }
            if self.deadlines.len() > 2 * self.table.len() + MIN_DEADLINES {
                let table = &self.table;
                self.deadlines.retain(|at, place| table.get(place).is_some_and(|dialog| dialog.queued == at));
            }
        }
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

    /// Counts what had to go at the table's bound. The loss of an open session is a loss of state, which the records of
    /// all sessions that were open at the time will carry.
    fn bury_evicted(&mut self) {
        for (place, dialog) in core::mem::take(&mut self.evicted) {
            self.gone(&dialog);
            if let Some(legs) = &mut self.legs {
                legs.remove(place, &dialog);
            }
            self.counts.evicted += 1;
            let told = dialog.ending.as_ref().is_some_and(|ending| ending.told.is_some());
            if dialog.is_confirmed() && !told {
                self.counts.evicted_sessions += 1;
                self.losses.note(Lost::State, dialog.start(), self.now.max(dialog.last_message), 1);
            }
        }
    }

    /// Counts an attempt that will not be answered any more.
    fn count_attempt(&mut self, place: Place) {
        let Some(dialog) = self.table.get(place) else { return };
        if dialog.marks.has(Marks::ANSWERED) {
        } else if dialog.marks.has(Marks::CANCELLED) {
            self.counts.cancelled += 1;
        } else if dialog.marks.has(Marks::FAILED) {
            self.counts.failed += 1;
        } else {
            self.counts.unanswered += 1;
        }
    }

    /// Counts a BYE that made no record.
    fn count_waiting(&mut self, place: Place) {
        let Some(dialog) = self.table.get(place) else { return };
        if dialog.ending.is_none() {
            if dialog.marks.has(Marks::INVITE) {
                self.count_attempt(place);
            }
        } else if dialog.marks.has(Marks::INVITE) {
            self.counts.early_byes += 1;
        } else {
            self.counts.orphan_byes += 1;
        }
    }

    pub(super) fn clock(&self) -> Timestamp {
        self.now
    }

    /// A fresh entry for a message.
    pub(super) fn dialog_for(&self, at: &Crossed<'_>) -> Dialog {
        Dialog {
            block: crate::charging::Block::default(),
            hash: at.hash,
            next: NOWHERE,
            ordinal: 0,
            point: at.point,
            confirmed_by: Confirmation::None,
            marks: Marks::default(),
            status: 0,
            invite_vias: u8::MAX,
            invite_cseq: None,
            highest_cseq: [0; 2],
            invite: Moment::NEVER,
            answer: Moment::NEVER,
            ack: Moment::NEVER,
            joined: at.time,
            last_message: at.time,
            last_good: at.time,
            went_on: Timestamp::MIN,
            refreshed: Timestamp::MIN,
            session_expires: 0,
            queued: Timestamp::MAX,
            ending: None,
        }
    }

    /// Counts a dialog that has just been confirmed.
    pub(super) fn confirm(&mut self, place: Place, by: Confirmation) {
        let Some(dialog) = self.table.get_mut(place) else { return };
        let was = dialog.is_confirmed();
        dialog.confirm(by);
        if !was {
            self.counts.confirmed += 1;
            self.counts.adopted += u64::from(!dialog.marks.has(Marks::INVITE));
        }
    }
}

/// The service a dialog is charged as (rule 16).
pub(super) fn service_kind(dialog: &Dialog) -> ServiceKind {
    if dialog.marks.has(Marks::MESSAGING) {
        ServiceKind::InstantMessaging
    } else if dialog.marks.has(Marks::MEDIA) {
        ServiceKind::Other
    } else {
        ServiceKind::Unknown
    }
}

/// Why what is told now differs from what was told before.
fn revision_cause(revision: u32, before: Option<&Conclusion>, now: Option<&Conclusion>) -> Revised {
    match (before, now) {
        _ if revision == 0 => Revised::First,
        (_, None) => Revised::WentOn,
        (None, Some(_)) => Revised::LaterBye,
        (Some(before), Some(now)) => {
            let had_bye = before.trigger == Trigger::Bye;
            let same_times =
                (before.stop, before.invite, before.answer, before.ack) == (now.stop, now.invite, now.answer, now.ack);
            if !had_bye && now.trigger == Trigger::Bye {
                Revised::LaterBye
            } else if before.service != now.service {
                Revised::MoreComplete
            } else if same_times || before.not_at_server != now.not_at_server || before.terminated_by == Role::ImServer
            {
                Revised::OtherHop
            } else {
                Revised::MoreComplete
            }
        }
    }
}

impl Dialog {
    /// When the session timer runs out: the interval of the latest 2xx and 32 s (RFC 4028 §10), twice that if the
    /// refresh may have been lost.
    fn timer_deadline(&self, after_loss: bool) -> Option<Timestamp> {
        if self.session_expires == 0 {
            return None;
        }
        let patience = Duration::from_secs(u64::from(self.session_expires)) + TRANSACTION;
        Some(self.refreshed.plus(if after_loss { patience * 2 } else { patience }))
    }

    /// Only an ACK was ever seen: it may have acknowledged a failure, and is no proof of a session.
    fn knows_only_ack(&self) -> bool {
        self.confirmed_by == Confirmation::Ack && !self.marks.has(Marks::INVITE) && !self.marks.has(Marks::IN_DIALOG)
    }

    /// Only requests inside the dialog were ever seen, and nothing that answered them well.
    pub(super) fn knows_only_requests(&self) -> bool {
        self.confirmed_by == Confirmation::InDialogRequest
            && !self.marks.has(Marks::INVITE)
            && !self.answer.is_some()
            && !self.ack.is_some()
            && self.went_on == Timestamp::MIN
            && self.ending.is_none()
    }

    /// Whether this session was told to have ended before that time.
    pub(super) fn ended_before(&self, time: Timestamp) -> bool {
        let told = self.ending.as_ref().and_then(|ending| ending.told.as_ref());
        told.is_some_and(|told| told.stop < time)
    }

    /// It turns out which side sent the INVITE: its tag becomes the first.
    pub(super) fn set_caller(&mut self, caller: Side, packer: &mut Packer) {
        if caller == Side::Second {
            self.swap_sides(packer);
        }
        self.marks.set(Marks::CALLER_KNOWN);
    }

    fn swap_sides(&mut self, packer: &mut Packer) {
        let (call_id, first, second) = self.key();
        let Some(second) = second else { return };
        packer.clear().push(Fact::CallId, call_id).push(Fact::FirstTag, second).push(Fact::SecondTag, first);
        packer.copy(&self.block, |fact| fact > Fact::SecondTag);
        self.block = packer.pack();
        self.highest_cseq.swap(0, 1);
        let (first, second) = (self.was_heard(Side::First), self.was_heard(Side::Second));
        self.marks.clear(Marks::FIRST_HEARD);
        self.marks.clear(Marks::SECOND_HEARD);
        if first {
            self.marks.set(Marks::SECOND_HEARD);
        }
        if second {
            self.marks.set(Marks::FIRST_HEARD);
        }
        if let Some(ending) = self.ending.as_deref_mut() {
            ending.swap_sides();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Domain, Endpoint};
    use crate::sip::Carriage;

    #[test]
    fn a_clock_that_stands_still_does_what_a_late_message_left_overdue() {
        let bytes =
            b"INVITE sip:b SIP/2.0\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n";
        let message = Message::parse(bytes, Carriage::Datagram).unwrap();
        let end = Endpoint { address: [192, 0, 2, 1].into(), port: 5060 };
        let hop = Hop { source: end, destination: end, domain: Domain::default() };
        let now = Timestamp::from_nanos(0).plus(UNANSWERED * 2);

        let mut sessions = Sessions::new(Options::default());
        sessions.advance(now);
        sessions.message(Timestamp::from_nanos(0), &hop, &message);
        assert!(sessions.next_timeout().is_some_and(|due| due < now));
        sessions.advance(now);
        assert_eq!(sessions.next_timeout(), None);
        assert_eq!(sessions.counts().unanswered, 1);
    }
}
