//! What is on the page.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tolltap::capture::PortCounts;
use tolltap::ch1::Answers;
use tolltap::outbox::{GapCause, Limits, Outbox};
use tolltap::pipeline::Standing;
use tolltap::probe::{Counts, InterfaceCounts};
use tolltap::telemetry::metrics::Process;
use tolltap::telemetry::{DeskCounts, Vitals};

use crate::exposition::Exposition;

/// A probe on two ports that has seen nothing.
pub(crate) fn vitals() -> Vitals {
    let ports = ["tap0".to_owned(), "tap1".to_owned()];
    Vitals::new(
        &ports,
        Arc::new(Outbox::new(Limits { items: 10, bytes: 1000 })),
        Answers::default(),
        Process::started(),
    )
}

fn standing() -> Standing {
    let port = |frames| PortCounts { frames, bytes: frames * 100, dropped: 3, ..PortCounts::default() };
    let interface = InterfaceCounts { damaged: 5, gaps: 2, gap_bytes: 2000, ..InterfaceCounts::default() };
    let mut counts = Counts::default();
    counts.sip.byes = 7;
    counts.session.records_by_bye = 6;
    Standing {
        counts,
        interfaces: vec![InterfaceCounts::default(), interface].into(),
        filtered: Some(Default::default()),
        dialogs: 42,
        ports: vec![("tap0".to_owned(), port(10)), ("tap1".to_owned(), port(1 << 52))],
        ..Standing::default()
    }
}

#[test]
fn every_number_is_there_before_anything_was_seen() {
    let page = Exposition::read(&vitals().metrics());
    assert_eq!(page.value("tolltap_frames_total{interface=\"tap1\"}"), 0.0);
    assert_eq!(page.value("tolltap_reading_lag_seconds_count{interface=\"tap0\"}"), 0.0);
    assert_eq!(page.value("tolltap_enabler_connected"), 0.0);
    assert_eq!(page.value("tolltap_bye_to_response_seconds_bucket{le=\"0.008\"}"), 0.0);
    assert!(!page.families.contains_key("tolltap_filter_frames_total"), "nobody counts there");
}

#[test]
fn numbers_stand_under_their_interface_and_kind() {
    let vitals = vitals();
    let mut desk = DeskCounts { records_lost: 4, untold: 1, ..DeskCounts::default() };
    desk.gap_notices.add(GapCause::FramesLost);
    vitals.stand(standing(), desk);
    let page = Exposition::read(&vitals.metrics());
    for (sample, value) in [
        ("tolltap_frames_total{interface=\"tap0\"}", 10.0),
        ("tolltap_frames_total{interface=\"tap1\"}", (1_u64 << 52) as f64),
        ("tolltap_frame_bytes_total{interface=\"tap0\"}", 1000.0),
        ("tolltap_ring_dropped_frames_total{interface=\"tap0\"}", 3.0),
        ("tolltap_undecodable_frames_total{interface=\"tap0\"}", 0.0),
        ("tolltap_undecodable_frames_total{interface=\"tap1\"}", 5.0),
        ("tolltap_stream_gap_bytes_total{interface=\"tap1\"}", 2000.0),
        ("tolltap_filter_frames_total{reason=\"drop_opaque\"}", 0.0),
        ("tolltap_sip_messages_total{kind=\"bye\"}", 7.0),
        ("tolltap_sip_unusable_messages_total{defect=\"no_call_id\"}", 0.0),
        ("tolltap_records_total{trigger=\"bye\"}", 6.0),
        ("tolltap_dialogs", 42.0),
        ("tolltap_lost_records_total", 4.0),
        ("tolltap_gap_notices_total{cause=\"frames_lost\"}", 1.0),
        ("tolltap_gap_notices_waiting", 1.0),
        ("tolltap_outbox_limit_reports", 10.0),
        ("tolltap_outbox_oldest_age_seconds", 0.0),
    ] {
        assert_eq!(page.value(sample), value, "{sample}");
    }
}

#[test]
fn an_interface_by_any_name_is_one_label() {
    let name = "a\"b\\c\nd".to_owned();
    let vitals =
        Vitals::new(std::slice::from_ref(&name), Arc::new(Outbox::default()), Answers::default(), Process::started());
    let page = Exposition::read(&vitals.metrics());
    assert!(page.families["tolltap_frames_total"].labels.contains(&("interface".to_owned(), name)));
}

#[test]
fn labels_name_nobody() {
    let vitals = vitals();
    vitals.stand(standing(), DeskCounts::default());
    Exposition::read(&vitals.metrics()).names_nobody(&[]);
}

/// The text of `docs/metrics.md`.
fn reference() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    std::fs::read_to_string(path).expect("docs/metrics.md")
}

/// A page with every metric on it.
fn full() -> Exposition {
    let vitals = vitals();
    vitals.stand(standing(), DeskCounts::default());
    Exposition::read(&vitals.metrics())
}

#[test]
fn every_metric_is_documented_and_none_else() {
    let row = |line: &str| {
        let [_, name, kind, ..] = line.split('|').map(str::trim).collect::<Vec<_>>()[..] else { return None };
        let name = name.strip_prefix('`')?.strip_suffix('`')?;
        let known = ["counter", "gauge", "histogram"].contains(&kind);
        known.then(|| format!("{name} {kind}"))
    };
    let reference = reference();
    let documented: BTreeSet<String> = reference.lines().filter_map(row).collect();
    let shown = full().families.into_iter().map(|(name, family)| {
        let labels: BTreeSet<String> = family.labels.into_iter().map(|(label, _)| label).collect();
        let labels = labels.into_iter().collect::<Vec<_>>().join(",");
        let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
        format!("{name}{labels} {}", family.kind)
    });
    assert_eq!(documented, shown.collect());
}

/// What an alert asks for is there, or it never rings.
#[test]
fn alerts_ask_for_what_there_is() {
    let page = full();
    let reference = reference();
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words =
        reference.split(|c| !part(c)).filter(|word| word.starts_with("tolltap_") || word.starts_with("process_"));
    let mut asked = 0;
    for word in words {
        let name = word.strip_suffix("_bucket").unwrap_or(word);
        assert!(page.families.contains_key(name), "{word}");
        asked += 1;
    }
    assert!(asked > page.families.len(), "{asked}");
    for (label, value) in [("result", "rejected"), ("reason", "drop_opaque"), ("direction", "back")] {
        let there = page.families.values().any(|family| family.labels.contains(&(label.into(), value.into())));
        assert!(there && reference.contains(&format!("{{{label}=\"{value}\"}}")), "{label}={value}");
    }
}
