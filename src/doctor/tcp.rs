//! TCP as a witness: what is acknowledged was received, so if it was never seen the tap lost it.
//!
//! The idea is that of Zeek's capture-loss script. All TCP counts, whatever it carries: the mirror does not know SIP.

use core::time::Duration;

use super::finding::{Figure, Findings, Severity, grade, share};
use super::seen::Seen;
use super::table::Table;
use super::text::{count, counted, percent};
use crate::packet::{Endpoint, Hop, TcpSegment, Transport};
use crate::time::Timestamp;

/// Conversations followed; at the bound the oldest goes, and what it showed is kept.
const ROOM: usize = 65_536;
/// Holes of a direction that may still be filled. At the bound the oldest is judged.
const HOLES: usize = 16;
/// A segment that the mirror delivers late comes within milliseconds; one that is sent again after a time-out, within a
/// second (RFC 6298). A hole that is acknowledged and older was lost by the tap.
const FILLED_WITHIN: Duration = Duration::from_secs(2);
/// Further than a window without scaling by 2^8: another connection, or another network.
const FAR: u32 = 16 << 20;
/// Changes between two sequences of bytes under one address. A reused port changes once.
const INTERLEAVED: u32 = 4;
/// Segments of one direction by which the other would have shown.
const ONE_WAY: u32 = 3;
/// Zeek's own threshold of too much loss, 0.1 %; above it one session in 150 loses one of its seven messages.
const RESERVATION: f64 = 0.001;
/// One session in fifteen.
const NOT_FIT: f64 = 0.01;
/// Bytes acknowledged by which a share means something: some ten full segments.
const FEW_BYTES: u64 = 15_000;

#[derive(Clone, Copy, Debug)]
struct Hole {
    from: u32,
    to: u32,
    since: Timestamp,
    /// An acknowledgement showed it, before the bytes could.
    by_ack: bool,
}

/// One direction.
///
/// Invariant: `holes` lie before `high`, in the order in which they were found.
#[derive(Debug, Default)]
struct Way {
    segments: u32,
    /// Of an established connection: a host that is dead gets nothing but SYN.
    established: u32,
    /// Behind the highest byte seen or acknowledged.
    high: Option<u32>,
    acked: Option<u32>,
    holes: Vec<Hole>,
    /// Where the sequence was that this one jumped from.
    other: Option<u32>,
    changes: u32,
    unheard_bytes: u64,
    /// Holes that were acknowledged, and never filled.
    lost: u64,
}

#[derive(Debug, Default)]
struct Conversation {
    ways: [Way; 2],
    epoch: u64,
    is_sip: bool,
}

/// What TCP showed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TcpFigures {
    pub(super) two_way: u64,
    pub(super) one_way: u64,
    /// One of those carried SIP.
    pub(super) sip_one_way: bool,
    /// Bytes acknowledged to hosts that were never heard.
    pub(super) one_way_bytes: u64,
    pub(super) acked_bytes: u64,
    pub(super) unseen_bytes: u64,
    pub(super) gaps: u64,
    pub(super) segments: u64,
    /// Segments that filled a hole within the reorder window, and the longest time that one took.
    pub(super) late: u64,
    pub(super) latest: Duration,
    /// Of these, bytes whose acknowledgement came first.
    pub(super) behind_ack: u64,
    pub(super) interleaved: u64,
}

#[derive(Debug)]
pub(super) struct Tcp {
    open: Table<(Endpoint, Endpoint), Conversation>,
    reorder: Duration,
    figures: TcpFigures,
}

impl Tcp {
    pub(super) fn new(reorder: Duration) -> Self {
        Self { open: Table::with_room(ROOM), reorder, figures: TcpFigures::default() }
    }

