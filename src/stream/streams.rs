//! The stage as one object.

use crate::packet::{Hop, InterfaceId, TcpSegment};
use crate::time::Timestamp;

use super::conversations::Conversations;
use super::counts::{Missing, StreamCounts};
use super::delivery::Delivery;
use super::direction::Direction;
use super::limits::StreamLimits;
use super::sctp::{self, Lane};
use super::shared::Shared;
use super::tcp;

/// Every stream being followed.
///
/// Fed with segments in capture order; whatever that completes is delivered before the call returns. Nothing here reads a
/// clock: time is what the caller says, and a time that steps back is taken as the highest seen.
#[derive(Debug)]
pub struct Streams {
    shared: Shared,
    tcp: Conversations<Direction>,
    sctp: Conversations<Lane>,
    now: Timestamp,
}

impl Streams {
    #[must_use]
    pub fn new(limits: StreamLimits) -> Self {
        let seed = limits.seed;
        Self {
            shared: Shared::new(limits),
            tcp: Conversations::new(seed),
            sctp: Conversations::new(seed),
            now: Timestamp::MIN,
        }
    }

    /// What comes from now on was captured there. It serves to say where something is missing, and decides nothing.
    #[inline]
    pub fn captured_on(&mut self, interface: InterfaceId) {
        self.shared.interface = interface;
    }

    /// Takes one TCP segment, of a frame captured at `seen`, when the clock says `now`. A payload that the snap length cut is
    /// told by `segment.wire_len`.
    pub fn tcp(
        &mut self,
        now: Timestamp,
        seen: Timestamp,
        hop: &Hop,
        segment: &TcpSegment<'_>,
        deliver: &mut impl FnMut(Delivery<'_>),
    ) {
        let now = self.advance(now, deliver);
        tcp::segment(&mut self.tcp, &mut self.shared, (now, seen), hop, segment, deliver);
    }

    /// Takes the chunks of one SCTP packet, likewise. A last chunk that the snap length cut is told by its length.
    pub fn sctp(
        &mut self,
        now: Timestamp,
        seen: Timestamp,
        hop: &Hop,
        chunks: &[u8],
        deliver: &mut impl FnMut(Delivery<'_>),
    ) {
        let now = self.advance(now, deliver);
        sctp::packet(&mut self.sctp, &mut self.shared, (now, seen), hop, chunks, deliver);
    }

    /// The segment that follows has this number. Of two streams that are due at the same time, the one whose conversation
    /// began with the lower one is first.
    #[inline]
    pub(crate) fn number(&mut self, number: u64) {
        self.shared.number = number;
    }

    /// Gives up what has waited long enough by capture time `now`. `tcp` and `sctp` do so too; this is for idle time.
    pub fn tick(&mut self, now: Timestamp, deliver: &mut impl FnMut(Delivery<'_>)) {
        self.advance(now, deliver);
    }

    /// Does what is due first, now; see [`Streams::first_due`].
    pub(crate) fn expire_first(&mut self, now: Timestamp, deliver: &mut impl FnMut(Delivery<'_>)) {
        self.now = self.now.max(now);
        match self.first_is_tcp() {
            true => self.tcp.expire_first(&mut self.shared, self.now, deliver),
            false => self.sctp.expire_first(&mut self.shared, self.now, deliver),
        }
    }

    /// No more input: what waits behind holes is delivered as if its time had passed, what is due first before the rest.
    pub fn finish(&mut self, deliver: &mut impl FnMut(Delivery<'_>)) {
        while self.first_due().is_some() {
            self.finish_first(self.now, deliver);
        }
    }

    /// The same for the stream that is due first, when the clock says `now`.
    pub(crate) fn finish_first(&mut self, now: Timestamp, deliver: &mut impl FnMut(Delivery<'_>)) {
        match self.first_is_tcp() {
            true => self.tcp.finish_first(&mut self.shared, now, deliver),
            false => self.sctp.finish_first(&mut self.shared, now, deliver),
        }
    }

    /// When something is next due, and the number of the segment with which its conversation began.
    #[inline]
    pub(crate) fn first_due(&self) -> Option<(Timestamp, u64)> {
        let first = [self.tcp.first_due(), self.sctp.first_due()].into_iter().flatten().min();
        first.map(|(due, side)| (due, side.born))
    }

    fn first_is_tcp(&self) -> bool {
        let (tcp, sctp) = (self.tcp.first_due(), self.sctp.first_due());
        tcp.is_some_and(|tcp| sctp.is_none_or(|sctp| tcp <= sctp))
    }

    /// Conversations and buffers dropped at a bound so far.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.shared.counts.evicted + self.shared.counts.buffers_dropped
    }

    /// When [`Streams::tick`] next has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        self.first_due().map(|(due, _)| due)
    }

    /// Totals, and how things stand.
    #[must_use]
    pub fn counts(&self) -> StreamCounts {
        let conversations = (self.tcp.len() + self.sctp.len()) as u64;
        StreamCounts { conversations, buffered: self.shared.buffered as u64, ..self.shared.counts }
    }

    /// What is missing by interface, in the order of their numbers; nothing is, where there is none.
    #[must_use]
    pub fn missing(&self) -> &[Missing] {
        &self.shared.missing
    }

    /// Moves time forward and does what became due.
    #[inline]
    fn advance(&mut self, now: Timestamp, deliver: &mut impl FnMut(Delivery<'_>)) -> Timestamp {
        self.now = self.now.max(now);
        while self.next_timeout().is_some_and(|due| due <= self.now) {
            self.expire_first(now, deliver);
        }
        self.now
    }
}
