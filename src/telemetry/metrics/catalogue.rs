//! Every metric: its name, what it says, and where the number comes from.
//!
//! Names are for ever: dashboards and alerts hang on them. A new one needs its line in `docs/metrics.md`, which a test
//! compares with this. No label says anything of a person: interfaces are the operator's, all else are words of this program.

use core::time::Duration;

use super::page::Page;
use super::process::Process;
use crate::capture::{PortCounts, filter};
use crate::ch1::Acknowledgements;
use crate::outbox::Outbox;
use crate::packet::PacketCounts;
use crate::pipeline::Standing;
use crate::probe::{Counts, InterfaceCounts, SipCounts};
use crate::session::SessionCounts;
use crate::sip::Defect;
use crate::stream::StreamCounts;
use crate::telemetry::DeskCounts;

/// How a probe stands.
pub(super) struct View<'a> {
    pub(super) standing: &'a Standing,
    pub(super) desk: &'a DeskCounts,
    /// For how long it has stood so.
    pub(super) age: Duration,
}

pub(super) fn of_process(page: &mut Page, process: &Process) {
    page.gauges("tolltap_build_info", "The version that runs.", "version", [(env!("CARGO_PKG_VERSION"), 1.0)]);
    page.gauge(
        "process_start_time_seconds",
        "Start of the process since the Unix epoch in seconds.",
        process.start_time(),
    );
    page.seconds("process_cpu_seconds_total", "CPU time of the process in seconds.", Process::cpu_seconds());
    if let Some(bytes) = process.resident_bytes() {
        page.gauge("process_resident_memory_bytes", "Memory of the process that is resident in bytes.", bytes as f64);
    }
}

pub(super) fn of_probe(page: &mut Page, View { standing, desk, age }: &View<'_>) {
    page.gauge(
        "tolltap_standing_age_seconds",
        "Time since the reading thread said how things stand in seconds; it does so once a second.",
        age.as_secs_f64(),
    );
    of_ports(page, standing);
    of_interfaces(page, standing);
    if let Some(filtered) = &standing.filtered {
        of_filter(page, filtered);
    }
    let Counts { packet, stream, sip, session, clock_steps, clock_gaps, .. } = &standing.counts;
    of_packets(page, packet);
    of_streams(page, stream);
    of_sip(page, sip);
    of_sessions(page, session);
    of_bounds(page, packet, stream, session);
    page.gauge("tolltap_dialogs", "Dialogs and attempts that are kept.", standing.dialogs as f64);
    page.counters(
        "tolltap_clock_steps_total",
        "Times the capture clock stepped back or jumped forward.",
        "direction",
        [("back", *clock_steps), ("forward", *clock_gaps)],
    );
    of_desk(page, desk);
}

/// What the kernel says of each port.
fn of_ports(page: &mut Page, standing: &Standing) {
    let by_port =
        |count: fn(&PortCounts) -> u64| standing.ports.iter().map(move |(name, counts)| (name.as_str(), count(counts)));
    let mut counters =
        |name, help, count: fn(&PortCounts) -> u64| page.counters(name, help, "interface", by_port(count));
    counters("tolltap_frames_total", "Frames read.", |port| port.frames);
    counters("tolltap_frame_bytes_total", "Length of the frames read, on the wire, in bytes.", |port| port.bytes);
    counters(
        "tolltap_ring_dropped_frames_total",
        "Frames that the kernel dropped because the ring was full.",
        |port| port.dropped,
    );
    counters("tolltap_interface_dropped_frames_total", "Frames that the interface or its driver dropped.", |port| {
        port.dropped_by_interface
    });
    counters("tolltap_interface_down_total", "Times the interface went down.", |port| port.went_down);
    page.histograms(
        "tolltap_reading_lag_seconds",
        "From the capture of the oldest frame of a batch to its reading in seconds; what waits fills the ring.",
        "interface",
        standing.ports.iter().map(|(name, counts)| (name.as_str(), counts.lag.buckets())),
    );
}

/// What each port did not show the core.
fn of_interfaces(page: &mut Page, standing: &Standing) {
    let by_port = |count: fn(&InterfaceCounts) -> u64| {
        let counts = standing.interfaces.counts().iter().map(count).chain(core::iter::repeat(0));
        standing.ports.iter().map(|(name, _)| name.as_str()).zip(counts)
    };
    let mut counters =
        |name, help, count: fn(&InterfaceCounts) -> u64| page.counters(name, help, "interface", by_port(count));
    counters("tolltap_undecodable_frames_total", "Frames in which no transport header could be read.", |interface| {
        interface.damaged
    });
    counters(
        "tolltap_encrypted_frames_total",
        "Frames of encrypted ESP or MACsec that were read; the kernel's filter drops most of them before.",
        |interface| interface.opaque,
    );
    counters(
        "tolltap_incomplete_datagrams_total",
        "Datagrams read from their beginning alone, because further fragments did not come.",
        |interface| interface.incomplete_datagrams,
    );
    counters(
        "tolltap_stream_gaps_total",
        "Holes in streams that were given up, or acknowledgements of bytes that were never seen.",
        |interface| interface.gaps,
    );
    counters("tolltap_stream_gap_bytes_total", "TCP payload in these gaps in bytes.", |interface| interface.gap_bytes);
    counters(
        "tolltap_acknowledged_unseen_bytes_total",
        "Of these, payload in bytes that the receiver had acknowledged: it was lost on the way to the probe.",
        |interface| interface.acknowledged_bytes,
    );
}

