//! The seeds that are not text: made here, so that what is in them can be read. `cargo test --test fuzz_seeds -- --ignored`
//! writes them.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tolltap::capture::{PcapWriter, PcapngInterface, PcapngWriter};
use tolltap::ch1::wire;
use tolltap::packet::LinkType;
use tolltap::probe::Options;
use tolltap::time::Timestamp;

use crate::common::frames;
use crate::common::message::{Message, sdp};
use crate::common::replay::{TestInput, run};
use crate::common::scenario::{Carrier, Scenario};
use crate::common::transports::Transports;
use crate::common::tunnels::{Encapsulation, Layer};

/// One file in `fuzz/seeds`.
pub(crate) struct Seed {
    pub target: &'static str,
    pub name: String,
    pub bytes: Vec<u8>,
}

pub(crate) fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut add = |target, name: &str, bytes| seeds.push(Seed { target, name: name.to_owned(), bytes });
    for (name, encapsulation) in encapsulations() {
        let packets = frames_of(&encapsulation);
        add("peel", name, packets.iter().flat_map(|frame| scripted(encapsulation.link, 1, frame)).collect());
    }
    for carrier in [Carrier::Udp, Carrier::Tcp, Carrier::WebSocket, Carrier::Sctp] {
        let name = format!("{carrier:?}").to_lowercase();
        let inputs = inputs(carrier, &Encapsulation::plain(), Transports::new(None, Some(400), [u32::MAX - 900, 7]));
        add("probe", &name, probe_script(&inputs));
        add("capture_file", &format!("{name}.pcap"), crate::common::pcap::write(&frames_only(&inputs)));
    }
    let vlan = Encapsulation::new(LinkType::Ethernet, vec![Layer::Vxlan(7), Layer::Vlan(100)]);
    add(
        "probe",
        "fragments-in-vxlan",
        probe_script(&inputs(Carrier::Udp, &vlan, Transports::new(Some(500), None, [0, 0]))),
    );
    add("capture_file", "micro-big.pcap", pcap_big_endian());
    add("capture_file", "mixed.pcapng", pcapng());
    add("tcp_stream", "in-order", tcp(&[(0, 0, 300), (0, 300, 300), (0, 600, 900)]));
    add("tcp_stream", "out-of-order", tcp(&[(0, 0, 100), (0, 600, 900), (0, 100, 300), (0, 300, 400)]));
    add("tcp_stream", "joined-in-the-middle", tcp(&[(0, 150, 100), (4, 0, 700), (0, 250, 1200), (4, 700, 800)]));
    add("tcp_stream", "a-hole-given-up", tcp(&[(0, 0, 100), (0, 200, 100), (1, 0, 900), (0, 300, 1200)]));
    add("sctp", "whole-and-in-pieces", sctp(&[(7, 0), (7, 1), (7, 2), (7, 3), (7, 5), (7, 9)]));
    add("sctp", "out-of-order-and-twice", sctp(&[(7, 3), (7, 0), (7, 0), (7, 2), (7, 1), (1, 4), (2, 9)]));
    add("sctp", "interleaved", sctp(&[(3, 0), (5, 1), (5, 0), (5, 3), (5, 2), (5, 4), (4, 0)]));
    add("websocket", "whole", websocket(&[(12, 0, 255, 0), (13, 1, 255, 0), (12, 2, 255, 50)]));
    add("websocket", "in-pieces-with-pings", websocket(&[(12, 0, 40, 1), (13, 1, 7, 3), (2, 0, 0, 0), (12, 2, 1, 5)]));
    add("websocket", "lost-and-compressed", websocket(&[(4, 0, 0, 0), (10, 1, 0, 0), (12, 2, 9, 0), (6, 0, 0, 0)]));
    for (number, record) in run(Options::default(), inputs_udp()).records.iter().enumerate() {
        add("wire", &format!("record-{number}"), wire::encode(record));
    }
    for rule in ["rule-14-challenged-bye-and-the-session-goes-on", "rule-16-file-transfer", "rule-13-session-timer"] {
        for record in
            scenario(rule).iter().flat_map(|scenario| run(scenario.options.clone(), scenario.inputs()).records)
        {
            add("wire", &format!("{rule}-{}", record.revision), wire::encode(&record));
        }
    }
    seeds
}

/// A frame as the scripts of `peel` and `probe` have it.
fn scripted(link: LinkType, milliseconds: u8, frame: &[u8]) -> Vec<u8> {
    let number = match link {
        LinkType::Ethernet => 0,
        LinkType::LinuxCooked => 1,
        LinkType::LinuxCooked2 => 2,
        LinkType::RawIp => 3,
        LinkType::Ipv4 => 4,
        LinkType::Ipv6 => 5,
        LinkType::BsdLoopback => 6,
        LinkType::OpenBsdLoopback => 7,
        LinkType::Other(_) => 8,
    };
    let mut bytes = vec![number, 0, milliseconds, 0];
    bytes.extend((frame.len() as u16).to_be_bytes());
    bytes.extend(frame);
    bytes
}

