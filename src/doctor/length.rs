//! Frames that are longer than any cable carries.

use super::finding::{Figure, Findings, Severity, share};
use super::seen::Seen;
use super::text::{count, percent};

/// An Ethernet frame of 1,500 bytes with the tags and tunnels of a mirror around it.
const LONG: u32 = 1_700;
/// Jumbo frames of 9,000 and 9,216 bytes, likewise.
const JOINED: u32 = 9_500;

#[derive(Debug, Default)]
pub(super) struct Length {
    frames: u64,
    long: u64,
    joined: u64,
    longest: u32,
}

impl Length {
    pub(super) fn frame(&mut self, seen: &Seen<'_>) {
        let length = seen.frame.wire_len;
        self.frames += 1;
        self.long += u64::from(length > LONG);
        self.joined += u64::from(length > JOINED);
        self.longest = self.longest.max(length);
    }

    pub(super) fn conclude(&self, findings: &mut Findings) {
        let part = share(self.long, self.frames);
        if self.long == 0 {
            return;
        }
        let why = if self.joined > 0 {
            "joined by the network card or the kernel of a host (GRO, LRO, TSO)"
        } else {
            "jumbo frames, or joined by the network card or the kernel of a host (GRO, LRO, TSO)"
        };
        findings.found(
            ("long_frames", Severity::Note, part),
            format!(
                "{} of the frames are longer than {} bytes, {} at most: {why}",
                percent(part),
                count(LONG.into()),
                count(self.longest.into())
            ),
            "no harm: they are read as one; checksums, which such frames often lack, are not looked at",
            "nothing needs to be done; ethtool -K IFACE gro off lro off shows frames as they were on the wire",
            &[("share", Figure::Share(part)), ("longest", Figure::Count(self.longest.into()))],
        );
    }
}