fn of_filter(page: &mut Page, filtered: &filter::Counts) {
    page.counters(
        "tolltap_filter_frames_total",
        "Frames by what the kernel's eBPF filter made of them; the reasons for which it drops begin with drop_.",
        "reason",
        filtered.iter().map(|(reason, frames)| (reason.name(), frames)),
    );
}

fn of_packets(page: &mut Page, packet: &PacketCounts) {
    let PacketCounts { fragments, .. } = packet;
    page.counters(
        "tolltap_decoded_frames_total",
        "Frames by what was in them.",
        "content",
        [
            ("udp", packet.udp),
            ("tcp", packet.tcp),
            ("sctp", packet.sctp),
            ("icmp", packet.icmp),
            ("other_protocol", packet.other_protocol),
            ("not_ip", packet.not_ip),
            ("unknown_link", packet.undecodable_link),
            ("encrypted_esp", packet.opaque_esp),
            ("encrypted_macsec", packet.opaque_macsec),
            ("undecodable", packet.damaged),
            ("fragment", packet.held),
        ],
    );
    page.counter("tolltap_cut_segments_total", "Segments whose end the snap length cut off.", packet.cut);
    page.counter("tolltap_fragments_total", "IP fragments read.", fragments.fragments);
    page.counter(
        "tolltap_reassembled_datagrams_total",
        "Datagrams put together from fragments.",
        fragments.reassembled,
    );
    page.counter(
        "tolltap_expired_datagrams_total",
        "Datagrams that stayed incomplete until their age ended or their id was used again.",
        fragments.expired,
    );
}

fn of_streams(page: &mut Page, stream: &StreamCounts) {
    page.counters(
        "tolltap_stream_messages_total",
        "SIP messages read from streams.",
        "carrier",
        [("tcp", stream.tcp_messages), ("websocket", stream.websocket_messages), ("sctp", stream.sctp_messages)],
    );
    page.counter("tolltap_cut_messages_total", "Of these, messages whose end was never seen.", stream.cut_messages);
    page.counter(
        "tolltap_stream_retransmissions_total",
        "Segments and chunks that brought only what was known.",
        stream.retransmissions,
    );
    page.counter(
        "tolltap_stream_out_of_order_total",
        "Segments and chunks that came before something that precedes them.",
        stream.out_of_order,
    );
    page.counters(
        "tolltap_stream_unframed_total",
        "Times a SIP stream could not be framed on.",
        "reason",
        [
            ("no_length", stream.no_length),
            ("bad_length", stream.bad_length),
            ("head_too_long", stream.head_too_long),
            ("body_too_long", stream.body_too_long),
            ("lost_start", stream.lost_start),
            ("unfinished", stream.unfinished),
        ],
    );
    page.counter(
        "tolltap_opaque_streams_total",
        "TLS and SigComp conversations seen from their beginning, and compressed WebSocket messages.",
        stream.opaque,
    );
    page.counter("tolltap_stream_joins_total", "SIP streams whose beginning was not seen.", stream.joins);
    page.gauge(
        "tolltap_streams",
        "TCP conversations and SCTP associations that are kept.",
        stream.conversations as f64,
    );
    page.gauge("tolltap_stream_buffer_bytes", "Bytes that are held for streams in bytes.", stream.buffered as f64);
}

fn of_sip(page: &mut Page, sip: &SipCounts) {
    page.counters(
        "tolltap_sip_messages_total",
        "SIP messages that could be told to a dialog.",
        "kind",
        [
            ("invite", sip.invites),
            ("ack", sip.acks),
            ("bye", sip.byes),
            ("cancel", sip.cancels),
            ("register", sip.registers),
            ("other_request", sip.other_requests),
            ("1xx", sip.provisional),
            ("2xx", sip.successes),
            ("3xx_6xx", sip.failures),
        ],
    );
    let dropped = |defect| sip.by_defect.iter().find(|(other, _)| *other == defect).map_or(0, |(_, count)| count);
    page.counters(
        "tolltap_sip_unusable_messages_total",
        "SIP messages that could not be told to a dialog.",
        "defect",
        Defect::ALL.into_iter().map(|defect| (defect.name(), dropped(defect))),
    );
    page.counter("tolltap_sip_odd_messages_total", "SIP messages with something odd that did not matter.", sip.odd);
    page.counter("tolltap_sigcomp_datagrams_total", "Datagrams of SigComp, which are not read.", sip.opaque);
}

