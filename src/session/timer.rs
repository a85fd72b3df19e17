//! What time does: deadlines, ends without BYE, entries that are forgotten.

use core::time::Duration;

use super::dialog::{Dialog, Marks, Place};
use super::ending::{Ending, Inferred, TRANSACTION};
use super::legs::direction;
use super::sessions::Sessions;
use crate::charging::{Confirmation, Point, Trigger, cause};
use crate::time::Timestamp;

/// Rule 4: how long an ended dialog absorbs what still arrives. A user agent on a slow access has T1 = 2 s, and 64·T1
/// is 128 s (TS 24.229 §7.7).
const TOMBSTONE: Duration = Duration::from_secs(128);

/// How long an attempt without any response is remembered: a client gives up after 64·T1, here with T1 = 2 s.
const UNANSWERED: Duration = Duration::from_secs(128);

/// How long an attempt is remembered that got a 1xx, if only 100: timer C (RFC 3261 §16.6, over 180 s) after the latest
/// one, and 32 s for its outcome to arrive. Expires of the INVITE may give it longer.
const RINGING: Duration = Duration::from_secs(212);

/// Fewest entries of the deadline queue that are worth a look for those that nobody waits for.
const MIN_DEADLINES: usize = 1024;

impl Sessions {
    /// Time has passed for a dialog.
    pub(super) fn expire(&mut self, place: Place, at: Timestamp) {
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
            self.after_the_end(place, at);
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

    /// Time has passed for a dialog whose end has been told.
    fn after_the_end(&mut self, place: Place, at: Timestamp) {
        let Some(dialog) = self.table.get(place) else { return };
        // Rule 14: an end that was inferred gives way to a BYE that was seen elsewhere, or to the answer of one.
        if self.deadline(dialog, at) > at {
            self.settle(place, at);
            return;
        }
        // Rule 17: without it another outgoing leg would be taken for the one that the incoming leg lists. So it stays as
        // long as that one does: at most one more entry for each that the table holds anyway.
        let is_listed = self.legs.as_ref().is_some_and(|legs| {
            direction(dialog) == Some(Marks::LEG_OUT) && legs.partner(&self.table, place).is_some()
        });
        if is_listed {
            self.look_again(place, self.clock().max(at).plus(TOMBSTONE));
        } else {
            self.forget(place);
        }
    }

    /// Ends a confirmed session without BYE, if one of the timers says so (rule 13).
    fn infer_end(&mut self, place: Place, at: Timestamp) {
        let timer = self.table.get(place).and_then(|dialog| self.timer_deadline(dialog));
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
        let failure = dialog.ending.as_deref().and_then(|ending| ending.failure).filter(|failure| !failure.repaired);
        let inferred = if let Some(failure) = failure.filter(|failure| at >= failure.time.plus(TRANSACTION)) {
            let cause = i32::from(failure.status);
            Some((Trigger::DialogFailure, failure.last_good, failure.time.plus(TRANSACTION), cause))
        } else if timer.is_some_and(|deadline| at >= deadline) {
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

    /// When the session timer of a dialog runs out. A refresh may have been among what was lost: it is then given twice the
    /// time.
    fn timer_deadline(&self, dialog: &Dialog) -> Option<Timestamp> {
        dialog.timer_deadline(dialog.session_expires > 0 && self.losses.any_since(dialog.refreshed))
    }

    /// When this dialog has to be looked at next, as of `now`, if nothing more is seen of it.
    fn deadline(&self, dialog: &Dialog, now: Timestamp) -> Timestamp {
        if dialog.is_attempt() {
            return dialog.rings_until().unwrap_or_else(|| dialog.last_message.plus(UNANSWERED));
        }
        let silent = dialog.last_message.plus(self.options.max_session);
        let mut waits = Timestamp::MAX;
        if let Some(ending) = dialog.ending.as_deref() {
            if let Some(told) = &ending.told {
                let told_at = told.stop.max(ending.told_at);
                let patience = if ending.is_doubtful() { self.options.max_session.max(TOMBSTONE) } else { TOMBSTONE };
                let waits = ending.waits_for_revision(&self.options, now).unwrap_or(Timestamp::MAX);
                return told_at.plus(patience).min(waits);
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
            return dialog.rings_until().unwrap_or_else(|| dialog.last_message.plus(TRANSACTION));
        }
        let timer = self.timer_deadline(dialog).unwrap_or(Timestamp::MAX);
        waits.min(silent).min(timer)
    }

    /// Makes sure that the dialog is looked at no later than it has to be.
    pub(super) fn schedule(&mut self, place: Place, now: Timestamp) {
        let Some(dialog) = self.table.get(place) else { return };
        self.look_again(place, self.deadline(dialog, now));
    }

    fn look_again(&mut self, place: Place, deadline: Timestamp) {
        let Some(dialog) = self.table.get(place) else { return };
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

    /// Counts an attempt that will not be answered any more.
    pub(super) fn count_attempt(&mut self, place: Place) {
        let Some(dialog) = self.table.get(place) else { return };
        if dialog.point == Point::ELSEWHERE || dialog.marks.has(Marks::ANSWERED) {
            return;
        }
        if dialog.marks.has(Marks::CANCELLED) {
            self.counts.cancelled += 1;
        } else if dialog.marks.has(Marks::FAILED) {
            self.counts.failed += 1;
        } else {
            self.counts.unanswered += 1;
        }
    }

    /// Counts a BYE that made no record.
    pub(super) fn count_waiting(&mut self, place: Place) {
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

    /// Until when an INVITE that got a 1xx may be answered.
    fn rings_until(&self) -> Option<Timestamp> {
        if !self.marks.has(Marks::PROCEEDING) {
            return None;
        }
        let ringing = self.last_message.plus(RINGING);
        let over = self.marks.has(Marks::REFUSED) || self.marks.has(Marks::CANCELLED);
        let expires = Duration::from_secs(60 * u64::from(self.invite_minutes)) + TRANSACTION;
        let limit = self.invite.get().filter(|_| !over).map(|invite| invite.plus(expires));
        Some(limit.map_or(ringing, |limit| ringing.max(limit)))
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charging::Options;
    use crate::packet::{Domain, Endpoint, Hop};
    use crate::sip::{Carriage, Message};

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
