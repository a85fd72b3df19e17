//! Frames that come more than once.

use std::time::Duration;

use tolltap::doctor::{Severity, Verdict};

use crate::common::tunnels::{Encapsulation, Layer};
use crate::tap::{Captured, Tap, doubled, examine, figure, finding, healthy, names, tagged};

/// Each frame once more, changed and that much later.
fn again(tap: Tap, later: Duration, change: impl Fn(Captured) -> Captured) -> Tap {
    let mut tap: Tap = tap
        .into_iter()
        .flat_map(|captured| {
            let copy = change(captured.clone());
            [captured, Captured { time: copy.time.plus(later), ..copy }]
        })
        .collect();
    tap.sort_by_key(|captured| captured.time);
    tap
}

#[test]
fn a_mirror_that_gives_every_frame_twice_is_a_reservation() {
    let report = examine(doubled(healthy()));
    assert_eq!(names(&report), ["doubled"], "{}", report.page(None));
    let found = finding(&report, "doubled");
    assert_eq!((found.severity, report.verdict), (Severity::Reservation, Verdict::FitWithReservations));
    assert!((figure(found, "share") - 0.5).abs() < 1e-9, "{found:?}");
    assert!((figure(found, "typicalSeconds") - 12e-6).abs() < 1e-9, "{found:?}");
    assert!(found.what.starts_with("every frame came twice"), "{}", found.what);
    assert_eq!(report.sessions.records, 40);
}

#[test]
fn copies_in_another_tunnel_header_are_copies() {
    let tunnel = Encapsulation::new(tolltap::packet::LinkType::Ethernet, vec![Layer::Vxlan(5)]);
    let wrap = |serial: u32| {
        let tunnel = &tunnel;
        move |captured: Captured| {
            let bytes = tunnel.frames(&captured.packet, serial, captured.from_server).remove(0);
            Captured { wire_len: bytes.len() as u32, bytes, ..captured }
        }
    };
    let tap: Tap = healthy().into_iter().map(wrap(1)).collect();
    let report = examine(again(tap, Duration::from_micros(40), wrap(2)));
    assert!((figure(finding(&report, "doubled"), "share") - 0.5).abs() < 1e-9, "{}", report.page(None));
    assert_eq!((report.tunnels["VXLAN"], report.tunnel_depth), (report.frames, 1));
}

#[test]
fn before_and_after_a_router_is_worth_a_note() {
    let routed = |mut captured: Captured| {
        // The hop limit, in an IPv4 header behind Ethernet's, and other MAC addresses.
        captured.bytes[22] -= 1;
        captured.bytes[5] ^= 0x10;
        captured
    };
    let report = examine(again(healthy(), Duration::from_micros(200), routed));
    assert_eq!(names(&report), ["seen_across_a_router"], "{}", report.page(None));
    assert_eq!(report.verdict, Verdict::Fit);
}

#[test]
fn the_same_in_two_vlans_is_worth_a_note() {
    let copy = |captured: Captured| tagged(vec![captured], 30, |_| true).remove(0);
    let report = examine(again(healthy(), Duration::from_micros(5), copy));
    assert!(names(&report).contains(&"seen_in_two_vlans"), "{}", report.page(None));
    assert!(!names(&report).contains(&"doubled"), "{}", report.page(None));
}

#[test]
fn two_ports_that_see_the_same_are_told_apart_from_one_that_doubles() {
    let report = examine(again(healthy(), Duration::from_micros(3), |captured| Captured { interface: 1, ..captured }));
    assert_eq!(names(&report), ["seen_on_two_ports"], "{}", report.page(None));
}

#[test]
fn what_a_host_sends_again_is_no_copy() {
    // A SIP client sends again after 500 ms, TCP after 200 ms at least.
    let report = examine(again(healthy(), Duration::from_millis(200), |captured| captured));
    assert!(!names(&report).contains(&"doubled"), "{}", report.page(None));
}
