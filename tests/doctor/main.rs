//! The doctor on taps that have one thing wrong with them, and on one that has nothing.
//!
//! A test takes a healthy network, spoils its frames as a tap would, and reads the report.

#[path = "../common/mod.rs"]
mod common;
mod copies;
mod direction;
mod loss;
mod silence;
mod tap;
mod time;
mod unread;

use tap::{examine, healthy};
use tolltap::doctor::Verdict;

#[test]
fn a_healthy_tap_is_fit_and_has_no_findings() {
    let report = examine(healthy());
    assert_eq!(report.findings, []);
    assert_eq!(report.verdict, Verdict::Fit);
    assert_eq!((report.sessions.records, report.sessions.without_duration, report.sessions.open), (40, 0, 0));
    let page = report.page(None).to_string();
    assert!(page.starts_with("fit for charging: tap0, "), "{page}");
    assert!(page.contains("no TCP byte is missing of 400,000 acknowledged"), "{page}");
    assert!(page.contains("100 % of the RTP packets are there, in 2 streams"), "{page}");
}

#[test]
fn the_report_names_servers_and_no_party() {
    let mut tap = healthy();
    // Clients get requests too, each from its proxy and from one more host: that makes no server of them.
    for (number, from) in [tap::server(5060), tap::address("10.0.2.7:5060")].into_iter().enumerate() {
        let client = tap::address("10.0.0.1:5060");
        for (first, source, destination) in [("NOTIFY sip:a@b SIP/2.0", from, client), ("SIP/2.0 200 OK", client, from)]
        {
            let text = format!(
                "{first}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKn{number}\r\nFrom: <sip:s@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n\
                 Call-ID: n\r\nCSeq: 1 NOTIFY\r\nContent-Length: 0\r\n\r\n"
            );
            tap.push(tap::captured(tap::at(8_390), common::frames::udp(source, destination, text.as_bytes())));
        }
    }
    let report = examine(tap);
    let [server] = &*report.servers else { panic!("{:?}", report.servers) };
    assert_eq!((server.address.to_string(), server.peers), ("10.0.9.9:5060".to_owned(), 20));
    let page = report.page(None).to_string();
    for private in ["10.0.0.", "10.0.1.", "10.0.2.", "alice", "bob"] {
        assert!(!page.contains(private), "{private}: {page}");
    }
}

#[test]
fn a_page_for_a_terminal_has_the_same_words_in_lines_that_fit() {
    let report = examine(tap::doubled(healthy()));
    let page = report.page(Some(80)).to_string();
    // The first line has the name of a file, which goes where it wants.
    assert!(page.lines().skip(1).all(|line| line.chars().count() <= 80), "{page}");
    let words = |page: &str| page.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&page), words(&report.page(None).to_string()));
}
