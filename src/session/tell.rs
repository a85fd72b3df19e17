//! What is told of a conclusion: the first record, a revision, a withdrawal, or nothing.

use super::dialog::{Dialog, Marks, Place};
use super::ending::{Conclusion, Elsewhere, Ending};
use super::legs::direction;
use super::reasons::Reasons;
use super::report::{compose, leg_of};
use super::sessions::Sessions;
use crate::charging::{PackedRecord, Point, Revised, Role, ServiceKind, Trigger};
use crate::time::Timestamp;

impl Sessions {
    /// Reports the present conclusion of a dialog, as of `now`; `before` is what was told until then.
    pub(super) fn tell(&mut self, place: Place, revised: Revised, before: Option<Conclusion>, now: Timestamp) {
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
            let reasons = ending.reasons_of(&conclusion).cloned().unwrap_or_default();
            if first {
                self.counts.merged_legs += 1;
            }
            self.bump(place);
            // The incoming leg may have gone when this one is revised.
            if let Some(dialog) = self.table.get_mut(place) {
                dialog.marks.set(Marks::MERGED);
            }
            if let Some(partner) = partner {
                self.end_other_leg(partner, (!withdrawn).then_some((conclusion, reasons)), now);
            }
            return;
        }
        let mut record = self.record_of(dialog, ending, &conclusion, revised);
        record.withdrawn = withdrawn || other_service;
        record.fork_index = self.fork_index(place);
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
        if let Some(partner) = partner {
            self.take_back_own_record(partner);
            if let Some(leg) = self.table.get_mut(partner) {
                leg.marks.set(Marks::MERGED);
            }
            self.touch(partner);
        }
        self.bump(place);
    }

    /// The next record of a dialog.
    fn record_of(&self, dialog: &Dialog, ending: &Ending, conclusion: &Conclusion, revised: Revised) -> PackedRecord {
        let until = conclusion.stop.max(conclusion.detected.unwrap_or(conclusion.stop));
        let toll = self.losses.between(dialog.start(), until);
        let revision = ending.revision.saturating_add(1);
        compose(dialog, &self.packer, conclusion, toll, self.servers.name(dialog.point), revision, revised)
    }

    /// Rule 17: an outgoing leg that had ended before it was known for that of another session has had a record of its own.
    fn take_back_own_record(&mut self, place: Place) {
        let Some(dialog) = self.table.get(place).filter(|dialog| !dialog.marks.has(Marks::MERGED)) else { return };
        let Some(ending) = dialog.ending.as_deref().filter(|ending| ending.revision > 0) else { return };
        let Some(conclusion) = ending.told else { return };
        // What is not charged was not told, or is withdrawn already.
        let is_other = self.options.only_im && conclusion.service == ServiceKind::Other;
        if is_other || direction(dialog) != Some(Marks::LEG_OUT) {
            return;
        }
        let mut record = self.record_of(dialog, ending, &conclusion, Revised::MoreComplete);
        record.withdrawn = true;
        record.fork_index = self.fork_index(place);
        self.counts.revisions += 1;
        self.counts.withdrawn += 1;
        self.records.push_back(Box::new(record));
        self.bump(place);
    }

    /// Rule 17: the outgoing leg of a session ended, or went on after all. Its BYE stands for the one of the incoming leg,
    /// if that does not come within the time that a BYE on another hop is given (rule 15).
    fn end_other_leg(&mut self, incoming: Place, ended: Option<(Conclusion, Reasons)>, now: Timestamp) {
        let others_go_on = self.legs.as_ref().is_some_and(|legs| legs.any_open_partner(&self.table, incoming));
        let Some(dialog) = self.table.get_mut(incoming) else { return };
        match ended {
            // A side of one leg is the same side of the other: the server stands for either.
            Some((
                Conclusion { trigger: Trigger::Bye | Trigger::ByeAnswer, sender: Some(side), stop, .. },
                reasons,
            )) => {
                let seen = dialog.ending.as_deref().and_then(|ending| ending.elsewhere.as_ref());
                if others_go_on || seen.is_some_and(|seen| seen.time <= stop) {
                    return;
                }
                dialog.ending().elsewhere = Some(Elsewhere { side, time: stop, reasons });
            }
            Some(_) => return,
            None => match dialog.ending.as_deref_mut() {
                Some(ending) => ending.elsewhere = None,
                None => return,
            },
        }
        self.settle(incoming, now);
        self.touch(incoming);
    }

    fn bump(&mut self, place: Place) {
        if let Some(ending) = self.table.get_mut(place).and_then(|dialog| dialog.ending.as_deref_mut()) {
            ending.revision = ending.revision.saturating_add(1);
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
}

/// Why what is told now differs from what was told before.
pub(super) fn revision_cause(revision: u32, before: Option<&Conclusion>, now: Option<&Conclusion>) -> Revised {
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
