//! What was lost, and by whom.

use std::time::Duration;

use tolltap::doctor::{Severity, Source, Verdict};
use tolltap::packet::InterfaceId;
use tolltap::probe::Loss;

use crate::common::frames;
use crate::common::frames::TcpFlags;
use crate::tap::{
    Captured, Tap, address, at, captured, examine, examine_port, figure, finding, healthy, names, plain_message, port,
    server, without_one_in,
};

/// Whether a frame was captured in that span.
fn within(captured: &Captured, from: u64, to: u64) -> bool {
    (at(from)..at(to)).contains(&captured.time)
}

#[test]
fn a_mirror_that_loses_one_frame_in_thirty_is_not_fit() {
    let report = examine(without_one_in(healthy(), 30));
    assert_eq!(report.verdict, Verdict::NotFit, "{}", report.page(None));
    let tcp = finding(&report, "tcp_lost");
    assert_eq!(tcp.severity, Severity::NotFit);
    assert!((0.02..0.05).contains(&figure(tcp, "share")), "{tcp:?}");
    assert!((0.01..0.06).contains(&figure(finding(&report, "rtp_lost"), "share")), "{}", report.page(None));
    assert!(figure(finding(&report, "sip_lost"), "share") > 0.0, "{}", report.page(None));
}

#[test]
fn a_byte_that_was_never_acknowledged_was_not_lost_by_the_mirror() {
    // The network loses a segment: what comes behind it is seen, and is not acknowledged any more.
    let mut tap = healthy();
    let of_tcp = |captured: &Captured| captured.packet[9] == 6 && captured.time >= at(4_000);
    let lost = tap.iter().position(|captured| of_tcp(captured) && !captured.from_server).expect("it is there");
    tap.remove(lost);
    tap.retain(|captured| !(of_tcp(captured) && captured.from_server));
    let report = examine(tap);
    assert_eq!(names(&report), [""; 0], "{}", report.page(None));
}

#[test]
fn a_segment_that_is_sent_again_fills_its_hole() {
    let mut tap = healthy();
    let lost =
        tap.iter().position(|captured| captured.packet.len() == 1_040 && within(captured, 3_000, 4_000)).unwrap();
    let again = Captured { time: tap[lost].time.plus(Duration::from_millis(300)), ..tap.remove(lost) };
    // Until then its bytes, and those behind them, are not acknowledged.
    tap.retain(|captured| {
        !(captured.from_server
            && captured.packet[9] == 6
            && captured.time > again.time.minus(Duration::from_millis(300))
            && captured.time < again.time)
    });
    tap.push(again);
    tap.sort_by_key(|captured| captured.time);
    let report = examine(tap);
    assert_eq!(names(&report), [""; 0], "{}", report.page(None));
}

#[test]
fn answers_that_must_have_been_there_are_counted() {
    // One 200 OK of a BYE in ten.
    let mut answers = 0;
    let tap: Tap = healthy()
        .into_iter()
        .filter(|captured| {
            let is_answer = captured.packet.windows(11).any(|part| part == b"CSeq: 2 BYE") && captured.from_server;
            answers += u32::from(is_answer);
            !(is_answer && answers.is_multiple_of(5) && answers <= 20)
        })
        .collect();
    let report = examine(tap);
    let found = finding(&report, "sip_lost");
    assert_eq!((figure(found, "answersUnseen"), figure(found, "requestsUnseen")), (4.0, 0.0));
    assert_eq!(found.severity, Severity::Reservation, "four may be chance");
}

#[test]
fn at_the_end_a_quiet_port_settles_what_was_asked() {
    // The last BYE has no answer, and nothing follows: not for a second, and then for a minute.
    let is_last = |captured: &Captured| captured.packet.windows(14).any(|part| part == b"39@example.net");
    let is_sip = |captured: &Captured| captured.packet.windows(7).any(|part| part == b"SIP/2.0");
    let tap: Tap =
        healthy().into_iter().filter(|captured| captured.time <= at(39 * 40 + 4_000) && is_sip(captured)).collect();
    assert!(tap.last().is_some_and(is_last));
    let quiet = |seconds: u64| {
        let mut doctor = tolltap::doctor::Doctor::new(Default::default());
        tap.iter().for_each(|captured| doctor.frame(&captured.frame(1)));
        doctor.idle(Duration::from_secs(seconds));
        doctor.finish(vec![port("tap0")])
    };
    assert!(!names(&quiet(1)).contains(&"sip_lost"));
    assert_eq!(figure(finding(&quiet(60), "sip_lost"), "answersUnseen"), 1.0);
}

