//! An ACK: of a 2xx, or of a failure.

use core::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;

use super::crossed::Crossed;
use super::dialog::{Dialog, Marks, Number, Place, Side};
use super::legs::ack_crossed;
use super::sessions::Sessions;
use crate::charging::{Confirmation, Fact};

impl Sessions {
    pub(super) fn ack(&mut self, at: &Crossed<'_>) {
        let message = at.message;
        if let Some((place, mut side)) = self.find(at) {
            let confirmed = self.table.get(place).is_some_and(Dialog::is_confirmed);
            let confirms = confirmed || self.acknowledges_success(place, at);
            let Some(dialog) = self.table.get_mut(place) else { return };
            // Sent before all that was seen of the dialog: it acknowledges the answer of the INVITE, whose sender called.
            if dialog.invite_cseq.is_none() && at.time <= dialog.joined {
                dialog.set_caller(side, &mut self.packer);
                dialog.invite_cseq = Some(Number::of(message));
                side = Side::First;
            }
            dialog.heard(side, at.time);
            dialog.last_good = dialog.last_good.max(at.time);
            let of_initial = side == Side::First && dialog.invite_cseq.is_none_or(|cseq| cseq == Number::of(message));
            let has_invite = dialog.marks.has(Marks::INVITE);
            if of_initial && dialog.caller_known() {
                dialog.ack.at(at.time);
                ack_crossed(dialog, at.crossing);
            }
            let failed = dialog.marks.has(Marks::FAILED);
            if confirms || !has_invite && !failed {
                self.confirm(place, Confirmation::Ack);
            }
            self.answer_in_ack(place, at);
            self.settle(place, self.clock());
            return;
        }
        if let Some(place) = self.attempt(at, message.from_tag()).or_else(|| self.sibling(at, message.from_tag())) {
            let confirms = self.acknowledges_success(place, at);
            // The failure may be that of another branch: an ACK that is not that of a failure on its hop is kept for a 2xx.
            let failed = |dialog: &Dialog| dialog.is_attempt() && dialog.marks.has(Marks::FAILED);
            if self.table.get(place).is_some_and(failed) && !self.has_a_branch_of_its_own(place, at) {
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
                if dialog.invite_cseq == Some(Number::of(message)) {
                    dialog.ack.at(at.time);
                    ack_crossed(dialog, at.crossing);
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
            dialog.invite_cseq = Some(Number::of(message));
            dialog.ack.at(at.time);
            ack_crossed(dialog, at.crossing);
        }
        // Without a To-tag it may be that of a failure, of which a peer after RFC 2543 leaves no other trace.
        if !message.to_tag().is_empty() {
            self.confirm(place, Confirmation::Ack);
        }
        self.answer_in_ack(place, at);
        self.schedule(place, self.clock());
    }

    /// Rule 6: the ACK of a failure has the branch of its INVITE on that hop (RFC 3261 §17.1.1.3), that of a 2xx another.
    fn acknowledges_success(&self, place: Place, at: &Crossed<'_>) -> bool {
        self.has_a_branch_of_its_own(place, at)
            && self.table.get(place).is_some_and(|dialog| !dialog.marks.has(Marks::FAILED))
    }

    /// Whether an ACK has another branch than its INVITE, on a hop where that was seen.
    fn has_a_branch_of_its_own(&self, place: Place, at: &Crossed<'_>) -> bool {
        let hop = hop_and_branch(at);
        let Some(dialog) = self.table.get(place) else { return false };
        let mut here = dialog.block.all_own(Fact::InviteHop).filter(|seen| seen.get(..4) == hop.get(..4)).peekable();
        dialog.invite_cseq == Some(Number::of(at.message)) && here.peek().is_some() && here.all(|seen| seen != hop)
    }
}

pub(super) fn hop_and_branch(at: &Crossed<'_>) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&short_hash(at.hop).to_ne_bytes());
    bytes[4..].copy_from_slice(&short_hash(at.message.branch()).to_ne_bytes());
    bytes
}

/// 32 bits of hash, the same after a restart. Who makes two of them equal makes the probe doubt an ACK of its own.
pub(super) fn short_hash(value: impl Hash) -> u32 {
    (FixedState::default().hash_one(value) >> 32) as u32
}