fn of_sessions(page: &mut Page, session: &SessionCounts) {
    page.counter("tolltap_attempts_total", "INVITEs that began an attempt.", session.attempts);
    page.counter("tolltap_sessions_total", "Dialogs that were confirmed.", session.confirmed);
    page.counter("tolltap_adopted_sessions_total", "Of these, sessions whose INVITE was not seen.", session.adopted);
    page.counters(
        "tolltap_no_session_total",
        "What ended without a session.",
        "reason",
        [
            ("failed", session.failed),
            ("cancelled", session.cancelled),
            ("unanswered", session.unanswered),
            ("early_bye", session.early_byes),
            ("orphan_bye", session.orphan_byes),
            ("stale_bye", session.stale_byes),
            ("ack_only", session.ack_only),
        ],
    );
    page.counters(
        "tolltap_not_charged_total",
        "Sessions without a record of their own.",
        "reason",
        [
            ("not_at_server", session.not_at_server),
            ("other_service", session.other_service),
            ("merged_leg", session.merged_legs),
        ],
    );
    page.counters(
        "tolltap_records_total",
        "Records by what triggered their first revision.",
        "trigger",
        [
            ("bye", session.records_by_bye),
            ("bye_answer", session.records_by_bye_answer),
            ("session_timer", session.records_by_session_timer),
            ("dialog_failure", session.records_by_dialog_failure),
            ("max_session", session.records_by_max_session),
        ],
    );
    page.counter("tolltap_record_revisions_total", "Revisions after the first.", session.revisions);
    page.counter("tolltap_withdrawn_records_total", "Of these, revisions that withdraw.", session.withdrawn);
}

/// What went at the bound of a table.
fn of_bounds(page: &mut Page, packet: &PacketCounts, stream: &StreamCounts, session: &SessionCounts) {
    page.counters(
        "tolltap_evictions_total",
        "Entries that were dropped because a table or buffer was full.",
        "table",
        [
            ("fragments", packet.fragments.evicted),
            ("streams", stream.evicted),
            ("stream_buffers", stream.buffers_dropped),
            ("dialogs", session.evicted),
        ],
    );
    page.counter(
        "tolltap_evicted_sessions_total",
        "Open sessions among the dialogs that were dropped: records that may be missing.",
        session.evicted_sessions,
    );
}

fn of_desk(page: &mut Page, desk: &DeskCounts) {
    page.counter(
        "tolltap_lost_records_total",
        "Records that found no room on the way to the Charging Enabler.",
        desk.records_lost,
    );
    page.counter(
        "tolltap_unprinted_records_total",
        "Records that standard output did not take; they are delivered all the same.",
        desk.unprinted,
    );
    page.counters(
        "tolltap_gap_notices_total",
        "Notices to the Charging Enabler that records may be missing.",
        "cause",
        desk.gap_notices.iter().map(|(cause, count)| (cause.name(), count)),
    );
    page.gauge("tolltap_gap_notices_waiting", "Gap notices that wait for room in the outbox.", desk.untold as f64);
}

pub(super) fn of_outbox(page: &mut Page, outbox: &Outbox) {
    let (counts, limits) = (outbox.counts(), outbox.limits());
    let waiting = counts.kept.saturating_sub(counts.under_way + counts.deferred);
    page.gauges(
        "tolltap_outbox_reports",
        "Records and gap notices without an answer: not sent yet, sent, or put off by the Charging Enabler.",
        "state",
        [("waiting", waiting as f64), ("under_way", counts.under_way as f64), ("deferred", counts.deferred as f64)],
    );
    page.gauge("tolltap_outbox_bytes", "Memory that these hold in bytes.", counts.bytes as f64);
    page.gauge(
        "tolltap_outbox_limit_reports",
        "Reports that may be without an answer; further records are lost.",
        limits.items as f64,
    );
    page.gauge(
        "tolltap_outbox_limit_bytes",
        "Memory that reports without an answer may hold in bytes; further records are lost.",
        limits.bytes as f64,
    );
    page.gauge(
        "tolltap_outbox_oldest_age_seconds",
        "For how long the oldest report has been without an answer in seconds; 0 when there is none.",
        outbox.oldest().unwrap_or_default().as_secs_f64(),
    );
}

pub(super) fn of_answers(page: &mut Page, answers: &Acknowledgements) {
    page.counters(
        "tolltap_responses_total",
        "Responses of the Charging Enabler; unexpected are those to nothing that was under way.",
        "result",
        [
            ("accepted", answers.accepted),
            ("duplicate", answers.duplicates),
            ("rejected", answers.rejected),
            ("retry_later", answers.retries),
            ("unexpected", answers.unexpected),
        ],
    );
    page.gauge(
        "tolltap_enabler_connected",
        "Whether there is a connection to the Charging Enabler.",
        f64::from(u8::from(answers.connected)),
    );
    page.counter("tolltap_enabler_connections_total", "Connections made to the Charging Enabler.", answers.connections);
    page.counter(
        "tolltap_enabler_disconnects_total",
        "Connections to the Charging Enabler that were lost, and attempts that failed.",
        answers.disconnects,
    );
    page.histogram(
        "tolltap_bye_to_response_seconds",
        "From a BYE on the wire to the Response for its record in seconds; records that a BYE triggered, first revisions.",
        answers.latencies.buckets(),
    );
}
