//! The bounds of the stream stage.

use core::time::Duration;

/// Bounds on what is kept for streams. What happens at each is said beside it and counted in `StreamCounts`.
#[derive(Clone, Debug)]
pub struct StreamLimits {
    /// TCP conversations (both directions), and as many SCTP ones. At the bound the oldest that carries no SIP goes,
    /// then the oldest.
    pub conversations: usize,
    /// Bytes buffered over all streams. Above it the stream whose deadline is nearest loses its buffer.
    pub buffered: usize,
    /// Bytes waiting behind the first hole of one stream. Above it the hole is given up.
    ///
    /// 256 KiB is above the receive window that a hop with a short round trip opens, so that a sender that waits for an
    /// acknowledgement of the hole stops before this bound does.
    pub ahead: usize,
    /// Bytes kept at a mid-stream join while it is not known where a message starts. Above it the search begins.
    pub join: usize,
    /// How late a frame may come, compared to the others: the window in which bytes before the point of joining are
    /// still taken, and in which a hole that the receiver acknowledged may still be filled.
    pub reorder: Duration,
    /// A hole that nobody acknowledged is given up after this long. RFC 6298 starts at 1 s and doubles: 3 s leaves room for
    /// the retransmission of a retransmission.
    pub hole_age: Duration,
    /// A message of which nothing more comes for this long is dropped.
    pub stall: Duration,
    /// A conversation without SIP is forgotten after this long without a segment.
    pub idle_other: Duration,
    /// A SIP conversation is forgotten after this long without a segment. Trunks idle for hours and live for months.
    pub idle_sip: Duration,
    /// Seeds the hash tables. Decides nothing but speed.
    pub seed: u64,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            conversations: 500_000,
            buffered: 256 << 20,
            ahead: 256 << 10,
            join: 64 << 10,
            reorder: Duration::from_millis(200),
            hole_age: Duration::from_secs(3),
            stall: Duration::from_secs(300),
            idle_other: Duration::from_secs(300),
            idle_sip: Duration::from_secs(7 * 24 * 3600),
            seed: 0x746f_6c6c_7461_7031,
        }
    }
}
