//! A BYE, and the answers to it.

use super::ack::short_hash;
use super::bye_seen::Bye;
use super::crossed::Crossed;
use super::dialog::{Dialog, Marks, Place, Side};
use super::ending::{ByeAnswer, Elsewhere, TRANSACTION};
use super::reasons::Reasons;
use super::sessions::Sessions;
use super::status::is_challenge;
use crate::charging::{Confirmation, Crossing, Fact, Packer, Point, Role, product_role};
use crate::sip::{Header, Message, Via};
use crate::time::Timestamp;

impl Sessions {
    pub(super) fn bye(&mut self, at: &Crossed<'_>) {
        let (from, to) = (at.message.from_tag(), at.message.to_tag());
        if at.point == Point::ELSEWHERE {
            self.bye_elsewhere(at);
        }
        if let Some((place, side)) = self.find(at) {
            self.note_bye(place, side, at);
            return;
        }
        let caller = self.attempt(at, from).or_else(|| self.sibling(at, from));
        if let Some(place) = caller {
            // Rule 9: it may end an early dialog only.
            let place = self.early_branch(place, at, to);
            self.note_bye(place, Side::First, at);
        } else if let Some(place) = self.attempt(at, to).or_else(|| self.sibling(at, to)) {
            let place = self.branch(place, at, from);
            self.confirm(place, Confirmation::InDialogRequest);
            self.note_bye(place, Side::Second, at);
        } else {
            let place = self.adopt(at, Side::First);
            if let Some(dialog) = self.table.get_mut(place) {
                dialog.marks.set(Marks::BEGAN_WITH_ITS_END);
            }
            self.note_bye(place, Side::First, at);
        }
    }

    /// Adds a BYE of this side to what is known of the end.
    fn note_bye(&mut self, place: Place, side: Side, at: &Crossed<'_>) {
        let message = at.message;
        let cseq = message.cseq().number;
        let entered = self.servers.has_several() && self.entered_at_another_point(at);
        let same_tags = message.from_tag() == message.to_tag();
        let sides_unknown = same_tags && self.side_by_uri(place, at).is_none();
        let at_server = !self.servers.is_empty();
        let Some(dialog) = self.table.get_mut(place) else { return };
        // A late copy of the BYE of an earlier session with these tags.
        if dialog.invite.get().is_some_and(|invite| at.time < invite) {
            return;
        }
        dialog.heard(side, at.time);
        if sides_unknown {
            dialog.marks.set(Marks::SIDES_UNKNOWN);
        }
        let highest = dialog.highest_cseq[side.index()];

        let mut bye = Bye::new(at.time, cseq);
        bye.crossed(at.crossing, message.via_count(), origin(message), at_server);
        bye.entered |= entered;
        bye.product = sender_product(message, dialog, side, &self.packer);

        let went_on = dialog.went_on;
        let ending = dialog.ending();
        // Rule 14: one that was challenged and not sent again while its answer was waited for, ended nothing.
        let is_later = |seen: &mut Bye| seen.cseq != cseq && bye.time > seen.time.plus(TRANSACTION);
        if let Some(refused) = ending.byes[side.index()].take_if(|seen| seen.is_refused() && is_later(seen)) {
            ending.void = Some((side, refused.cseq));
        }
        let void = ending.void.filter(|(voided, _)| *voided == side).map(|(_, cseq)| cseq);
        // A late copy of it, or of what it was before it was sent again.
        if void.is_some_and(|void| cseq == void || cseq < void && bye.time < went_on) {
            return;
        }
        // A number that only the void one had may be a stranger's, and makes no other too old.
        let highest = if void.is_some_and(|void| highest <= void) { 0 } else { highest };
        let seen = match &mut ending.byes[side.index()] {
            Some(seen) => {
                seen.merge(&bye);
                seen
            }
            None if cseq < highest => match &mut ending.stale {
                Some((stale_side, seen)) if *stale_side == side => {
                    seen.merge(&bye);
                    seen
                }
                stale => &mut stale.insert((side, bye)).1,
            },
            empty => empty.insert(bye),
        };
        seen.reasons.keep(at.time, message);
        // Its answer may have been delivered first.
        let (answer, challenged) = (ending.answer, ending.challenged);
        if ending.byes[side.index()].is_none()
            && let Some(answer) = answer.filter(|answer| answer.accepted && answer.side == side)
            && let Some((_, stale)) =
                ending.stale.take_if(|(side, bye)| *side == answer.side && bye.cseq == answer.cseq)
        {
            ending.byes[side.index()] = Some(stale);
        }
        if let Some(bye) = &mut ending.byes[side.index()] {
            if let Some(answer) = answer.filter(|answer| answer.side == side) {
                bye.answered = true;
                bye.accepted |= answer.accepted;
            }
            if let Some((_, refused)) = challenged.filter(|(challenged, _)| *challenged == side) {
                bye.challenged = bye.challenged.max(Some(refused));
            }
        }
        dialog.highest_cseq[side.index()] = highest.max(cseq);
        dialog.void_if_it_went_on();
        self.note_body(place, at);
        self.settle(place, self.clock());
        if at.crossing == Crossing::Entering {
            self.tell_other_points(at);
        }
    }

