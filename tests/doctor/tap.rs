//! A healthy network, and what a tap may do to its frames.

use std::net::SocketAddr;
use std::time::Duration;

use tolltap::doctor::{Doctor, Figure, Finding, Options, Report, Source, SourceKind};
use tolltap::packet::{Frame, InterfaceId, LinkType};
use tolltap::probe::Loss;
use tolltap::time::Timestamp;

use crate::common::frames::{self, TcpFlags};
use crate::common::message::{Message, reason_phrase, sdp};
use crate::common::rng::Rng;
use crate::common::scenario::EPOCH;
use crate::common::tunnels::{Encapsulation, Layer};

/// One frame as a tap gives it.
#[derive(Clone, Debug)]
pub(crate) struct Captured {
    pub(crate) time: Timestamp,
    pub(crate) interface: u16,
    pub(crate) link: LinkType,
    pub(crate) bytes: Vec<u8>,
    pub(crate) wire_len: u32,
    /// The IP packet inside, and whether the server sent it.
    pub(crate) packet: Vec<u8>,
    pub(crate) from_server: bool,
}

impl Captured {
    pub(crate) fn frame(&self, number: u64) -> Frame<'_> {
        let Self { time, interface, link, ref bytes, wire_len, .. } = *self;
        Frame { time, link, bytes, wire_len, interface: InterfaceId(interface), number }
    }
}

pub(crate) type Tap = Vec<Captured>;

pub(crate) fn at(milliseconds: u64) -> Timestamp {
    // Not at a whole milli- or microsecond: the clock is as fine as clocks are.
    Timestamp::from_nanos(EPOCH + 123_137).plus(Duration::from_millis(milliseconds))
}

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

pub(crate) fn server(port: u16) -> SocketAddr {
    SocketAddr::new(address("10.0.9.9:1").ip(), port)
}

pub(crate) fn captured(time: Timestamp, packet: Vec<u8>) -> Captured {
    let from_server = packet[12..16] == [10, 0, 9, 9];
    let bytes = Encapsulation::plain().frames(&packet, 0, from_server).remove(0);
    let wire_len = bytes.len() as u32;
    Captured { time, interface: 0, link: LinkType::Ethernet, bytes, wire_len, packet, from_server }
}

/// Forty sessions over UDP, a TCP connection of 400,000 bytes, and two RTP streams, in 8.5 seconds.
pub(crate) fn healthy() -> Tap {
    let mut tap: Tap = (0..40).flat_map(session).collect();
    tap.extend(transfer(address("10.0.1.1:20000"), 7_000));
    tap.extend(media());
    tap.sort_by_key(|captured| captured.time);
    tap
}

/// One session of a client with the server.
fn session(number: u64) -> Tap {
    let client = SocketAddr::new(format!("10.0.0.{}", number % 20 + 1).parse().expect("an address"), 5060);
    let start = number * 40;
    let message = |start_line: String, cseq: &str, body: &str| {
        let mut message = Message::new(start_line);
        message.add("Via", format!("SIP/2.0/UDP {client};branch=z9hG4bK{number}{}", cseq.replace(' ', "")));
        message.add("From", "<sip:alice@example.net>;tag=a");
        let to = if cseq == "1 INVITE" && body == "offer" { "" } else { ";tag=b" };
        message.add("To", format!("<sip:bob@example.net>{to}"));
        message.add("Call-ID", format!("{number}@example.net"));
        message.add("CSeq", cseq);
        if !body.is_empty() {
            message.set_body("application/sdp", sdp("msrp", client, "alice").expect("a body"));
        }
        message.render()
    };
    let request = |method: &str, number: u32, body| {
        message(format!("{method} sip:bob@example.net SIP/2.0"), &format!("{number} {method}"), body)
    };
    let answer = |status, cseq, body| message(format!("SIP/2.0 {status} {}", reason_phrase(status)), cseq, body);
    [
        (0, true, request("INVITE", 1, "offer")),
        (2, false, answer(100, "1 INVITE", "")),
        (50, false, answer(180, "1 INVITE", "")),
        (500, false, answer(200, "1 INVITE", "answer")),
        (502, true, request("ACK", 1, "")),
        (4_000, true, request("BYE", 2, "")),
        (4_005, false, answer(200, "2 BYE", "")),
    ]
    .into_iter()
    .map(|(offset, to_server, text)| {
        let (from, to) = if to_server { (client, server(5060)) } else { (server(5060), client) };
        captured(at(start + offset), frames::udp(from, to, &text))
    })
    .collect()
}

/// A client asks whether its server is there, and is answered.
pub(crate) fn keep_alive(number: u64) -> Tap {
    let ends = [address("10.0.0.1:5060"), server(5060)];
    [(0, "OPTIONS sip:b SIP/2.0"), (1, "SIP/2.0 200 OK")]
        .into_iter()
        .map(|(side, start)| {
            let text = plain_message(start, number, "OPTIONS");
            captured(at(number * 200 + side as u64), frames::udp(ends[side], ends[1 - side], text.as_bytes()))
        })
        .collect()
}

