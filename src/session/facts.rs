//! What messages tell, added to the block of their dialog: whichever hop they were seen on, and in whatever order.

use super::ack::short_hash;
use super::crossed::Crossed;
use super::dialog::{Dialog, Marks, Number, Place, Side};
use super::sessions::Sessions;
use crate::charging::{
    Block, Fact, MAX_CHANGE, MAX_VALUE, MessageBody, Packer, Part, gather_answer, gather_invite, gather_media,
    has_early, has_messaging, note_early, pack_change, read_change,
};
use crate::sip::{Header, Method};
use crate::time::Timestamp;

/// Hops whose copy of the 2xx is read. What those further on add is not told.
const MAX_ANSWER_HOPS: usize = 8;

impl Sessions {
    /// Adds what the INVITE tells on a hop; `hop` is what is kept of that, if it is new. Where a field has room for one
    /// value the hop nearest to the caller outranks the others, and `nearest` says that this is it; of what that leaves
    /// open, the further hop that was delivered first has the say.
    pub(super) fn add_invite(&mut self, place: Place, at: &Crossed<'_>, hop: Option<&[u8]>, nearest: bool) {
        let node = self.servers.node(at.hop, at.point);
        let header = self.options.correlation_header.as_deref();
        let Some(dialog) = self.table.get(place) else { return };
        let keys = self.leg_keys(place);
        let packer = self.packer.clear().copy_front(&dialog.block, Fact::InviteHop);
        if let Some(hop) = hop {
            packer.push(Fact::InviteHop, hop);
        }
        let gathered = if nearest {
            let gathered = gather_invite(packer, at.message, node, at.crossing, header);
            packer.merge(&dialog.block, Part::Invite, |fact| fact > Fact::InviteHop);
            gathered
        } else {
            packer.copy_behind(&dialog.block, Fact::InviteHop);
            gather_invite(packer, at.message, node, at.crossing, header)
        };
        if let Some(hops) = dialog.block.own(Fact::Answered) {
            packer.push(Fact::Answered, hops).merge(&dialog.block, Part::Answer, |_| true);
        }
        self.keep_packed(place);
        if let Some(dialog) = self.table.get_mut(place) {
            dialog.learned(gathered, Marks::OFFER);
        }
        if !gathered.sdp {
            self.note_late_offer(place, at);
        }
        self.renew_leg(place, &keys);
    }

    /// Adds what the 2xx of the initial INVITE tells on a hop. That of the hop nearest to the callee outranks the others, as
    /// with the INVITE: `nearest` says that this is it.
    pub(super) fn add_answer(&mut self, place: Place, at: &Crossed<'_>, nearest: bool) {
        let Some(dialog) = self.table.get(place) else { return };
        let hop = (short_hash(at.hop) as u16).to_ne_bytes();
        let hops = dialog.block.own(Fact::Answered).unwrap_or_default();
        let is_known =
            hops.len() >= MAX_ANSWER_HOPS * hop.len() || hops.chunks_exact(hop.len()).any(|seen| *seen == hop);
        if is_known || !hops.is_empty() && dialog.is_told() {
            return;
        }
        // With an offer in the INVITE the 2xx answers it; without, the 2xx is the offer and the ACK the answer.
        let answers = dialog.was_offered(at);
        let before = dialog.marks;
        // What later messages agreed on is not undone by a copy that comes late.
        let is_first = hops.is_empty() || nearest;
        let counts = !dialog.block.has(Fact::Media) || is_first && dialog.went_on <= at.time;
        let sdp = at.message.sdp().filter(|_| answers && counts);
        let keeps = |fact: Fact| sdp.is_none() || !fact.is_of_media();
        let keys = self.leg_keys(place);
        let header = self.options.correlation_header.as_deref();

        let packer = self.packer.clear().copy_invite(&dialog.block);
        packer.push_written(Fact::Answered, |bytes| {
            bytes.extend_from_slice(hops);
            bytes.extend_from_slice(&hop);
        });
        let gathered = if nearest {
            let gathered = gather_answer(packer, at.message, sdp, header);
            packer.merge(&dialog.block, Part::Answer, keeps);
            gathered
        } else {
            packer.copy_part(&dialog.block, Part::Answer, keeps);
            gather_answer(packer, at.message, sdp, header)
        };
        self.keep_packed(place);
        if let Some(dialog) = self.table.get_mut(place) {
            dialog.learned(gathered, Marks::MEDIA);
        }
        if !before.has(Marks::INVITE) {
            self.suppose(place, at, before);
        }
        self.renew_leg(place, &keys);
    }

