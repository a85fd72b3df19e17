//! What a request tells of a dialog.

use core::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;

use super::dialog::{Dialog, Marks, Moment, Place, Side};
use super::ending::{Bye, Ending};
use super::sessions::{Crossed, Sessions};
use crate::charging::{Confirmation, Crossing, Fact, Point, Role, gather_invite, gather_media, product_role};
use crate::sip::{Header, Message, Method, NameAddr, StartLine};

/// Hops kept of one INVITE, to tell the ACK of a failure from that of a 2xx. On a further hop an ACK confirms nothing.
const MAX_HOPS: usize = 8;

impl Sessions {
    /// Takes a message where it crossed a charging point.
    pub(super) fn cross(&mut self, at: &Crossed<'_>) {
        let in_dialog = !at.message.to_tag().is_empty();
        match at.message.start() {
            StartLine::Request { method, .. } => match method {
                Method::Invite if !in_dialog => self.initial_invite(at),
                Method::Ack => self.ack(at),
                Method::Bye => self.bye(at),
                Method::Cancel => self.cancel(at),
                _ => self.request_in_dialog(at, method),
            },
            StartLine::Response { status, .. } => match at.message.cseq().method {
                Method::Invite => self.invite_response(at, status),
                Method::Bye => self.bye_response(at, status),
                Method::Cancel | Method::Ack => {}
                method if in_dialog => self.response_in_dialog(at, method, status),
                _ => {}
            },
        }
    }

    /// An INVITE without To-tag: the start of an attempt, a copy of it, or it once more with credentials.
    fn initial_invite(&mut self, at: &Crossed<'_>) {
        let (call_id, from, cseq) = (at.message.call_id(), at.message.from_tag(), at.message.cseq().number);
        // A callee after RFC 2543 has no tag, and a re-INVITE to it looks like an initial one.
        if let Some((place, _)) = self.table.dialog(at.hash, at.point, call_id, from, b"") {
            let same = self.table.get(place).is_some_and(|dialog| dialog.invite_cseq.is_none_or(|known| known == cseq));
            if !same {
                self.request_in_dialog(at, Method::Invite);
                return;
            }
        }
        let mut known = false;
        for place in self.places_of(at) {
            let Some(dialog) = self.table.get(place) else { continue };
            let (_, first, second) = dialog.key();
            let is_attempt = second.is_none();
            // Rule 4: what starts after the end of a session is another one.
            if dialog.ended_before(at.time) {
                continue;
            }
            if dialog.caller_known() && first == from {
                match dialog.invite_cseq {
                    Some(seen) if seen < cseq && is_attempt => self.begin_again(place, at),
                    Some(seen) if seen > cseq && is_attempt => {}
                    Some(seen) if seen != cseq => continue,
                    _ => self.same_invite(place, at),
                }
                known = true;
            } else if !dialog.caller_known() && (first == from || second == Some(from)) {
                self.found_invite(place, at);
                known = true;
            }
        }
        if !known {
            self.begin(at);
        }
    }

    /// A new attempt.
    fn begin(&mut self, at: &Crossed<'_>) {
        let mut attempt = self.dialog_for(at);
        self.pack_attempt(&mut attempt, at);
        attempt.invite.at(at.time);
        attempt.invite_cseq = Some(at.message.cseq().number);
        attempt.highest_cseq[Side::First.index()] = at.message.cseq().number;
        attempt.heard(Side::First, at.time);
        self.counts.attempts += 1;
        self.insert(attempt);
    }

    /// The attempt goes on with a new INVITE: credentials after 401 or 407, a longer Session-Expires after 422, another
    /// target after 3xx. The session starts with the INVITE that is answered.
    fn begin_again(&mut self, place: Place, at: &Crossed<'_>) {
        let mut attempt = self.dialog_for(at);
        self.pack_attempt(&mut attempt, at);
        let Some(dialog) = self.table.get_mut(place) else { return };
        dialog.block = attempt.block;
        dialog.marks = attempt.marks;
        dialog.invite_vias = attempt.invite_vias;
        dialog.invite = Moment::NEVER;
        dialog.invite.at(at.time);
        dialog.invite_cseq = Some(at.message.cseq().number);
        dialog.highest_cseq[Side::First.index()] = at.message.cseq().number;
        dialog.heard(Side::First, at.time);
    }

