//! An initial INVITE: the start of an attempt.

use super::ack::hop_and_branch;
use super::crossed::Crossed;
use super::dialog::{Dialog, Marks, Moment, Number, Place, Side};
use super::legs::invite_crossed;
use super::sessions::Sessions;
use crate::charging::{Confirmation, Fact, Point, gather_invite};
use crate::sip::{Method, expires};
use crate::time::Timestamp;

/// Hops kept of one INVITE, to tell the ACK of a failure from that of a 2xx. On a further hop an ACK confirms nothing.
const MAX_HOPS: usize = 8;

impl Sessions {
    /// An INVITE without To-tag: the start of an attempt, a copy of it, or it once more with credentials.
    pub(super) fn initial_invite(&mut self, at: &Crossed<'_>) {
        let (call_id, from, cseq) = (at.message.call_id(), at.message.from_tag(), Number::of(at.message));
        // A callee after RFC 2543 has no tag, and a re-INVITE to it looks like an initial one.
        if let Some((place, _)) = self.table.dialog(at.hash, at.point, call_id, from, b"") {
            let same = self.table.get(place).is_some_and(|dialog| dialog.invite_cseq.is_none_or(|known| known == cseq));
            if !same {
                self.request_in_dialog(at, Method::Invite);
                return;
            }
        }
        let mut known = false;
        let mut next = self.table.newest(at.hash, call_id);
        // `forget` takes one out of the chain: where the next one is has been read by then, and stays true.
        while let Some(dialog) = self.table.get(next) {
            let place = core::mem::replace(&mut next, dialog.next);
            if dialog.point != at.point {
                continue;
            }
            let (_, first, second) = dialog.key();
            let is_attempt = second.is_none();
            // Rule 4: what starts after the end of a session is another one.
            if dialog.ended_before(at.time) || self.is_of_an_earlier_session(dialog, at) {
                continue;
            }
            if dialog.caller_known() && first == from {
                match dialog.invite_cseq {
                    Some(seen) if seen < cseq && is_attempt => self.begin_again(place, at),
                    Some(seen) if seen > cseq && is_attempt => {}
                    Some(seen) if seen < cseq && dialog.has_only_acks() => {
                        self.counts.ack_only += u64::from(dialog.is_confirmed());
                        self.forget(place);
                        continue;
                    }
                    Some(seen) if seen > cseq && dialog.is_past(at.time) => {}
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

    /// Rule 4, the other way round: a late copy of the INVITE of a session that had ended when this one began with the
    /// same Call-ID and tags, and perhaps the same CSeq.
    fn is_of_an_earlier_session(&self, dialog: &Dialog, at: &Crossed<'_>) -> bool {
        let start = dialog.start();
        let (call_id, first, second) = dialog.key();
        at.time < start
            && self.table.call(at.hash, call_id).any(|(_, other)| {
                let (_, other_first, other_second) = other.key();
                other.point == dialog.point
                    && other_first == first
                    && (second.is_none() || other_second == second)
                    && other.ended_before(start)
                    && !other.ended_before(at.time)
            })
    }

    /// A new attempt.
    fn begin(&mut self, at: &Crossed<'_>) {
        let mut attempt = self.dialog_for(at);
        self.pack_attempt(&mut attempt, at);
        attempt.invite.at(at.time);
        attempt.invite_cseq = Some(Number::of(at.message));
        attempt.highest_cseq[Side::First.index()] = at.message.cseq().number;
        attempt.heard(Side::First, at.time);
        self.counts.attempts += u64::from(at.point != Point::ELSEWHERE);
        self.insert(attempt);
    }

    /// The attempt goes on with a new INVITE: credentials after 401 or 407, a longer Session-Expires after 422, another
    /// target after 3xx. The session starts with the INVITE that is answered.
    fn begin_again(&mut self, place: Place, at: &Crossed<'_>) {
        let mut attempt = self.dialog_for(at);
        self.pack_attempt(&mut attempt, at);
        let keys = self.leg_keys(place);
        let Some(dialog) = self.table.get_mut(place) else { return };
        self.repacked += attempt.block.size() as isize - dialog.block.size() as isize;
        dialog.block = attempt.block;
        dialog.marks = attempt.marks;
        dialog.invite_vias = attempt.invite_vias;
        dialog.invite_minutes = attempt.invite_minutes;
        dialog.invite = Moment::NEVER;
        dialog.invite.at(at.time);
        dialog.invite_cseq = Some(Number::of(at.message));
        dialog.highest_cseq[Side::First.index()] = at.message.cseq().number;
        dialog.heard(Side::First, at.time);
        self.renew_leg(place, &keys);
    }

    fn pack_attempt(&mut self, attempt: &mut Dialog, at: &Crossed<'_>) {
        let hop = hop_and_branch(at);
        let packer = self.packer.clear();
        packer.push(Fact::CallId, at.message.call_id()).push(Fact::FirstTag, at.message.from_tag());
        packer.push(Fact::InviteHop, &hop);
        let node = self.servers.node(at.hop, at.point);
        let header = self.options.correlation_header.as_deref();
        let gathered = gather_invite(packer, at.message, node, at.crossing, header);
        attempt.block = packer.pack();
        attempt.marks.set(Marks::CALLER_KNOWN);
        attempt.marks.set(Marks::INVITE);
        invite_seen(attempt, at);
        attempt.learned(gathered, Marks::OFFER);
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
        let hop = hop_and_branch(at);
        let Some(dialog) = self.table.get_mut(place) else { return };
        let first_sight = !dialog.marks.has(Marks::INVITE);
        // What an INVITE before it said gives way.
        let replaces = first_sight && dialog.block.has(Fact::InviteHop);
        let nearest =
            replaces || dialog.invite.get().is_some_and(|seen| (vias(at), at.time) < (dialog.invite_vias, seen));
        dialog.invite.at(at.time);
        dialog.heard(Side::First, at.time);
        dialog.invite_cseq = Some(Number::of(at.message));
        let highest = &mut dialog.highest_cseq[Side::First.index()];
        *highest = (*highest).max(at.message.cseq().number);

        // What is told once, is told.
        let new_hop = !dialog.is_told()
            && dialog.block.all_own(Fact::InviteHop).count() < MAX_HOPS
            && !dialog.block.all_own(Fact::InviteHop).any(|seen| seen == hop);
        if first_sight || new_hop {
            dialog.marks.set(Marks::INVITE);
            if dialog.block.all_own(Fact::InviteHop).any(|seen| seen.get(..4) != hop.get(..4)) {
                dialog.marks.set(Marks::SEVERAL_HOPS);
            }
            invite_seen(dialog, at);
            self.add_invite(place, at, new_hop.then_some(&hop[..]), nearest);
        }
        if self.table.get(place).is_some_and(|dialog| dialog.ending.is_some()) {
            self.settle(place, self.clock());
        }
    }

    pub(super) fn cancel(&mut self, at: &Crossed<'_>) {
        if let Some(place) = self.attempt(at, at.message.from_tag())
            && let Some(dialog) = self.table.get_mut(place)
            && dialog.invite_cseq == Some(Number::of(at.message))
        {
            dialog.heard(Side::First, at.time);
            dialog.marks.set(Marks::CANCELLED);
        }
    }
}

/// Where an INVITE was seen: which way past the server, how far from its sender, and how long it may ring.
fn invite_seen(dialog: &mut Dialog, at: &Crossed<'_>) {
    invite_crossed(dialog, at.crossing);
    dialog.invite_vias = dialog.invite_vias.min(vias(at));
    let minutes = expires(at.message).unwrap_or(0).div_ceil(60);
    dialog.invite_minutes = dialog.invite_minutes.max(u8::try_from(minutes).unwrap_or(u8::MAX));
}

impl Dialog {
    /// Whether an INVITE of this time and with a lower number is a late copy of the one that was sent before: it was
    /// challenged or sent elsewhere, and begins nothing any more.
    fn is_past(&self, time: Timestamp) -> bool {
        time < self.invite.get().unwrap_or(self.last_message)
    }

    /// Rule 18: an answer to a further INVITE of this attempt was delivered first. What was seen of the INVITE that failed
    /// is not of this one; its facts stay until this one is seen.
    pub(super) fn goes_on_with(&mut self, cseq: Number) {
        self.invite_cseq = Some(cseq);
        self.invite = Moment::NEVER;
        self.invite_vias = u8::MAX;
        let highest = &mut self.highest_cseq[Side::First.index()];
        *highest = (*highest).max(cseq.get());
        for mark in [Marks::INVITE, Marks::OFFER, Marks::FAILED, Marks::REFUSED, Marks::CANCELLED, Marks::SEVERAL_HOPS]
        {
            self.marks.clear(mark);
        }
    }

    /// Nothing but an ACK shows that it was answered, and perhaps not even that. When its caller sends a further initial
    /// INVITE, it was the ACK of a failure: some UAS have the same To-tag for their 401 and for the 2xx that follows, which
    /// must not be taken for that of a re-INVITE.
    fn has_only_acks(&self) -> bool {
        matches!(self.confirmed_by, Confirmation::None | Confirmation::Ack)
            && !self.answer.is_some()
            && !self.marks.has(Marks::IN_DIALOG)
            && self.ending.is_none()
    }
}

/// How far a message is from the sender of its request.
pub(super) fn vias(at: &Crossed<'_>) -> u8 {
    u8::try_from(at.message.via_count()).unwrap_or(u8::MAX)
}