    /// Keeps the media of an answered session description.
    pub(super) fn note_media(&mut self, place: Place, at: &Crossed<'_>) {
        let Some(sdp) = at.message.sdp() else { return };
        let Some(dialog) = self.table.get(place) else { return };
        // MSRP that was agreed on in another way is not in doubt.
        let is_sure = has_messaging(sdp) && !dialog.is_supposed(at);
        begin_answer(&mut self.packer, &dialog.block, |fact| {
            !(fact.is_of_media() || is_sure && fact == Fact::Supposed)
        });
        let gathered = gather_media(&mut self.packer, sdp);
        self.keep_packed(place);
        if let Some(dialog) = self.table.get_mut(place) {
            dialog.learned(gathered, Marks::MEDIA);
        }
    }

    /// Keeps the media of the 2xx to an INVITE inside the dialog, if that is an answer.
    pub(super) fn note_media_of_2xx(&mut self, place: Place, at: &Crossed<'_>) {
        let Some(before) = self.table.get(place).filter(|dialog| dialog.was_offered(at)).map(|dialog| dialog.marks)
        else {
            return;
        };
        self.note_media(place, at);
        self.suppose(place, at, before);
    }

    /// Notes that a 2xx made a session IM, where that may yet turn out to be an offer; `before` is what was known before it.
    fn suppose(&mut self, place: Place, at: &Crossed<'_>, before: Marks) {
        let Some(dialog) = self.table.get(place) else { return };
        if before.has(Marks::MESSAGING) || !dialog.marks.has(Marks::MESSAGING) || dialog.block.has(Fact::FeatureTag) {
            return;
        }
        begin_answer(&mut self.packer, &dialog.block, |fact| fact != Fact::Supposed);
        self.packer.push_written(Fact::Supposed, |bytes| {
            bytes.extend_from_slice(&of(at));
            bytes.push(u8::from(before.has(Marks::MEDIA)));
        });
        self.keep_packed(place);
    }

    /// The INVITE that this message is, or belongs to, had no offer: the SDP of its 2xx is one and agrees on nothing, and the
    /// answer is in the ACK (RFC 3261 §13.2.1 and §14.1).
    pub(super) fn note_late_offer(&mut self, place: Place, at: &Crossed<'_>) {
        let Some(dialog) = self.table.get(place) else { return };
        let supposed = dialog.is_supposed(at);
        let is_known = dialog.has_late_offer(at) || dialog.is_initial(at) && dialog.marks.has(Marks::INVITE);
        if is_known && !supposed {
            return;
        }
        let had_media = dialog.block.own(Fact::Supposed).is_some_and(|value| value.ends_with(&[1]));
        begin_answer(&mut self.packer, &dialog.block, |fact| {
            !(supposed && (fact == Fact::Supposed || fact.is_of_media()) || !is_known && fact == Fact::LateOffer)
        });
        if !is_known {
            self.packer.push(Fact::LateOffer, &of(at));
        }
        self.keep_packed(place);
        if let Some(dialog) = self.table.get_mut(place).filter(|_| supposed) {
            dialog.marks.clear(Marks::MESSAGING);
            if !had_media {
                dialog.marks.clear(Marks::MEDIA);
            }
        }
    }

    /// The SDP answer stands in the ACK when the 2xx carried the offer.
    pub(super) fn answer_in_ack(&mut self, place: Place, at: &Crossed<'_>) {
        if at.message.body().is_empty() || at.message.sdp().is_none() {
            return;
        }
        if self.table.get(place).is_some_and(|dialog| !dialog.is_initial(at) || !dialog.marks.has(Marks::OFFER)) {
            self.note_late_offer(place, at);
            self.note_media(place, at);
        }
    }

    /// Keeps the media that an early dialog with this callee has agreed on (rule 16), with the attempt or with another
    /// branch of its INVITE.
    fn note_early_media(&mut self, place: Place, callee: &[u8], at: &Crossed<'_>) {
        let Some(sdp) = at.message.sdp() else { return };
        let Some(dialog) = self.table.get(place) else { return };
        note_early(&mut self.packer, &dialog.block, callee, sdp);
        self.keep_packed(place);
    }