    fn pack_attempt(&mut self, attempt: &mut Dialog, at: &Crossed<'_>) {
        let hop = Self::hop_and_branch(at);
        let packer = self.packer.clear();
        packer.push(Fact::CallId, at.message.call_id()).push(Fact::FirstTag, at.message.from_tag());
        packer.push(Fact::InviteHop, &hop);
        let node =
            self.servers.node(at.hop, at.point).or_else(|| self.servers.is_empty().then_some(at.hop.destination));
        let gathered = gather_invite(packer, at.message, node, self.options.correlation_header.as_deref());
        attempt.block = packer.pack();
        attempt.marks.set(Marks::CALLER_KNOWN);
        attempt.marks.set(Marks::INVITE);
        invite_crossed(attempt, at);
        if gathered.sdp {
            attempt.marks.set(Marks::OFFER);
        }
        if gathered.messaging {
            attempt.marks.set(Marks::MESSAGING);
        }
    }

    /// The INVITE of a dialog that was known without it.
    fn found_invite(&mut self, place: Place, at: &Crossed<'_>) {
        let Some(dialog) = self.table.get_mut(place) else { return };
        let caller = if dialog.key().1 == at.message.from_tag() { Side::First } else { Side::Second };
        dialog.set_caller(caller, &mut self.packer);
        self.same_invite(place, at);
    }

    /// A copy of the INVITE of this dialog: another hop, a retransmission, or the first that the mirror delivered.
    fn same_invite(&mut self, place: Place, at: &Crossed<'_>) {
        let hop = Self::hop_and_branch(at);
        let Some(dialog) = self.table.get_mut(place) else { return };
        dialog.invite.at(at.time);
        dialog.heard(Side::First, at.time);
        let first_sight = !dialog.marks.has(Marks::INVITE);
        dialog.invite_cseq = Some(at.message.cseq().number);
        let highest = &mut dialog.highest_cseq[Side::First.index()];
        *highest = (*highest).max(at.message.cseq().number);

        let new_hop = !dialog.is_confirmed()
            && dialog.block.all(Fact::InviteHop).count() < MAX_HOPS
            && !dialog.block.all(Fact::InviteHop).any(|seen| seen == hop);
        if first_sight || new_hop {
            dialog.marks.set(Marks::INVITE);
            if dialog.block.all(Fact::InviteHop).any(|seen| seen.get(..4) != hop.get(..4)) {
                dialog.marks.set(Marks::SEVERAL_HOPS);
            }
            invite_crossed(dialog, at);
            let packer = self.packer.clear().copy(&dialog.block, |fact| fact <= Fact::InviteHop);
            if new_hop {
                packer.push(Fact::InviteHop, &hop);
            }
            packer.copy(&dialog.block, |fact| fact > Fact::InviteHop);
            let node = self.servers.node(at.hop, at.point);
            let node = node.or_else(|| self.servers.is_empty().then_some(at.hop.destination));
            let gathered = gather_invite(packer, at.message, node, self.options.correlation_header.as_deref());
            dialog.block = packer.pack();
            if gathered.sdp {
                dialog.marks.set(Marks::OFFER);
            }
            if gathered.messaging {
                dialog.marks.set(Marks::MESSAGING);
            }
            self.remember_leg(place);
        }
        if self.table.get(place).is_some_and(|dialog| dialog.ending.is_some()) {
            self.settle(place, self.clock());
        }
    }

