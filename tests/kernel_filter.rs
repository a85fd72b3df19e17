//! The kernel's filter against the core: no frame is dropped whose absence changes a record.
//!
//! The filters run in the kernel here, over a pair of local sockets. The eBPF one needs CAP_BPF and CAP_PERFMON; where it is
//! not permitted its part of a test says that it is skipped.
#![cfg(feature = "live")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tolltap::capture::filter::explain::{Explanation, explain};
use tolltap::capture::filter::{FilterOptions, Trial};
use tolltap::capture::{CaptureFiles, PcapWriter};
use tolltap::packet::{Frame, InterfaceId, LinkType, PeelLimits, Peeled, Peeler, Transport};
use tolltap::probe::Options;
use tolltap::sip::framing;
use tolltap::time::Timestamp;

use common::filter::{KINDS, no_ports, passed, trial};
use common::replay::{TestInput, run};
use common::rng::{Rng, damage};
use common::scenario::{Carrier, Scenario};
use common::transports::Transports;
use common::tunnels::{Encapsulation, Layer};
use common::{frames, noise, pcap};

/// Every capture in the repository, and those beside it where they are.
fn captures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let beside = root.join("../shared/captures");
    if !beside.is_dir() {
        println!("skipped: no captures beside the repository");
    }
    let mut folders = vec![root.join("pcaps"), beside];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| ["pcap", "pcapng", "cap"].iter().any(|e| extension == *e))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(found.len() >= 20, "captures are missing");
    found
}

/// The same capture with a VLAN tag in every frame; none where it is not all Ethernet.
fn tagged(path: &Path) -> Option<Vec<u8>> {
    let mut writer = PcapWriter::new(Vec::new(), 1).expect("memory is writable");
    for input in pcap::read(&fs::read(path).expect("readable")) {
        let TestInput::Frame { time, link: LinkType::Ethernet, mut bytes, wire_len, .. } = input else { return None };
        if bytes.len() < 12 {
            return None;
        }
        bytes.splice(12..12, [0x81, 0x00, 0x20, 0x64]);
        writer.cut_packet(time, &bytes, wire_len + 4).ok()?;
    }
    Some(writer.into_inner())
}

fn compare(name: &Path, file: Vec<u8>, mut trial: Trial) -> Option<Explanation> {
    let reader: Box<dyn std::io::Read + Send> = Box::new(Cursor::new(file));
    let mut files = CaptureFiles::from_readers([(name.to_owned(), reader)]).ok()?;
    Some(explain(&mut files, &mut trial, &Options::default()).expect("the filter runs"))
}

#[test]
fn no_capture_loses_a_record() {
    for kind in KINDS {
        for options in &[FilterOptions::default(), no_ports()] {
            let (mut files, mut frames, mut passed, mut late, mut messages) = (0, 0, 0, 0, 0);
            let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
            let mut wrong = Vec::new();
            for path in captures() {
                let forms = [fs::read(&path).ok(), tagged(&path)];
                for (form, bytes) in ["untagged", "tagged"].into_iter().zip(forms) {
                    let Some(bytes) = bytes else { continue };
                    let Some(trial) = trial(kind, options) else { return };
                    let Some(explanation) = compare(&path, bytes, trial) else { continue };
                    files += 1;
                    frames += explanation.frames;
                    passed += explanation.passed;
                    messages += explanation.messages;
                    for (reason, count) in explanation.reasons.iter() {
                        *reasons.entry(reason.name()).or_default() += count;
                    }
                    late += explanation.findings.iter().filter(|finding| finding.late).count();
                    if !explanation.agrees() {
                        let first = explanation.disagreements().next();
                        let records = &explanation.different_records;
                        wrong.push(format!("{} {form}: {first:?}, records {records:?}", path.display()));
                    }
                }
            }
            println!(
                "{kind:?}, SIP ports {:?}: {files} captures, {frames} frames, {passed} passed, {messages} messages, {late} late",
                options.sip_ports
            );
            println!("{reasons:?}");
            assert!(wrong.is_empty(), "{kind:?}\n{}", wrong.join("\n"));
        }
    }
}

fn frame(link: LinkType, bytes: &[u8]) -> Frame<'_> {
    let (time, wire_len) = (Timestamp::from_nanos(0), bytes.len() as u32);
    Frame { time, link, bytes, wire_len, interface: InterfaceId(0), number: 1 }
}

