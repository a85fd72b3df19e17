//! What a response tells of a dialog.

use super::dialog::{Dialog, Marks, Place, Side};
use super::ending::{ByeAnswer, Failure, TRANSACTION};
use super::sessions::{Crossed, Sessions};
use super::status::{ends_dialog, is_challenge};
use crate::charging::{Confirmation, Fact, Point, gather_answer, gather_media};
use crate::sip::{Header, Method, SessionExpires};
use crate::time::Timestamp;

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
        let found = self.find(at).map(|(place, side)| (place, side.other()));
        let attempt = self.attempt(at, at.message.from_tag());
        for (place, side) in found.into_iter().chain(attempt.map(|place| (place, Side::Second))) {
            let Some(dialog) = self.table.get_mut(place) else { continue };
            dialog.heard(side, at.time);
            // 100 is of the next hop alone; 101 to 199 are what the callee, or someone for it, has to say.
            if status > 100 {
                dialog.marks.set(Marks::PROVISIONAL);
            }
        }
        if found.is_none() && attempt.is_none() && status > 100 && !at.message.to_tag().is_empty() {
            self.ringing_without_invite(at);
            return;
        }
        // The SDP answer may stand in a reliable 1xx (RFC 3262 §5), and the 2xx then has none.
        let place = found.map(|found| found.0).or(attempt);
        if let Some(place) = place.filter(|_| !at.message.body().is_empty()) {
            self.note_media(place, at);
        }
    }

    /// A 1xx that came before its INVITE, or whose INVITE was missed: what it says is kept for whatever follows.
    fn ringing_without_invite(&mut self, at: &Crossed<'_>) {
        if self.sibling(at, at.message.from_tag()).is_some() {
            return;
        }
        let cseq = at.message.cseq().number;
        let place = self.adopt(at, Side::Second);
        if let Some(dialog) = self.table.get_mut(place) {
            dialog.marks.set(Marks::CALLER_KNOWN);
            dialog.marks.set(Marks::PROVISIONAL);
            dialog.invite_cseq = Some(cseq);
            dialog.highest_cseq = [cseq, 0];
        }
        self.schedule(place, self.clock());
    }

    fn invite_accepted(&mut self, at: &Crossed<'_>) {
        let message = at.message;
        let cseq = message.cseq().number;
        let attempt = self.attempt(at, message.from_tag());
        if let Some((place, caller)) = self.find(at) {
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
                    dialog.invite_cseq = Some(cseq);
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
                    dialog.highest_cseq = [cseq, 0];
                }
                place
            }
        };
        self.answered(place, Side::First, at);
    }

    /// A 2xx to an INVITE of a dialog; `inviter` sent the INVITE.
    fn answered(&mut self, place: Place, inviter: Side, at: &Crossed<'_>) {
        let message = at.message;
        let cseq = message.cseq().number;
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
            let first_sight = !dialog.answer.is_some();
            dialog.answer.at(at.time);
            if first_sight {
                // With an offer in the INVITE the 2xx answers it; without, the 2xx is the offer and the ACK the answer.
                let answers = dialog.marks.has(Marks::OFFER) || !dialog.marks.has(Marks::INVITE);
                let new_media = answers && !message.body().is_empty() && message.sdp().is_some();
                let packer = self.packer.clear();
                packer.copy(&dialog.block, |fact| fact != Fact::InviteHop && !(new_media && fact == Fact::Media));
                let header = self.options.correlation_header.as_deref();
                let gathered = gather_answer(packer, message, answers, header);
                dialog.block = packer.pack();
                if gathered.sdp {
                    dialog.marks.set(Marks::MEDIA);
                }
                if gathered.messaging {
                    dialog.marks.set(Marks::MESSAGING);
                }
                self.remember_leg(place);
            }
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
        let cseq = at.message.cseq().number;
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
                dialog.status = status;
                if dialog.ending.is_some() {
                    self.settle(place, self.clock());
                }
            }
        }
    }

    /// A response to a BYE; its From is that of the BYE.
    pub(super) fn bye_response(&mut self, at: &Crossed<'_>, status: u16) {
        if status < 200 || at.point == Point::ELSEWHERE && self.find(at).is_none() {
            return;
        }
        let accepted = status < 300;
        if let Some((place, sender)) = self.find(at) {
            self.note_bye_answer(place, sender, at, status);
            return;
        }
        // Rule 10 where the dialog was not known either: only a 2xx is proof of anything.
        if !accepted && !self.known_side(at).is_some_and(|known| known.1 == Side::Second) || is_challenge(status) {
            return;
        }
        match self.known_side(at) {
            Some((place, Side::Second)) => {
                let place = self.branch(place, at, at.message.from_tag());
                self.confirm(place, Confirmation::InDialogRequest);
                self.note_bye_answer(place, Side::Second, at, status);
            }
            Some((place, Side::First)) => {
                let place = self.early_branch(place, at, at.message.to_tag());
                self.note_bye_answer(place, Side::First, at, status);
            }
            None => {
                let place = self.adopt(at, Side::First);
                if let Some(dialog) = self.table.get_mut(place) {
                    // It is the answer that was seen, from the other side.
                    dialog.marks.clear(Marks::FIRST_HEARD);
                    dialog.marks.set(Marks::BEGAN_WITH_ITS_END);
                }
                self.note_bye_answer(place, Side::First, at, status);
            }
        }
    }

    fn note_bye_answer(&mut self, place: Place, sender: Side, at: &Crossed<'_>, status: u16) {
        let accepted = status < 300;
        let Some(dialog) = self.table.get_mut(place) else { return };
        dialog.heard(sender.other(), at.time);
        let cseq = at.message.cseq().number;
        let ending = dialog.ending();
        if ending.void.is_some_and(|(voided, old)| voided == sender && cseq <= old) {
            return;
        }
        if let Some((_, stale)) = ending.stale.take_if(|(side, bye)| *side == sender && bye.cseq == cseq) {
            if !accepted {
                self.counts.stale_byes += 1;
                return;
            }
            // Rule 11: the other side did not mind the old number.
            ending.byes[sender.index()] = Some(stale);
        }
        match &mut ending.byes[sender.index()] {
            Some(bye) => {
                bye.answered = true;
                bye.accepted |= accepted;
                if is_challenge(status) {
                    bye.challenged = bye.challenged.max(Some(cseq));
                }
            }
            None if is_challenge(status) => ending.challenged = Some((sender, cseq)),
            None => {
                let answer = ByeAnswer { time: at.time, side: sender, accepted };
                match &mut ending.answer {
                    Some(seen) => {
                        seen.accepted |= accepted;
                        if at.time < seen.time {
                            seen.time = at.time;
                        }
                    }
                    empty => *empty = Some(answer),
                }
            }
        }
        dialog.void_if_it_went_on();
        // Rule 6: a callee may not send BYE before its 2xx, so the answer to one shows that there was a 2xx.
        if dialog.caller_known() && sender == Side::Second {
            self.confirm(place, Confirmation::InDialogRequest);
        }
        self.settle(place, self.clock());
    }

    /// A response to any other request inside a dialog.
    pub(super) fn response_in_dialog(&mut self, at: &Crossed<'_>, method: Method<'_>, status: u16) {
        let ends = matches!(method, Method::Update | Method::Info | Method::Message);
        if let Some((place, requester)) = self.find(at) {
            let Some(dialog) = self.table.get_mut(place) else { return };
            dialog.heard(requester.other(), at.time);
            match status {
                100..=199 => {}
                200..=299 => {
                    // UPDATE may come before the 2xx: it shows a session only where nothing was seen of its beginning.
                    let early = dialog.marks.has(Marks::INVITE) || dialog.marks.has(Marks::PROVISIONAL);
                    if method == Method::Info || method == Method::Update && !early {
                        self.confirm(place, Confirmation::InDialogRequest);
                    }
                    self.succeeded_in_dialog(place, at);
                }
                _ if ends => self.failed_in_dialog(place, requester, at, status),
                _ => {}
            }
            return;
        }
        // Rule 12: later traffic of a dialog whose beginning was missed. A 2xx to MESSAGE has a To-tag outside of dialogs
        // too, and shows nothing.
        let shows_session = matches!(method, Method::Update | Method::Info) && (200..300).contains(&status);
        if !shows_session {
            return;
        }
        let place = match self.known_side(at) {
            Some(_) if method == Method::Update => return,
            Some((place, Side::First)) => self.branch(place, at, at.message.to_tag()),
            Some((place, Side::Second)) => self.branch(place, at, at.message.from_tag()),
            None => {
                let place = self.adopt(at, Side::First);
                if let Some(dialog) = self.table.get_mut(place) {
                    dialog.marks.clear(Marks::FIRST_HEARD);
                    dialog.heard(Side::Second, at.time);
                }
                place
            }
        };
        self.confirm(place, Confirmation::InDialogRequest);
        self.succeeded_in_dialog(place, at);
    }

    /// A 2xx to a request inside the dialog: the session goes on.
    fn succeeded_in_dialog(&mut self, place: Place, at: &Crossed<'_>) {
        let method = at.message.cseq().method;
        let Some(dialog) = self.table.get_mut(place) else { return };
        dialog.marks.set(Marks::IN_DIALOG);
        dialog.last_good = dialog.last_good.max(at.time);
        // RFC 5057 §4: a subscription, also that of a REFER, lives on in the dialog when the session has ended.
        if matches!(method, Method::Notify | Method::Subscribe) {
            return;
        }
        dialog.went_on = dialog.went_on.max(at.time);
        if let Some(ending) = dialog.ending.as_deref_mut() {
            if ending.failure.is_some_and(|failure| failure.time < at.time) {
                ending.failure = None;
            }
            // A BYE on another hop that the server would have had by now: it was not for this server, or was turned away.
            if ending.elsewhere.is_some_and(|(_, time)| time.plus(TRANSACTION) <= at.time) {
                ending.elsewhere = None;
            }
            if ending.inferred.is_some_and(|inferred| inferred.stop < at.time) {
                ending.inferred = None;
            }
        }
        dialog.void_challenged(at.time);
        if matches!(method, Method::Invite | Method::Update) {
            self.note_session_timer(place, at);
        }
        if matches!(method, Method::Invite | Method::Update | Method::Prack) && !at.message.body().is_empty() {
            self.note_media(place, at);
        }
        self.settle(place, self.clock());
    }

    /// A request inside the dialog failed (rule 13).
    fn failed_in_dialog(&mut self, place: Place, requester: Side, at: &Crossed<'_>, status: u16) {
        let Some(dialog) = self.table.get_mut(place) else { return };
        dialog.heard(requester.other(), at.time);
        if ends_dialog(status) && dialog.knows_only_requests() {
            // Rule 6: what can only follow a 2xx was told that there is none. So there is nothing to end.
            dialog.confirmed_by = Confirmation::None;
            dialog.marks.set(Marks::FAILED);
        } else if ends_dialog(status) && dialog.is_confirmed() {
            let last_good = dialog.last_good;
            let failure = &mut dialog.ending().failure;
            if failure.is_none_or(|seen| at.time < seen.time) {
                *failure = Some(Failure { time: at.time, status, last_good });
            }
        }
        self.settle(place, self.clock());
    }

    /// RFC 4028: the interval is the one in the latest 2xx, and a 2xx without one turns the timer off.
    fn note_session_timer(&mut self, place: Place, at: &Crossed<'_>) {
        let Some(dialog) = self.table.get_mut(place) else { return };
        if at.time < dialog.refreshed {
            return;
        }
        dialog.refreshed = at.time;
        let expires = at.message.first(Header::SessionExpires).and_then(|value| SessionExpires::read(value.raw()));
        dialog.session_expires = expires.map_or(0, |expires| expires.seconds);
    }

    /// Keeps the media of an answered session description.
    fn note_media(&mut self, place: Place, at: &Crossed<'_>) {
        let Some(dialog) = self.table.get_mut(place) else { return };
        let packer = self.packer.clear().copy(&dialog.block, |fact| fact != Fact::Media);
        let gathered = gather_media(packer, at.message);
        if !gathered.sdp || packer.is(&dialog.block) {
            return;
        }
        dialog.block = packer.pack();
        dialog.marks.set(Marks::MEDIA);
        if gathered.messaging {
            dialog.marks.set(Marks::MESSAGING);
        }
    }
}

impl Dialog {
    /// The answer that shows that the session went on may have been delivered before the BYE, or before its challenge.
    pub(super) fn void_if_it_went_on(&mut self) {
        self.void_challenged(self.went_on);
    }

    /// Rule 14: a request inside the dialog was answered 2xx at this time, so whoever was challenged for a BYE before that
    /// did not end the session after all.
    fn void_challenged(&mut self, success: Timestamp) {
        let Some(ending) = self.ending.as_deref_mut() else { return };
        for side in [Side::First, Side::Second] {
            let bye = &mut ending.byes[side.index()];
            if let Some(refused) = bye.take_if(|bye| bye.is_refused() && bye.time < success) {
                ending.void = Some((side, refused.cseq));
                ending.reasons.clear();
            }
        }
    }
}
