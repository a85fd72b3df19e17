//! The responses to an INVITE.

use super::crossed::Crossed;
use super::dialog::{Marks, Number, Place, Side};
use super::invite::vias;
use super::legs::answer_crossed;
use super::sessions::Sessions;
use crate::charging::Confirmation;

impl Sessions {
    /// A response to an INVITE, initial or inside the dialog.
    pub(super) fn invite_response(&mut self, at: &Crossed<'_>, status: u16) {
        match status {
            100..=199 => self.provisional(at, status),
            200..=299 => self.invite_accepted(at),
            _ => self.invite_failed(at, status),
        }
    }

    fn provisional(&mut self, at: &Crossed<'_>, status: u16) {
        let (found, attempt) = self.find_and_attempt(at);
        let found = found.map(|(place, side)| (place, side.other()));
        let cseq = Number::of(at.message);
        if let Some(dialog) = attempt.and_then(|place| self.table.get_mut(place))
            && dialog.marks.has(Marks::FAILED)
            && dialog.invite_cseq.is_some_and(|known| known < cseq)
        {
            dialog.goes_on_with(cseq);
        }
        for (place, side) in found.into_iter().chain(attempt.map(|place| (place, Side::Second))) {
            let Some(dialog) = self.table.get_mut(place) else { continue };
            dialog.heard(side, at.time);
            dialog.marks.set(Marks::PROCEEDING);
            // 100 is of the next hop alone; 101 to 199 are what the callee, or someone for it, has to say.
            if status > 100 {
                dialog.marks.set(Marks::PROVISIONAL);
            }
        }
        if found.is_none() && attempt.is_none() && status > 100 && !at.message.to_tag().is_empty() {
            self.ringing_without_invite(at);
            return;
        }
        // The SDP answer may stand in a reliable 1xx, and the 2xx then has none.
        if status > 100 {
            self.provisional_media(at, found.map(|(place, sender)| (place, sender.other())));
        }
    }

    /// A 1xx that came before its INVITE, or whose INVITE was missed: what it says is kept for whatever follows.
    fn ringing_without_invite(&mut self, at: &Crossed<'_>) {
        if self.sibling(at, at.message.from_tag()).is_some() {
            self.provisional_media(at, None);
            return;
        }
        let cseq = Number::of(at.message);
        let place = self.adopt(at, Side::Second);
        if let Some(dialog) = self.table.get_mut(place) {
            dialog.marks.set(Marks::CALLER_KNOWN);
            dialog.marks.set(Marks::PROVISIONAL);
            dialog.marks.set(Marks::PROCEEDING);
            dialog.invite_cseq = Some(cseq);
            dialog.highest_cseq = [cseq.get(), 0];
        }
        self.provisional_media(at, Some((place, Side::First)));
        self.schedule(place, self.clock());
    }

    fn invite_accepted(&mut self, at: &Crossed<'_>) {
        let message = at.message;
        let cseq = Number::of(message);
        let (found, attempt) = self.find_and_attempt(at);
        if let Some((place, caller)) = found {
            if let Some(attempt) = attempt.and_then(|place| self.table.get_mut(place)) {
                attempt.marks.set(Marks::ANSWERED);
            }
            self.answered(place, caller, at);
            return;
        }
        let known = attempt.or_else(|| self.sibling(at, message.from_tag()));
        let place = match known.and_then(|place| Some((place, self.table.get(place)?))) {
            Some((place, dialog)) if dialog.invite_cseq.is_some_and(|known| known < cseq) => {
                // An INVITE that was not seen: the attempt once more, if it had failed before; else a re-INVITE.
                let again = dialog.marks.has(Marks::FAILED);
                let place = self.branch(place, at, message.to_tag());
                if !again {
                    self.confirm(place, Confirmation::InDialogRequest);
                    self.succeeded_in_dialog(place, at);
                    return;
                }
                if let Some(dialog) = self.table.get_mut(place) {
                    dialog.goes_on_with(cseq);
                }
                place
            }
            Some((place, _)) => self.branch(place, at, message.to_tag()),
            None if let Some((place, Side::Second)) = self.known_side(at) => {
                // The callee's re-INVITE was not seen, nor the 2xx before it.
                let place = self.branch(place, at, message.from_tag());
                self.confirm(place, Confirmation::InDialogRequest);
                self.answered(place, Side::Second, at);
                return;
            }
            None => {
                // Rule 12: its INVITE was missed. Whom the 2xx answers sent the INVITE.
                let place = self.adopt(at, Side::Second);
                if let Some(dialog) = self.table.get_mut(place) {
                    dialog.marks.set(Marks::CALLER_KNOWN);
                    dialog.invite_cseq = Some(cseq);
                    dialog.highest_cseq = [cseq.get(), 0];
                }
                place
            }
        };
        self.answered(place, Side::First, at);
    }

