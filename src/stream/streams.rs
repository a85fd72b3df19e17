//! The stage as one object.

use crate::packet::{Hop, TcpSegment};
use crate::time::Timestamp;

use super::conversations::Conversations;
use super::counts::StreamCounts;
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

    /// Gives up what has waited long enough by capture time `now`. `tcp` and `sctp` do so too; this is for idle time.
    pub fn tick(&mut self, now: Timestamp, deliver: &mut impl FnMut(Delivery<'_>)) {
        self.advance(now, deliver);
    }

    /// No more input: what waits behind holes is delivered as if its time had passed.
    pub fn finish(&mut self, deliver: &mut impl FnMut(Delivery<'_>)) {
        self.tcp.finish(&mut self.shared, self.now, deliver);
        self.sctp.finish(&mut self.shared, self.now, deliver);
    }

    /// Conversations and buffers dropped at a bound so far.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.shared.counts.evicted + self.shared.counts.buffers_dropped
    }

    /// When [`Streams::tick`] next has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        [self.tcp.next_timeout(), self.sctp.next_timeout()].into_iter().flatten().min()
    }

    /// Totals, and how things stand.
    #[must_use]
    pub fn counts(&self) -> StreamCounts {
        let conversations = (self.tcp.len() + self.sctp.len()) as u64;
        StreamCounts { conversations, buffered: self.shared.buffered as u64, ..self.shared.counts }
    }

    /// Moves time forward and does what became due.
    #[inline]
    fn advance(&mut self, now: Timestamp, deliver: &mut impl FnMut(Delivery<'_>)) -> Timestamp {
        self.now = self.now.max(now);
        if self.tcp.next_timeout().is_some_and(|due| due <= self.now) {
            self.tcp.expire(&mut self.shared, self.now, deliver);
        }
        if self.sctp.next_timeout().is_some_and(|due| due <= self.now) {
            self.sctp.expire(&mut self.shared, self.now, deliver);
        }
        self.now
    }
}
