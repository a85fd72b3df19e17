//! Nothing, no mirror, no SIP, or little of it.

use super::finding::{Figure, Findings, Severity, share};
use super::report::{Source, SourceKind};
use super::seen::Seen;
use super::text::{counted, percent};
use crate::probe::Counts;

/// A port that is no mirror gets what a switch sends to all: ARP, spanning tree, LLDP, multicast. A mirror of anything else
/// has frames from one host to another; one in a hundred leaves room for a stray flood of an unknown address.
const NO_MIRROR: f64 = 0.99;
/// Frames by which that share means something.
const FEW: u64 = 10;
/// Fewer SIP messages than about three sessions have: what is said of SIP rests on little.
const LITTLE_SIP: u64 = 20;
/// The name of the finding, which the verdict speaks of too.
pub(super) const LITTLE: &str = "little_sip";
/// Sources told apart; later ones share the last place.
const SOURCES: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Silence {
    group: u64,
    /// Frames by source.
    frames: Vec<u64>,
}

impl Silence {
    pub(super) fn frame(&mut self, seen: &Seen<'_>) {
        self.group += u64::from(seen.outer.is_group);
        let source = usize::from(seen.frame.interface.0).min(SOURCES - 1);
        if self.frames.len() <= source {
            self.frames.resize(source + 1, 0);
        }
        if let Some(frames) = self.frames.get_mut(source) {
            *frames += 1;
        }
    }

    pub(super) fn conclude(&self, counts: &Counts, sources: &[Source], findings: &mut Findings) {
        let frames = counts.packet.frames;
        let sip = counts.sip.messages();
        if frames == 0 {
            let no_link = sources.iter().any(|source| source.has_link == Some(false));
            return findings.found(
                ("nothing_seen", Severity::NotFit, 1.0),
                if no_link { "not one frame came, and the port has no link".into() } else { "not one frame came".into() },
                "there will be no records",
                if no_link {
                    "check cable, transceiver and that the port is up at the switch"
                } else {
                    "the mirror session is off, or has another destination port: check source, direction and destination"
                },
                &[("frames", Figure::Count(0))],
            );
        }
        self.silent_ports(sources, findings);
        let group = share(self.group, frames);
        if sip == 0 && frames >= FEW && group >= NO_MIRROR {
            return findings.found(
                ("no_mirror", Severity::NotFit, group),
                format!(
                    "{} of the frames are broadcast or multicast: this is an ordinary port, not a mirror",
                    percent(group)
                ),
                "there will be no records",
                "configure the port as the destination of a mirror session; check that the session is enabled",
                &[("frames", Figure::Count(frames)), ("groupShare", Figure::Share(group))],
            );
        }
        if sip == 0 {
            let packet = &counts.packet;
            return findings.found(
                ("no_sip", Severity::NotFit, 1.0),
                format!(
                    "no SIP message in {} (UDP {}, TCP {}, SCTP {}, encrypted ESP {})",
                    counted(frames, "frame"),
                    percent(share(packet.udp, frames)),
                    percent(share(packet.tcp, frames)),
                    percent(share(packet.sctp, frames)),
                    percent(share(packet.opaque_esp, frames)),
                ),
                "there will be no records",
                "mirror the port or VLAN of the IM Server, on the side where SIP is not encrypted",
                &[("frames", Figure::Count(frames))],
            );
        }
        let (invites, byes) = (counts.sip.invites, counts.sip.byes);
        let idle = invites + byes + counts.session.confirmed == 0;
        if sip < LITTLE_SIP || idle {
            let only = if sip < LITTLE_SIP { "only " } else { "" };
            let none = if idle { ", and no session began or ended" } else { "" };
            return findings.found(
                (LITTLE, Severity::Note, share(LITTLE_SIP.saturating_sub(sip), LITTLE_SIP)),
                format!("{only}{}{none}", counted(sip, "SIP message")),
                "no harm; what is said here of SIP rests on few messages",
                "watch for longer, at an hour with sessions: --for 10m",
                &[("messages", Figure::Count(sip)), ("invites", Figure::Count(invites)), ("byes", Figure::Count(byes))],
            );
        }
        findings.fine(format!("SIP is there: {}", counted(sip, "message")));
    }

    /// Of several ports, those that gave nothing.
    fn silent_ports(&self, sources: &[Source], findings: &mut Findings) {
        for (index, source) in sources.iter().enumerate().take(SOURCES) {
            if source.kind == SourceKind::File || self.frames.get(index).is_some_and(|frames| *frames > 0) {
                continue;
            }
            let link = if source.has_link == Some(false) { ", which has no link" } else { "" };
            findings.found(
                ("port_silent", Severity::Reservation, 1.0),
                format!("not one frame came from {}{link}", source.name),
                "whatever is to be seen there alone makes no record, or an incomplete one",
                "check cable and mirror session of that port",
                &[("frames", Figure::Count(0))],
            );
        }
    }
}