fn encapsulations() -> Vec<(&'static str, Encapsulation)> {
    let ethernet = |layers| Encapsulation::new(LinkType::Ethernet, layers);
    vec![
        ("ethernet", ethernet(vec![])),
        ("vlan-and-mpls", ethernet(vec![Layer::Mpls(vec![17, 18]), Layer::Vlan(5)])),
        ("qinq-pppoe", ethernet(vec![Layer::Pppoe(9), Layer::QinQ(3, 4)])),
        ("pseudowire", ethernet(vec![Layer::Pseudowire { label: 20, control_word: true }])),
        ("gre", ethernet(vec![Layer::Gre { checksum: true, key: Some(1), sequence: true }])),
        ("gre-ethernet-in-ipv6", ethernet(vec![Layer::GreEthernet]).over_ipv6()),
        ("erspan-1", ethernet(vec![Layer::Erspan1])),
        ("erspan-2", ethernet(vec![Layer::Erspan2(1)])),
        ("erspan-3", ethernet(vec![Layer::Erspan3(2, true)])),
        ("vxlan", ethernet(vec![Layer::Vxlan(5000)])),
        ("geneve", ethernet(vec![Layer::Geneve { vni: 6, option_words: 2, ethernet: true }])),
        ("gtp-u", ethernet(vec![Layer::GtpU { teid: 8, sequence: true, extension: true }])),
        ("ip-in-ip", ethernet(vec![Layer::IpInIp, Layer::IpInIp]).over_ipv6()),
        ("esp-null", ethernet(vec![Layer::EspNull { spi: 0x1234, icv: 12, tunnel: false, udp: false }])),
        ("esp-null-in-udp", ethernet(vec![Layer::EspNull { spi: 0x1234, icv: 16, tunnel: true, udp: true }])),
        ("fragments", ethernet(vec![Layer::Fragment(200)])),
        ("fragments-of-fragments", ethernet(vec![Layer::Fragment(300), Layer::IpInIp, Layer::Fragment(200)])),
        ("cooked", Encapsulation::new(LinkType::LinuxCooked, vec![])),
        ("cooked-2", Encapsulation::new(LinkType::LinuxCooked2, vec![Layer::Vlan(2)])),
        ("raw-ip", Encapsulation::new(LinkType::RawIp, vec![])),
        ("loopback", Encapsulation::new(LinkType::BsdLoopback, vec![])),
    ]
}

/// A SIP message of each family and transport, in this encapsulation.
fn frames_of(encapsulation: &Encapsulation) -> Vec<Vec<u8>> {
    let end = |text: &str| -> SocketAddr { text.parse().expect("an address") };
    let bye = messages().remove(2);
    let flags = frames::TcpFlags { push: true, acknowledge: Some(1), ..Default::default() };
    let packets = [
        frames::udp(end("192.0.2.1:5060"), end("192.0.2.2:5060"), &bye),
        frames::tcp(end("192.0.2.1:40000"), end("192.0.2.2:5060"), 1, flags, &bye),
        frames::udp(end("[2001:db8::1]:5060"), end("[2001:db8::2]:5060"), &bye),
    ];
    (0..).zip(&packets).flat_map(|(serial, packet)| encapsulation.frames(packet, serial, false)).collect()
}

fn scenario(name: &str) -> Option<Scenario> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/scenarios/{name}.sip.txt"));
    Scenario::parse(name, &fs::read_to_string(path).ok()?).ok()
}

fn inputs(carrier: Carrier, encapsulation: &Encapsulation, transports: Transports) -> Vec<TestInput> {
    let scenario = scenario("rule-08-callee-hangs-up").expect("the scenario is there");
    scenario.over(carrier).inputs_in(encapsulation, transports)
}

fn inputs_udp() -> Vec<TestInput> {
    inputs(Carrier::Udp, &Encapsulation::plain(), Transports::default())
}

fn frames_only(inputs: &[TestInput]) -> Vec<TestInput> {
    inputs.iter().filter(|input| input.time().is_some()).cloned().collect()
}