    /// The SDP of a provisional response: the answer where the INVITE had an offer, else itself the offer (RFC 3262 §5).
    pub(super) fn provisional_media(&mut self, at: &Crossed<'_>, found: Option<(Place, Side)>) {
        let (message, cseq) = (at.message, Number::of(at.message));
        if message.body().is_empty() {
            return;
        }
        if let Some((place, inviter)) = found {
            let Some(dialog) = self.table.get(place) else { return };
            let initial = inviter == Side::First && dialog.invite_cseq == Some(cseq);
            // One that is delivered after the 2xx says nothing newer.
            let late = initial && dialog.answer.is_some() && dialog.block.has(Fact::Media);
            let before = dialog.marks;
            if !late && dialog.was_offered(at) {
                self.note_media(place, at);
                if !before.has(Marks::INVITE) {
                    self.suppose(place, at, before);
                }
            }
            return;
        }
        let known = self.attempt(at, message.from_tag()).or_else(|| self.sibling(at, message.from_tag()));
        if let Some(place) = known
            && self.table.get(place).is_some_and(|dialog| dialog.invite_cseq == Some(cseq) && dialog.was_offered(at))
        {
            self.note_early_media(place, message.to_tag(), at);
        }
    }

    /// The 2xx to a PRACK or UPDATE in a dialog that is not answered yet: its SDP is an answer.
    pub(super) fn early_answer(&mut self, at: &Crossed<'_>, method: Method<'_>, status: u16) {
        if !matches!(method, Method::Prack | Method::Update)
            || !(200..300).contains(&status)
            || at.message.body().is_empty()
        {
            return;
        }
        if let Some((place, requester)) = self.known_side(at) {
            self.note_early_media(place, callee(at, requester), at);
        }
    }

    /// A PRACK: where the offer stood in the 1xx, the answer stands here (RFC 3262 §5). A later one may have a new offer.
    pub(super) fn answer_in_prack(&mut self, at: &Crossed<'_>, found: Option<(Place, Side)>) {
        if at.message.body().is_empty() {
            return;
        }
        let Some((place, side)) = found.or_else(|| self.known_side(at)) else { return };
        let Some(dialog) = self.table.get(place) else { return };
        let had_none = dialog.marks.has(Marks::INVITE) && !dialog.marks.has(Marks::OFFER) && side == Side::First;
        if !had_none || dialog.answer.is_some() && found.is_some() {
            return;
        }
        let agreed =
            if found.is_some() { dialog.block.has(Fact::Media) } else { has_early(&dialog.block, at.message.to_tag()) };
        match found {
            _ if agreed => {}
            Some((place, _)) => self.note_media(place, at),
            None => self.note_early_media(place, at.message.to_tag(), at),
        }
    }

    /// Keeps what the body of a BYE is; of each sender that with the highest CSeq, whichever was delivered first.
    pub(super) fn note_body(&mut self, place: Place, at: &Crossed<'_>) {
        let Some(dialog) = self.table.get(place).filter(|_| !at.message.body().is_empty()) else { return };
        let bye = of(at);
        let has_newer = |seen: &[u8]| seen.starts_with(&bye[..4]) && cseq_of(seen) >= Some(at.message.cseq().number);
        if dialog.block.all_own(Fact::ByeBody).any(has_newer) {
            return;
        }
        // A body is rare, and a second one rarer: that of the other side stays, an earlier one of this side goes.
        let other = dialog.block.all_own(Fact::ByeBody).find(|seen| !seen.starts_with(&bye[..4]));
        begin_answer(&mut self.packer, &dialog.block, |fact| fact != Fact::ByeBody);
        if let Some(other) = other {
            self.packer.push(Fact::ByeBody, other);
        }
        self.packer.push_written(Fact::ByeBody, |bytes| {
            bytes.extend_from_slice(&bye);
            MessageBody::pack(at.message, bytes);
        });
        self.keep_packed(place);
    }

