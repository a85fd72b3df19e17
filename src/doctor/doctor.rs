//! Drives the probe and the examinations.

use core::time::Duration;

use super::clock::Stamps;
use super::direction::Pairs;
use super::doubles::Doubles;
use super::drops;
use super::finding::{Findings, Severity};
use super::fragments::Fragments;
use super::length::Length;
use super::order::Order;
use super::path::{self, Path};
use super::report::{Report, Sessions, Sip as SipTotals, Source, Verdict};
use super::rtp::Rtp;
use super::secrecy::Secrecy;
use super::seen::{Inner, Outer, Seen, Sip};
use super::servers::Servers;
use super::silence::Silence;
use super::tags::Tags;
use super::tcp::Tcp;
use super::transactions::Transactions;
use super::truncation::Truncation;
use crate::packet::{Carrier, Frame, Hop, PeelLimits, Peeled, Peeler, Transport};
use crate::probe::{Input, Loss, Output, Probe};
use crate::sip::{Carriage, Message, is_start};
use crate::stream::{Delivery, StreamLimits, Streams};
use crate::time::Timestamp;

/// Conversations and bytes that are followed for messages: a minute's worth of a trunk, in less memory than a probe's.
const CONVERSATIONS: usize = 65_536;
const BUFFERED: usize = 32 << 20;

/// What the doctor is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// The window in which disorder does no harm, as `live` would be told it.
    pub reorder: Duration,
    /// Where encrypted conversations are taken for signalling.
    pub sip_ports: Vec<u16>,
    /// The time of day when the last frame comes, to tell stamps that lie in the future; none for files, of which the report
    /// is the same on every day.
    pub wall_clock: Option<Timestamp>,
}

impl Default for Options {
    fn default() -> Self {
        Self { reorder: Duration::from_millis(200), sip_ports: vec![5060, 5061], wall_clock: None }
    }
}

/// Examines a tap by its frames.
///
/// Invariant: what it keeps is bounded by the tables of its examinations, each of which says what happens at its bound.
pub struct Doctor {
    probe: Probe,
    peeler: Peeler,
    streams: Streams,
    signalling: Signalling,
    silence: Silence,
    doubles: Doubles,
    tags: Tags,
    tcp: Tcp,
    rtp: Rtp,
    order: Order,
    stamps: Stamps,
    fragments: Fragments,
    length: Length,
    path: Path,
    sessions: Sessions,
    bytes: u64,
    first: Option<Timestamp>,
    /// See [`Seen::epoch`].
    epoch: u64,
    /// Frames were lost here up to this time. What the ring still holds came before.
    blind_until: Timestamp,
    lost: u64,
}

/// The examinations of SIP messages.
struct Signalling {
    pairs: Pairs,
    transactions: Transactions,
    secrecy: Secrecy,
    servers: Servers,
    truncation: Truncation,
}

/// Where a message was found.
#[derive(Clone, Copy)]
struct Place {
    time: Timestamp,
    now: Timestamp,
    epoch: u64,
    hop: Hop,
    carrier: Carrier,
    is_cut: bool,
}

impl Doctor {
    #[must_use]
    pub fn new(options: Options) -> Self {
        let Options { reorder, sip_ports, wall_clock } = options;
        Self {
            probe: Probe::new(crate::probe::Options { reorder, ..Default::default() }),
            peeler: Peeler::new(PeelLimits { reorder, ..PeelLimits::default() }),
            streams: Streams::new(StreamLimits {
                reorder,
                conversations: CONVERSATIONS,
                buffered: BUFFERED,
                ..StreamLimits::default()
            }),
            signalling: Signalling {
                pairs: Pairs::new(),
                transactions: Transactions::new(reorder),
                secrecy: Secrecy::new(sip_ports),
                servers: Servers::new(),
                truncation: Truncation::default(),
            },
            silence: Silence::default(),
            doubles: Doubles::new(),
            tags: Tags::new(),
            tcp: Tcp::new(reorder),
            rtp: Rtp::new(),
            order: Order::new(reorder),
            stamps: Stamps::new(wall_clock),
            fragments: Fragments::default(),
            length: Length::default(),
            path: Path::default(),
            sessions: Sessions::default(),
            bytes: 0,
            first: None,
            epoch: 0,
            blind_until: Timestamp::MIN,
            lost: 0,
        }
    }