    fn ack(&mut self, at: &Crossed<'_>) {
        let message = at.message;
        if let Some((place, mut side)) = self.find(at) {
            let confirms = self.acknowledges_success(place, at);
            let Some(dialog) = self.table.get_mut(place) else { return };
            // Sent before all that was seen of the dialog: it acknowledges the answer of the INVITE, whose sender called.
            if dialog.invite_cseq.is_none() && at.time <= dialog.joined {
                dialog.set_caller(side, &mut self.packer);
                dialog.invite_cseq = Some(message.cseq().number);
                side = Side::First;
            }
            dialog.heard(side, at.time);
            dialog.last_good = dialog.last_good.max(at.time);
            let of_initial = side == Side::First && dialog.invite_cseq.is_none_or(|cseq| cseq == message.cseq().number);
            let has_invite = dialog.marks.has(Marks::INVITE);
            if of_initial && dialog.caller_known() {
                dialog.ack.at(at.time);
            }
            let failed = dialog.marks.has(Marks::FAILED);
            if dialog.is_confirmed() || confirms || !has_invite && !failed {
                self.confirm(place, Confirmation::Ack);
            }
            self.answer_in_ack(place, at);
            self.settle(place, self.clock());
            return;
        }
        if let Some(place) = self.attempt(at, message.from_tag()).or_else(|| self.sibling(at, message.from_tag())) {
            let confirms = self.acknowledges_success(place, at);
            if self.table.get(place).is_some_and(|dialog| dialog.is_attempt() && dialog.marks.has(Marks::FAILED)) {
                return;
            }
            // Where it can't be told from the ACK of a failure it confirms nothing, but is kept for a 2xx that is late.
            let place = if confirms {
                self.branch(place, at, message.to_tag())
            } else {
                self.early_branch(place, at, message.to_tag())
            };
            if let Some(dialog) = self.table.get_mut(place) {
                if !confirms {
                    dialog.marks.set(Marks::ANSWERED);
                }
                if dialog.invite_cseq == Some(message.cseq().number) {
                    dialog.ack.at(at.time);
                }
                dialog.heard(Side::First, at.time);
                dialog.last_good = dialog.last_good.max(at.time);
            }
            if confirms {
                self.confirm(place, Confirmation::Ack);
                self.answer_in_ack(place, at);
            }
            self.settle(place, self.clock());
            return;
        }
        if let Some((place, Side::Second)) = self.known_side(at) {
            // Rule 6: the callee acknowledges the answer to a re-INVITE, which follows a 2xx.
            let place = self.branch(place, at, message.from_tag());
            if let Some(dialog) = self.table.get_mut(place) {
                dialog.heard(Side::Second, at.time);
                dialog.last_good = dialog.last_good.max(at.time);
            }
            self.confirm(place, Confirmation::InDialogRequest);
            self.settle(place, self.clock());
            return;
        }
        // Rule 12: its INVITE was missed. Who sends the ACK sent the INVITE.
        let place = self.adopt(at, Side::First);
        if let Some(dialog) = self.table.get_mut(place) {
            dialog.marks.set(Marks::CALLER_KNOWN);
            dialog.invite_cseq = Some(message.cseq().number);
            dialog.ack.at(at.time);
        }
        // Without a To-tag it may be that of a failure, of which a peer after RFC 2543 leaves no other trace.
        if !message.to_tag().is_empty() {
            self.confirm(place, Confirmation::Ack);
        }
        self.schedule(place, self.clock());
    }

    /// The SDP answer stands in the ACK when the 2xx carried the offer (RFC 3261 §13.2.1).
    fn answer_in_ack(&mut self, place: Place, at: &Crossed<'_>) {
        let Some(dialog) = self.table.get_mut(place) else { return };
        if at.message.body().is_empty() || dialog.marks.has(Marks::OFFER) {
            return;
        }
        let packer = self.packer.clear().copy(&dialog.block, |fact| fact != Fact::Media);
        let gathered = gather_media(packer, at.message);
        if gathered.sdp {
            dialog.block = packer.pack();
            dialog.marks.set(Marks::MEDIA);
            if gathered.messaging {
                dialog.marks.set(Marks::MESSAGING);
            }
        }
    }