    /// A 2xx to an INVITE or UPDATE of the caller, inside the dialog, may say that the callee is another now.
    pub(super) fn note_called(&mut self, place: Place, at: &Crossed<'_>) {
        let Some(identity) = at.message.first(Header::PAssertedIdentity) else { return };
        let Some(identity) = identity.elements().next().map(|element| element.unfold()) else { return };
        let Some(dialog) = self.table.get(place) else { return };
        if !dialog.caller_known() || dialog.key().1 != at.message.from_tag() {
            return;
        }
        if dialog.knows_called(&self.packer, &identity, at.time) {
            return;
        }
        begin_answer(&mut self.packer, &dialog.block, |fact| fact != Fact::CalledChange);
        self.packer.push_written(Fact::CalledChange, |bytes| pack_change(at.time, &identity, bytes));
        self.keep_packed(place);
    }

    /// Makes what was packed the block of a dialog, if it is not that already.
    fn keep_packed(&mut self, place: Place) {
        let Some(dialog) = self.table.get_mut(place) else { return };
        if !self.packer.is(&dialog.block) {
            self.repacked += self.packer.repack(&mut dialog.block);
        }
    }
}

impl Dialog {
    pub(super) fn is_told(&self) -> bool {
        self.ending.as_deref().is_some_and(|ending| ending.told.is_some())
    }

    /// Whether it adds nothing that the callee asserted this identity at that time: of the latest identity the earliest
    /// copy counts, in whatever order they are delivered.
    fn knows_called(&self, packer: &Packer, identity: &[u8], time: Timestamp) -> bool {
        let cut = |max: usize| &identity[..identity.len().min(max)];
        if let Some((since, called)) = self.block.own(Fact::CalledChange).and_then(read_change) {
            return if called == cut(MAX_CHANGE) { time >= since } else { time <= since };
        }
        let mut asserted = self.block.values(packer).filter(|(fact, _)| *fact == Fact::CalleeAsserted).peekable();
        asserted.peek().is_none() || asserted.any(|(_, known)| known.is(cut(MAX_VALUE)))
    }

    /// Whether a message belongs to the initial INVITE, and is none of a request inside the dialog.
    fn is_initial(&self, at: &Crossed<'_>) -> bool {
        self.key().1 == at.message.from_tag() && self.invite_cseq == Some(Number::of(at.message))
    }

    /// Whether the 2xx to the INVITE of this message made the session IM, and nothing else did.
    fn is_supposed(&self, at: &Crossed<'_>) -> bool {
        self.block.own(Fact::Supposed).is_some_and(|value| value.starts_with(&of(at)))
    }

    /// Whether the INVITE of this message is known for having had no offer.
    fn has_late_offer(&self, at: &Crossed<'_>) -> bool {
        self.block.own(Fact::LateOffer).is_some_and(|seen| *seen == of(at))
    }

    /// Whether the INVITE that a message answers had an offer, as far as is known: so the SDP of the message is its answer.
    fn was_offered(&self, at: &Crossed<'_>) -> bool {
        let known_without = self.marks.has(Marks::INVITE) && !self.marks.has(Marks::OFFER);
        !(self.has_late_offer(at) || self.is_initial(at) && known_without)
    }
}

/// Gathers a block anew, so that facts of its own answer can be added; `keep` is asked about those that are there.
fn begin_answer(packer: &mut Packer, block: &Block, keep: impl FnMut(Fact) -> bool) {
    let hops = block.own(Fact::Answered).unwrap_or_default();
    packer.clear().copy_invite(block).push(Fact::Answered, hops);
    packer.copy_part(block, Part::Answer, keep);
}

/// The tag of the callee in a message of a dialog whose requester is this side.
fn callee<'a>(at: &Crossed<'a>, requester: Side) -> &'a [u8] {
    if requester == Side::First { at.message.to_tag() } else { at.message.from_tag() }
}

/// What a request inside a dialog, its copies, its answer and its ACK have in common.
fn of(at: &Crossed<'_>) -> [u8; 8] {
    of_request(at.message.from_tag(), at.message.cseq().number)
}

/// The number of the request that such a value begins with.
fn cseq_of(value: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(value.get(4..8)?.try_into().ok()?))
}

/// The same, of the request of this sender with this number.
pub(super) fn of_request(sender: &[u8], cseq: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&short_hash(sender).to_ne_bytes());
    bytes[4..].copy_from_slice(&cseq.to_ne_bytes());
    bytes
}