#[test]
fn what_was_open_when_frames_were_lost_here_is_not_judged() {
    // The last INVITE has no answer yet, and a segment is acknowledged that may only be late. What comes then was lost here.
    let is_late = |captured: &Captured| captured.time == at(1_550) && captured.packet[9] == 6;
    let tap: Tap = healthy().into_iter().filter(|captured| captured.time <= at(1_561) && !is_late(captured)).collect();
    let mut doctor = tolltap::doctor::Doctor::new(Default::default());
    tap.iter().for_each(|captured| doctor.frame(&captured.frame(1)));
    doctor.loss(&Loss { interface: InterfaceId(0), from: at(1_561), to: at(9_000), count: 10 });
    doctor.idle(Duration::from_secs(60));
    let report = doctor.finish(vec![Source { dropped_by_ring: 10, ..port("tap0") }]);
    assert_eq!(names(&report), ["doctor_overrun"], "{}", report.page(None));
}

#[test]
fn requests_that_must_have_been_there_are_counted() {
    let is_bye = |captured: &Captured| captured.packet.windows(4).any(|part| part == b"BYE ") && !captured.from_server;
    let mut byes = 0;
    let tap: Tap = healthy()
        .into_iter()
        .filter(|captured| {
            byes += u32::from(is_bye(captured));
            !(is_bye(captured) && byes.is_multiple_of(4))
        })
        .collect();
    let found = examine(tap);
    let found = finding(&found, "sip_lost");
    assert_eq!((figure(found, "requestsUnseen"), found.severity), (10.0, Severity::NotFit));
}

/// A connection that was there before, from a client to its server; each sends these at these milliseconds, and acknowledges
/// within one what it got. It ends, with a byte from each side, after 60 s.
fn over_tcp(sent: &[(u64, bool, String)]) -> Tap {
    let ends = [address("10.0.3.1:20000"), server(5060)];
    let mut next = [1_000_u32, 2_000];
    let mut tap = Tap::new();
    let last = [(60_000, true, "\r\n".to_owned()), (60_010, false, "\r\n".to_owned())];
    for (time, to_server, text) in sent.iter().chain(&last) {
        let (from, to) = if *to_server { (0, 1) } else { (1, 0) };
        let flags = |acknowledge| TcpFlags { acknowledge: Some(acknowledge), ..Default::default() };
        let segment = frames::tcp(ends[from], ends[to], next[from], flags(next[to]), text.as_bytes());
        tap.push(captured(at(*time), segment));
        next[from] += text.len() as u32;
        tap.push(captured(at(time + 1), frames::tcp(ends[to], ends[from], next[to], flags(next[from]), &[])));
    }
    tap
}

/// A dialog's worth of requests that are answered at once, and one more of the client's with this answer, if any.
fn message_over_tcp(asked: Option<u64>, answered: Option<u64>) -> Tap {
    let mut sent = Vec::new();
    for number in 0..20 {
        sent.push((number * 10, true, plain_message("MESSAGE sip:b SIP/2.0", number, "MESSAGE")));
        sent.push((number * 10 + 5, false, plain_message("SIP/2.0 200 OK", number, "MESSAGE")));
    }
    sent.extend(asked.map(|time| (time, true, plain_message("MESSAGE sip:b SIP/2.0", 99, "MESSAGE"))));
    sent.extend(answered.map(|time| (time, false, plain_message("SIP/2.0 200 OK", 99, "MESSAGE"))));
    sent.sort_by_key(|sent| sent.0);
    over_tcp(&sent)
}

#[test]
fn over_tcp_an_answer_may_be_of_a_request_from_before_the_watching() {
    for answered in [5_000, 12_000, 45_000] {
        let report = examine(message_over_tcp(None, Some(answered)));
        assert!(!names(&report).contains(&"sip_lost"), "{answered}: {}", report.page(None));
    }
}

