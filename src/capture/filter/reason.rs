//! Why the kernel passed a frame, or dropped it.

use core::fmt;

/// A verdict of the eBPF filter. The C source has the same list in the same order (`enum reason` in `bpf/way.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// Passed: cut, or deeper or odder than the filter looks into.
    Undecided,
    /// Passed: a header is truncated or contradicts itself. The core counts such frames.
    Damaged,
    /// Passed: a datagram that begins with a start line.
    Sip,
    /// Passed: any other datagram from or to a configured port: keep-alives, compressed SIP.
    DatagramPort,
    /// Passed: TCP or SCTP from or to a configured port.
    StreamPort,
    /// Passed: a TCP segment that begins with a start line, or with a WebSocket handshake or message.
    StreamStart,
    /// Passed: TCP of a conversation in which such a segment was seen.
    Stream,
    /// Passed: SCTP with a chunk that begins with a start line.
    ChunkStart,
    /// Passed: SCTP of an association in which such a chunk was seen.
    Association,
    /// Passed: a fragment whose first one was passed, or is not known.
    Fragment,
    /// Dropped: media, and any other datagram.
    DropDatagram,
    /// Dropped: TCP that no start line was seen in.
    DropStream,
    /// Dropped: SCTP that no start line was seen in.
    DropAssociation,
    /// Dropped: a fragment whose first one was dropped.
    DropFragment,
    /// Dropped: encrypted ESP or MACsec.
    DropOpaque,
    /// Dropped: no IP packet, or no transport that SIP uses.
    DropOther,
}

impl Reason {
    pub const COUNT: usize = Self::ALL.len();

    /// In the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::Undecided,
        Self::Damaged,
        Self::Sip,
        Self::DatagramPort,
        Self::StreamPort,
        Self::StreamStart,
        Self::Stream,
        Self::ChunkStart,
        Self::Association,
        Self::Fragment,
        Self::DropDatagram,
        Self::DropStream,
        Self::DropAssociation,
        Self::DropFragment,
        Self::DropOpaque,
        Self::DropOther,
    ];

    /// Whether the frame reaches the capture.
    #[must_use]
    pub fn passes(self) -> bool {
        self <= Self::Fragment
    }

    /// A word for metrics, the same for ever.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Undecided => "undecided",
            Self::Damaged => "damaged",
            Self::Sip => "sip",
            Self::DatagramPort => "datagram_port",
            Self::StreamPort => "stream_port",
            Self::StreamStart => "stream_start",
            Self::Stream => "stream",
            Self::ChunkStart => "chunk_start",
            Self::Association => "association",
            Self::Fragment => "fragment",
            Self::DropDatagram => "drop_datagram",
            Self::DropStream => "drop_stream",
            Self::DropAssociation => "drop_association",
            Self::DropFragment => "drop_fragment",
            Self::DropOpaque => "drop_opaque",
            Self::DropOther => "drop_other",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Undecided => "cut, or deeper or odder than the filter looks into",
            Self::Damaged => "a damaged header",
            Self::Sip => "a datagram that begins with a start line",
            Self::DatagramPort => "a datagram of a SIP port",
            Self::StreamPort => "a stream of a SIP port",
            Self::StreamStart => "a segment that begins with SIP or a WebSocket handshake",
            Self::Stream => "a TCP conversation that carries SIP",
            Self::ChunkStart => "an SCTP chunk that begins with SIP",
            Self::Association => "an SCTP association that carries SIP",
            Self::Fragment => "a fragment that may belong to SIP",
            Self::DropDatagram => "media, or another datagram",
            Self::DropStream => "TCP without SIP so far",
            Self::DropAssociation => "SCTP without SIP so far",
            Self::DropFragment => "a fragment of a datagram that was dropped",
            Self::DropOpaque => "encrypted",
            Self::DropOther => "no transport that SIP uses",
        })
    }
}

/// Frames by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([u64; Reason::COUNT]);

impl Counts {
    /// From numbers in the order of [`Reason::ALL`]; missing ones are 0.
    #[cfg(any(feature = "ebpf", test))]
    pub(super) fn from_frames(frames: impl IntoIterator<Item = u64>) -> Self {
        let mut counts = Self::default();
        for (count, frames) in counts.0.iter_mut().zip(frames) {
            *count = frames;
        }
        counts
    }

    /// Frames with this reason.
    #[must_use]
    pub fn of(&self, reason: Reason) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or_default()
    }

    /// Each reason with its frames.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> {
        Reason::ALL.into_iter().zip(self.0)
    }

    /// Frames that were passed.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.iter().filter(|(reason, _)| reason.passes()).map(|(_, frames)| frames).sum()
    }

    /// Frames that were dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.iter().filter(|(reason, _)| !reason.passes()).map(|(_, frames)| frames).sum()
    }

    /// One more frame.
    pub fn add(&mut self, reason: Reason) {
        if let Some(count) = self.0.get_mut(reason as usize) {
            *count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in C, in their order.
    fn names_in_c() -> Vec<String> {
        let source = include_str!("bpf/way.h");
        let list =
            source.split_once("enum reason {").and_then(|(_, rest)| rest.split_once("};")).expect("enum reason").0;
        list.split(',').map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty()).collect()
    }

    #[test]
    fn c_and_rust_have_the_same_reasons() {
        let names: Vec<String> = Reason::ALL.iter().map(|reason| reason.name().to_owned()).collect();
        let c = names_in_c();
        let c_reasons: Vec<_> = c.iter().filter(|name| !name.starts_with("last_pass") && *name != "reasons").collect();
        assert_eq!(c_reasons, names.iter().collect::<Vec<_>>());
        assert!(c.contains(&"last_pass = fragment".to_owned()));
        for (number, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
            assert_eq!(reason.passes(), !reason.name().starts_with("drop_"), "{reason:?}");
        }
    }

    #[test]
    fn counts_are_by_reason() {
        let mut counts = Counts::from_frames([1, 2, 3]);
        counts.add(Reason::DropDatagram);
        assert_eq!(counts.of(Reason::Damaged), 2);
        assert_eq!((counts.passed(), counts.dropped()), (6, 1));
    }
}
