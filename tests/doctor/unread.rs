//! What cannot be read: cut, encrypted, of an unknown kind.

use tolltap::doctor::{Severity, Verdict};
use tolltap::packet::LinkType;

use crate::common::frames::{self, TcpFlags};
use crate::common::rng::Rng;
use crate::tap::{Captured, Tap, address, at, captured, cut, examine, figure, finding, healthy, names, server};

#[test]
fn a_snap_length_that_cuts_headers_is_not_fit() {
    let report = examine(cut(healthy(), 96));
    let found = finding(&report, "truncated");
    assert_eq!((found.severity, report.verdict), (Severity::NotFit, Verdict::NotFit), "{}", report.page(None));
    assert_eq!(figure(found, "snapLength"), 96.0);
    assert!(found.advice.contains("tcpdump -s 0"), "{}", found.advice);
    assert!(!names(&report).contains(&"tcp_lost"), "what was cut was there: {}", report.page(None));
}

#[test]
fn a_snap_length_that_cuts_bodies_is_a_reservation() {
    let report = examine(cut(healthy(), 400));
    let found = finding(&report, "truncated");
    assert_eq!((found.severity, figure(found, "sipUnreadable")), (Severity::Reservation, 0.0), "{}", report.page(None));
    assert_eq!(figure(found, "sipCut"), 80.0);
    assert_eq!(report.sessions.records, 40);
}

#[test]
fn a_snap_length_that_cuts_no_sip_is_a_note() {
    let report = examine(cut(healthy(), 1_000));
    assert_eq!(names(&report), ["truncated"], "{}", report.page(None));
    assert_eq!(finding(&report, "truncated").severity, Severity::Note);
}

#[test]
fn a_mirror_that_slices_packets_is_told_by_ip() {
    let sliced =
        cut(healthy(), 400).into_iter().map(|captured| Captured { wire_len: captured.bytes.len() as u32, ..captured });
    let report = examine(sliced.collect());
    let found = finding(&report, "truncated");
    assert!(figure(found, "cutOnTheWay") > 0.0 && found.advice.contains("mirror session"), "{}", report.page(None));
}

/// TLS connections to the SIP port for TLS.
fn tls(connections: u16) -> Tap {
    let mut rng = Rng::new(1);
    let mut tap = Tap::new();
    for number in 0..connections {
        let client = address(&format!("10.0.0.{}:{}", number % 200 + 1, 30_000 + number));
        let mut hello = vec![0x16, 3, 1, 0, 200];
        hello.extend(rng.bytes(200));
        let flags = TcpFlags { acknowledge: Some(1), ..Default::default() };
        let time = at(u64::from(number));
        tap.push(captured(time, frames::tcp(client, server(5061), 1, flags, &hello)));
        let flags = TcpFlags { acknowledge: Some(206), ..Default::default() };
        tap.push(captured(time, frames::tcp(server(5061), client, 1, flags, &hello)));
    }
    tap
}

fn with(mut tap: Tap, more: Tap) -> Tap {
    tap.extend(more);
    tap.sort_by_key(|captured| captured.time);
    tap
}

#[test]
fn signalling_that_is_mostly_encrypted_is_not_fit() {
    let report = examine(with(healthy(), tls(60)));
    let found = finding(&report, "encrypted");
    assert_eq!((found.severity, figure(found, "share")), (Severity::NotFit, 0.75), "{}", report.page(None));
    assert_eq!(names(&report)[0], "encrypted");
}

#[test]
fn some_encrypted_connections_are_a_reservation() {
    let report = examine(with(healthy(), tls(2)));
    assert_eq!(names(&report), ["encrypted"], "{}", report.page(None));
    assert_eq!(finding(&report, "encrypted").severity, Severity::Reservation);
}

#[test]
fn dtls_and_compressed_sip_are_counted_too() {
    let client = address("10.0.0.9:5061");
    let datagrams: [&[u8]; 2] = [&[0x16, 0xfe, 0xfd, 0, 0, 0, 0], &[0xf8, 1, 2, 3, 4]];
    let more = datagrams.iter().zip([client, address("10.0.0.9:5060")]);
    let more = more.map(|(bytes, client)| captured(at(5), frames::udp(client, server(5060), bytes))).collect();
    let report = examine(with(healthy(), more));
    let found = finding(&report, "encrypted");
    // The second shares its conversation with nobody else: client .9 is among the twenty, and its port is SIP's own.
    assert_eq!((figure(found, "dtls"), figure(found, "sigcomp")), (1.0, 1.0), "{}", report.page(None));
}

#[test]
fn esp_is_told_without_guessing_what_is_inside() {
    let mut rng = Rng::new(2);
    let esp = |number: u64| {
        let mut body = vec![0, 0, 0x12, 0x34];
        body.extend((number as u32).to_be_bytes());
        body.extend(rng.bytes(120));
        captured(at(number * 10), frames::ip(address("10.0.0.1:1").ip(), address("10.0.8.8:1").ip(), 50, &body))
    };
    let report = examine(with(healthy(), (0..100).map(esp).collect()));
    let found = finding(&report, "ipsec");
    assert_eq!(found.severity, Severity::Reservation, "{}", report.page(None));
    assert!(found.charging.contains("cannot be told"), "{}", found.charging);
}

#[test]
fn a_link_type_that_nobody_knows_is_not_fit() {
    let report =
        examine(healthy().into_iter().map(|captured| Captured { link: LinkType::Other(147), ..captured }).collect());
    assert_eq!(report.verdict, Verdict::NotFit);
    assert!(names(&report).contains(&"unknown_link"), "{}", report.page(None));
}

#[test]
fn frames_longer_than_any_cable_carries_are_a_note() {
    let big = frames::tcp(
        address("10.0.1.2:999"),
        server(80),
        1,
        TcpFlags { acknowledge: Some(1), ..Default::default() },
        &[7; 20_000],
    );
    let report = examine(with(healthy(), vec![captured(at(7), big)]));
    assert_eq!((report.verdict, names(&report)), (Verdict::Fit, vec!["long_frames"]), "{}", report.page(None));
    assert!(finding(&report, "long_frames").what.contains("GRO"));
}

#[test]
fn hostile_frames_never_panic() {
    let mut rng = Rng::new(3);
    let tap = healthy()
        .into_iter()
        .map(|mut captured| {
            crate::common::rng::damage(&mut captured.bytes, &mut rng);
            if rng.one_in(10) {
                captured.time = tolltap::time::Timestamp::from_nanos(rng.next() as i64);
            }
            captured.wire_len = if rng.one_in(4) { rng.next() as u32 } else { captured.wire_len };
            captured
        })
        .collect();
    let _ = examine(tap).page(Some(3)).to_string();
}