    /// A 2xx to an INVITE of a dialog; `inviter` sent the INVITE.
    fn answered(&mut self, place: Place, inviter: Side, at: &Crossed<'_>) {
        let message = at.message;
        let cseq = Number::of(message);
        let Some(dialog) = self.table.get_mut(place) else { return };
        dialog.heard(inviter.other(), at.time);
        dialog.last_good = dialog.last_good.max(at.time);

        // A dialog known from later traffic: what was sent before that, on the caller's behalf, answered the INVITE.
        let is_first = dialog.invite_cseq.is_none() && at.time <= dialog.joined;
        if is_first {
            dialog.set_caller(inviter, &mut self.packer);
            dialog.invite_cseq = Some(cseq);
        }
        let initial = dialog.invite_cseq == Some(cseq) && (inviter == Side::First || is_first);
        if initial {
            let nearest = dialog.answer.get().is_some_and(|seen| at.time < seen);
            dialog.answer.at(at.time);
            answer_crossed(dialog, at.crossing);
            self.add_answer(place, at, nearest);
            self.note_session_timer(place, at);
            self.confirm(place, Confirmation::Answer);
            self.settle(place, self.clock());
        } else {
            // Rule 6: whichever INVITE it answers, there was a 2xx.
            self.confirm(place, Confirmation::InDialogRequest);
            self.succeeded_in_dialog(place, at);
        }
    }

    /// A final failure of an INVITE.
    fn invite_failed(&mut self, at: &Crossed<'_>, status: u16) {
        let cseq = Number::of(at.message);
        if let Some((place, inviter)) = self.find(at)
            && let Some(dialog) = self.table.get_mut(place)
            && dialog.is_refuted(inviter, cseq)
        {
            // The caller is known now: below, this is the failure of its INVITE.
            dialog.set_caller(inviter, &mut self.packer);
            dialog.invite_cseq = Some(cseq);
            dialog.confirmed_by = Confirmation::None;
        }
        if let Some((place, inviter)) = self.find(at)
            && let Some(dialog) = self.table.get_mut(place)
            && (dialog.is_confirmed() && !(inviter == Side::First && dialog.invite_cseq == Some(cseq))
                || dialog.caller_known() && inviter == Side::Second)
        {
            // Rule 6: an INVITE of the callee follows a 2xx, and its failure undoes nothing.
            self.confirm(place, Confirmation::InDialogRequest);
            self.failed_in_dialog(place, inviter, at, status);
            return;
        }
        for place in [self.attempt(at, at.message.from_tag()), self.find(at).map(|found| found.0)].into_iter().flatten()
        {
            if let Some(dialog) = self.table.get_mut(place)
                && dialog.invite_cseq == Some(cseq)
            {
                dialog.heard(Side::Second, at.time);
                dialog.marks.set(Marks::FAILED);
                // On a later hop it may be that of one branch, while another still rings.
                if vias(at) <= dialog.invite_vias {
                    dialog.marks.set(Marks::REFUSED);
                }
                if dialog.ending.is_some() {
                    self.settle(place, self.clock());
                }
            }
        }
    }
}