fn probe_script(inputs: &[TestInput]) -> Vec<u8> {
    let mut script = Vec::new();
    let mut before: Option<Timestamp> = None;
    for input in inputs {
        let TestInput::Frame { time, link, bytes, .. } = input else { continue };
        let passed = time.since(before.unwrap_or(*time));
        before = Some(*time);
        // Longer silences are ticks, in steps of half a second.
        let halves = (passed.as_millis() / 500) as u16;
        if halves > 0 {
            script.push(0xff);
            script.extend(halves.to_be_bytes());
        }
        script.push(0);
        let rest = passed - Duration::from_millis(500) * u32::from(halves);
        script.extend(scripted(*link, rest.as_millis().min(255) as u8, bytes));
    }
    script
}

fn pcap_big_endian() -> Vec<u8> {
    use tolltap::capture::{ByteOrder, Precision};
    let mut capture = PcapWriter::with(Vec::new(), 1, ByteOrder::Big, Precision::Micro).expect("written to memory");
    for (number, frame) in (1..).zip(frames_of(&Encapsulation::plain())) {
        let time = Timestamp::from_nanos(number * 1_000_000_000);
        capture.cut_packet(time, &frame, frame.len() as u32 + 7).expect("written to memory");
    }
    capture.into_inner()
}

/// Two sections, interfaces of two link types and resolutions, every kind of packet block, and losses.
fn pcapng() -> Vec<u8> {
    let write = || -> std::io::Result<Vec<u8>> {
        use tolltap::capture::ByteOrder;
        let frame = frames_of(&Encapsulation::plain()).remove(0);
        let mut capture = PcapngWriter::new(Vec::new())?;
        let ethernet = capture.interface(&PcapngInterface::named(1, "tap0"))?;
        let raw =
            capture.interface(&PcapngInterface { tsresol: 0x80 + 20, tsoffset: -5, ..PcapngInterface::new(101) })?;
        capture.packet(ethernet, 1_700_000_000_000_000_000, &frame)?;
        capture.packet(raw, 1_700_000_000 << 20, &frame[14..])?;
        capture.cut_packet(ethernet, 1_700_000_001_000_000_000, &frame[..60], frame.len() as u32, 0)?;
        capture.obsolete_packet(0, 1_700_000_002_000_000_000, &frame, 3)?;
        capture.statistics(ethernet, 1_700_000_003_000_000_000, 4, 5)?;
        capture.block(0xbad, b"not known")?;
        capture.section(ByteOrder::Big)?;
        capture.interface(&PcapngInterface { snaplen: 100, ..PcapngInterface::new(1) })?;
        capture.simple_packet(&frame[..100], frame.len() as u32)?;
        Ok(capture.into_inner())
    };
    write().expect("written to memory")
}

/// INVITE, 200 and BYE.
fn messages() -> Vec<Vec<u8>> {
    let at: SocketAddr = "192.0.2.1:2855".parse().expect("an address");
    let message = |start: &str, cseq: &str, with_sdp: bool| {
        let mut message = Message::new(start.to_owned());
        message.add("Via", "SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1");
        message.add("From", "<sip:alice@example.net>;tag=a");
        message.add("To", "<sip:bob@example.net>;tag=b");
        message.add("Call-ID", "1@example.net");
        message.add("CSeq", cseq);
        if with_sdp {
            message.set_body("application/sdp", sdp("msrp", at, "alice").expect("a known kind"));
        }
        message.render()
    };
    vec![
        message("INVITE sip:bob@example.net SIP/2.0", "1 INVITE", true),
        message("SIP/2.0 200 OK", "1 INVITE", true),
        message("BYE sip:bob@example.net SIP/2.0", "2 BYE", false),
    ]
}

/// Steps of `tcp_stream`: conversation, side and kind; offset; length.
fn tcp(steps: &[(u8, u16, u16)]) -> Vec<u8> {
    let mut script = vec![steps.len() as u8];
    for (what, offset, length) in steps {
        let syn = if *offset == 0 { 2 } else { 0 };
        script.extend([*what, 1 | syn]);
        script.extend(offset.to_be_bytes());
        script.extend(length.to_be_bytes());
        script.extend([10, 0]);
    }
    script.extend(messages().concat());
    script
}

/// Steps of `sctp`: kind and number of the piece.
fn sctp(steps: &[(u8, u16)]) -> Vec<u8> {
    let mut script = vec![steps.len() as u8];
    for (kind, piece) in steps {
        script.push(kind << 3);
        script.extend(piece.to_be_bytes());
        script.extend([10, 1, 0]);
    }
    script.extend(messages().join(&0));
    script
}

/// Steps of `websocket`: side and kind; message; length of its pieces; length of the segments.
fn websocket(steps: &[(u8, u8, u8, u8)]) -> Vec<u8> {
    let mut script = vec![steps.len() as u8];
    for (what, number, piece, segment) in steps {
        script.extend([*what, *number, *piece, *segment]);
    }
    script.extend(messages().join(&0));
    script
}
