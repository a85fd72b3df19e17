//! Which legs of a B2BUA belong together (rule 17, TS 32.260 OneChargingSession).

use std::collections::HashMap;

use super::dialog::{Dialog, Marks, Place};
use super::table::Table;
use crate::charging::{Crossing, Fact};

/// Keys that legs may share, strongest first.
const KEYS: [Fact; 4] = [Fact::Icid, Fact::SessionId, Fact::ContributionId, Fact::Configured];

/// Most legs remembered under one key. A conference gives one key to hundreds of legs; they are not merged past this.
const MAX_OF_ONE_KEY: usize = 64;

/// What a leg may share with others.
pub(super) type Key = (Fact, Box<[u8]>);

/// Legs by what they may share, kept only when legs are merged.
///
/// Invariants: a leg stands under each of the keys that it has, if there was room, and under no other; so there are at most
/// as many keys as [kinds](KEYS) of them for each dialog of the table. The lists hold places in the order in which their
/// legs were found, each at most once. A place may be out of date: whoever looks one up checks that the dialog there still
/// has the key.
#[derive(Default)]
pub(super) struct Legs {
    by_key: HashMap<Key, Vec<Place>, foldhash::fast::RandomState>,
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
            self.remove_key(place, &key);
        }
    }

    /// The block of a leg that had these keys may have others now. Under what it still has it keeps its rank.
    pub(super) fn renew(&mut self, place: Place, before: &[Key], dialog: &Dialog) {
        for gone in before.iter().filter(|before| keys(dialog).all(|key| key != **before)) {
            self.remove_key(place, gone);
        }
        self.add(place, dialog);
    }

    fn remove_key(&mut self, place: Place, key: &Key) {
        if let Some(places) = self.by_key.get_mut(key) {
            places.retain(|other| *other != place);
            if places.is_empty() {
                self.by_key.remove(key);
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

/// Notes which way a message of a leg crossed the server: `[entering, leaving]` are the marks for that.
fn crossed(dialog: &mut Dialog, crossing: Crossing, [entering, leaving]: [Marks; 2]) {
    match crossing {
        Crossing::Entering => dialog.marks.set(entering),
        Crossing::Leaving => dialog.marks.set(leaving),
        Crossing::Neither => {}
    }
}

/// Notes which way the INVITE of a leg crossed the server.
pub(super) fn invite_crossed(dialog: &mut Dialog, crossing: Crossing) {
    crossed(dialog, crossing, [Marks::LEG_IN, Marks::LEG_OUT]);
}

/// Notes which way the 2xx of a leg crossed the server: against its INVITE.
pub(super) fn answer_crossed(dialog: &mut Dialog, crossing: Crossing) {
    crossed(dialog, crossing, [Marks::OWN_WAY_OUT, Marks::OWN_WAY_IN]);
}

/// Notes which way the ACK of a leg crossed the server: as its INVITE did.
pub(super) fn ack_crossed(dialog: &mut Dialog, crossing: Crossing) {
    crossed(dialog, crossing, [Marks::OWN_WAY_IN, Marks::OWN_WAY_OUT]);
}

pub(super) fn keys(dialog: &Dialog) -> impl Iterator<Item = Key> {
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
    use super::super::sessions::Sessions;
    use super::*;
    use crate::charging::Options;
    use crate::packet::{Domain, Endpoint, Hop};
    use crate::sip::{Carriage, Message};
    use crate::time::Timestamp;

    /// Feeds the INVITE of a session, or its 2xx, with this ICID.
    fn feed(sessions: &mut Sessions, start: &str, session: u32, cseq: u32, icid: &str) {
        let to_tag = if start.starts_with("SIP") { ";tag=t" } else { "" };
        let text = format!(
            "{start}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{session}.{cseq}\r\nFrom: <sip:a@example.net>;tag=f\r\n\
             To: <sip:b@example.net>{to_tag}\r\nCall-ID: {session}@example.net\r\nCSeq: {cseq} INVITE\r\n\
             P-Charging-Vector: icid-value={icid}\r\nContent-Length: 0\r\n\r\n"
        );
        let message = Message::parse(text.as_bytes(), Carriage::Datagram).expect("a message");
        let endpoint = |last| Endpoint { address: core::net::Ipv4Addr::new(192, 0, 2, last).into(), port: 5060 };
        let hop = Hop { source: endpoint(1), destination: endpoint(2), domain: Domain::default() };
        sessions.message(Timestamp::from_nanos(1_000_000_000), &hop, &message);
    }

    #[test]
    fn keys_go_with_their_legs() {
        let mut sessions = Sessions::new(Options { one_charging_session: true, ..Options::default() });
        let keys = |sessions: &Sessions| sessions.legs.as_ref().map_or(0, |legs| legs.by_key.len());
        for session in 0..3 {
            for cseq in 1..4 {
                let icid = format!("{session}-{cseq}");
                feed(&mut sessions, "INVITE sip:b@example.net SIP/2.0", session, cseq, &icid);
            }
        }
        assert_eq!(keys(&sessions), 3, "of an INVITE sent again the latest counts");
        feed(&mut sessions, "SIP/2.0 200 OK", 3, 1, "of the answer");
        feed(&mut sessions, "INVITE sip:b@example.net SIP/2.0", 3, 1, "of the INVITE, delivered later");
        assert_eq!(keys(&sessions), 4);
        sessions.advance(Timestamp::from_nanos(10 * 86_400_000_000_000));
        assert_eq!((sessions.len(), keys(&sessions)), (0, 0));
    }

    #[test]
    fn a_session_id_has_no_sides() {
        let one = session_id_key(b"ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2");
        let other = session_id_key(b"47755a9de7794ba387653f2099600ef2;remote=ab30317f1a784dc48ff824d0d3715d86");
        assert_eq!(one, other);
        let early = session_id_key(b"ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000");
        assert_eq!(early.as_deref(), Some(&b"ab30317f1a784dc48ff824d0d3715d86"[..]));
    }
}
