//! The stage as one object.

use crate::packet::{Hop, TcpSegment};
use crate::time::Timestamp;

use super::counts::StreamCounts;
use super::delivery::Delivery;
use super::limits::StreamLimits;

/// Every stream being followed.
#[derive(Debug)]
pub struct Streams {
    limits: StreamLimits,
    counts: StreamCounts,
}

impl Streams {
    #[must_use]
    pub fn new(limits: StreamLimits) -> Self {
        Self { limits, counts: StreamCounts::default() }
    }

    /// Takes one TCP segment. Segments of one interface come in capture order; `cut`: the snap length cut its payload.
    pub fn tcp(
        &mut self,
        now: Timestamp,
        hop: &Hop,
        segment: &TcpSegment<'_>,
        cut: bool,
        deliver: &mut impl FnMut(Delivery<'_>),
    ) {
        let _ = (now, hop, segment, cut, deliver);
    }

    /// Takes the chunks of one SCTP packet; `cut`: the snap length cut the last of them.
    pub fn sctp(
        &mut self,
        now: Timestamp,
        hop: &Hop,
        chunks: &[u8],
        cut: bool,
        deliver: &mut impl FnMut(Delivery<'_>),
    ) {
        let _ = (now, hop, chunks, cut, deliver);
    }

    /// Gives up what has waited long enough by capture time `now`. `tcp` and `sctp` do so too; this is for idle time.
    pub fn tick(&mut self, now: Timestamp, deliver: &mut impl FnMut(Delivery<'_>)) {
        let _ = (now, deliver);
    }

    /// No more input: what waits behind holes is delivered as if its time had passed.
    pub fn finish(&mut self, deliver: &mut impl FnMut(Delivery<'_>)) {
        let _ = deliver;
    }

    /// When [`Streams::tick`] next has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let _ = &self.limits;
        None
    }

    #[must_use]
    pub fn counts(&self) -> &StreamCounts {
        &self.counts
    }
}
