//! What was seen of the BYE of one side.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::dialog::Moment;
use super::reasons::Reasons;
use crate::charging::{Crossing, Role};
use crate::time::Timestamp;

/// How soon what left a server comes back to it, if it does. A client sends its BYE again after T1, 500 ms (RFC 3261
/// §17.1.2.2), by when the server has relayed the first copy for most of that time.
const SPIRAL: Duration = Duration::from_millis(250);

/// A BYE of one side, over all its copies and retransmissions.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Bye {
    pub(crate) time: Timestamp,
    pub(crate) cseq: u32,
    /// A copy entered the IM Server.
    pub(crate) entered: bool,
    /// A copy left the IM Server.
    pub(crate) left: bool,
    /// When a copy first entered (left), and the fewest Vias of those that did.
    pub(crate) first_in: (Moment, u8),
    pub(crate) first_out: (Moment, u8),
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
            first_in: (Moment::NEVER, u8::MAX),
            first_out: (Moment::NEVER, u8::MAX),
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
        self.first_in = earlier(self.first_in, other.first_in);
        self.first_out = earlier(self.first_out, other.first_out);
        self.relayed |= other.relayed;
        self.vias = self.vias.min(other.vias);
        self.between |= other.between;
        if self.product == Role::Unspecified {
            self.product = other.product;
        }
    }

    pub(crate) fn crossed(&mut self, crossing: Crossing, vias: u16, at_server: bool) {
        let count = u8::try_from(vias).unwrap_or(u8::MAX);
        self.vias = self.vias.min(count);
        let mut now = Moment::NEVER;
        now.at(self.time);
        match crossing {
            Crossing::Entering => {
                self.entered = true;
                self.first_in = (now, count);
            }
            Crossing::Leaving => {
                self.left = true;
                self.first_out = (now, count);
                self.relayed |= vias > 1;
            }
            Crossing::Neither => self.between |= at_server,
        }
    }

    /// Whether it was challenged, and not sent again with credentials since: one that was sent again is not in doubt.
    pub(crate) fn is_refused(&self) -> bool {
        self.challenged == Some(self.cseq) && !self.accepted
    }

    /// A spiral (RFC 3261 §16.3): it left the server just before it entered it, and with fewer Vias. Neither alone shows
    /// anything: a server may hide the Vias of what it relays, and two interfaces may not agree on the time. And what
    /// enters later is the client's once more, whose first copy the mirror lost.
    fn came_back(&self) -> bool {
        let ((entered, vias_in), (left, vias_out)) = (self.first_in, self.first_out);
        let soon = |(entered, left): (Timestamp, Timestamp)| left < entered && entered.since(left) < SPIRAL;
        entered.get().zip(left.get()).is_some_and(soon) && vias_out < vias_in
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

/// The earliest time, and the fewest Vias, of two sights of the same way.
fn earlier(one: (Moment, u8), other: (Moment, u8)) -> (Moment, u8) {
    (one.0.min(other.0), one.1.min(other.1))
}
