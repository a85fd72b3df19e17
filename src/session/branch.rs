//! Which dialog a message belongs to, and how a dialog comes from an attempt.

use super::crossed::Crossed;
use super::dialog::{Dialog, Marks, Moment, NOWHERE, Number, Place, Side, side_of};
use super::sessions::Sessions;
use crate::charging::{Confirmation, Fact, copy_for_branch};
use crate::sip::{Header, NameAddr};
use crate::time::Timestamp;

impl Sessions {
    /// The dialog of a message, and the side that its From is.
    pub(super) fn find(&self, at: &Crossed<'_>) -> Option<(Place, Side)> {
        let (call_id, from, to) = (at.message.call_id(), at.message.from_tag(), at.message.to_tag());
        let (place, side) = self.table.dialog(at.hash, at.point, call_id, from, to)?;
        self.goes_on(at, place, side)
    }

    /// The dialog of a message, and the attempt of the caller that its From is, in one walk.
    pub(super) fn find_and_attempt(&self, at: &Crossed<'_>) -> (Option<(Place, Side)>, Option<Place>) {
        let (call_id, from, to) = (at.message.call_id(), at.message.from_tag(), at.message.to_tag());
        let (mut found, mut attempt) = (None, None);
        for (place, dialog) in self.table.call(at.hash, call_id).filter(|(_, dialog)| dialog.point == at.point) {
            let (_, first, second) = dialog.key();
            match second {
                None if first == from => attempt = attempt.or(Some(place)),
                None => {}
                Some(second) => found = found.or_else(|| Some((place, side_of((first, second), from, to)?))),
            }
        }
        (found.and_then(|(place, side)| self.goes_on(at, place, side)), attempt)
    }

    /// The dialog with the tags of a message, and the side that its From is, if the message is of that dialog.
    fn goes_on(&self, at: &Crossed<'_>, place: Place, side: Side) -> Option<(Place, Side)> {
        let (from, to) = (at.message.from_tag(), at.message.to_tag());
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

    pub(super) fn side_by_uri(&self, place: Place, at: &Crossed<'_>) -> Option<Side> {
        let block = &self.table.get(place)?.block;
        let from = at.message.first(Header::From)?;
        let from = NameAddr::read(from.raw())?.uri;
        let is = |fact| {
            let known = block.first(fact, &self.packer).map(|value| value.bytes());
            known.as_deref().and_then(NameAddr::read).is_some_and(|known| known.uri == from)
        };
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

    /// Makes a dialog of an attempt that was answered with this tag; of one that was answered before, a further branch.
    pub(super) fn branch(&mut self, place: Place, at: &Crossed<'_>, callee: &[u8]) -> Place {
        let Some(dialog) = self.table.get_mut(place) else { return place };
        let packer = self.packer.clear().copy_front(&dialog.block, Fact::FirstTag).push(Fact::SecondTag, callee);
        if dialog.is_attempt() {
            let agreed = copy_for_branch(packer, &dialog.block, callee);
            self.repacked += packer.repack(&mut dialog.block);
            dialog.learned(agreed, Marks::MEDIA);
            return place;
        }
        self.further_branch(place, at, callee)
    }

    /// A dialog beside an attempt that may still be answered elsewhere.
    pub(super) fn early_branch(&mut self, place: Place, at: &Crossed<'_>, callee: &[u8]) -> Place {
        let Some(dialog) = self.table.get(place) else { return place };
        self.packer.clear().copy_front(&dialog.block, Fact::FirstTag).push(Fact::SecondTag, callee);
        self.further_branch(place, at, callee)
    }

    /// Adds a dialog with the INVITE of another; the packer holds its key.
    fn further_branch(&mut self, place: Place, at: &Crossed<'_>, callee: &[u8]) -> Place {
        let mut branch = self.dialog_for(at);
        let Some(dialog) = self.table.get_mut(place) else { return place };
        let agreed = copy_for_branch(&mut self.packer, &dialog.block, callee);
        branch.block = self.packer.pack();
        branch.invite = dialog.invite;
        branch.invite_vias = dialog.invite_vias;
        branch.invite_minutes = dialog.invite_minutes;
        branch.invite_cseq = dialog.invite_cseq;
        branch.highest_cseq[Side::First.index()] = dialog.invite_cseq.map_or(0, Number::get);
        for mark in [
            Marks::CALLER_KNOWN,
            Marks::INVITE,
            Marks::PROVISIONAL,
            Marks::PROCEEDING,
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
        if branch.block.has(Fact::FeatureTag) {
            branch.marks.set(Marks::MESSAGING);
        }
        branch.learned(agreed, Marks::MEDIA);
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
            invite_vias: u8::MAX,
            invite_minutes: 0,
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
}
