//! Whether both directions of a conversation are there.

use core::net::IpAddr;

use super::finding::{Figure, Findings, Severity, grade, share};
use super::seen::Sip;
use super::table::Table;
use super::tcp::TcpFigures;
use super::text::{count, counted, percent};
use super::transactions::TransactionFigures;
use crate::packet::Hop;

/// Pairs of hosts told apart; at the bound the oldest goes.
const PAIRS: usize = 32_768;
/// From here on it is the tap that has one direction, and not a host or a route here and there.
const NOT_FIT: f64 = 0.5;
/// A mirror of both directions has none; two in a hundred leaves room for hosts whose answers take another way.
const RESERVATION: f64 = 0.02;
/// TCP conversations with one side only that are needed to speak of a share.
const FEW: u64 = 2;
/// Messages that all go one way: fewer may be a scan, or the edge of the watching.
const FEW_MESSAGES: u64 = 4;

/// Which pairs of hosts exchanged SIP, and which of the two was heard.
///
/// By addresses alone: an answer may come from another port, and its frame may have another VLAN tag.
#[derive(Debug)]
pub(super) struct Pairs {
    heard: Table<(IpAddr, IpAddr), Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    messages: [u64; 2],
    /// A To tag was seen: both have spoken, whether it was seen or not.
    dialog: bool,
}

impl Heard {
    fn is_one_way(&self) -> bool {
        self.messages.contains(&0)
    }
}

impl Pairs {
    pub(super) fn new() -> Self {
        Self { heard: Table::with_room(PAIRS) }
    }

    pub(super) fn message(&mut self, sip: &Sip<'_>) {
        let (key, side) = pair(&sip.hop);
        if self.heard.get(&key).is_none() {
            self.heard.insert(key, Heard::default());
        }
        let Some(heard) = self.heard.get_mut(&key) else { return };
        heard.dialog |= !sip.message.to_tag().is_empty();
        if let Some(messages) = heard.messages.get_mut(side) {
            *messages += 1;
        }
    }

    pub(super) fn is_one_way(&self, hop: &Hop) -> bool {
        self.heard.get(&pair(hop).0).is_some_and(Heard::is_one_way)
    }

    /// Whether one of the two was never heard, and nothing shows that it ever spoke: a scan, or a host that is dead.
    pub(super) fn are_strangers(&self, hop: &Hop) -> bool {
        self.heard.get(&pair(hop).0).is_some_and(|heard| heard.is_one_way() && !heard.dialog)
    }

    pub(super) fn conclude(&self, transactions: &TransactionFigures, tcp: &TcpFigures, findings: &mut Findings) {
        let one_way_pairs = self.heard.values().filter(|heard| heard.is_one_way()).count() as u64;
        let pairs = self.heard.len() as u64;
        let messages: u64 = self.heard.values().flat_map(|heard| heard.messages).sum();
        let judged = transactions.judged();
        let of_sip = share(transactions.one_way, judged);
        let of_tcp = if tcp.one_way < FEW { 0.0 } else { share(tcp.one_way, tcp.one_way + tcp.two_way) };
        // Too short for a judgement by requests and answers, and still plain.
        let plainly =
            judged + transactions.silent_peers == 0 && pairs > 0 && one_way_pairs == pairs && messages >= FEW_MESSAGES;
        let worst = if plainly { 1.0 } else { of_sip.max(of_tcp) };
        let what = match worst {
            _ if plainly => {
                format!("all {} go one way: nothing was seen of the answers", counted(messages, "SIP message"))
            }
            worst if worst > of_tcp => format!(
                "of {} of the SIP transactions only one side was seen ({} of {}), between hosts of which the other was never heard",
                percent(of_sip),
                count(transactions.one_way),
                count(judged)
            ),
            _ => format!(
                "of {} of the TCP conversations only one direction was seen ({} of {}; {} acknowledged to hosts never heard)",
                percent(of_tcp),
                count(tcp.one_way),
                count(tcp.one_way + tcp.two_way),
                counted(tcp.one_way_bytes, "byte")
            ),
        };
        let figures = [
            ("transactionShare", Figure::Share(of_sip)),
            ("tcpShare", Figure::Share(of_tcp)),
            ("oneWayPairs", Figure::Count(one_way_pairs)),
            ("pairs", Figure::Count(pairs)),
        ];
        // TCP that is not SIP may be routed as it likes: by itself it makes a tap doubtful, not useless.
        let severity = grade(worst, RESERVATION, NOT_FIT).map(|severity| {
            if !plainly && grade(of_sip, RESERVATION, NOT_FIT) != Some(Severity::NotFit) && !tcp.sip_one_way {
                severity.min(Severity::Reservation)
            } else {
                severity
            }
        });
        match severity {
            Some(severity) => findings.found(
                ("one_direction", severity, worst),
                what,
                "half of every dialog is missing: no answer times and so no durations, BYEs of one side alone; evidence says NOT_OBSERVABLE",
                "mirror receive and transmit (\"both\") of the port; of a LAG mirror all members; with two taps or routes bring both to this host: -i A -i B",
                &figures,
            ),
            None if judged > 0 || tcp.two_way > 0 => {
                let looked_at = [(judged, "SIP transaction"), (tcp.one_way + tcp.two_way, "TCP conversation")];
                let looked_at = looked_at.into_iter().filter(|(number, _)| *number > 0);
                let looked_at: Vec<_> = looked_at.map(|(number, noun)| counted(number, noun)).collect();
                findings.fine(format!("both directions are there, by {}", looked_at.join(" and ")));
            }
            None => {}
        }
    }
}

fn pair(hop: &Hop) -> ((IpAddr, IpAddr), usize) {
    let (source, destination) = (hop.source.address, hop.destination.address);
    if source <= destination { ((source, destination), 0) } else { ((destination, source), 1) }
}
