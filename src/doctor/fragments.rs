//! IP fragments whose datagrams were never complete.

use super::finding::{Figure, Findings, Severity, share};
use super::seen::Seen;
use super::text::{count, percent};
use crate::packet::FragmentCounts;

/// One fragmented datagram in a hundred. A long INVITE is a fragmented one, so that this is of SIP what it is of all.
const RESERVATION: f64 = 0.01;
/// Fewer may be those under way when the watching began or ended.
const FEW: u64 = 2;

#[derive(Debug, Default)]
pub(super) struct Fragments {
    first: u64,
    later: u64,
    /// Incomplete because of what was not captured here.
    epochs: u64,
}

impl Fragments {
    pub(super) fn frame(&mut self, seen: &Seen<'_>) {
        match seen.outer.first_fragment {
            Some(true) => self.first += 1,
            Some(false) => self.later += 1,
            None => {}
        }
        self.epochs = seen.epoch;
    }

    pub(super) fn conclude(&self, counts: &FragmentCounts, frames: u64, findings: &mut Findings) {
        if counts.fragments == 0 {
            return;
        }
        let incomplete = counts.expired + counts.evicted + counts.scattered;
        let datagrams = counts.reassembled + incomplete;
        let part = share(incomplete, datagrams);
        let of_all = percent(share(counts.fragments, frames));
        if incomplete >= FEW && self.epochs > 0 {
            return;
        }
        if incomplete < FEW {
            return findings.fine(format!("fragments are {of_all} of the frames, and come together"));
        }
        let filtered = self.later == 0 && self.first > 0;
        findings.found(
            ("fragments_incomplete", if part >= RESERVATION { Severity::Reservation } else { Severity::Note }, part),
            format!(
                "{} of the fragmented datagrams never became complete ({} of {}; fragments are {of_all} of the frames){}",
                percent(part),
                count(incomplete),
                count(datagrams),
                if filtered { ", and no fragment but first ones was ever seen" } else { "" }
            ),
            "long INVITEs are read as far as their first fragment goes: bodies are missing, and with them service and media",
            if filtered {
                "a filter by port drops later fragments, which have no ports: filter by address, or add \"or (ip[6:2] & 0x1fff != 0)\""
            } else {
                "the mirror drops frames, or sends fragments of one datagram elsewhere: mirror fewer ports; share out by addresses, not by ports"
            },
            &[
                ("share", Figure::Share(part)),
                ("incomplete", Figure::Count(incomplete)),
                ("datagrams", Figure::Count(datagrams)),
                ("firstFragments", Figure::Count(self.first)),
                ("laterFragments", Figure::Count(self.later)),
            ],
        );
    }
}
