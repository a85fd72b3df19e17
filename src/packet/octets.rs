//! The bytes of one layer: what was captured of them, and how many there were on the wire.

use super::stop::{Damage, Stop};

/// The rest of a packet, from the start of one header to the end that the layers above it gave it.
///
/// Invariant: `wire >= captured.len()`. Taking a header off the front takes it off both, and a length field in a header
/// limits both, so that "the capture is cut" stays true or false for exactly the bytes still in question: a packet cut
/// inside its Ethernet padding carries a whole payload.
#[derive(Clone, Copy)]
pub(super) struct Octets<'a> {
    captured: &'a [u8],
    wire: usize,
}

impl<'a> Octets<'a> {
    /// `wire` smaller than what was captured is a source's mistake and is raised to it.
    pub(super) fn new(captured: &'a [u8], wire: usize) -> Self {
        Self { captured, wire: wire.max(captured.len()) }
    }

    pub(super) fn captured(&self) -> &'a [u8] {
        self.captured
    }

    /// Length on the wire.
    pub(super) fn wire(&self) -> usize {
        self.wire
    }

    /// Whether bytes at the end are missing from the capture.
    pub(super) fn is_cut(&self) -> bool {
        self.captured.len() < self.wire
    }

    /// What follows the first `count` bytes; nothing when there are fewer.
    pub(super) fn skip(self, count: usize) -> Self {
        Self { captured: self.captured.get(count..).unwrap_or_default(), wire: self.wire.saturating_sub(count) }
    }

    /// The first `count` bytes at most: cuts off padding and trailers.
    pub(super) fn limit(self, count: usize) -> Self {
        Self { captured: self.captured.get(..count).unwrap_or(self.captured), wire: self.wire.min(count) }
    }

    /// The same bytes under a length field that says `wire`: limits them, or makes them a cut capture of more.
    pub(super) fn claim(self, wire: usize) -> Self {
        Self { wire, ..self.limit(wire) }
    }

    /// The first `N` bytes, which a header needs in full.
    pub(super) fn header<const N: usize>(&self) -> Result<&'a [u8; N], Stop> {
        self.captured.first_chunk().ok_or_else(|| self.missing(N))
    }

    /// Why `count` bytes are not there: the snap length, or a packet that ends too early.
    #[cold]
    pub(super) fn missing(&self, count: usize) -> Stop {
        Stop::Damaged(if self.wire >= count { Damage::CutHeader } else { Damage::Truncated })
    }

    /// The byte at `at`, if it was captured.
    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.captured.get(at).copied()
    }

    /// The 16 bits at `at`, if they were captured.
    pub(super) fn word(&self, at: usize) -> Option<u16> {
        let bytes = self.captured.get(at..)?.first_chunk()?;
        Some(u16::from_be_bytes(*bytes))
    }

    /// The version nibble of what may be an IP header.
    pub(super) fn version(&self) -> Option<u8> {
        self.byte(0).map(|byte| byte >> 4)
    }
}
