//! Link layers and tunnels on the way to SIP.

use super::finding::{Figure, Findings, Severity, share};
use super::text::{count, percent};
use crate::packet::{PacketCounts, TunnelCounts};

/// One frame in a hundred that is not read, for whatever reason.
const RESERVATION: f64 = 0.01;
/// Half of them.
const NOT_FIT: f64 = 0.5;

/// Tunnels that frames came through, and how many at most were inside each other.
#[derive(Debug, Default)]
pub(super) struct Path {
    pub(super) deepest: u64,
    before: u64,
}

impl Path {
    /// After a frame: what the peeler has counted up to and with it.
    pub(super) fn frame(&mut self, counts: &TunnelCounts) {
        let tunnels = list(counts).iter().skip(1).map(|(_, frames)| frames).sum();
        self.deepest = self.deepest.max(tunnels - self.before);
        self.before = tunnels;
    }

    pub(super) fn conclude(&self, packet: &PacketCounts, findings: &mut Findings) {
        let (unknown, damaged) = (share(packet.undecodable_link, packet.frames), share(packet.damaged, packet.frames));
        if unknown >= RESERVATION {
            findings.found(
                ("unknown_link", if unknown >= NOT_FIT { Severity::NotFit } else { Severity::Reservation }, unknown),
                format!("{} of the frames have a link type that is not decoded", percent(unknown)),
                "nothing in them is read: their sessions make no record",
                "capture on an Ethernet port, or with tcpdump -i any",
                &[("share", Figure::Share(unknown))],
            );
        }
        if damaged >= RESERVATION {
            findings.found(
                ("undecodable", if damaged >= NOT_FIT { Severity::NotFit } else { Severity::Reservation }, damaged),
                format!(
                    "{} of the frames cannot be taken apart: their headers are cut or contradict themselves",
                    percent(damaged)
                ),
                "nothing in them is read: their sessions make no record",
                "look at one of them with tcpdump -e -X; is there a header of the mirror's own in front?",
                &[("share", Figure::Share(damaged)), ("frames", Figure::Count(packet.damaged))],
            );
        }
        let through: Vec<_> = list(&packet.tunnels)
            .iter()
            .skip(1)
            .filter(|(_, frames)| *frames > 0)
            .map(|(name, frames)| format!("{name} {}", count(*frames)))
            .collect();
        if !through.is_empty() {
            let nested =
                if self.deepest > 1 { format!(", up to {} inside each other", self.deepest) } else { String::new() };
            findings.fine(format!("tunnels are read: {}{nested}", through.join(", ")));
        }
    }
}

/// Tags and tunnels by name; VLAN, which is none, first.
pub(super) fn list(counts: &TunnelCounts) -> [(&'static str, u64); 17] {
    [
        ("VLAN", counts.vlan),
        ("802.1ah", counts.mac_in_mac),
        ("MACsec", counts.macsec),
        ("NSH", counts.nsh),
        ("MPLS", counts.mpls),
        ("PPPoE", counts.pppoe),
        ("GRE", counts.gre),
        ("PPTP", counts.pptp),
        ("ERSPAN", counts.erspan),
        ("VXLAN", counts.vxlan),
        ("GENEVE", counts.geneve),
        ("GTP-U", counts.gtp_u),
        ("L2TP", counts.l2tp),
        ("IP-in-IP", counts.ip_in_ip),
        ("EtherIP", counts.ethernet_in_ip),
        ("ESP-NULL", counts.esp_null),
        ("AH", counts.ah),
    ]
}
