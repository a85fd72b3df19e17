//! The closing summary: what was read, what could not be, and what became of it.

use core::fmt;
use core::time::Duration;

use crate::ch1::Latencies;
use crate::probe::Counts;
use crate::stream::StreamCounts;

/// Everything that was counted, printed for a person.
#[derive(Clone, Debug)]
pub struct Summary {
    pub counts: Counts,
    /// Acknowledgements by class, and what is still without one.
    pub accepted: u64,
    pub duplicate: u64,
    pub rejected: u64,
    pub unacknowledged: u64,
    /// Gap notices among what was to be acknowledged.
    pub gaps: u64,
    /// Files that could not be read to their end.
    pub damaged_files: u64,
    /// Frames that the kernel's filter dropped because they are encrypted: they are in none of `counts`.
    pub encrypted_in_kernel: u64,
    /// Records that found no room on their way; of tap ports alone.
    pub lost_records: u64,
    /// Records that standard output did not take; of tap ports alone.
    pub unprinted: u64,
    /// From a BYE to the Response for its record; of tap ports alone.
    pub latencies: Latencies,
    /// How long it took; of a replay alone.
    pub times: Option<Times>,
}

/// Time from the start.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Until the last record had left the core.
    pub last_record: Duration,
    /// Until the last was acknowledged, if it was.
    pub last_acknowledgement: Option<Duration>,
}

/// A line of the summary: a label, a total, and its parts where they are not zero.
struct Line<'a> {
    label: &'a str,
    total: u64,
    parts: Vec<(&'a str, u64)>,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<18}{:>12}", self.label, self.total)?;
        let parts = self.parts.iter().filter(|part| part.1 > 0);
        for (index, (name, count)) in parts.enumerate() {
            write!(f, "{} {name} {count}", if index == 0 { "  " } else { "," })?;
        }
        writeln!(f)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.lines() {
            write!(f, "{line}")?;
        }
        let responses = self.latencies.buckets().count();
        if responses > 0 {
            let millis = |time: Duration| time.as_secs_f64() * 1000.0;
            let [half, most] = [0.5, 0.99].map(|part| millis(self.latencies.quantile(part)));
            write!(f, "{:<18}{responses:>12}", "bye to response")?;
            let longest = millis(self.latencies.longest());
            writeln!(f, "   p50 {half:.1} ms, p99 {most:.1} ms, longest {longest:.1} ms")?;
        }
        let Some(Times { last_record, last_acknowledgement }) = self.times else { return Ok(()) };
        write!(f, "{:<18}{:>10.3} s  until the last record", "time", last_record.as_secs_f64())?;
        if let Some(time) = last_acknowledgement {
            write!(f, ", {:.3} s until the last acknowledgement", time.as_secs_f64())?;
        }
        writeln!(f)
    }
}

