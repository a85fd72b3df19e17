//! What the stream stage saw, for metrics and evidence.

/// What one interface did not show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// As [`StreamCounts::gaps`], where the stream's segments came from this interface.
    pub gaps: u64,
    /// As [`StreamCounts::gap_bytes`].
    pub bytes: u64,
    /// Of these, bytes that the receiver had acknowledged: they were lost on the way to the probe.
    pub acknowledged: u64,
}

/// Totals since the start. Each only grows, but for the last two, which say how things stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamCounts {
    /// Messages delivered, by carrier.
    pub tcp_messages: u64,
    pub websocket_messages: u64,
    pub sctp_messages: u64,
    /// Of these, messages whose end was never seen.
    pub cut_messages: u64,
    /// Holes given up, or bytes acknowledged that were never seen; and the TCP bytes in them.
    pub gaps: u64,
    pub gap_bytes: u64,
    /// Segments and chunks that brought only what was known.
    pub retransmissions: u64,
    /// Segments that came with other bytes than those that were waiting for the same place; the first ones stood.
    pub overlaps_differ: u64,
    /// Segments and chunks that came before something that precedes them.
    pub out_of_order: u64,
    /// Times a SIP stream could not be framed on, by reason, and times the next start line was found again.
    pub lost_start: u64,
    pub no_length: u64,
    pub bad_length: u64,
    pub head_too_long: u64,
    pub body_too_long: u64,
    pub resynchronised: u64,
    /// Messages that stayed incomplete: the stream ended, stalled or was reset.
    pub unfinished: u64,
    /// What cannot be read: TCP conversations of TLS or SigComp that were seen from their beginning, and compressed WebSocket
    /// messages.
    pub opaque: u64,
    /// Mid-stream joins: a SIP stream whose beginning was not seen.
    pub joins: u64,
    /// Sequence numbers far from the expected: a reused port whose SYN was missed, or a stray segment.
    pub jumps: u64,
    /// Conversations that went because of the bound on their number, and because of their age.
    pub evicted: u64,
    pub aged: u64,
    /// Buffers dropped at the bound on buffered bytes, and fragments at the bounds of one association.
    pub buffers_dropped: u64,
    /// Conversations now kept.
    pub conversations: u64,
    /// Bytes now buffered, with what it takes to keep them.
    pub buffered: u64,
}

impl StreamCounts {
    /// Adds what another has counted.
    pub(crate) fn add(&mut self, other: &Self) {
        // Taken apart without `..`: a new counter does not compile until it is added.
        let Self {
            tcp_messages,
            websocket_messages,
            sctp_messages,
            cut_messages,
            gaps,
            gap_bytes,
            retransmissions,
            overlaps_differ,
            out_of_order,
            lost_start,
            no_length,
            bad_length,
            head_too_long,
            body_too_long,
            resynchronised,
            unfinished,
            opaque,
            joins,
            jumps,
            evicted,
            aged,
            buffers_dropped,
            conversations,
            buffered,
        } = other;
        self.tcp_messages += tcp_messages;
        self.websocket_messages += websocket_messages;
        self.sctp_messages += sctp_messages;
        self.cut_messages += cut_messages;
        self.gaps += gaps;
        self.gap_bytes += gap_bytes;
        self.retransmissions += retransmissions;
        self.overlaps_differ += overlaps_differ;
        self.out_of_order += out_of_order;
        self.lost_start += lost_start;
        self.no_length += no_length;
        self.bad_length += bad_length;
        self.head_too_long += head_too_long;
        self.body_too_long += body_too_long;
        self.resynchronised += resynchronised;
        self.unfinished += unfinished;
        self.opaque += opaque;
        self.joins += joins;
        self.jumps += jumps;
        self.evicted += evicted;
        self.aged += aged;
        self.buffers_dropped += buffers_dropped;
        self.conversations += conversations;
        self.buffered += buffered;
    }
}
