//! Every other request inside a dialog, and its answer: the session goes on, or does not.

use super::crossed::Crossed;
use super::dialog::{Dialog, Marks, Number, Place, Side};
use super::ending::{Failure, TRANSACTION};
use super::sessions::Sessions;
use super::status::ends_dialog;
use crate::charging::Confirmation;
use crate::sip::{Header, Method, SessionExpires};
use crate::time::Timestamp;

impl Sessions {
    /// Any other request, inside a dialog if it has a To-tag.
    pub(super) fn request_in_dialog(&mut self, at: &Crossed<'_>, method: Method<'_>) {
        let message = at.message;
        // Rule 6: these only follow a 2xx. UPDATE and PRACK may come before it.
        let confirms = matches!(method, Method::Invite | Method::Info | Method::Message);
        let found = self.find(at);
        if method == Method::Prack {
            self.answer_in_prack(at, found);
        }
        if let Some((place, side)) = found {
            let Some(dialog) = self.table.get_mut(place) else { return };
            let confirms = confirms && !dialog.failed_after(at.time);
            dialog.heard(side, at.time);
            dialog.saw_request(method);
            let highest = &mut dialog.highest_cseq[side.index()];
            *highest = (*highest).max(message.cseq().number);
            if confirms {
                self.confirm(place, Confirmation::InDialogRequest);
            }
            if method == Method::Invite && message.sdp().is_none() {
                self.note_late_offer(place, at);
            }
            self.settle(place, self.clock());
            return;
        }
        if message.to_tag().is_empty() {
            self.counts.outside_dialogs += 1;
            return;
        }
        let known = self.known_side(at);
        let (place, side) = match known {
            Some((place, _))
                if !confirms || self.table.get(place).is_some_and(|dialog| dialog.failed_after(at.time)) =>
            {
                return;
            }
            Some((place, side)) => {
                let other = if side == Side::First { message.to_tag() } else { message.from_tag() };
                (self.branch(place, at, other), side)
            }
            // Rule 7: a page-mode MESSAGE may carry the To-tag of an earlier answer, and is no session for that.
            None if confirms && method != Method::Message => (self.adopt(at, Side::First), Side::First),
            None => return,
        };
        if let Some(dialog) = self.table.get_mut(place) {
            dialog.heard(side, at.time);
            dialog.saw_request(method);
            dialog.highest_cseq[side.index()] = message.cseq().number;
        }
        self.confirm(place, Confirmation::InDialogRequest);
        if method == Method::Invite && message.sdp().is_none() {
            self.note_late_offer(place, at);
        }
        self.settle(place, self.clock());
    }

