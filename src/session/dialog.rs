//! One dialog at one charging point: what was seen of it so far.

use core::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::ending::Ending;
use crate::charging::{Block, Confirmation, Fact, Gathered, Packer, Party, Point, ServiceKind};
use crate::sip::Message;
use crate::time::Timestamp;

/// Place of a dialog in its table.
pub(crate) type Place = u32;
/// No place.
pub(crate) const NOWHERE: Place = u32::MAX;

/// The earliest time at which something was seen, if it was; one that was comes before one that was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Moment(Timestamp);

impl Moment {
    pub(crate) const NEVER: Self = Self(Timestamp::MAX);

    pub(crate) fn get(self) -> Option<Timestamp> {
        (self.0 != Timestamp::MAX).then_some(self.0)
    }

    pub(crate) fn is_some(self) -> bool {
        self.0 != Timestamp::MAX
    }

    /// Seen at this time too: the earlier one stays, whatever the order in which a mirror delivered them.
    pub(crate) fn at(&mut self, time: Timestamp) {
        self.0 = self.0.min(time);
    }
}

/// The CSeq number of an INVITE, stored as one more: it is below 2^31 (RFC 3261 §8.1.1.5), and 0 is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Number(NonZeroU32);

impl Number {
    pub(crate) fn of(message: &Message<'_>) -> Self {
        Self(NonZeroU32::MIN.saturating_add(message.cseq().number))
    }

    pub(crate) fn get(self) -> u32 {
        self.0.get() - 1
    }
}

/// A side of a dialog, by the order of its tags in the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Side {
    /// The caller, once known; before that, whoever was seen first.
    First,
    Second,
}

impl Side {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// What was seen of a dialog, as single bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marks(u32);

impl Marks {
    /// The first side sent the initial INVITE.
    pub(crate) const CALLER_KNOWN: Self = Self(1);
    pub(crate) const INVITE: Self = Self(1 << 1);
    pub(crate) const PROVISIONAL: Self = Self(1 << 2);
    /// A final answer above 2xx to the initial INVITE.
    pub(crate) const FAILED: Self = Self(1 << 3);
    pub(crate) const CANCELLED: Self = Self(1 << 4);
    /// Another entry stands for an answered branch of this attempt.
    pub(crate) const ANSWERED: Self = Self(1 << 5);
    /// A request or answer inside the dialog, other than BYE and ACK, and PRACK, which comes before the 2xx.
    pub(crate) const IN_DIALOG: Self = Self(1 << 6);
    /// An answered SDP had MSRP, or an IM feature tag was shown.
    pub(crate) const MESSAGING: Self = Self(1 << 7);
    /// An answered SDP was seen.
    pub(crate) const MEDIA: Self = Self(1 << 8);
    /// The INVITE carried an SDP offer.
    pub(crate) const OFFER: Self = Self(1 << 9);
    /// Something that the first (second) side sent was captured.
    pub(crate) const FIRST_HEARD: Self = Self(1 << 10);
    pub(crate) const SECOND_HEARD: Self = Self(1 << 11);
    /// The first that was seen of the dialog was its BYE, or the answer to it.
    pub(crate) const BEGAN_WITH_ITS_END: Self = Self(1 << 12);
    /// Tags do not tell the sides apart, and neither do the From URIs.
    pub(crate) const SIDES_UNKNOWN: Self = Self(1 << 13);
    /// Its INVITE was seen on several hops: a BYE will be too, and the mirror may deliver a relay's copy first.
    pub(crate) const SEVERAL_HOPS: Self = Self(1 << 14);
    /// Its INVITE entered (left) the IM Server.
    pub(crate) const LEG_IN: Self = Self(1 << 15);
    pub(crate) const LEG_OUT: Self = Self(1 << 16);
    /// A record of the other leg has listed this one (rule 17).
    pub(crate) const MERGED: Self = Self(1 << 17);
    /// Any 1xx to the initial INVITE, 100 too: the caller waits for as long as it takes (RFC 3261 §17.1.1.2, Proceeding).
    pub(crate) const PROCEEDING: Self = Self(1 << 27);
    /// A final answer above 2xx to the initial INVITE, on the hop nearest to the caller: the failure of all branches.
    pub(crate) const REFUSED: Self = Self(1 << 28);
    /// An INVITE inside the dialog was seen.
    pub(crate) const RE_INVITE: Self = Self(1 << 26);
    /// Its own 2xx, or the ACK of it, shows that it leads into (out of) the IM Server.
    pub(crate) const OWN_WAY_IN: Self = Self(1 << 24);
    pub(crate) const OWN_WAY_OUT: Self = Self(1 << 25);