    pub(super) fn frame(&mut self, seen: &Seen<'_>) {
        let Some(segment) = seen.segment() else { return };
        let Transport::Tcp(tcp) = &segment.transport else { return };
        let (source, destination) = (segment.hop.source, segment.hop.destination);
        let (key, side) =
            if source <= destination { ((source, destination), 0) } else { ((destination, source), 1_usize) };
        if self.open.get(&key).is_none() {
            let fresh = Conversation { epoch: seen.epoch, ..Conversation::default() };
            if let Some(oldest) = self.open.insert(key, fresh) {
                fold(&mut self.figures, oldest, seen.now, seen.epoch, self.reorder);
            }
        }
        let Self { open, reorder, figures } = self;
        let Some(conversation) = open.get_mut(&key) else { return };
        if conversation.epoch != seen.epoch {
            conversation.epoch = seen.epoch;
            conversation.ways.iter_mut().for_each(Way::forget);
        }
        conversation.is_sip |= crate::sip::is_start(tcp.payload);
        let [first, second] = &mut conversation.ways;
        let (own, other) = if side == 0 { (first, second) } else { (second, first) };
        figures.segments += 1;
        own.segment(seen.now, tcp, *reorder, figures);
        if tcp.ack && !tcp.rst {
            other.acknowledged(seen.now, tcp.acknowledgement, figures);
        }
        for way in [own, other] {
            way.settle(seen.now, FILLED_WITHIN, figures);
        }
    }

    /// Whether both directions between these are here with every byte that was acknowledged: then no message is missing.
    pub(super) fn is_whole(&self, hop: &Hop) -> bool {
        let key = (hop.source.min(hop.destination), hop.source.max(hop.destination));
        self.open.get(&key).is_some_and(|conversation| {
            conversation.ways.iter().all(|way| way.segments > 0 && way.lost == 0 && way.holes.is_empty())
        })
    }

    /// What TCP showed, up to this time.
    pub(super) fn finish(&mut self, now: Timestamp, epoch: u64) -> TcpFigures {
        while let Some(conversation) = self.open.pop_oldest() {
            fold(&mut self.figures, conversation, now, epoch, self.reorder);
        }
        self.figures
    }
}

/// Adds a conversation that is over to the figures. `wait`: how long a hole has to be open by then.
fn fold(figures: &mut TcpFigures, conversation: Conversation, now: Timestamp, epoch: u64, wait: Duration) {
    let [mut one, mut other] = conversation.ways;
    for way in [&mut one, &mut other] {
        // Since frames were lost here, its holes may have been filled by them.
        if conversation.epoch == epoch {
            way.settle(now, wait, figures);
        }
    }
    figures.interleaved += u64::from(one.changes.max(other.changes) >= INTERLEAVED);
    match (one.segments, other.segments) {
        (0, seen) | (seen, 0) => {
            if seen > 0 && one.established.max(other.established) >= ONE_WAY {
                figures.one_way += 1;
                figures.sip_one_way |= conversation.is_sip;
                figures.one_way_bytes += one.unheard_bytes + other.unheard_bytes;
            }
        }
        _ => figures.two_way += 1,
    }
}

impl Way {
    fn forget(&mut self) {
        *self = Self {
            segments: self.segments,
            established: self.established,
            changes: self.changes,
            unheard_bytes: self.unheard_bytes,
            lost: self.lost,
            ..Self::default()
        };
    }

    fn segment(&mut self, now: Timestamp, tcp: &TcpSegment<'_>, reorder: Duration, figures: &mut TcpFigures) {
        self.segments = self.segments.saturating_add(1);
        self.established += u32::from(tcp.ack && !tcp.syn && !tcp.rst);
        let length = tcp.wire_len.max(tcp.payload.len() as u32).wrapping_add(u32::from(tcp.syn) + u32::from(tcp.fin));
        let (from, to) = (tcp.sequence, tcp.sequence.wrapping_add(length));
        if tcp.syn {
            self.forget();
        }
        let Some(high) = self.high else {
            self.high = Some(to);
            // What is acknowledged from here on was seen here, or lost.
            self.acked.get_or_insert_with(|| from.wrapping_add(tcp.syn.into()));
            return;
        };
        if tcp.rst {
            return;
        }
        if ahead(from, high).unsigned_abs() > FAR {
            let back = self.other.is_some_and(|other| ahead(from, other).unsigned_abs() <= FAR);
            self.changes += u32::from(back);
            *self = Self { other: Some(high), high: Some(to), holes: Vec::new(), acked: None, ..core::mem::take(self) };
            return;
        }
        if ahead(from, high) > 0 {
            self.open_hole(Hole { from: high, to: from, since: now, by_ack: false }, figures);
        } else if length > 0 {
            self.fill(now, from, to, reorder, figures);
        }
        if ahead(to, high) > 0 {
            self.high = Some(to);
        }
    }

    fn open_hole(&mut self, hole: Hole, figures: &mut TcpFigures) {
        // A FIN that was not seen counts as a byte, and so does the probe of a keep-alive.
        if ahead(hole.to, hole.from) <= 1 {
            return;
        }
        if self.holes.len() == HOLES {
            let oldest = self.holes.remove(0);
            self.judge(oldest, figures);
        }
        self.holes.push(hole);
    }

