//! Which legs of a B2BUA belong together (rule 17, TS 32.260 OneChargingSession).

use std::collections::HashMap;

use super::dialog::{Dialog, Marks, Place};
use super::table::Table;
use crate::charging::{Crossing, Fact};

/// Keys that legs may share, strongest first.
const KEYS: [Fact; 4] = [Fact::Icid, Fact::SessionId, Fact::ContributionId, Fact::Configured];

/// Most legs remembered under one key. A conference gives one key to hundreds of legs; they are not merged past this.
const MAX_OF_ONE_KEY: usize = 64;

/// Legs by what they may share, kept only when legs are merged.
///
/// Invariant: the lists hold places in the order in which their legs were found, each at most once. A place may be out of
/// date: whoever looks one up checks that the dialog there still has the key.
#[derive(Default)]
pub(super) struct Legs {
    by_key: HashMap<(Fact, Box<[u8]>), Vec<Place>, foldhash::fast::RandomState>,
}

impl Legs {
    /// Remembers a leg under each of its keys.
    pub(super) fn add(&mut self, place: Place, dialog: &Dialog) {
        for (fact, key) in keys(dialog) {
            let places = self.by_key.entry((fact, key)).or_default();
            if !places.contains(&place) && places.len() < MAX_OF_ONE_KEY {
                places.push(place);
            }
        }
    }

    /// Forgets a leg whose dialog is about to go.
    pub(super) fn remove(&mut self, place: Place, dialog: &Dialog) {
        for key in keys(dialog) {
            if let Some(places) = self.by_key.get_mut(&key) {
                places.retain(|other| *other != place);
                if places.is_empty() {
                    self.by_key.remove(&key);
                }
            }
        }
    }

    /// The other leg of the same session: one leg into the server and one out of it, which have each other as the first
    /// they share a key with.
    pub(super) fn partner(&self, table: &Table, place: Place) -> Option<Place> {
        let candidate = self.candidate(table, place)?;
        (self.candidate(table, candidate) == Some(place)).then_some(candidate)
    }

    /// Whether a leg that shares a key with this one, and goes the other way, has not ended.
    pub(super) fn any_open_partner(&self, table: &Table, place: Place) -> bool {
        let is_open = |leg: Place| {
            let ending = table.get(leg).and_then(|leg| leg.ending.as_deref());
            ending.is_none_or(|ending| ending.told.is_none())
        };
        self.others(table, place).any(is_open)
    }

    fn candidate(&self, table: &Table, place: Place) -> Option<Place> {
        self.others(table, place).next()
    }

    /// The confirmed legs that share a key with this one and go the other way, those of the strongest key first.
    fn others<'a>(&'a self, table: &'a Table, place: Place) -> impl Iterator<Item = Place> + 'a {
        let this = table.get(place).and_then(|dialog| Some((dialog, direction(dialog)?)));
        this.into_iter().flat_map(move |(dialog, way)| {
            let wanted = if way == Marks::LEG_IN { Marks::LEG_OUT } else { Marks::LEG_IN };
            keys(dialog).flat_map(move |key| {
                let places = self.by_key.get(&key).map(Vec::as_slice).unwrap_or_default().iter().copied();
                places.filter(move |other| {
                    *other != place
                        && table.get(*other).is_some_and(|leg| {
                            leg.point == dialog.point
                                && direction(leg) == Some(wanted)
                                && leg.is_confirmed()
                                && keys(leg).any(|other_key| other_key == key)
                        })
                })
            })
        })
    }
}

/// Which way a leg crossed the server; nothing where the same dialog did both, which is a proxy's.
///
/// Its own 2xx and ACK tell, wherever one was seen: the INVITE may have been lost, and where a B2BUA keeps Call-ID and
/// From-tag it is the same one on both sides.
pub(super) fn direction(dialog: &Dialog) -> Option<Marks> {
    let way = |one, other| match (dialog.marks.has(one), dialog.marks.has(other)) {
        (false, false) => None,
        (into, out) => Some((into, out)),
    };
    match way(Marks::OWN_WAY_IN, Marks::OWN_WAY_OUT).or_else(|| way(Marks::LEG_IN, Marks::LEG_OUT))? {
        (true, false) => Some(Marks::LEG_IN),
        (false, true) => Some(Marks::LEG_OUT),
        _ => None,
    }
}

/// Notes which way the 2xx of a leg crossed the server: against its INVITE.
pub(super) fn answer_crossed(dialog: &mut Dialog, crossing: Crossing) {
    match crossing {
        Crossing::Entering => dialog.marks.set(Marks::OWN_WAY_OUT),
        Crossing::Leaving => dialog.marks.set(Marks::OWN_WAY_IN),
        Crossing::Neither => {}
    }
}

/// Notes which way the ACK of a leg crossed the server: as its INVITE did.
pub(super) fn ack_crossed(dialog: &mut Dialog, crossing: Crossing) {
    match crossing {
        Crossing::Entering => dialog.marks.set(Marks::OWN_WAY_IN),
        Crossing::Leaving => dialog.marks.set(Marks::OWN_WAY_OUT),
        Crossing::Neither => {}
    }
}

fn keys(dialog: &Dialog) -> impl Iterator<Item = (Fact, Box<[u8]>)> {
    KEYS.into_iter().filter_map(|fact| {
        let value = dialog.block.own(fact)?;
        let key = if fact == Fact::SessionId { session_id_key(value)? } else { value.into() };
        Some((fact, key))
    })
}

/// Session-ID (RFC 7989): `local;remote=other`. The two sides change places between requests and responses, and a side
/// that is not known yet is all zeroes; the lowest that is known is the same on every leg.
fn session_id_key(value: &[u8]) -> Option<Box<[u8]>> {
    let (local, params) = value.split_at(value.iter().position(|byte| *byte == b';').unwrap_or(value.len()));
    let remote = crate::sip::parameter(params, b"remote");
    let known = |uuid: &&[u8]| !uuid.is_empty() && uuid.iter().any(|byte| *byte != b'0');
    [Some(local.trim_ascii()), remote].into_iter().flatten().filter(known).min().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_has_no_sides() {
        let one = session_id_key(b"ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2");
        let other = session_id_key(b"47755a9de7794ba387653f2099600ef2;remote=ab30317f1a784dc48ff824d0d3715d86");
        assert_eq!(one, other);
        let early = session_id_key(b"ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000");
        assert_eq!(early.as_deref(), Some(&b"ab30317f1a784dc48ff824d0d3715d86"[..]));
    }
}