    pub(crate) fn set(&mut self, marks: Self) {
        self.0 |= marks.0;
    }

    pub(crate) fn clear(&mut self, marks: Self) {
        self.0 &= !marks.0;
    }

    pub(crate) fn has(self, marks: Self) -> bool {
        self.0 & marks.0 == marks.0
    }
}

/// One dialog, or one attempt at one.
///
/// Invariants: the block has a Call-ID and a first tag; without a second tag the entry is an attempt, which is never
/// confirmed and never has an ending. With [`Marks::CALLER_KNOWN`] the first tag is the caller's. Times are capture
/// times; [`Moment`]s only ever move earlier, the others only later, so that the order of arrival decides nothing.
#[derive(Serialize, Deserialize)]
pub(crate) struct Dialog {
    /// Kept in an image as its facts, which stand there without it.
    #[serde(skip)]
    pub(crate) block: Block,
    /// Hash of the Call-ID, kept for the index.
    #[serde(skip)]
    pub(crate) hash: u32,
    /// Place of the next dialog with this hash.
    #[serde(skip)]
    pub(crate) next: Place,
    /// Rank by age, for eviction and for fork order among equal times.
    pub(crate) ordinal: u64,
    #[serde(skip)]
    pub(crate) point: Point,
    pub(crate) confirmed_by: Confirmation,
    pub(crate) marks: Marks,
    /// Fewest Vias of its INVITE on any hop.
    pub(crate) invite_vias: u8,
    /// Expires of its INVITE, in minutes, rounded up: how long it may ring. More than a byte holds, 4¼ hours, is cut.
    pub(crate) invite_minutes: u8,
    /// CSeq of the INVITE that was or may be answered; `None` while only later traffic was seen.
    pub(crate) invite_cseq: Option<Number>,
    /// Highest CSeq of each side.
    pub(crate) highest_cseq: [u32; 2],
    pub(crate) invite: Moment,
    pub(crate) answer: Moment,
    pub(crate) ack: Moment,
    /// Time of the message that made this entry.
    pub(crate) joined: Timestamp,
    /// Latest message of the dialog: what silence is measured from.
    pub(crate) last_message: Timestamp,
    /// Latest message that shows both sides well: an answer that is no failure, or an ACK.
    pub(crate) last_good: Timestamp,
    /// Latest 2xx to a request of the session inside the dialog; the initial INVITE's, sent again, shows nothing new.
    pub(crate) went_on: Timestamp,
    /// Latest 2xx that set or cleared the session timer, and its interval in seconds; 0 is none.
    pub(crate) refreshed: Timestamp,
    pub(crate) session_expires: u32,
    /// Earliest time at which an entry of the deadline queue will look at this dialog.
    #[serde(skip)]
    pub(crate) queued: Timestamp,
    /// What was seen of its end; only a dialog that is ending has one.
    pub(crate) ending: Option<Box<Ending>>,
}

impl Dialog {
    pub(crate) fn call_id(&self) -> &[u8] {
        self.block.call_id()
    }

    /// Call-ID, first tag and second tag, in one pass over the head of the block.
    pub(crate) fn key(&self) -> (&[u8], &[u8], Option<&[u8]>) {
        self.block.key()
    }

    pub(crate) fn is_attempt(&self) -> bool {
        self.key().2.is_none()
    }

    pub(crate) fn is_confirmed(&self) -> bool {
        self.confirmed_by != Confirmation::None
    }

    pub(crate) fn caller_known(&self) -> bool {
        self.marks.has(Marks::CALLER_KNOWN)
    }

    /// The first sight that confirms stays; an answer is better evidence than any other and replaces it.
    pub(crate) fn confirm(&mut self, by: Confirmation) {
        if self.confirmed_by == Confirmation::None || by == Confirmation::Answer {
            self.confirmed_by = by;
        }
    }

