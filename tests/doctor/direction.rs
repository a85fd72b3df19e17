//! One direction, and VLAN tags that depend on it.

use tolltap::doctor::{Severity, Verdict};

use crate::common::frames::{self, TcpFlags};
use crate::tap::{Tap, address, at, captured, examine, figure, finding, healthy, names, server, tagged, transfer};

#[test]
fn a_mirror_of_one_direction_is_not_fit_whichever_it_is() {
    for from_server in [true, false] {
        let tap: Tap = healthy().into_iter().filter(|captured| captured.from_server == from_server).collect();
        let report = examine(tap);
        assert_eq!(report.verdict, Verdict::NotFit, "{}", report.page(None));
        assert_eq!(names(&report), ["one_direction"], "{}", report.page(None));
        assert_eq!(figure(finding(&report, "one_direction"), "transactionShare"), 1.0);
    }
}

#[test]
fn a_few_hosts_whose_answers_take_another_way_are_a_reservation() {
    let answers_to = |captured: &crate::tap::Captured| captured.from_server && captured.packet[16..20] == [10, 0, 0, 1];
    let report = examine(healthy().into_iter().filter(|captured| !answers_to(captured)).collect());
    let found = finding(&report, "one_direction");
    assert_eq!(found.severity, Severity::Reservation, "{}", report.page(None));
    assert!((figure(found, "transactionShare") - 0.05).abs() < 0.01, "{found:?}");
    assert_eq!(names(&report), ["one_direction"], "what is not heard at all is not lost as well");
}

#[test]
fn a_scan_that_nobody_answers_is_not_a_direction_that_is_missing() {
    let mut tap = healthy();
    let scanner = address("10.0.7.7:5060");
    for number in 0..200_u64 {
        // Sent once, as scanners do; the server says nothing to such hosts.
        let text = format!(
            "OPTIONS sip:100@x SIP/2.0\r\nVia: SIP/2.0/UDP s;branch=z9hG4bKs{number}\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:100@x>\r\nCall-ID: s{number}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        tap.push(captured(at(number), frames::udp(scanner, server(5060), text.as_bytes())));
    }
    tap.sort_by_key(|captured| captured.time);
    let report = examine(tap);
    assert_eq!(names(&report), [""; 0], "{}", report.page(None));
    assert!(report.page(None).to_string().contains("200 requests without an answer"), "{}", report.page(None));
}

/// OPTIONS that nobody answers, sent again as RFC 3261 says.
fn pings(number: u32) -> Tap {
    let client = address("10.0.0.1:5060");
    let text = format!(
        "OPTIONS sip:dead.example.net SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKdead{number}\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:dead@b>\r\nCall-ID: dead\r\nCSeq: {number} OPTIONS\r\nContent-Length: 0\r\n\r\n"
    );
    let ping = |offset| captured(at(offset), frames::udp(client, address("10.0.3.3:5060"), text.as_bytes()));
    [0, 500, 1_500, 3_500, 7_500].map(|offset| ping(offset + u64::from(number))).into()
}

#[test]
fn where_nobody_ever_answers_it_may_be_either() {
    let mut tap: Tap = (0..5).flat_map(pings).collect();
    tap.sort_by_key(|captured| captured.time);
    let report = examine(tap);
    assert_eq!(finding(&report, "no_answers").severity, Severity::Reservation, "{}", report.page(None));
}

#[test]
fn a_peer_that_is_silent_is_not_the_taps_fault() {
    let mut tap = healthy();
    tap.extend(pings(1));
    tap.sort_by_key(|captured| captured.time);
    let report = examine(tap);
    assert_eq!(names(&report), [""; 0], "{}", report.page(None));
    assert!(report.page(None).to_string().contains("1 request sent again and never answered"), "{}", report.page(None));
}

#[test]
fn a_host_that_is_dead_is_not_a_direction_that_is_missing() {
    let mut tap = healthy();
    for port in 30_000..30_100 {
        for offset in [0, 1_000, 3_000, 7_000] {
            let syn = TcpFlags { syn: true, ..Default::default() };
            let client = address(&format!("10.0.1.7:{port}"));
            tap.push(captured(at(offset), frames::tcp(client, address("10.0.3.3:80"), 5, syn, &[])));
        }
    }
    tap.sort_by_key(|captured| captured.time);
    assert_eq!(names(&examine(tap)), [""; 0]);
}

#[test]
fn tcp_alone_that_goes_one_way_is_a_reservation() {
    let mut tap = healthy();
    for host in 2..5 {
        let transfer = transfer(address(&format!("10.0.1.{host}:20000")), 9_000);
        tap.extend(transfer.into_iter().filter(|captured| captured.from_server));
    }
    tap.sort_by_key(|captured| captured.time);
    let report = examine(tap);
    let found = finding(&report, "one_direction");
    assert_eq!((found.severity, figure(found, "tcpShare")), (Severity::Reservation, 0.75), "{}", report.page(None));
    assert!(found.what.contains("1,200,000 bytes acknowledged to hosts never heard"), "{}", found.what);
}

#[test]
fn tags_in_one_direction_only_are_seen() {
    let report = examine(tagged(healthy(), 7, |captured| captured.from_server));
    let found = finding(&report, "vlan_by_direction");
    assert_eq!((found.severity, figure(found, "share")), (Severity::Reservation, 1.0));
    assert!(found.what.contains("tag in one direction only"), "{}", found.what);
    assert_eq!(report.verdict, Verdict::FitWithReservations);
}

#[test]
fn another_vlan_in_each_direction_is_seen() {
    let tap = tagged(tagged(healthy(), 7, |captured| captured.from_server), 8, |captured| !captured.from_server);
    let report = examine(tap);
    assert!(finding(&report, "vlan_by_direction").what.contains("another VLAN in each direction"));
}

#[test]
fn tags_in_both_directions_are_fine() {
    let report = examine(tagged(healthy(), 7, |_| true));
    assert_eq!(names(&report), [""; 0], "{}", report.page(None));
    assert_eq!(report.tunnels["VLAN"], report.frames);
}

#[test]
fn two_networks_with_the_same_addresses_show_that_tags_are_gone() {
    let mut tap = healthy();
    tap.extend(transfer(address("10.0.1.1:20000"), 2_000_000_000).into_iter().skip(2));
    tap.sort_by_key(|captured| captured.time);
    let report = examine(tap);
    let found = finding(&report, "vlans_stripped");
    assert_eq!((found.severity, figure(found, "conversations")), (Severity::Reservation, 1.0));
}

#[test]
fn a_port_that_is_used_again_is_one_network() {
    let mut tap = healthy();
    let mut second = transfer(address("10.0.1.1:20000"), 2_000_000_000);
    second.iter_mut().for_each(|captured| captured.time = captured.time.plus(std::time::Duration::from_secs(10)));
    tap.extend(second.into_iter().skip(2));
    assert_eq!(names(&examine(tap)), [""; 0]);
}
