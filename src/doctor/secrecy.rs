//! What is encrypted, or compressed, and so cannot be charged.

use super::finding::{Figure, Findings, Severity, grade, share};
use super::seen::{Seen, Sip};
use super::table::Table;
use super::text::{count, counted, percent};
use crate::packet::{Endpoint, Hop, PacketCounts, Transport};

/// Conversations told apart, of each kind; at the bound the oldest is forgotten, and counts again if it goes on.
const ROOM: usize = 32_768;
/// One conversation of signalling in a hundred is not read.
const RESERVATION: f64 = 0.01;
/// Half of it.
const NOT_FIT: f64 = 0.5;
/// One frame in a hundred; what is inside cannot be told.
const ESP: f64 = 0.01;

type Conversation = (Endpoint, Endpoint);

/// Conversations on the SIP ports by whether they can be read.
#[derive(Debug)]
pub(super) struct Secrecy {
    sip_ports: Vec<u16>,
    clear: Table<Conversation, ()>,
    tls: Table<Conversation, ()>,
    dtls: Table<Conversation, ()>,
    compressed: Table<Conversation, ()>,
    /// TLS on other ports: HTTPS, and perhaps SIP over WebSocket.
    other_tls: Table<Conversation, ()>,
}

impl Secrecy {
    pub(super) fn new(sip_ports: Vec<u16>) -> Self {
        let table = || Table::with_room(ROOM);
        Self { sip_ports, clear: table(), tls: table(), dtls: table(), compressed: table(), other_tls: table() }
    }

    pub(super) fn message(&mut self, sip: &Sip<'_>) {
        note(&mut self.clear, &sip.hop);
    }

    pub(super) fn frame(&mut self, seen: &Seen<'_>) {
        let Some(segment) = seen.segment() else { return };
        let on_sip_port =
            self.sip_ports.contains(&segment.hop.source.port) || self.sip_ports.contains(&segment.hop.destination.port);
        let table = match segment.transport {
            // Content type, and version 3.0 to 3.4 (RFC 8446 §5.1).
            Transport::Tcp(tcp) if matches!(tcp.payload, [0x14..=0x17, 3, 0..=4, ..]) => {
                if on_sip_port {
                    &mut self.tls
                } else {
                    &mut self.other_tls
                }
            }
            // Versions count down from 254.255 (RFC 9147 §4).
            Transport::Udp([0x14..=0x17, 0xfe, 0xfc..=0xff, ..]) if on_sip_port => &mut self.dtls,
            // RFC 3320 §7: five one bits.
            Transport::Udp([0xf8..=0xff, ..]) if on_sip_port => &mut self.compressed,
            _ => return,
        };
        note(table, &segment.hop);
    }

    pub(super) fn conclude(&self, packet: &PacketCounts, findings: &mut Findings) {
        let [clear, tls, dtls, compressed, other_tls] =
            [&self.clear, &self.tls, &self.dtls, &self.compressed, &self.other_tls]
                .map(|table| table.len() as u64 + table.evicted);
        let hidden = tls + dtls + compressed;
        let part = share(hidden, hidden + clear);
        if hidden > 0 {
            let severity = grade(part, RESERVATION, NOT_FIT).unwrap_or(Severity::Note);
            findings.found(
                ("encrypted", severity, part),
                format!(
                    "{} of the conversations on SIP ports cannot be read ({} of {}: TLS {}, DTLS {}, SigComp {})",
                    percent(part),
                    count(hidden),
                    count(hidden + clear),
                    count(tls),
                    count(dtls),
                    count(compressed)
                ),
                "their sessions make no record, unless a further hop in the clear is seen too",
                "tap behind the point that decrypts: between the SBC or P-CSCF and the IM Server",
                &[
                    ("share", Figure::Share(part)),
                    ("tls", Figure::Count(tls)),
                    ("dtls", Figure::Count(dtls)),
                    ("sigcomp", Figure::Count(compressed)),
                    ("clear", Figure::Count(clear)),
                ],
            );
        } else if clear > 0 {
            findings.fine("no signalling on SIP ports is encrypted");
        }
        let sealed = packet.opaque_esp + packet.opaque_macsec;
        let part = share(sealed, packet.frames);
        if sealed > 0 {
            findings.found(
                ("ipsec", if part >= ESP { Severity::Reservation } else { Severity::Note }, part),
                format!(
                    "{} of the frames are encrypted as a whole (ESP {}, MACsec {})",
                    percent(part),
                    count(packet.opaque_esp),
                    count(packet.opaque_macsec)
                ),
                "whether SIP is inside cannot be told; on the Gm side of an IMS it is, and makes no record",
                "tap on the inner side of the P-CSCF or of the IPsec gateway",
                &[
                    ("share", Figure::Share(part)),
                    ("esp", Figure::Count(packet.opaque_esp)),
                    ("macsec", Figure::Count(packet.opaque_macsec)),
                ],
            );
        }
        if other_tls > 0 && clear == 0 {
            findings.found(
                ("other_tls", Severity::Note, 0.0),
                format!("{} of TLS on other ports", counted(other_tls, "conversation")),
                "SIP over secure WebSocket would be among them, and makes no record; it looks like any web page",
                "tap behind the WebSocket gateway",
                &[("conversations", Figure::Count(other_tls))],
            );
        }
    }
}

fn note(table: &mut Table<Conversation, ()>, hop: &Hop) {
    let (source, destination) = (hop.source, hop.destination);
    let key = if source <= destination { (source, destination) } else { (destination, source) };
    if table.get(&key).is_none() {
        table.insert(key, ());
    }
}
