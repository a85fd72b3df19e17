//! The filters by themselves; `tests/kernel_filter.rs` compares them with the core.

use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::sync::{Mutex, PoisonError};

use super::*;
use crate::packet::{Frame, PeelLimits, Peeled, Peeler, Transport};
use crate::sip::framing;

/// Both filters, where they may run, without configured ports.
static TRIALS: Mutex<Vec<Trial>> = Mutex::new(Vec::new());

/// Called for every frame of the unit tests in `packet`, which know each header: where the core finds a start line in it, the
/// filters pass it.
#[track_caller]
pub(crate) fn passes_what_the_core_reads(frame: &Frame<'_>) {
    // Most hostile frames hold none, and a peeler is not made for nothing.
    if memchr::memmem::find(frame.bytes, b"SIP/2.0").is_none() {
        return;
    }
    let mut peeler = Peeler::new(PeelLimits::default());
    let Peeled::Segment(segment) = peeler.peel(frame.time, frame) else { return };
    if !matches!(segment.transport, Transport::Udp(payload) if framing::is_start(payload)) {
        return;
    }
    let mut trials = TRIALS.lock().unwrap_or_else(PoisonError::into_inner);
    if trials.is_empty() {
        let options = FilterOptions { sip_ports: vec![], ..FilterOptions::default() };
        for filter in [Filter::new(options.clone()), Filter::classic(options)] {
            trials.push(Trial::new(filter).expect("local sockets take a filter"));
        }
    }
    for trial in trials.iter_mut() {
        let verdict = trial.run(frame).expect("the filter runs");
        assert!(verdict.passed, "{}: {verdict:?} {:02x?}", trial.attached(), frame.bytes);
    }
}

/// The eBPF filter, or a word why the test is skipped.
#[cfg(feature = "ebpf")]
fn ebpf() -> Option<Filter> {
    let filter = Filter::new(FilterOptions::default());
    if let Err(reason) = &filter.program {
        eprintln!("skipped: {reason}");
        return None;
    }
    Some(filter)
}

/// The verifier gives up at a million. A change that makes it walk much more is seen here first.
#[cfg(feature = "ebpf")]
#[test]
fn the_verifier_walks_few_instructions() {
    const LIMIT: u32 = 150_000;
    let Some(mut filter) = ebpf() else { return };
    let (_, socket) = UnixDatagram::pair().expect("a pair of sockets");
    for link in [LinkType::Ethernet, LinkType::RawIp, LinkType::LinuxCooked] {
        let attached = filter.attach(socket.as_fd(), link).expect("a socket takes a filter");
        assert_eq!(attached.kind, Kind::Ebpf, "{link:?}: {attached}");
    }
    let walked = filter.verified_instructions();
    println!("{walked:?}");
    assert_eq!(walked.len(), 3, "{walked:?}");
    assert!(walked.iter().all(|(_, instructions)| *instructions < LIMIT), "{walked:?}");
}

/// The comparison itself: against a filter that drops everything, every message is a finding and every record differs.
#[test]
fn a_filter_that_drops_everything_is_found_out() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/pcaps/voice.pcap");
    let mut files = crate::capture::CaptureFiles::open(&[file.into()]).expect("the capture is there");
    let mut trial = Trial::closed();
    let explanation = explain::explain(&mut files, &mut trial, &crate::probe::Options::default()).expect("it runs");
    assert_eq!((explanation.passed, explanation.passed_messages), (0, 0));
    assert!(explanation.messages > 0 && explanation.records > 0);
    assert_eq!(explanation.disagreements().map(|finding| finding.messages).sum::<u64>(), explanation.messages);
    assert_eq!(explanation.different_records.len(), explanation.records);
    assert!(!explanation.agrees());
}

/// On an interface whose link layer nobody knows, and without privileges, there is still a capture.
#[test]
fn what_is_attached_says_why_it_is_not_the_best() {
    let (_, socket) = UnixDatagram::pair().expect("a pair of sockets");
    let mut filter = Filter::classic(FilterOptions::default());
    let attached = filter.attach(socket.as_fd(), LinkType::Ethernet).expect("a socket takes a filter");
    assert_eq!(attached.kind, Kind::Classic);
    assert_eq!(attached.reason_for_fallback.as_deref(), Some("classic BPF was asked for"));
    let attached = filter.attach(socket.as_fd(), LinkType::Other(147)).expect("nothing is attached");
    assert_eq!(attached.kind, Kind::Open);
    assert_eq!(attached.to_string(), "none: every frame is captured (its link layer is not known)");
    assert_eq!(filter.counts(), None);
}

/// What the eBPF filter says of an IP packet.
#[cfg(feature = "ebpf")]
fn judge(trial: &mut Trial, bytes: &[u8]) -> Option<Reason> {
    let (time, wire_len) = (crate::time::Timestamp::from_nanos(0), bytes.len() as u32);
    let interface = crate::packet::InterfaceId(0);
    let frame = Frame { time, link: LinkType::RawIp, bytes, wire_len, interface, number: 1 };
    trial.run(&frame).expect("the filter runs").reason
}

