//! SIP over SCTP: RFC 4168 on the DATA chunks of RFC 9260 (and the I-DATA chunks of RFC 8260), one SIP message a user message.
//!
//! A message is delivered as soon as it is whole: SCTP frames it, so nothing needs to wait for its order, and the sessions
//! take messages in any order within the reorder window. Transmission sequence numbers serve to put fragments together, to
//! deliver nothing twice, and to notice what was lost.

mod chunk;
mod fragments;
mod lane;
mod numbers;

use crate::packet::Hop;
use crate::time::Timestamp;

use super::conversations::{Conversations, OneWay as _};
use super::delivery::Delivery;
use super::shared::{Shared, Work};

use chunk::{Chunk, Chunks};

pub(super) use lane::Lane;

/// Takes the chunks of one packet.
pub(super) fn packet(
    associations: &mut Conversations<Lane>,
    shared: &mut Shared,
    (now, seen): (Timestamp, Timestamp),
    hop: &Hop,
    chunks: &[u8],
    deliver: &mut dyn FnMut(Delivery<'_>),
) {
    let worth = || Chunks::of(chunks).any(|chunk| chunk.is_worth_following());
    let Some(side) = associations.find(shared, now, hop, worth) else { return };
    let Some((own, other)) = associations.pair(side) else { return };
    let interface = shared.interface;
    *own.interface() = Some(interface);
    other.interface().get_or_insert(interface);
    let mut work = Work { shared, hop: *hop, interface, now, seen, deliver };
    for chunk in Chunks::of(chunks) {
        match chunk {
            Chunk::Data(data) => own.data(&mut work, &data),
            Chunk::Init { tsn } => own.begin(&mut work, tsn),
            Chunk::Sack { tsn } => other.acknowledge(&work, tsn),
            Chunk::Forward { tsn } => own.forward(tsn),
            Chunk::Other => {}
        }
    }
    own.account(work.shared);
    associations.arm(side, &shared.limits);
    associations.arm(side.other(), &shared.limits);
    associations.touch(shared, now, side.slot, deliver);
}

#[cfg(test)]
mod tests;