    /// Rule 6: the ACK of a failure has the branch of its INVITE on that hop (RFC 3261 §17.1.1.3), that of a 2xx another.
    fn acknowledges_success(&self, place: Place, at: &Crossed<'_>) -> bool {
        let hop = Self::hop_and_branch(at);
        let Some(dialog) = self.table.get(place) else { return false };
        let mut here = dialog.block.all(Fact::InviteHop).filter(|seen| seen.get(..4) == hop.get(..4)).peekable();
        !dialog.marks.has(Marks::FAILED)
            && dialog.invite_cseq == Some(at.message.cseq().number)
            && here.peek().is_some()
            && here.all(|seen| seen != hop)
    }

    fn hop_and_branch(at: &Crossed<'_>) -> [u8; 8] {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&short_hash(at.hop).to_ne_bytes());
        bytes[4..].copy_from_slice(&short_hash(at.message.branch()).to_ne_bytes());
        bytes
    }

    fn bye(&mut self, at: &Crossed<'_>) {
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
        let entered = self.entered_at_another_point(at);
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
        bye.crossed(at.crossing, message.via_count(), at_server);
        bye.entered |= entered;
        bye.product = sender_product(message, dialog, side);

        let ending = dialog.ending();
        if ending.void.is_some_and(|(voided, old)| voided == side && cseq <= old) {
            return;
        }
        match &mut ending.byes[side.index()] {
            Some(seen) => seen.merge(&bye),
            None if cseq < highest => match &mut ending.stale {
                Some((stale_side, seen)) if *stale_side == side => seen.merge(&bye),
                stale => *stale = Some((side, bye)),
            },
            empty => {
                *empty = Some(bye);
                keep_reasons(ending, message);
            }
        }
        // Its answer may have been delivered first.
        let (answer, challenged) = (ending.answer, ending.challenged);
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
        self.settle(place, self.clock());
        if at.crossing == Crossing::Entering {
            self.tell_other_points(side, at);
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
    fn tell_other_points(&mut self, _side: Side, at: &Crossed<'_>) {
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
            if ending.elsewhere.is_none_or(|(_, time)| at.time < time) {
                ending.elsewhere = Some((side, at.time));
                keep_reasons(ending, at.message);
            }
            self.settle(place, self.clock());
        }
    }

    fn cancel(&mut self, at: &Crossed<'_>) {
        if let Some(place) = self.attempt(at, at.message.from_tag())
            && let Some(dialog) = self.table.get_mut(place)
            && dialog.invite_cseq == Some(at.message.cseq().number)
        {
            dialog.heard(Side::First, at.time);
            dialog.marks.set(Marks::CANCELLED);
        }
    }

    /// Any other request, inside a dialog if it has a To-tag.
    fn request_in_dialog(&mut self, at: &Crossed<'_>, method: Method<'_>) {
        let message = at.message;
        // Rule 6: these only follow a 2xx. UPDATE and PRACK may come before it.
        let confirms = matches!(method, Method::Invite | Method::Info | Method::Message);
        if let Some((place, side)) = self.find(at) {
            let Some(dialog) = self.table.get_mut(place) else { return };
            dialog.heard(side, at.time);
            dialog.marks.set(Marks::IN_DIALOG);
            let highest = &mut dialog.highest_cseq[side.index()];
            *highest = (*highest).max(message.cseq().number);
            if confirms {
                self.confirm(place, Confirmation::InDialogRequest);
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
            Some(_) if !confirms => return,
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
            dialog.marks.set(Marks::IN_DIALOG);
            dialog.highest_cseq[side.index()] = message.cseq().number;
        }
        self.confirm(place, Confirmation::InDialogRequest);
        self.settle(place, self.clock());
    }

    /// The dialog of a message, and the side that its From is.
    pub(super) fn find(&self, at: &Crossed<'_>) -> Option<(Place, Side)> {
        let (call_id, from, to) = (at.message.call_id(), at.message.from_tag(), at.message.to_tag());
        let (place, side) = self.table.dialog(at.hash, at.point, call_id, from, to)?;
        // Rule 4: Call-ID and tags of a session that has ended, used again for one that started later.
        let started_since = |attempt: Option<Place>| {
            let invite = attempt.and_then(|attempt| self.table.get(attempt)?.invite.get());
            invite.is_some_and(|invite| {
                invite <= at.time && self.table.get(place).is_some_and(|old| old.ended_before(invite))
            })
        };
        if self.table.get(place)?.ended_before(at.time)
            && (started_since(self.attempt(at, from)) || started_since(self.attempt(at, to)))
        {
            return None;
        }
        // Rule 3: tags that do not differ can't tell the sides apart; the From URI can.
        let side = if from == to { self.side_by_uri(place, at).unwrap_or(side) } else { side };
        Some((place, side))
    }

    fn side_by_uri(&self, place: Place, at: &Crossed<'_>) -> Option<Side> {
        let block = &self.table.get(place)?.block;
        let from = at.message.first(Header::From)?;
        let from = NameAddr::read(from.raw())?.uri;
        let is = |fact| block.first(fact).and_then(NameAddr::read).is_some_and(|known| known.uri == from);
        match (is(Fact::From), is(Fact::To)) {
            (true, false) => Some(Side::First),
            (false, true) => Some(Side::Second),
            _ => None,
        }
    }

    /// The attempt of this caller.
    pub(super) fn attempt(&self, at: &Crossed<'_>, caller: &[u8]) -> Option<Place> {
        let mut call = self.table.call(at.hash, at.message.call_id());
        call.find(|(_, dialog)| {
            let (_, first, second) = dialog.key();
            dialog.point == at.point && first == caller && second.is_none()
        })
        .map(|(place, _)| place)
    }

    /// Another branch of an INVITE of this caller.
    pub(super) fn sibling(&self, at: &Crossed<'_>, caller: &[u8]) -> Option<Place> {
        let mut call = self.table.call(at.hash, at.message.call_id());
        call.find(|(_, dialog)| {
            let (_, first, second) = dialog.key();
            dialog.point == at.point && first == caller && second.is_some() && dialog.marks.has(Marks::INVITE)
        })
        .map(|(place, _)| place)
    }

    /// The attempt or sibling that a message with two tags belongs to, and the side that its From is.
    pub(super) fn known_side(&self, at: &Crossed<'_>) -> Option<(Place, Side)> {
        let (from, to) = (at.message.from_tag(), at.message.to_tag());
        let of = |caller| self.attempt(at, caller).or_else(|| self.sibling(at, caller));
        of(from).map(|place| (place, Side::First)).or_else(|| of(to).map(|place| (place, Side::Second)))
    }

    /// Every entry of the message's call at its point.
    fn places_of(&self, at: &Crossed<'_>) -> Vec<Place> {
        let call = self.table.call(at.hash, at.message.call_id());
        call.filter(|(_, dialog)| dialog.point == at.point).map(|(place, _)| place).collect()
    }

    /// Makes a dialog of an attempt that was answered with this tag; of one that was answered before, a further branch.
    pub(super) fn branch(&mut self, place: Place, at: &Crossed<'_>, callee: &[u8]) -> Place {
        let Some(dialog) = self.table.get_mut(place) else { return place };
        let packer = self.packer.clear().copy(&dialog.block, |fact| fact <= Fact::FirstTag);
        packer.push(Fact::SecondTag, callee);
        if dialog.is_attempt() {
            packer.copy(&dialog.block, |fact| fact > Fact::InviteHop);
            dialog.block = packer.pack();
            return place;
        }
        self.further_branch(place, at, false)
    }

    /// A dialog beside an attempt that may still be answered elsewhere.
    pub(super) fn early_branch(&mut self, place: Place, at: &Crossed<'_>, callee: &[u8]) -> Place {
        let Some(dialog) = self.table.get(place) else { return place };
        self.packer.clear().copy(&dialog.block, |fact| fact <= Fact::FirstTag).push(Fact::SecondTag, callee);
        self.further_branch(place, at, true)
    }

    /// Adds a dialog with the INVITE of another; the packer holds its key.
    fn further_branch(&mut self, place: Place, at: &Crossed<'_>, early: bool) -> Place {
        let mut branch = self.dialog_for(at);
        let Some(dialog) = self.table.get_mut(place) else { return place };
        self.packer.copy(&dialog.block, |fact| is_of_invite(fact) && (early || fact != Fact::InviteHop));
        branch.block = self.packer.pack();
        branch.invite = dialog.invite;
        branch.invite_vias = dialog.invite_vias;
        branch.invite_cseq = dialog.invite_cseq;
        branch.highest_cseq[Side::First.index()] = dialog.invite_cseq.unwrap_or(0);
        for mark in [
            Marks::CALLER_KNOWN,
            Marks::INVITE,
            Marks::PROVISIONAL,
            Marks::OFFER,
            Marks::FIRST_HEARD,
            Marks::SEVERAL_HOPS,
            Marks::LEG_IN,
            Marks::LEG_OUT,
        ] {
            if dialog.marks.has(mark) {
                branch.marks.set(mark);
            }
        }
        if branch.block.first(Fact::FeatureTag).is_some() {
            branch.marks.set(Marks::MESSAGING);
        }
        self.insert(branch)
    }

    /// A dialog whose beginning was missed; its tags are those of the message, `from` the side that its From becomes.
    pub(super) fn adopt(&mut self, at: &Crossed<'_>, from: Side) -> Place {
        let mut dialog = self.dialog_for(at);
        let packer = self.packer.clear().push(Fact::CallId, at.message.call_id());
        packer.push(Fact::FirstTag, at.message.from_tag()).push(Fact::SecondTag, at.message.to_tag());
        dialog.block = packer.pack();
        dialog.heard(from, at.time);
        dialog.highest_cseq[from.index()] = at.message.cseq().number;
        self.insert(dialog)
    }
}

/// Where an INVITE was seen: which way past the server, and how far from its sender.
fn invite_crossed(dialog: &mut Dialog, at: &Crossed<'_>) {
    match at.crossing {
        Crossing::Entering => dialog.marks.set(Marks::LEG_IN),
        Crossing::Leaving => dialog.marks.set(Marks::LEG_OUT),
        Crossing::Neither => {}
    }
    dialog.invite_vias = dialog.invite_vias.min(u8::try_from(at.message.via_count()).unwrap_or(u8::MAX));
}

/// Whether a fact comes from the INVITE, and so belongs to each of its branches.
fn is_of_invite(fact: Fact) -> bool {
    fact > Fact::SecondTag
        && !matches!(
            fact,
            Fact::CalleeAsserted | Fact::CalleeAgent | Fact::CalleeInstance | Fact::CalleeAccess | Fact::Media
        )
}

/// 32 bits of hash, the same after a restart. Who makes two of them equal makes the probe doubt an ACK of its own.
fn short_hash(value: impl Hash) -> u32 {
    (FixedState::default().hash_one(value) >> 32) as u32
}

fn keep_reasons(ending: &mut Ending, message: &Message<'_>) {
    if ending.reasons.is_empty() {
        let values = message.all(Header::Reason).flat_map(|value| value.elements()).take(4);
        ending.reasons = values.map(|value| value.unfold().into_owned().into_boxed_slice()).collect();
    }
}

/// What the sender of a BYE says it is: in the BYE itself, else in its INVITE or answer.
fn sender_product(bye: &Message<'_>, dialog: &Dialog, side: Side) -> Role {
    let own = bye.first(Header::UserAgent).map_or(Role::Unspecified, |agent| product_role(agent.raw()));
    if own != Role::Unspecified {
        return own;
    }
    let fact = if side == Side::First { Fact::CallerAgent } else { Fact::CalleeAgent };
    dialog.block.first(fact).filter(|_| dialog.caller_known()).map_or(Role::Unspecified, product_role)
}