/// A segment between port 80 and another, to it or from it.
#[cfg(feature = "ebpf")]
fn http(client: u16, to_client: bool, text: &str) -> Vec<u8> {
    let (client, server) = (([10, 0, 0, 1], client.to_be_bytes()), ([10, 0, 0, 2], [0, 80]));
    let (from, to) = if to_client { (server, client) } else { (client, server) };
    let length = 40 + text.len() as u16;
    let mut packet = [[0x45, 0].as_slice(), &length.to_be_bytes(), &[0, 0, 0, 0, 64, 6, 0, 0], &from.0, &to.0].concat();
    packet.extend([from.1, to.1].concat());
    packet.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 1, 0, 0, 0, 0, 0]);
    packet.extend(text.as_bytes());
    packet
}

/// An upgrade is found wherever it stands in an HTTP request, and so is the end of one that is none.
#[cfg(feature = "ebpf")]
#[test]
fn a_request_is_searched_to_its_end() {
    let Some(filter) = ebpf() else { return };
    let mut trial = Trial::new(filter).expect("local sockets take a filter");
    for length in 0..40 {
        let client = 2 * length as u16 + 1000;
        let padding = "p".repeat(length);
        let upgrade = format!("GET /{padding} HTTP/1.1\r\nUpgrade: WebSocket\r\n\r\n");
        assert_eq!(judge(&mut trial, &http(client, false, &upgrade)), Some(Reason::StreamStart), "{length}");
        assert_eq!(judge(&mut trial, &http(client, true, "HTTP/1.1 200 OK\r\n\r\n")), Some(Reason::Stream), "{length}");
        let page = format!("GET /{padding} HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(judge(&mut trial, &http(client + 1, false, &page)), Some(Reason::DropStream), "{length}");
    }
}

/// Headers that go on in the next segment: the answer tells whether that was an upgrade.
#[cfg(feature = "ebpf")]
#[test]
fn an_unfinished_request_is_followed_until_it_is_answered() {
    let Some(filter) = ebpf() else { return };
    let mut trial = Trial::new(filter).expect("local sockets take a filter");
    for (client, answer, after) in [(1000, "200 OK", Reason::DropStream), (1001, "101 Go on", Reason::Stream)] {
        let request = http(client, false, "GET / HTTP/1.1\r\nCookie: long");
        assert_eq!(judge(&mut trial, &request), Some(Reason::StreamStart), "{answer}");
        assert_eq!(judge(&mut trial, &http(client, false, "er\r\n\r\n")), Some(Reason::Stream), "{answer}");
        let _ = judge(&mut trial, &http(client, true, &format!("HTTP/1.1 {answer}\r\n\r\n")));
        assert_eq!(judge(&mut trial, &http(client, false, "and so on")), Some(after), "{answer}");
    }
}

/// The longest frame that a network card hands over in one piece.
#[cfg(feature = "ebpf")]
#[test]
fn a_long_frame_is_read_to_its_end() {
    let Some(filter) = ebpf() else { return };
    let mut trial = Trial::new(filter).expect("local sockets take a filter");
    // A start line whose end is 8000 bytes off, in 60 000 bytes.
    let mut packet =
        vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x30, 0x39, 0x30, 0x39, 0, 0, 0, 0];
    packet.extend(format!("MESSAGE sip:{}@example.net SIP/2.0\r\n", "a".repeat(8000)).bytes());
    packet.resize(60_000, b' ');
    assert_eq!(judge(&mut trial, &packet), Some(Reason::Sip));
    packet[28] = 0x80;
    assert_eq!(judge(&mut trial, &packet), Some(Reason::DropDatagram));
}

/// What `BPF_PROG_TEST_RUN` says is what a socket says, for each view of a frame. It takes frames of one page at most.
#[cfg(feature = "ebpf")]
#[test]
fn programs_say_the_same_without_a_socket() {
    const LONGEST: usize = 3000;
    let (Some(mut cooked), Some(mut whole), Some(filter)) = (ebpf(), ebpf(), ebpf()) else { return };
    let (Ok(cooked), Ok(whole)) = (&mut cooked.program, &mut whole.program) else { return };
    let mut trial = Trial::new(filter).expect("local sockets take a filter");
    let mut frames = 0;
    for name in
        ["voice", "im-vxlan", "im-vlan", "im-sctp", "im-websocket", "im-fragmented-invite", "im-ipv6-fragmented"]
    {
        let file = format!("{}/pcaps/{name}.pcap", env!("CARGO_MANIFEST_DIR"));
        let mut files = crate::capture::CaptureFiles::open(&[file.into()]).expect("the capture is there");
        while let Some(item) = files.next() {
            let crate::capture::Item::Frame(frame) = item else { continue };
            if frame.link != LinkType::Ethernet || frame.bytes.len() > LONGEST {
                continue;
            }
            let expected = if trial.run(&frame).expect("the filter runs").passed { 262_144 } else { 0 };
            let hidden = [[0; 14].as_slice(), frame.bytes].concat();
            assert_eq!(cooked.test_run(View::Cooked, frame.bytes), Ok(expected), "{name} {}", frame.number);
            assert_eq!(whole.test_run(View::Ethernet, &hidden), Ok(expected), "{name} {}", frame.number);
            frames += 1;
        }
    }
    assert!(frames > 300, "{frames} frames");
}