    /// A message of this dialog, sent by this side.
    pub(crate) fn heard(&mut self, side: Side, time: Timestamp) {
        self.last_message = self.last_message.max(time);
        self.marks.set(match side {
            Side::First => Marks::FIRST_HEARD,
            Side::Second => Marks::SECOND_HEARD,
        });
    }

    pub(crate) fn was_heard(&self, side: Side) -> bool {
        self.marks.has(match side {
            Side::First => Marks::FIRST_HEARD,
            Side::Second => Marks::SECOND_HEARD,
        })
    }

    /// Who a side is.
    pub(crate) fn party(&self, side: Side) -> Party {
        match side {
            _ if !self.caller_known() || self.marks.has(Marks::SIDES_UNKNOWN) => Party::Unspecified,
            Side::First => Party::Caller,
            Side::Second => Party::Callee,
        }
    }

    /// When the session began, as far as is known.
    pub(crate) fn start(&self) -> Timestamp {
        [self.answer, self.ack, self.invite].into_iter().find_map(Moment::get).unwrap_or(self.joined)
    }

    /// Whether this session was told to have ended before that time.
    pub(super) fn ended_before(&self, time: Timestamp) -> bool {
        let told = self.ending.as_ref().and_then(|ending| ending.told.as_ref());
        told.is_some_and(|told| told.stop < time)
    }

    /// It turns out which side sent the INVITE: its tag becomes the first.
    pub(super) fn set_caller(&mut self, caller: Side, packer: &mut Packer) {
        if caller == Side::Second {
            self.swap_sides(packer);
        }
        self.marks.set(Marks::CALLER_KNOWN);
    }

    pub(super) fn swap_sides(&mut self, packer: &mut Packer) {
        let (call_id, first, second) = self.key();
        let Some(second) = second else { return };
        packer.clear().push(Fact::CallId, call_id).push(Fact::FirstTag, second).push(Fact::SecondTag, first);
        packer.copy(&self.block, |fact| fact > Fact::SecondTag);
        self.block = packer.pack();
        self.highest_cseq.swap(0, 1);
        let (first, second) = (self.was_heard(Side::First), self.was_heard(Side::Second));
        self.marks.clear(Marks::FIRST_HEARD);
        self.marks.clear(Marks::SECOND_HEARD);
        if first {
            self.marks.set(Marks::SECOND_HEARD);
        }
        if second {
            self.marks.set(Marks::FIRST_HEARD);
        }
        if let Some(ending) = self.ending.as_deref_mut() {
            ending.swap_sides();
        }
    }

    /// What a message told of the service; `sdp` is what a session description in it means.
    pub(super) fn learned(&mut self, gathered: Gathered, sdp: Marks) {
        if gathered.sdp {
            self.marks.set(sdp);
        }
        if gathered.messaging {
            self.marks.set(Marks::MESSAGING);
        }
    }

    pub(crate) fn ending(&mut self) -> &mut Ending {
        self.ending.get_or_insert_default()
    }
}

/// Which side the first of two tags is, in a dialog of these tags.
pub(super) fn side_of(tags: (&[u8], &[u8]), one: &[u8], other: &[u8]) -> Option<Side> {
    if tags == (one, other) {
        Some(Side::First)
    } else if tags == (other, one) {
        Some(Side::Second)
    } else {
        None
    }
}

/// The service a dialog is charged as (rule 16).
pub(super) fn service_kind(dialog: &Dialog) -> ServiceKind {
    if dialog.marks.has(Marks::MESSAGING) {
        ServiceKind::InstantMessaging
    } else if dialog.marks.has(Marks::MEDIA) {
        ServiceKind::Other
    } else {
        ServiceKind::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_small() {
        assert!(size_of::<Dialog>() <= 136, "{}", size_of::<Dialog>());
    }

    #[test]
    fn a_moment_only_moves_earlier() {
        let mut moment = Moment::NEVER;
        assert_eq!(moment.get(), None);
        moment.at(Timestamp::from_nanos(7));
        moment.at(Timestamp::from_nanos(9));
        moment.at(Timestamp::from_nanos(5));
        assert_eq!(moment.get(), Some(Timestamp::from_nanos(5)));
    }
}