/// Ethernet frames with this type, and with an IPv4 or IPv6 packet of this protocol, and nothing that makes sense inside.
fn nonsense() -> impl Iterator<Item = Vec<u8>> {
    let of_type = (0..=u16::MAX).flat_map(|number| {
        [0, 0x45, 0x60].map(|first| {
            let mut frame = [[0; 12].as_slice(), &number.to_be_bytes()].concat();
            frame.resize(80, first);
            frame
        })
    });
    let of_protocol = (0..=u8::MAX).flat_map(|number| {
        let mut v4 = vec![0x45, 0, 0, 120, 0, 0, 0, 0, 64, number, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        v4.resize(120, 0);
        let mut v6 = vec![0x60, 0, 0, 0, 0, 80, number, 64];
        v6.resize(120, 0);
        [(0x0800_u16, v4), (0x86DD, v6)]
            .map(|(number, packet)| [[0; 12].as_slice(), &number.to_be_bytes(), &packet].concat())
    });
    of_type.chain(of_protocol)
}

/// What the core would look into further, a filter may not drop for its number.
#[test]
fn every_number_that_leads_further_is_known_to_the_filters() {
    for kind in KINDS {
        let Some(mut trial) = trial(kind, &FilterOptions::default()) else { continue };
        let mut wrong = Vec::new();
        for bytes in nonsense() {
            let frame = frame(LinkType::Ethernet, &bytes);
            let mut peeler = Peeler::new(PeelLimits::default());
            let passed = trial.run(&frame).expect("the filter runs").passed;
            match peeler.peel(frame.time, &frame) {
                Peeled::Damaged | Peeled::Held if !passed => wrong.push(bytes),
                _ => {}
            }
        }
        assert!(wrong.is_empty(), "{kind:?} drops {} frames, the first {:02x?}", wrong.len(), wrong.first());
    }
}

/// A start line that is split over segments, on no SIP port, cannot be found; the comparison says so of those frames.
#[test]
fn what_comes_before_a_start_line_is_late_and_no_disagreement() {
    let scenario = Scenario::parse("call", CALL).expect("readable").over(Carrier::Tcp);
    let inputs = scenario.inputs_in(&Encapsulation::plain(), Transports::new(None, Some(10), [1, 1]));
    let file = pcap::write(&inputs);
    let explained = |options: &FilterOptions| {
        Some(compare(Path::new("split.pcap"), file.clone(), trial(KINDS[0], options)?).expect("a capture"))
    };
    let Some(strangers) = explained(&no_ports()) else { return };
    // The INVITE is lost; the segment that begins with the first bytes of a response is one that the filter knows.
    assert_eq!((strangers.records, strangers.different_records.len()), (1, 1));
    assert_eq!(strangers.passed_messages, strangers.messages - 1);
    assert!(!strangers.findings.is_empty() && strangers.findings.iter().all(|finding| finding.late));
    assert!(strangers.agrees());

    let ports = FilterOptions { sip_ports: vec![5062], ..FilterOptions::default() };
    let Some(known) = explained(&ports) else { return };
    assert_eq!(known.passed_messages, known.messages);
    assert!(known.findings.is_empty() && known.different_records.is_empty());
}

/// Of a fragmented datagram only the first fragment shows what it is; the others go the same way, in tunnels too.
#[test]
fn fragments_of_media_are_dropped_and_those_of_sip_are_not() {
    let Some(mut trial) = trial(KINDS[0], &no_ports()) else { return };
    let (source, destination) = (([10, 0, 0, 1], 9000).into(), ([10, 0, 0, 2], 9000).into());
    let layers = [vec![], vec![Layer::Fragment(600)], vec![Layer::Vxlan(7), Layer::Fragment(600), Layer::Vlan(9)]];
    let mut serial = 0;
    for layers in layers {
        let recipe = Encapsulation::new(LinkType::Ethernet, layers);
        for (start, passes) in [("INVITE sip:alice@example.net SIP/2.0\r\n", true), ("\u{7f}", false)] {
            serial += 1;
            let mut payload = start.as_bytes().to_vec();
            payload.resize(1300, b'x');
            for frame_bytes in recipe.frames(&frames::udp(source, destination, &payload), serial, false) {
                let verdict = trial.run(&frame(LinkType::Ethernet, &frame_bytes)).expect("the filter runs");
                assert_eq!(verdict.passed, passes, "{recipe:?} {start:?}: {verdict:?}");
            }
        }
    }
}

/// Calls with everything in them that a filter may stumble over, and other traffic in between.
const CALL: &str = "hosts: alice=10.1.0.1:5062 bob=10.1.0.2:5082
call: id=filter@example.net caller=alice;tag=a callee=bob;tag=b
0.000 alice -> bob INVITE
0.100 bob -> alice 180
0.500 bob -> alice 200
0.520 alice -> bob ACK
5.000 bob -> alice INFO
5.010 alice -> bob 200 to=INFO
9.000 alice -> bob BYE
9.010 bob -> alice 200 to=BYE
expect none
";

fn call(rng: &mut Rng) -> (String, Vec<TestInput>) {
    let carrier = [Carrier::Udp, Carrier::Tcp, Carrier::WebSocket, Carrier::Sctp][rng.below(4)];
    let recipe = Encapsulation::any(rng);
    // A start line is never split: that is what makes a stream late.
    let (mtu, piece) = ((rng.below(2) == 0).then(|| 300 + rng.below(900)), 250 + rng.below(700));
    let transports = Transports::new(mtu, Some(piece), [rng.next() as u32, u32::MAX - rng.below(900) as u32]);
    let scenario = Scenario::parse("call", CALL).expect("readable").over(carrier);
    let mut inputs = Vec::new();
    for input in scenario.inputs_in(&recipe, transports) {
        if let TestInput::Frame { time, .. } = &input {
            for _ in 0..rng.below(3) {
                let kind = noise::EVERY[rng.below(noise::EVERY.len())];
                inputs.push(TestInput::frame(*time, LinkType::Ethernet, noise::frame(kind, rng)));
            }
        }
        inputs.push(input);
    }
    (format!("{carrier:?}, MTU {mtu:?}, pieces of {piece}, in {recipe:?}"), inputs)
}

/// `PROPTEST_CASES` and `PROPTEST_RNG_SEED` give more cases and others.
fn config() -> ProptestConfig {
    let set = |name: &str| std::env::var_os(name).is_some();
    let mut config = ProptestConfig { max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() };
    if !set("PROPTEST_CASES") {
        config.cases = 64;
    }
    if !set("PROPTEST_RNG_SEED") {
        config.rng_seed = RngSeed::Fixed(7118);
    }
    config
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn calls_in_any_tunnel_among_any_traffic_are_the_same_behind_the_filter(seed in any::<u64>()) {
        for kind in KINDS {
            let Some(mut trial) = trial(kind, &no_ports()) else { continue };
            let (what, mut inputs) = call(&mut Rng::new(seed));
            let mut filtered = passed(&mut trial, inputs.clone());
            inputs.push(TestInput::End);
            filtered.push(TestInput::End);
            let (all, some) = (run(Options::default(), inputs), run(Options::default(), filtered));
            prop_assert_eq!(all.last, some.last, "{:?}: {}", kind, what);
        }
    }

    /// Bytes changed and ends cut off: where the core still finds a start line, the filter finds it too.
    #[test]
    fn datagrams_that_the_core_reads_are_passed_whatever_else_is_damaged(seed in any::<u64>()) {
        for kind in KINDS {
            let Some(mut trial) = trial(kind, &no_ports()) else { continue };
            let mut rng = Rng::new(seed);
            let scenario = Scenario::parse("call", CALL).expect("readable");
            for _ in 0..8 {
                for input in scenario.inputs_in(&Encapsulation::any(&mut rng), Transports::default()) {
                    let TestInput::Frame { link, mut bytes, .. } = input else { continue };
                    damage(&mut bytes, &mut rng);
                    let frame = frame(link, &bytes);
                    let passed = trial.run(&frame).expect("the filter runs").passed;
                    let mut peeler = Peeler::new(PeelLimits::default());
                    let reads = match peeler.peel(frame.time, &frame) {
                        Peeled::Segment(segment) => matches!(segment.transport, Transport::Udp(text) if framing::is_start(text)),
                        _ => false,
                    };
                    prop_assert!(passed || !reads, "{:?} drops {:02x?}", kind, bytes);
                }
            }
        }
    }

    /// Lines that are nearly start lines: the filter may take more for one than the core does, but never less.
    #[test]
    fn whatever_the_core_takes_for_a_start_line_is_passed(
        lead in "(\r\n){0,3}",
        method in "[A-Z!~.]{1,12}|SIP/2\\.0|[a-z]{60,66}",
        blanks in "[ \t]{1,4}",
        uri in "sip:[a-z@.;=]{1,80}|tel:[0-9]{3}|[!-~ ]{1,30}|[0-9]{3} OK|/index",
        end in "( SIP/2\\.0| sip/2\\.0|\tSiP/2\\.0 | HTTP/1\\.1|SIP/2\\.0)?",
        line_end in "\r\n|\n|\r| \r\n",
        port in prop::sample::select(vec![9, 5060, 1701, 2152, 4500, 4789, 4790, 6081, 6635, 8472]),
    ) {
        let text = format!("{lead}{method}{blanks}{uri}{end}{line_end}Via: x\r\n\r\n");
        let packet = frames::udp(([10, 0, 0, 1], 9999).into(), ([10, 0, 0, 2], port).into(), text.as_bytes());
        for kind in KINDS {
            let Some(mut trial) = trial(kind, &no_ports()) else { continue };
            let passed = trial.run(&frame(LinkType::RawIp, &packet)).expect("the filter runs").passed;
            prop_assert!(passed || !framing::is_start(text.as_bytes()), "{:?} drops {:?}", kind, text);
        }
    }
}