#[test]
fn over_tcp_a_server_may_answer_late_or_never() {
    for answered in [Some(12_300), None] {
        let report = examine(message_over_tcp(Some(300), answered));
        assert!(!names(&report).contains(&"sip_lost"), "{answered:?}: {}", report.page(None));
    }
}

#[test]
fn an_answer_over_tcp_whose_bytes_were_acknowledged_was_lost() {
    let mut tap = message_over_tcp(Some(300), Some(500));
    tap.retain(|captured| captured.time != at(500));
    let report = examine(tap);
    assert_eq!(figure(finding(&report, "sip_lost"), "answersUnseen"), 1.0, "{}", report.page(None));
    assert!(names(&report).contains(&"tcp_lost"), "{}", report.page(None));
}

#[test]
fn what_the_doctor_itself_could_not_read_is_not_the_taps_loss() {
    let tap: Tap = healthy().into_iter().filter(|captured| !within(captured, 3_000, 5_000)).collect();
    let lost = Loss { interface: InterfaceId(0), from: at(2_999), to: at(5_000), count: 900 };
    let overrun = Source { dropped_by_ring: 900, ..port("tap0") };
    let report = examine_port(tap.clone(), &[lost], overrun);
    assert_eq!(names(&report), ["doctor_overrun"], "{}", report.page(None));
    assert_eq!(report.verdict, Verdict::FitWithReservations, "more than one in ten was not looked at");
    // The same hole, with nobody to own up to it.
    assert!(names(&examine(tap)).contains(&"tcp_lost"));
}

#[test]
fn a_loss_that_is_told_before_the_ring_is_read_covers_what_comes_behind() {
    let tap: Tap = healthy().into_iter().filter(|captured| !within(captured, 4_500, 5_000)).collect();
    // It is told when the ring still holds a second and a half of frames.
    let lost = Loss { interface: InterfaceId(0), from: at(3_000), to: at(5_000), count: 150 };
    let report = examine_port(tap, &[lost], Source { dropped_by_ring: 150, ..port("tap0") });
    assert_eq!(names(&report), ["doctor_overrun"], "{}", report.page(None));
    assert_eq!(report.verdict, Verdict::Fit, "the rest was looked at");
}

#[test]
fn drops_of_the_network_card_are_told_with_their_share() {
    let report = examine_port(healthy(), &[], Source { dropped_by_interface: 40, ..port("tap0") });
    let found = finding(&report, "interface_drops");
    assert_eq!(found.severity, Severity::NotFit, "{}", report.page(None));
    let report = examine_port(healthy(), &[], Source { dropped_by_interface: 3, ..port("tap0") });
    assert_eq!(finding(&report, "interface_drops").severity, Severity::Reservation);
}

#[test]
fn drops_that_a_file_tells_of_are_the_first_thing_to_mend() {
    let lost = Loss { interface: InterfaceId(0), from: at(0), to: at(8_000), count: 100 };
    let report = examine_port(without_one_in(healthy(), 30), &[lost], port("trunk.pcapng"));
    assert!(finding(&report, "file_drops").what.contains("as the file says"));
    assert!(names(&report).contains(&"file_drops"), "{}", report.page(None));
}

#[test]
fn fragments_without_their_later_ones_point_at_a_filter_by_port() {
    let long = |tap: Tap, keep_later: bool| -> Tap {
        tap.into_iter()
            .flat_map(|one| {
                let fragments = frames::fragment(&one.packet, 300, one.time.nanos() as u32 >> 7);
                let kept = if keep_later { fragments.len() } else { 1 };
                fragments.into_iter().take(kept).map(move |packet| captured(one.time, packet)).collect::<Tap>()
            })
            .collect()
    };
    let sip =
        || healthy().into_iter().filter(|captured| captured.packet[9] == 17 && captured.packet.len() > 250).collect();
    let report = examine(long(sip(), false));
    let found = finding(&report, "fragments_incomplete");
    assert_eq!((found.severity, figure(found, "share")), (Severity::Reservation, 1.0));
    assert!(found.advice.contains("filter by port"), "{}", found.advice);
    let whole = examine(long(sip(), true));
    assert!(!names(&whole).contains(&"fragments_incomplete"), "{}", whole.page(None));
}