/// A message without a dialog.
pub(crate) fn plain_message(start: &str, number: u64, method: &str) -> String {
    format!(
        "{start}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKo{number}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b>;tag=2\r\n\
         Call-ID: o{number}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
}

/// 1,000 bytes every 20 ms to the server's MSRP port, each acknowledged after 1 ms.
pub(crate) fn transfer(client: SocketAddr, isn: u32) -> Tap {
    let server = server(2855);
    let syn = |acknowledge| TcpFlags { syn: true, acknowledge, ..Default::default() };
    let mut tap = vec![
        captured(at(0), frames::tcp(client, server, isn - 1, syn(None), &[])),
        captured(at(1), frames::tcp(server, client, 99, syn(Some(isn)), &[])),
    ];
    for index in 0..400_u32 {
        let sequence = isn + index * 1_000;
        let flags = |acknowledge| TcpFlags { acknowledge: Some(acknowledge), ..Default::default() };
        let payload = vec![index as u8; 1_000];
        let time = 10 + u64::from(index) * 20;
        tap.push(captured(at(time), frames::tcp(client, server, sequence, flags(100), &payload)));
        tap.push(captured(at(time + 1), frames::tcp(server, client, 100, flags(sequence + 1_000), &[])));
    }
    tap
}

/// A call's media, 50 packets a second each way.
fn media() -> Tap {
    let ends = [address("10.0.2.1:40000"), server(40_002)];
    let mut tap = Tap::new();
    for index in 0..420_u16 {
        for (from, to) in [(0, 1), (1, 0)] {
            let mut payload = vec![0x80, 0];
            payload.extend((65_400_u16.wrapping_add(index)).to_be_bytes());
            payload.extend([0, 0, 0, 0, 0, 0, 0, from as u8]);
            payload.extend([index as u8; 160]);
            tap.push(captured(at(u64::from(index) * 20 + from as u64), frames::udp(ends[from], ends[to], &payload)));
        }
    }
    tap
}

/// Every frame once more, 12 µs later.
pub(crate) fn doubled(tap: Tap) -> Tap {
    let copy = |captured: Captured| {
        let time = captured.time.plus(Duration::from_micros(12));
        [captured.clone(), Captured { time, ..captured }]
    };
    let mut tap: Tap = tap.into_iter().flat_map(copy).collect();
    tap.sort_by_key(|captured| captured.time);
    tap
}

/// One frame in `n` is gone.
pub(crate) fn without_one_in(tap: Tap, n: u64) -> Tap {
    let mut rng = Rng::new(7);
    tap.into_iter().filter(|_| !rng.one_in(n)).collect()
}

/// The same frames with another encapsulation where `which` says so.
pub(crate) fn tagged(tap: Tap, id: u16, which: impl Fn(&Captured) -> bool) -> Tap {
    let tag = Encapsulation::new(LinkType::Ethernet, vec![Layer::Vlan(id)]);
    let wrap = |captured: Captured| {
        if !which(&captured) {
            return captured;
        }
        let bytes = tag.frames(&captured.packet, 0, captured.from_server).remove(0);
        Captured { wire_len: bytes.len() as u32, bytes, ..captured }
    };
    tap.into_iter().map(wrap).collect()
}

/// Only so many bytes of each frame are captured.
pub(crate) fn cut(tap: Tap, length: usize) -> Tap {
    let cut = |mut captured: Captured| {
        captured.bytes.truncate(length);
        captured
    };
    tap.into_iter().map(cut).collect()
}

pub(crate) fn port(name: &str) -> Source {
    Source::new(name.to_owned(), SourceKind::Port)
}

pub(crate) fn examine(tap: Tap) -> Report {
    examine_port(tap, &[], port("tap0"))
}

/// With losses, each told before the first frame after its end; and what the port says of itself.
pub(crate) fn examine_port(tap: Tap, losses: &[Loss], port: Source) -> Report {
    let mut doctor = Doctor::new(Options::default());
    let mut losses = losses.iter().peekable();
    for (number, captured) in (1..).zip(&tap) {
        while let Some(loss) = losses.next_if(|loss| loss.from <= captured.time) {
            doctor.loss(loss);
        }
        doctor.frame(&captured.frame(number));
    }
    doctor.finish(vec![port])
}

/// The names of the findings, worst first.
pub(crate) fn names(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.name).collect()
}

/// # Panics
/// When there is no such finding.
pub(crate) fn finding<'a>(report: &'a Report, name: &str) -> &'a Finding {
    let found = report.findings.iter().find(|finding| finding.name == name);
    found.unwrap_or_else(|| panic!("no {name} in:\n{}", report.page(None)))
}

/// A figure of a finding, as a number.
pub(crate) fn figure(finding: &Finding, name: &str) -> f64 {
    match finding.figures[name] {
        Figure::Count(count) => count as f64,
        Figure::Share(number) | Figure::Seconds(number) => number,
    }
}
