//! VLAN tags: on one direction only, or taken off where they mattered.

use core::net::SocketAddr;

use super::finding::{Figure, Findings, Severity, share};
use super::seen::Seen;
use super::table::Table;
use super::tcp::TcpFigures;
use super::text::{count, counted, percent};
use crate::packet::Transport;

/// Conversations told apart; at the bound the oldest goes.
const ROOM: usize = 65_536;
/// One conversation in a hundred whose directions are in different VLANs.
const RESERVATION: f64 = 0.01;
/// Conversations needed to speak of a share.
const FEW: u64 = 2;

/// VLAN ids of the first frame in each direction: the two innermost, as `Domain` has them.
#[derive(Debug, Default)]
struct Vlans([Option<u32>; 2]);

#[derive(Debug)]
pub(super) struct Tags {
    conversations: Table<(SocketAddr, SocketAddr), Vlans>,
    tagged: u64,
    untagged: u64,
}

impl Tags {
    pub(super) fn new() -> Self {
        Self { conversations: Table::with_room(ROOM), tagged: 0, untagged: 0 }
    }

    pub(super) fn frame(&mut self, seen: &Seen<'_>) {
        let Some(segment) = seen.segment() else { return };
        let vlans = (segment.hop.domain.0 & 0x00ff_ffff) as u32;
        *if vlans == 0 { &mut self.untagged } else { &mut self.tagged } += 1;
        // Media may go one way, or from other ports.
        if matches!(segment.transport, Transport::Udp(payload) if !crate::sip::is_start(payload)) {
            return;
        }
        let (source, destination) = (segment.hop.source.into(), segment.hop.destination.into());
        let (key, side) =
            if source <= destination { ((source, destination), 0) } else { ((destination, source), 1_usize) };
        if self.conversations.get(&key).is_none() {
            self.conversations.insert(key, Vlans::default());
        }
        if let Some(first) = self.conversations.get_mut(&key).and_then(|vlans| vlans.0.get_mut(side)) {
            first.get_or_insert(vlans);
        }
    }

    pub(super) fn conclude(&self, tcp: &TcpFigures, findings: &mut Findings) {
        let (mut both, mut one_tagged, mut differ) = (0, 0, 0);
        for vlans in self.conversations.values() {
            let [Some(one), Some(other)] = vlans.0 else { continue };
            both += 1;
            one_tagged += u64::from((one == 0) != (other == 0));
            differ += u64::from(one != other && one != 0 && other != 0);
        }
        let part = share(one_tagged + differ, both);
        if part >= RESERVATION && one_tagged + differ >= FEW {
            let what = if one_tagged >= differ {
                format!(
                    "{} of the conversations have a VLAN tag in one direction only ({} of {})",
                    percent(part),
                    count(one_tagged),
                    count(both)
                )
            } else {
                format!(
                    "{} of the conversations are in another VLAN in each direction ({} of {})",
                    percent(part),
                    count(differ),
                    count(both)
                )
            };
            findings.found(
                ("vlan_by_direction", Severity::Reservation, part),
                what,
                "messages still meet by Call-ID; but a hole in a TCP stream is noticed after 3 s instead of 0.2 s, for acknowledgements are not heard",
                "have the mirror keep the tags of both directions (\"encapsulation replicate\"), or take both off",
                &[
                    ("share", Figure::Share(part)),
                    ("tagOneWay", Figure::Count(one_tagged)),
                    ("otherVlan", Figure::Count(differ)),
                    ("conversations", Figure::Count(both)),
                ],
            );
        }
        if tcp.interleaved > 0 {
            let part = share(tcp.interleaved, tcp.one_way + tcp.two_way);
            findings.found(
                ("vlans_stripped", Severity::Reservation, part),
                format!(
                    "{} jump to and fro between two sequences of bytes under the same addresses and ports: two networks with the same addresses, whose VLAN tags are gone",
                    counted(tcp.interleaved, "TCP conversation")
                ),
                "streams of two networks are read as one: messages are lost in both, and records of one may get parts of the other's",
                "have the mirror keep the VLAN tags, or watch each network on a port of its own",
                &[("conversations", Figure::Count(tcp.interleaved)), ("share", Figure::Share(part))],
            );
        }
        match (self.tagged, self.untagged) {
            (0, 0) => {}
            (0, _) => findings.fine("no VLAN tags (whether any were taken off cannot be told)"),
            (tagged, untagged) => {
                findings.fine(format!(
                    "VLAN tags are there, on {} of the packets",
                    percent(share(tagged, tagged + untagged))
                ));
            }
        }
    }
}
