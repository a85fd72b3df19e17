//! Frames that were not captured whole.

use super::finding::{Figure, Findings, Severity, share};
use super::seen::Seen;
use super::text::{count, percent};
use crate::packet::{DamageCounts, PacketCounts};

/// One SIP message in a thousand without its end.
const RESERVATION: f64 = 0.001;
/// One frame, or one SIP message, in a hundred whose headers are not there: one session in ten has a message that is
/// not read.
const NOT_FIT: f64 = 0.01;

#[derive(Debug, Default)]
pub(super) struct Truncation {
    cut: u64,
    /// Most bytes captured of a frame that was cut: the snap length.
    longest: usize,
    sip: u64,
    sip_cut: u64,
    /// Messages whose headers are not all there.
    sip_unreadable: u64,
}

impl Truncation {
    pub(super) fn frame(&mut self, seen: &Seen<'_>) {
        if seen.frame.is_cut() {
            self.cut += 1;
            self.longest = self.longest.max(seen.frame.bytes.len());
        }
    }

    /// A SIP message, whether its frame was cut, and whether it could be read.
    pub(super) fn message(&mut self, is_cut: bool, is_read: bool) {
        self.sip += 1;
        self.sip_cut += u64::from(is_cut);
        self.sip_unreadable += u64::from(is_cut && !is_read);
    }

    pub(super) fn conclude(&self, packet: &PacketCounts, findings: &mut Findings) {
        // Cut on the way here: the frame is as long as was said, and its IP header says more.
        let DamageCounts { ip_length: sliced, cut_header, .. } = packet.damage;
        if self.cut == 0 && sliced == 0 {
            if packet.frames > 0 {
                findings.fine("every frame was captured whole");
            }
            return;
        }
        let frames = share(self.cut + sliced, packet.frames);
        let (cut, unreadable) = (share(self.sip_cut, self.sip), share(self.sip_unreadable, self.sip));
        let headers = share(cut_header, packet.frames);
        let severity = match () {
            () if unreadable >= NOT_FIT || headers >= NOT_FIT => Severity::NotFit,
            () if cut >= RESERVATION || self.sip_unreadable > 0 => Severity::Reservation,
            () => Severity::Note,
        };
        let by = if self.cut >= sliced {
            format!("by the capture, after {} bytes", count(self.longest as u64))
        } else {
            "before they came here: IP says that they were longer".into()
        };
        findings.found(
            ("truncated", severity, frames.max(cut)),
            format!(
                "{} of the frames were cut {by}; {} of the SIP messages lack their end ({} of {}), {} of them a part of their headers too",
                percent(frames),
                percent(cut),
                count(self.sip_cut),
                count(self.sip),
                count(self.sip_unreadable),
            ),
            match severity {
                Severity::NotFit => "messages without their headers are not read: sessions without start, end, or record",
                Severity::Reservation => "records lack what stands in bodies: service and media; --only im cannot tell",
                Severity::Note => "no harm: no SIP message is among them",
            },
            if self.cut >= sliced {
                "capture with the full length: tcpdump -s 0; tolltap live does"
            } else {
                "turn off truncation (packet slicing) of the mirror session"
            },
            &[
                ("frameShare", Figure::Share(frames)),
                ("snapLength", Figure::Count(self.longest as u64)),
                ("sipShare", Figure::Share(cut)),
                ("sipCut", Figure::Count(self.sip_cut)),
                ("sipUnreadable", Figure::Count(self.sip_unreadable)),
                ("cutOnTheWay", Figure::Count(sliced)),
            ],
        );
    }
}
