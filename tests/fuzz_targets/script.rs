//! The input read as a script: fixed numbers of bytes for each step.

use std::ops::Range;

use tolltap::packet::{Domain, Endpoint, Hop, LinkType};
use tolltap::time::Timestamp;

/// Every link type that is told apart, and one that is not.
pub(super) const LINKS: [LinkType; 9] = [
    LinkType::Ethernet,
    LinkType::LinuxCooked,
    LinkType::LinuxCooked2,
    LinkType::RawIp,
    LinkType::Ipv4,
    LinkType::Ipv6,
    LinkType::BsdLoopback,
    LinkType::OpenBsdLoopback,
    LinkType::Other(147),
];

/// Reads numbers off the front of an input; past its end everything is zero or empty.
pub(super) struct Script<'a>(pub(super) &'a [u8]);

impl<'a> Script<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Two bytes, the higher first.
    pub(super) fn short(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// As many bytes as there are, but no more than `count`.
    pub(super) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// The next frame: link type, interface, milliseconds, bytes that the snap length cut off, length (2), bytes.
    pub(super) fn frame(&mut self) -> ScriptFrame<'a> {
        let link = LINKS[usize::from(self.byte()) % LINKS.len()];
        let (interface, milliseconds, cut, length) = (self.byte(), self.byte(), self.byte(), self.short());
        ScriptFrame { link, interface, milliseconds, cut, bytes: self.take(usize::from(length)) }
    }
}

pub(super) struct ScriptFrame<'a> {
    pub(super) link: LinkType,
    pub(super) interface: u8,
    pub(super) milliseconds: u8,
    pub(super) cut: u8,
    pub(super) bytes: &'a [u8],
}

/// A time on the scale of the scripts.
pub(super) fn at(milliseconds: u64) -> Timestamp {
    Timestamp::from_nanos(1_700_000_000_000_000_000 + (milliseconds * 1_000_000) as i64)
}

/// One of four conversations, this way or that way.
pub(super) fn hop(conversation: u8, back: bool) -> Hop {
    let endpoint = |host: u8, port: u16| Endpoint { address: [192, 0, 2, host].into(), port };
    let domain = Domain(u64::from(conversation & 2));
    let hop = Hop { source: endpoint(1, 40_000 + u16::from(conversation & 1)), destination: endpoint(2, 5060), domain };
    if back { hop.reversed() } else { hop }
}

/// Whether `part` is somewhere in `whole`, byte for byte.
pub(super) fn contains(whole: &[u8], part: &[u8]) -> bool {
    part.is_empty() || whole.windows(part.len()).any(|window| window == part)
}

/// Whether `part` borrows from the bytes of this range.
pub(super) fn is_inside(range: &Range<*const u8>, part: &[u8]) -> bool {
    let part = part.as_ptr_range();
    range.start <= part.start && part.end <= range.end
}