    /// Bytes that were missing have come.
    fn fill(&mut self, now: Timestamp, from: u32, to: u32, reorder: Duration, figures: &mut TcpFigures) {
        let mut rest = Vec::new();
        let mut filled = false;
        self.holes.retain_mut(|hole| {
            if ahead(to, hole.from) <= 0 || ahead(hole.to, from) <= 0 {
                return true;
            }
            let waited = now.since(hole.since);
            if !filled && waited <= reorder {
                figures.late += 1;
                figures.latest = figures.latest.max(waited);
                figures.behind_ack += u64::from(hole.by_ack);
            }
            filled = true;
            if ahead(hole.to, to) > 0 {
                rest.push(Hole { from: to, ..*hole });
            }
            hole.to = from;
            ahead(hole.to, hole.from) > 0
        });
        self.holes.extend(rest);
        self.holes.sort_by_key(|hole| hole.since);
        self.holes.truncate(HOLES);
    }

    /// The other side has all bytes before `number`.
    fn acknowledged(&mut self, now: Timestamp, number: u32, figures: &mut TcpFigures) {
        let progress = self.acked.map_or(0, |acked| ahead(number, acked));
        if progress.unsigned_abs() > FAR {
            self.acked = Some(number);
            return;
        }
        let progress = u64::try_from(progress).unwrap_or(0);
        if self.acked.is_none() || progress > 0 {
            self.acked = Some(number);
        }
        let Some(high) = self.high else {
            self.unheard_bytes += progress;
            return;
        };
        let beyond = ahead(number, high);
        if beyond.unsigned_abs() > FAR {
            return;
        }
        figures.acked_bytes += progress;
        if beyond > 0 {
            self.open_hole(Hole { from: high, to: number, since: now, by_ack: true }, figures);
            self.high = Some(number);
        }
    }

    /// Judges the holes that have been open for `wait`.
    fn settle(&mut self, now: Timestamp, wait: Duration, figures: &mut TcpFigures) {
        while self.holes.first().is_some_and(|hole| now.since(hole.since) > wait) {
            let hole = self.holes.remove(0);
            self.judge(hole, figures);
        }
    }

    /// A hole that nobody acknowledged may be the network's doing.
    fn judge(&mut self, hole: Hole, figures: &mut TcpFigures) {
        if self.acked.is_some_and(|acked| ahead(acked, hole.to) >= 0) {
            self.lost += 1;
            figures.gaps += 1;
            figures.unseen_bytes += u64::try_from(ahead(hole.to, hole.from)).unwrap_or(0);
        }
    }
}

impl TcpFigures {
    pub(super) fn conclude(&self, findings: &mut Findings) {
        let part = share(self.unseen_bytes, self.acked_bytes).min(1.0);
        if self.unseen_bytes > 0 {
            let severity = match grade(part, RESERVATION, NOT_FIT) {
                Some(Severity::NotFit) if self.acked_bytes < FEW_BYTES => Severity::Reservation,
                severity => severity.unwrap_or(Severity::Note),
            };
            findings.found(
                ("tcp_lost", severity, part),
                format!(
                    "{} of the bytes acknowledged over TCP were never seen here ({} of {}, in {})",
                    percent(part),
                    count(self.unseen_bytes),
                    count(self.acked_bytes),
                    counted(self.gaps, "gap")
                ),
                "the hosts had them, so the tap lost them, and SIP over UDP with them: records without duration or end, or none",
                "the mirror drops frames, or some take another way (a LAG, ECMP): look for drops at its destination port; mirror fewer ports, to a faster port, and all members of a LAG",
                &[
                    ("share", Figure::Share(part)),
                    ("unseenBytes", Figure::Count(self.unseen_bytes)),
                    ("acknowledgedBytes", Figure::Count(self.acked_bytes)),
                    ("gaps", Figure::Count(self.gaps)),
                ],
            );
        } else if self.acked_bytes > 0 {
            findings.fine(format!("no TCP byte is missing of {} acknowledged", count(self.acked_bytes)));
        }
    }
}

/// How far `one` is ahead of `other`, in sequence space.
fn ahead(one: u32, other: u32) -> i32 {
    one.wrapping_sub(other).cast_signed()
}
