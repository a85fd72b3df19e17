//! Everything the core counts.

use crate::packet::PacketCounts;
use crate::session::SessionCounts;
use crate::sip::{Defect, Method, StartLine};
use crate::stream::StreamCounts;

/// One view of every counter of a probe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub packet: PacketCounts,
    pub stream: StreamCounts,
    pub sip: SipCounts,
    pub session: SessionCounts,
    /// Frames lost before they could be captured, as the driver said.
    pub frames_lost: u64,
    /// Times the capture clock stepped back, and jumped forward.
    pub clock_steps: u64,
    pub clock_gaps: u64,
    /// IM Servers that were seen with other ports than the operator's alone; known when the input has ended.
    pub servers_on_other_ports: u64,
}

impl Counts {
    /// Adds what a Tap or a Ledger has counted; the rest is the Gate's alone.
    pub(crate) fn add_worker(&mut self, worker: &Self) {
        self.stream.add(&worker.stream);
        self.sip.add(&worker.sip);
        self.session.add(&worker.session);
    }
}

/// SIP messages by kind. Each whole message is in exactly one field from `invites` to `dropped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SipCounts {
    pub invites: u64,
    pub acks: u64,
    pub byes: u64,
    pub cancels: u64,
    pub registers: u64,
    pub other_requests: u64,
    pub provisional: u64,
    pub successes: u64,
    /// 3xx to 6xx.
    pub failures: u64,
    /// Messages that could not be told to a dialog.
    pub dropped: u64,
    /// Messages with something odd that did not matter.
    pub odd: u64,
    /// Datagrams of SigComp (RFC 3320): compressed, never guessed.
    pub opaque: u64,
    /// Datagrams that only keep a binding alive.
    pub keep_alives: u64,
    pub by_defect: DefectCounts,
}

/// Dropped messages by reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefectCounts([u64; Defect::COUNT]);

impl Default for DefectCounts {
    fn default() -> Self {
        Self([0; Defect::COUNT])
    }
}

impl DefectCounts {
    fn add(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }

    /// The reasons that occurred, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Defect, u64)> {
        Defect::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

impl SipCounts {
    /// Whole messages that could be told to a dialog.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.invites
            + self.acks
            + self.byes
            + self.cancels
            + self.registers
            + self.other_requests
            + self.provisional
            + self.successes
            + self.failures
    }

    fn add(&mut self, other: &Self) {
        // Taken apart without `..`: a new counter does not compile until it is added.
        let Self {
            invites,
            acks,
            byes,
            cancels,
            registers,
            other_requests,
            provisional,
            successes,
            failures,
            dropped,
            odd,
            opaque,
            keep_alives,
            by_defect,
        } = other;
        self.invites += invites;
        self.acks += acks;
        self.byes += byes;
        self.cancels += cancels;
        self.registers += registers;
        self.other_requests += other_requests;
        self.provisional += provisional;
        self.successes += successes;
        self.failures += failures;
        self.dropped += dropped;
        self.odd += odd;
        self.opaque += opaque;
        self.keep_alives += keep_alives;
        self.by_defect.add(by_defect);
    }

    pub(super) fn count(&mut self, start: StartLine<'_>) {
        *match start {
            StartLine::Request { method, .. } => match method {
                Method::Invite => &mut self.invites,
                Method::Ack => &mut self.acks,
                Method::Bye => &mut self.byes,
                Method::Cancel => &mut self.cancels,
                Method::Register => &mut self.registers,
                _ => &mut self.other_requests,
            },
            StartLine::Response { status: ..200, .. } => &mut self.provisional,
            StartLine::Response { status: 200..300, .. } => &mut self.successes,
            StartLine::Response { .. } => &mut self.failures,
        } += 1;
    }

    pub(super) fn drop(&mut self, defect: Defect) {
        self.dropped += 1;
        if let Some(count) = self.by_defect.0.get_mut(defect as usize) {
            *count += 1;
        }
    }
}