    /// Whether a copy of this BYE entered another of several IM Servers in a row: then a client sent it, not the server
    /// that it leaves now.
    fn entered_at_another_point(&self, at: &Crossed<'_>) -> bool {
        let (call_id, from, to) = (at.message.call_id(), at.message.from_tag(), at.message.to_tag());
        self.table.call(at.hash, call_id).any(|(_, dialog)| {
            let (_, first, second) = dialog.key();
            let side = if first == from && second == Some(to) {
                Side::First
            } else if first == to && second == Some(from) {
                Side::Second
            } else {
                return false;
            };
            let bye = dialog.ending.as_deref().and_then(|ending| ending.byes[side.index()].as_ref());
            dialog.point != at.point && dialog.point != Point::ELSEWHERE && bye.is_some_and(|bye| bye.entered)
        })
    }

    /// The other way round, for a copy that comes to light after those of the servers behind.
    fn tell_other_points(&mut self, at: &Crossed<'_>) {
        let (call_id, from, to) = (at.message.call_id(), at.message.from_tag(), at.message.to_tag());
        for point in self.servers.points().filter(|point| *point != at.point) {
            let Some((place, side)) = self.table.dialog(at.hash, point, call_id, from, to) else { continue };
            let Some(dialog) = self.table.get_mut(place) else { continue };
            let Some(ending) = dialog.ending.as_deref_mut() else { continue };
            let Some(bye) = ending.byes[side.index()].as_mut().filter(|bye| !bye.entered) else { continue };
            bye.entered = true;
            self.settle(place, self.clock());
        }
    }

    /// Rule 15: a BYE on a hop without a server. Its copy at the server is awaited where the session is known.
    fn bye_elsewhere(&mut self, at: &Crossed<'_>) {
        let (call_id, from, to) = (at.message.call_id(), at.message.from_tag(), at.message.to_tag());
        for point in self.servers.points() {
            let Some((place, side)) = self.table.dialog(at.hash, point, call_id, from, to) else { continue };
            let Some(dialog) = self.table.get_mut(place) else { continue };
            let ending = dialog.ending();
            if ending.elsewhere.as_ref().is_none_or(|seen| at.time < seen.time) {
                let mut reasons = Reasons::default();
                reasons.keep(at.time, at.message);
                ending.elsewhere = Some(Elsewhere { side, time: at.time, reasons });
            }
            self.settle(place, self.clock());
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
        // Rule 11: of a BYE that was too old only the acceptance counts, also where that BYE was not seen.
        let is_stale = !accepted && cseq < dialog.highest_cseq[sender.index()];
        let ending = dialog.ending();
        if ending.void.is_some_and(|(voided, old)| voided == sender && cseq == old) {
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
            None if is_stale => {}
            None if is_challenge(status) => ending.challenged = Some((sender, cseq)),
            None => {
                let answer = ByeAnswer { time: at.time, side: sender, cseq, accepted };
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
}

impl Dialog {
    /// The answer that shows that the session went on may have been delivered before the BYE, or before its challenge.
    pub(super) fn void_if_it_went_on(&mut self) {
        self.void_challenged(self.went_on);
    }

    /// Rule 14: a request inside the dialog was answered 2xx at this time, so whoever was challenged for a BYE before that
    /// did not end the session after all.
    pub(super) fn void_challenged(&mut self, success: Timestamp) {
        let Some(ending) = self.ending.as_deref_mut() else { return };
        for side in [Side::First, Side::Second] {
            let bye = &mut ending.byes[side.index()];
            if let Some(refused) = bye.take_if(|bye| bye.is_refused() && bye.time < success) {
                ending.void = Some((side, refused.cseq));
            }
        }
    }
}

/// What the sender of a BYE says it is: in the BYE itself, else in its INVITE or answer.
fn sender_product(bye: &Message<'_>, dialog: &Dialog, side: Side, packer: &Packer) -> Role {
    let own = bye.first(Header::UserAgent).map_or(Role::Unspecified, |agent| product_role(agent.raw()));
    if own != Role::Unspecified {
        return own;
    }
    let fact = if side == Side::First { Fact::CallerAgent } else { Fact::CalleeAgent };
    let agent = dialog.block.first(fact, packer).filter(|_| dialog.caller_known());
    agent.map_or(Role::Unspecified, |agent| product_role(&agent.bytes()))
}

/// The branch of the lowest Via, as a hash.
fn origin(message: &Message<'_>) -> Option<u32> {
    let lowest = message.all(Header::Via).last()?;
    let via = Via::read(lowest.elements().last()?.raw())?;
    Some(via.branch()).filter(|branch| !branch.is_empty()).map(short_hash)
}
