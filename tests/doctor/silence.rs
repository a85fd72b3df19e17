//! Nothing, no mirror, no SIP, or little of it.

use tolltap::doctor::{Source, Verdict};

use crate::tap::{Captured, Tap, examine, examine_port, finding, healthy, names, port};

#[test]
fn a_port_without_a_frame_is_not_fit_and_asks_for_the_cable() {
    let report = examine_port(vec![], &[], Source { has_link: Some(false), ..port("tap0") });
    assert_eq!((report.verdict, names(&report)), (Verdict::NotFit, vec!["nothing_seen"]));
    assert!(finding(&report, "nothing_seen").advice.contains("cable"));
    let linked = examine_port(vec![], &[], Source { has_link: Some(true), ..port("tap0") });
    assert!(finding(&linked, "nothing_seen").advice.contains("mirror session is off"));
    assert!(linked.page(None).to_string().starts_with("not fit for charging: tap0, 0 frames in 0 s, 0 SIP messages\n"));
}

#[test]
fn a_port_with_broadcasts_alone_is_no_mirror() {
    let tap: Tap = healthy()
        .into_iter()
        .filter(|captured| captured.packet[9] == 6)
        .map(|mut captured| {
            captured.bytes[..6].fill(0xff);
            captured
        })
        .collect();
    let report = examine(tap);
    assert_eq!((report.verdict, names(&report)[0]), (Verdict::NotFit, "no_mirror"), "{}", report.page(None));
}

#[test]
fn a_mirror_of_something_else_has_no_sip() {
    let report = examine(healthy().into_iter().filter(|captured| captured.packet[9] == 6).collect());
    assert_eq!((report.verdict, names(&report)), (Verdict::NotFit, vec!["no_sip"]));
    assert!(finding(&report, "no_sip").what.contains("TCP 100 %"), "{}", report.page(None));
}

#[test]
fn few_messages_are_a_note() {
    let report = examine(healthy().into_iter().take_while(|captured| captured.time < crate::tap::at(150)).collect());
    assert_eq!((report.verdict, names(&report)), (Verdict::Fit, vec!["little_sip"]), "{}", report.page(None));
    let page = report.page(None).to_string();
    let messages = report.sip.messages;
    assert!(page.starts_with(&format!("fit for charging as far as {messages} SIP messages show: tap0, ")), "{page}");
}

#[test]
fn many_messages_without_a_session_are_little() {
    let report = examine((0..30).flat_map(crate::tap::keep_alive).collect());
    assert_eq!((report.verdict, names(&report)), (Verdict::Fit, vec!["little_sip"]), "{}", report.page(None));
    let page = report.page(None).to_string();
    assert!(page.starts_with("fit for charging as far as 60 SIP messages without a session show: tap0, "), "{page}");
}

#[test]
fn of_two_ports_the_silent_one_is_named() {
    let mut doctor = tolltap::doctor::Doctor::new(Default::default());
    for captured in healthy() {
        doctor.frame(&Captured { interface: 1, ..captured }.frame(1));
    }
    let report = doctor.finish(vec![port("tap0"), port("tap1")]);
    assert_eq!((report.verdict, names(&report)), (Verdict::FitWithReservations, vec!["port_silent"]));
    assert!(finding(&report, "port_silent").what.contains("tap0"));
}

#[test]
fn a_port_that_went_down_is_named() {
    let report = examine_port(healthy(), &[], Source { went_down: 2, ..port("tap0") });
    assert!(finding(&report, "link_down").what.contains("tap0 went down 2 times"));
}
