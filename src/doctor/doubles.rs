//! Frames that came more than once.

use core::hash::BuildHasher;
use core::time::Duration;

use foldhash::fast::RandomState;

use super::finding::{Figure, Findings, Severity, share};
use super::seen::Seen;
use super::table::Table;
use super::text::{count, percent, span};
use crate::packet::{InterfaceId, Transport};
use crate::time::Timestamp;

/// Copies of a mirror come within micro- to milliseconds. What a host sends again comes later: after 200 ms over TCP (the
/// least retransmission time-out in use), after 500 ms with SIP (T1).
const WINDOW: Duration = Duration::from_millis(50);
/// Frames remembered: as many as come in 50 ms at 1.3 million a second. At the bound the window becomes shorter.
const ROOM: usize = 65_536;
/// Distances kept, for their median.
const DISTANCES: usize = 8_192;
/// A port mirrored in both directions together with its neighbour gives half copies; one in twenty is no accident.
const RESERVATION: f64 = 0.05;
/// Less is a host that sends twice, or chance.
const NOTE: f64 = 0.001;
/// Nearly half are copies: every frame came twice.
const EVERY: f64 = 0.45;

#[derive(Debug)]
struct First {
    time: Timestamp,
    interface: InterfaceId,
    hops_left: Option<u8>,
    domain: u64,
}

/// Copies of one kind.
#[derive(Debug, Default)]
struct Copies {
    frames: u64,
    distances: Vec<Duration>,
}

impl Copies {
    fn add(&mut self, distance: Duration) {
        self.frames += 1;
        if self.distances.len() < DISTANCES {
            self.distances.push(distance);
        }
    }

    fn median(&self) -> Duration {
        let mut distances = self.distances.clone();
        distances.sort_unstable();
        distances.get(distances.len() / 2).copied().unwrap_or_default()
    }
}

/// Remembers each frame with a payload for a short time, by its inner addresses, IP identification, sequence numbers and
/// payload. TCP without a payload is left out: stacks that number no packets send the same acknowledgement twice.
///
/// Nothing is dropped by this hash. It counts.
#[derive(Debug)]
pub(super) struct Doubles {
    recent: Table<u64, First>,
    hash: RandomState,
    frames: u64,
    same: Copies,
    on_two_ports: Copies,
    routed: Copies,
    other_vlan: Copies,
}

impl Doubles {
    pub(super) fn new() -> Self {
        Self {
            recent: Table::with_room(ROOM),
            hash: RandomState::default(),
            frames: 0,
            same: Copies::default(),
            on_two_ports: Copies::default(),
            routed: Copies::default(),
            other_vlan: Copies::default(),
        }
    }

    pub(super) fn frame(&mut self, seen: &Seen<'_>) {
        let Some(segment) = seen.segment() else { return };
        let (payload, numbers) = match segment.transport {
            Transport::Udp(payload) => (payload, (0, 0)),
            Transport::Tcp(tcp) => (tcp.payload, (tcp.sequence, tcp.acknowledgement)),
            Transport::Sctp(chunks) => (chunks, (0, 0)),
        };
        if payload.is_empty() {
            return;
        }
        self.frames += 1;
        let time = seen.frame.time;
        while self.recent.oldest().is_some_and(|oldest| seen.now.since(oldest.time) > WINDOW) {
            self.recent.pop_oldest();
        }
        let id = seen.inner.map_or(0, |inner| inner.id);
        let key = self.hash.hash_one((segment.hop.source, segment.hop.destination, id, numbers, payload));
        let hops_left = seen.inner.map(|inner| inner.hops_left);
        let Some(first) = self.recent.get(&key) else {
            let (interface, domain) = (seen.frame.interface, segment.hop.domain.0);
            self.recent.insert(key, First { time, interface, hops_left, domain });
            return;
        };
        let distance = time.since(first.time).max(first.time.since(time));
        let copies = if first.hops_left != hops_left {
            &mut self.routed
        } else if first.domain != segment.hop.domain.0 {
            &mut self.other_vlan
        } else if first.interface != seen.frame.interface {
            &mut self.on_two_ports
        } else {
            // Byte for byte, or inside another frame of the mirror's own: another tunnel header, another MAC address.
            &mut self.same
        };
        copies.add(distance);
    }

    pub(super) fn conclude(&self, findings: &mut Findings) {
        let same = share(self.same.frames, self.frames);
        if same >= NOTE {
            let every = if same >= EVERY { "every frame came twice or more: " } else { "" };
            findings.found(
                ("doubled", if same >= RESERVATION { Severity::Reservation } else { Severity::Note }, same),
                format!(
                    "{every}{} of the frames with a payload are the same again, typically {} later",
                    percent(same),
                    span(self.same.median())
                ),
                "no harm: copies are one record; but they take up to half of what the mirror's port and this host can carry",
                "mirror each port in one session only: not a port in both directions together with the port at its other end, nor a port and its VLAN",
                &[
                    ("share", Figure::Share(same)),
                    ("copies", Figure::Count(self.same.frames)),
                    ("frames", Figure::Count(self.frames)),
                    ("typicalSeconds", Figure::Seconds(self.same.median().as_secs_f64())),
                ],
            );
        } else if self.frames > 0 {
            findings.fine("no frame came twice");
        }
        for (name, copies, what) in [
            ("seen_on_two_ports", &self.on_two_ports, "came on two of the ports watched"),
            ("seen_across_a_router", &self.routed, "were seen before and after a router (another hop limit)"),
            ("seen_in_two_vlans", &self.other_vlan, "were seen in two VLANs"),
        ] {
            let part = share(copies.frames, self.frames);
            if part < NOTE {
                continue;
            }
            findings.found(
                (name, Severity::Note, part),
                format!(
                    "{} of the frames with a payload ({}) {what}, typically {} apart",
                    percent(part),
                    count(copies.frames),
                    span(copies.median())
                ),
                "no harm: however often a message is seen, it is one record",
                "nothing needs to be done; mirroring one of the two places alone would halve the load",
                &[
                    ("share", Figure::Share(part)),
                    ("copies", Figure::Count(copies.frames)),
                    ("typicalSeconds", Figure::Seconds(copies.median().as_secs_f64())),
                ],
            );
        }
    }
}