impl Summary {
    fn lines(&self) -> Vec<Line<'_>> {
        let Counts { packet, stream, sip, session, .. } = &self.counts;
        let records = session.records_by_bye
            + session.records_by_bye_answer
            + session.records_by_session_timer
            + session.records_by_dialog_failure
            + session.records_by_max_session;
        let line = |label, total, parts: &[(&'static str, u64)]| Line { label, total, parts: parts.to_vec() };
        let mut lines = vec![
            line(
                "frames",
                packet.frames,
                &[
                    ("udp", packet.udp),
                    ("tcp", packet.tcp),
                    ("sctp", packet.sctp),
                    ("icmp", packet.icmp),
                    ("fragments held", packet.held),
                    ("other ip", packet.other_protocol),
                    ("not ip", packet.not_ip),
                    ("unknown link type", packet.undecodable_link),
                ],
            ),
            line(
                "opaque",
                packet.opaque_esp + packet.opaque_macsec + self.encrypted_in_kernel + stream.opaque + sip.opaque,
                &[
                    ("encrypted esp", packet.opaque_esp),
                    ("macsec", packet.opaque_macsec),
                    ("either, dropped in kernel", self.encrypted_in_kernel),
                    ("tls or compressed streams", stream.opaque),
                    ("sigcomp", sip.opaque),
                ],
            ),
            line(
                "damaged or lost",
                packet.damaged
                    + packet.cut
                    + packet.fragments.expired
                    + packet.fragments.evicted
                    + stream.gaps
                    + stream.buffers_dropped
                    + stream.evicted
                    + self.counts.frames_lost
                    + self.damaged_files,
                &[
                    ("files damaged", self.damaged_files),
                    ("undecodable", packet.damaged),
                    ("cut short", packet.cut),
                    ("datagrams with fragments missing", packet.fragments.expired + packet.fragments.evicted),
                    ("stream gaps", stream.gaps),
                    ("stream buffers dropped", stream.buffers_dropped),
                    ("streams evicted", stream.evicted),
                    ("frames lost before capture", self.counts.frames_lost),
                ],
            ),
            line(
                "sip messages",
                sip.messages(),
                &[
                    ("invite", sip.invites),
                    ("ack", sip.acks),
                    ("bye", sip.byes),
                    ("cancel", sip.cancels),
                    ("register", sip.registers),
                    ("other", sip.other_requests),
                    ("1xx", sip.provisional),
                    ("2xx", sip.successes),
                    ("3xx-6xx", sip.failures),
                ],
            ),
        ];
        lines.extend(Self::unframed(stream));
        if sip.dropped > 0 {
            let parts = sip.by_defect.iter().map(|(defect, count)| (defect.name(), count)).collect();
            lines.push(Line { label: "  unusable", total: sip.dropped, parts });
        }
        lines.extend([
            line(
                "sessions",
                session.confirmed,
                &[
                    ("invite not seen", session.adopted),
                    ("still open", session.still_open),
                    ("evicted", session.evicted_sessions),
                ],
            ),
            line(
                "no session",
                self.not_sessions(),
                &[
                    ("failed", session.failed),
                    ("cancelled", session.cancelled),
                    ("unanswered", session.unanswered),
                    ("early bye", session.early_byes),
                    ("orphan bye", session.orphan_byes),
                    ("stale bye", session.stale_byes),
                    ("ack only", session.ack_only),
                ],
            ),
            line(
                "not charged",
                session.not_at_server + session.other_service + session.merged_legs,
                &[
                    ("not at an im server", session.not_at_server),
                    ("other service", session.other_service),
                    ("merged legs", session.merged_legs),
                ],
            ),
            line(
                "records",
                records,
                &[
                    ("bye", session.records_by_bye),
                    ("bye answer", session.records_by_bye_answer),
                    ("session timer", session.records_by_session_timer),
                    ("dialog failure", session.records_by_dialog_failure),
                    ("max session", session.records_by_max_session),
                    ("lost", self.lost_records),
                    ("not printed", self.unprinted),
                ],
            ),
        ]);
        if self.counts.clock_steps + self.counts.clock_gaps > 0 {
            lines.push(line(
                "clock",
                self.counts.clock_steps + self.counts.clock_gaps,
                &[("stepped back", self.counts.clock_steps), ("jumped forward", self.counts.clock_gaps)],
            ));
        }
        if self.counts.servers_on_other_ports > 0 {
            let count = self.counts.servers_on_other_ports;
            lines.push(line("im servers unseen", count, &[("seen with other ports only", count)]));
        }
        if session.revisions > 0 {
            lines.push(line("revisions", session.revisions, &[("withdrawn", session.withdrawn)]));
        }
        lines.push(Line {
            label: "acknowledged",
            total: self.accepted + self.duplicate + self.rejected,
            parts: vec![
                ("accepted", self.accepted),
                ("duplicate", self.duplicate),
                ("rejected", self.rejected),
                ("without answer", self.unacknowledged),
                ("of all these gap notices", self.gaps),
            ],
        });
        lines
    }

    /// What a stream carried of SIP and no message could be made of, or none that is whole.
    fn unframed(stream: &StreamCounts) -> Option<Line<'static>> {
        let parts = vec![
            ("without content-length", stream.no_length),
            ("bad content-length", stream.bad_length),
            ("header block too long", stream.head_too_long),
            ("body too long", stream.body_too_long),
            ("no start line where one was due", stream.lost_start),
            ("end never seen", stream.unfinished),
        ];
        let total = parts.iter().map(|part| part.1).sum();
        (total > 0).then_some(Line { label: "  unframed", total, parts })
    }

    fn not_sessions(&self) -> u64 {
        let session = &self.counts.session;
        session.failed
            + session.cancelled
            + session.unanswered
            + session.early_byes
            + session.orphan_byes
            + session.stale_byes
            + session.ack_only
    }
}