    /// A response to any other request inside a dialog.
    pub(super) fn response_in_dialog(&mut self, at: &Crossed<'_>, method: Method<'_>, status: u16) {
        let ends = matches!(method, Method::Update | Method::Info | Method::Message);
        if let Some((place, requester)) = self.find(at) {
            let Some(dialog) = self.table.get_mut(place) else { return };
            let failed = dialog.failed_after(at.time);
            dialog.heard(requester.other(), at.time);
            match status {
                100..=199 => {}
                200..=299 => {
                    // UPDATE may come before the 2xx: it shows a session only where nothing was seen of its beginning.
                    let early = dialog.marks.has(Marks::INVITE) || dialog.marks.has(Marks::PROVISIONAL);
                    if !failed && (method == Method::Info || method == Method::Update && !early) {
                        self.confirm(place, Confirmation::InDialogRequest);
                    }
                    self.succeeded_in_dialog(place, at);
                }
                _ if ends => self.failed_in_dialog(place, requester, at, status),
                _ => {}
            }
            return;
        }
        self.early_answer(at, method, status);
        // Rule 12: later traffic of a dialog whose beginning was missed. A 2xx to MESSAGE has a To-tag outside of dialogs
        // too, and shows nothing.
        let shows_session = matches!(method, Method::Update | Method::Info) && (200..300).contains(&status);
        if !shows_session {
            return;
        }
        let place = match self.known_side(at) {
            Some((place, _))
                if method == Method::Update
                    || self.table.get(place).is_some_and(|dialog| dialog.failed_after(at.time)) =>
            {
                return;
            }
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
    pub(super) fn succeeded_in_dialog(&mut self, place: Place, at: &Crossed<'_>) {
        let method = at.message.cseq().method;
        let Some(dialog) = self.table.get_mut(place) else { return };
        if method != Method::Prack {
            dialog.marks.set(Marks::IN_DIALOG);
        }
        dialog.last_good = dialog.last_good.max(at.time);
        // RFC 5057 §4: a subscription, also that of a REFER, lives on in the dialog when the session has ended.
        if matches!(method, Method::Notify | Method::Subscribe) {
            return;
        }
        dialog.went_on = dialog.went_on.max(at.time);
        if let Some(ending) = dialog.ending.as_deref_mut() {
            if let Some(failure) = ending.failure.as_mut().filter(|failure| failure.time < at.time) {
                failure.repaired = true;
            }
            // A BYE on another hop that the server would have had by now: it was not for this server, or was turned away.
            if ending.elsewhere.as_ref().is_some_and(|bye| bye.time.plus(TRANSACTION) <= at.time) {
                ending.elsewhere = None;
            }
            if ending.inferred.is_some_and(|inferred| inferred.stop < at.time) {
                ending.inferred = None;
            }
        }
        dialog.void_challenged(at.time);
        if matches!(method, Method::Invite | Method::Update) {
            self.note_session_timer(place, at);
            self.note_called(place, at);
        }
        match method {
            _ if at.message.body().is_empty() => {}
            Method::Invite => self.note_media_of_2xx(place, at),
            // Of a request that is no INVITE the answer is never anywhere else.
            Method::Update | Method::Prack => self.note_media(place, at),
            _ => {}
        }
        self.settle(place, self.clock());
    }

    /// A request inside the dialog failed (rule 13).
    pub(super) fn failed_in_dialog(&mut self, place: Place, requester: Side, at: &Crossed<'_>, status: u16) {
        let Some(dialog) = self.table.get_mut(place) else { return };
        dialog.heard(requester.other(), at.time);
        if ends_dialog(status) && dialog.knows_only_requests() {
            // Rule 6: what can only follow a 2xx was told that there is none. So there is nothing to end.
            dialog.confirmed_by = Confirmation::None;
            dialog.marks.set(Marks::FAILED);
        // A 2xx that is later and was delivered before it shows that it ended nothing.
        } else if ends_dialog(status) && dialog.is_confirmed() && dialog.went_on <= at.time {
            let (last_good, of) = (dialog.last_good, (requester, at.message.cseq().number));
            let failure = &mut dialog.ending().failure;
            if failure.is_none_or(|seen| at.time < seen.time || seen.repaired && seen.of != of) {
                *failure = Some(Failure { time: at.time, status, last_good, of, repaired: false });
            }
        }
        self.settle(place, self.clock());
    }

    /// RFC 4028: the interval is the one in the latest 2xx, and a 2xx without one turns the timer off.
    pub(super) fn note_session_timer(&mut self, place: Place, at: &Crossed<'_>) {
        let Some(dialog) = self.table.get_mut(place) else { return };
        if at.time < dialog.refreshed {
            return;
        }
        dialog.refreshed = at.time;
        let seconds = at.message.first(Header::SessionExpires).and_then(|value| SessionExpires::seconds(value.raw()));
        dialog.session_expires = seconds.unwrap_or(0);
    }
}

impl Dialog {
    fn saw_request(&mut self, method: Method<'_>) {
        if method != Method::Prack {
            self.marks.set(Marks::IN_DIALOG);
        }
        if method == Method::Invite {
            self.marks.set(Marks::RE_INVITE);
        }
    }

    /// Rule 18: a message from before the failure of the INVITE, delivered after it, shows what it would have shown before:
    /// an early dialog.
    fn failed_after(&self, time: Timestamp) -> bool {
        self.marks.has(Marks::FAILED) && !self.is_confirmed() && time < self.last_message
    }

    /// Rule 7: whether the failure of an INVITE says that there was no session after all. UPDATE, and with some INFO, comes
    /// before the answer too, and alone had confirmed it.
    ///
    /// Where the initial INVITE was not seen it is the one that was sent before all that was seen inside the dialog, unless
    /// there was another.
    pub(super) fn is_refuted(&self, inviter: Side, failed: Number) -> bool {
        let initial = match self.invite_cseq {
            Some(initial) => inviter == Side::First && initial == failed,
            None => !self.marks.has(Marks::RE_INVITE) && failed.get() < self.highest_cseq[inviter.index()],
        };
        initial && self.confirmed_by == Confirmation::InDialogRequest && !self.answer.is_some() && !self.ack.is_some()
    }
}