    /// Takes a frame.
    pub fn frame(&mut self, frame: &Frame<'_>) {
        self.probe.handle(Input::Frame(*frame));
        self.poll();
        let now = self.probe.now().unwrap_or(frame.time);
        self.first.get_or_insert(frame.time);
        self.signalling.transactions.began(frame.time);
        self.bytes += u64::from(frame.wire_len);
        if frame.time <= self.blind_until {
            self.epoch += 1;
        }

        let peeled = self.peeler.peel(now, frame);
        let inner = if let Peeled::Segment(segment) = &peeled { Inner::of(frame, segment) } else { None };
        let seen = Seen { frame, now, epoch: self.epoch, outer: Outer::of(frame), peeled, inner };
        self.silence.frame(&seen);
        self.doubles.frame(&seen);
        self.tags.frame(&seen);
        self.tcp.frame(&seen);
        self.rtp.frame(&seen);
        self.order.frame(&seen);
        self.stamps.frame(&seen);
        self.fragments.frame(&seen);
        self.length.frame(&seen);
        self.signalling.secrecy.frame(&seen);
        self.signalling.truncation.frame(&seen);

        let Self { streams, signalling, tcp: witness, .. } = self;
        if let Some(segment) = seen.segment() {
            let place = Place {
                time: frame.time,
                now,
                epoch: seen.epoch,
                hop: segment.hop,
                carrier: Carrier::Udp,
                is_cut: segment.cut || frame.is_cut(),
            };
            let mut deliver = |delivery: Delivery<'_>| {
                if let Delivery::Message(message) = delivery {
                    let is_cut = place.is_cut && message.carriage == Carriage::CutDatagram;
                    let (time, hop, carrier) = (message.time, message.hop, message.carrier);
                    let place = Place { time, hop, carrier, is_cut, ..place };
                    signalling.message(place, message.bytes, message.carriage, witness);
                }
            };
            match segment.transport {
                Transport::Udp(payload) if is_start(payload) => {
                    let carriage = if segment.cut { Carriage::CutDatagram } else { Carriage::Datagram };
                    signalling.message(Place { is_cut: segment.cut, ..place }, payload, carriage, witness);
                }
                Transport::Udp(_) => {}
                Transport::Tcp(tcp) => streams.tcp(now, frame.time, &segment.hop, &tcp, &mut deliver),
                Transport::Sctp(chunks) => streams.sctp(now, frame.time, &segment.hop, chunks, &mut deliver),
            }
        }
        self.path.frame(&self.peeler.counts().tunnels);
    }

    /// Frames were lost where this program, or whoever wrote the file, captures: not by the tap.
    pub fn loss(&mut self, loss: &Loss) {
        self.probe.handle(Input::Loss(*loss));
        self.lost = self.lost.saturating_add(loss.count);
        self.epoch += 1;
        self.blind_until = self.blind_until.max(loss.to);
    }

    /// Capture time has gone on for this long since the last frame: what was not seen meanwhile will not come.
    pub fn idle(&mut self, span: Duration) {
        if let Some(now) = self.probe.now() {
            self.probe.handle(Input::Tick(now.plus(span)));
            self.poll();
        }
    }

    /// The report, of these sources, in the order of their interface numbers.
    #[must_use]
    pub fn finish(mut self, sources: Vec<Source>) -> Report {
        let now = self.probe.now().unwrap_or(Timestamp::MIN);
        self.probe.handle(Input::End);
        self.poll();
        self.peeler.expire(Timestamp::MAX);
        let counts = self.probe.counts();
        let dropped_here: u64 = sources.iter().map(|source| source.dropped_by_ring + source.dropped_by_interface).sum();
        let in_files = self.lost.saturating_sub(dropped_here);
        let Signalling { pairs, transactions, secrecy, servers, truncation } = &mut self.signalling;

        let mut findings = Findings::default();
        let transactions = transactions.finish(now, self.epoch, pairs, &self.tcp);
        let tcp = self.tcp.finish(now, self.epoch);
        self.order.finish();
        self.silence.conclude(&counts, &sources, &mut findings);
        if counts.packet.frames > 0 {
            pairs.conclude(&transactions, &tcp, &mut findings);
            transactions.conclude(&mut findings);
            tcp.conclude(&mut findings);
            self.rtp.conclude(&mut findings);
            drops::conclude(&sources, counts.packet.frames, in_files, &mut findings);
            self.doubles.conclude(&mut findings);
            truncation.conclude(&counts.packet, &mut findings);
            self.fragments.conclude(&self.peeler.counts().fragments, counts.packet.frames, &mut findings);
            secrecy.conclude(&counts.packet, &mut findings);
            self.tags.conclude(&tcp, &mut findings);
            self.order.conclude(&tcp, &transactions, &mut findings);
            self.order.conclude_steps(&mut findings);
            self.stamps.conclude(&mut findings);
            self.length.conclude(&mut findings);
            self.path.conclude(&counts.packet, &mut findings);
        }

        let Findings { mut found, fine } = findings;
        if in_files > 0 {
            // A file tells of its drops at its end, too late to leave these moments out.
            for finding in
                found.iter_mut().filter(|finding| matches!(finding.name, "tcp_lost" | "sip_lost" | "rtp_lost"))
            {
                finding.advice =
                    "the program that captured dropped frames itself (file_drops): mend that first, and look again"
                        .into();
            }
        }
        found.sort_by(|one, other| {
            (other.severity, other.weight)
                .partial_cmp(&(one.severity, one.weight))
                .unwrap_or(core::cmp::Ordering::Equal)
        });
        let verdict = match found.first().map(|worst| worst.severity) {
            Some(Severity::NotFit) => Verdict::NotFit,
            Some(Severity::Reservation) => Verdict::FitWithReservations,
            Some(Severity::Note) | None => Verdict::Fit,
        };
        let sip = &counts.sip;
        Report {
            verdict,
            seconds: self.first.map_or(0.0, |first| now.since(first).as_secs_f64()),
            frames: counts.packet.frames,
            bytes: self.bytes,
            sources,
            sip: SipTotals {
                messages: sip.messages(),
                invites: sip.invites,
                byes: sip.byes,
                answers: sip.provisional + sip.successes + sip.failures,
            },
            sessions: Sessions { open: counts.session.still_open, ..self.sessions },
            tunnels: path::list(&counts.packet.tunnels).into_iter().filter(|(_, frames)| *frames > 0).collect(),
            tunnel_depth: self.path.deepest,
            servers: servers.list(),
            findings: found,
            fine,
        }
    }

    fn poll(&mut self) {
        while let Some(output) = self.probe.poll() {
            if let Output::Record(record) = output {
                let record = record.read::<&[u8]>();
                if record.revision == 1 {
                    self.sessions.records += 1;
                    self.sessions.without_duration += u64::from(record.times.duration.is_none());
                }
            }
        }
    }
}

impl Signalling {
    fn message(&mut self, place: Place, bytes: &[u8], carriage: Carriage, tcp: &Tcp) {
        let message = Message::parse(bytes, carriage);
        self.truncation.message(place.is_cut, message.is_ok());
        let Ok(message) = message else { return };
        let Place { time, now, epoch, hop, carrier, .. } = place;
        let sip = Sip { time, now, epoch, hop, carrier, message: &message };
        self.pairs.message(&sip);
        self.secrecy.message(&sip);
        self.servers.message(&sip);
        self.transactions.message(&sip, &self.pairs, tcp);
    }
}
