//! What was seen of the BYE of one side.

use serde::{Deserialize, Serialize};

use super::dialog::Moment;
use super::reasons::Reasons;
use crate::charging::{Crossing, Role};
use crate::time::Timestamp;

/// The copy with the fewest Vias of those that went one way across the IM Server, the earliest of these.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Nearest {
    vias: u8,
    time: Moment,
    /// Hash of the branch of its lowest Via, which is that of the element that first sent it; none where that has no branch.
    origin: Option<u32>,
}

impl Nearest {
    /// No copy went this way.
    const NONE: Self = Self { vias: u8::MAX, time: Moment::NEVER, origin: None };
}

/// A BYE of one side, over all its copies and retransmissions.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Bye {
    pub(crate) time: Timestamp,
    pub(crate) cseq: u32,
    /// A copy entered the IM Server.
    pub(crate) entered: bool,
    /// A copy left the IM Server.
    pub(crate) left: bool,
    /// Of the copies that entered, and of those that left.
    pub(crate) nearest_in: Nearest,
    pub(crate) nearest_out: Nearest,
    /// A copy that left had more than one Via: another element had sent it to the server.
    pub(crate) relayed: bool,
    /// Fewest Vias of any copy: the one nearest to its sender.
    pub(crate) vias: u8,
    /// A copy went between two IM Servers.
    pub(crate) between: bool,
    /// What the sender's product token says it is.
    pub(crate) product: Role,
    /// Highest CSeq that was challenged with 401 or 407.
    pub(crate) challenged: Option<u32>,
    /// Answered with 2xx.
    pub(crate) accepted: bool,
    /// Answered with any final status.
    pub(crate) answered: bool,
    pub(crate) reasons: Reasons,
}

impl Bye {
    pub(crate) fn new(time: Timestamp, cseq: u32) -> Self {
        Self {
            time,
            cseq,
            entered: false,
            left: false,
            nearest_in: Nearest::NONE,
            nearest_out: Nearest::NONE,
            relayed: false,
            vias: u8::MAX,
            between: false,
            product: Role::Unspecified,
            challenged: None,
            accepted: false,
            answered: false,
            reasons: Reasons::default(),
        }
    }

    /// Adds a copy of the same BYE, or the same BYE sent again with the next CSeq.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.time = self.time.min(other.time);
        self.cseq = self.cseq.max(other.cseq);
        self.entered |= other.entered;
        self.left |= other.left;
        self.nearest_in = self.nearest_in.min(other.nearest_in);
        self.nearest_out = self.nearest_out.min(other.nearest_out);
        self.relayed |= other.relayed;
        self.vias = self.vias.min(other.vias);
        self.between |= other.between;
        if self.product == Role::Unspecified {
            self.product = other.product;
        }
    }

    /// It crossed a charging point so, with so many Vias, the lowest of them of this `origin`.
    pub(crate) fn crossed(&mut self, crossing: Crossing, vias: u16, origin: Option<u32>, at_server: bool) {
        let vias = u8::try_from(vias).unwrap_or(u8::MAX);
        self.vias = self.vias.min(vias);
        let mut time = Moment::NEVER;
        time.at(self.time);
        let nearest = Nearest { vias, time, origin };
        match crossing {
            Crossing::Entering => {
                self.entered = true;
                self.nearest_in = nearest;
            }
            Crossing::Leaving => {
                self.left = true;
                self.nearest_out = nearest;
                self.relayed |= vias > 1;
            }
            Crossing::Neither => self.between |= at_server,
        }
    }

    /// Whether it was challenged, and not sent again with credentials since: one that was sent again is not in doubt.
    pub(crate) fn is_refused(&self) -> bool {
        self.challenged == Some(self.cseq) && !self.accepted
    }

    /// A spiral (RFC 3261 §16.3): what entered the server had left it, with fewer Vias, under the same lowest one. Fewer Vias
    /// alone show nothing, since a server may hide those of what it relays; nor do the times of two interfaces.
    fn came_back(&self) -> bool {
        self.nearest_out.vias < self.nearest_in.vias
            && self.nearest_out.origin.is_some()
            && self.nearest_out.origin == self.nearest_in.origin
    }

    /// Rule 15: who sent it, by the hops at the IM Server, else by the product token.
    pub(crate) fn role(&self) -> Role {
        if self.came_back() {
            Role::ImServer
        } else if self.entered {
            Role::ImClient
        } else if self.left {
            if self.relayed && !self.between { Role::ImClient } else { Role::ImServer }
        } else if self.between {
            Role::Unspecified
        } else {
            self.product
        }
    }
}
