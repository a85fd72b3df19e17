//! Instructions of the hot functions, counted by callgrind: they do not depend on the machine, nor on what else it does.
//!
//! Each case runs twice under valgrind, for few and for many operations; the difference is what the operations cost, and
//! setting up and starting the process are not in it. Beside the counts stand nanoseconds on this machine, best of five.
//!
//! `instructions.txt` has the counts to expect. `-- --save` writes it anew.

mod traffic;

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use tolltap::ch1::{json, wire};
use tolltap::charging::PackedRecord;
use tolltap::packet::{Endpoint, Frame, Hop, InterfaceId, LinkType, PeelLimits, Peeler};
use tolltap::probe::{Input, Options, Output, Probe};
use tolltap::session::Sessions;
use tolltap::sip::{Carriage, Message, is_start};
use tolltap::time::Timestamp;

use traffic::{Noise, Profile, SERVER, START, Session, Step, Traffic, ethernet};

const EXPECTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.txt");
const FEW: usize = 100;
const MANY: usize = 1100;
/// Operations that every case is set up for, however many of them it runs.
const SET_UP: usize = MANY;

/// Sets up, and then runs so many operations.
type Case = fn(usize) -> std::time::Duration;

const CASES: [(&str, Case); 15] = [
    ("peel an RTP frame", |n| peel(n, &frames_of_noise())),
    ("peel a SIP frame", |n| peel(n, &frames_of_sip(Profile::Plain))),
    ("gate: RTP is no SIP", gate),
    ("probe: a frame of noise", |n| probe(n, &frames_of_noise(), 1)),
    ("parse INVITE", |n| parse(n, Step::Invite, Profile::Plain)),
    ("parse INVITE of IMS", |n| parse(n, Step::Invite, Profile::Ims)),
    ("parse 180", |n| parse(n, Step::Ringing, Profile::Plain)),
    ("parse 200 of INVITE", |n| parse(n, Step::Ok, Profile::Plain)),
    ("parse BYE", |n| parse(n, Step::Bye, Profile::Plain)),
    ("sessions: INVITE to ACK", |n| sessions(n, Profile::Plain, &Step::ALL[..5])),
    ("sessions: INVITE to 200 of BYE, record", |n| sessions(n, Profile::Plain, &Step::ALL)),
    ("sessions: INVITE to 200 of BYE, IMS", |n| sessions(n, Profile::Ims, &Step::ALL)),
    ("probe: a session of seven frames", |n| probe(n, &frames_of_sip(Profile::Plain), 7)),
    ("record to protobuf", to_protobuf),
    ("record to JSON", to_json),
];

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, case, count] = &*arguments
        && mode == "case"
        && let (Ok(case), Ok(count)) = (case.parse::<usize>(), count.parse())
        && let Some((_, case)) = CASES.get(case)
    {
        case(count);
        return Ok(());
    }
    let expected = fs::read_to_string(EXPECTED).unwrap_or_default();
    let mut counted = String::new();
    println!("\n{:<42}{:>14}{:>10}{:>10}{:>10}", "", "instructions", "expected", "change", "ns");
    for (number, (name, case)) in CASES.iter().enumerate() {
        let best = (0..5).map(|_| case(SET_UP)).min().unwrap_or_default().as_nanos() as f64 / SET_UP as f64;
        let instructions = match (instructions(number, FEW)?, instructions(number, MANY)?) {
            (Some(few), Some(many)) => Some((many - few) / (MANY - FEW) as u64),
            _ => None,
        };
        let before = expected.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        let change = match (instructions, before) {
            (Some(now), Some(before)) => format!("{:+.1} %", (now as f64 / before as f64 - 1.0) * 100.0),
            _ => "-".to_owned(),
        };
        let show = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
        println!("{name:<42}{:>14}{:>10}{change:>10}{best:>10.0}", show(instructions), show(before));
        if let Some(instructions) = instructions {
            let _ = writeln!(counted, "{name:<42}{instructions:>8}");
        }
    }
    if counted.is_empty() {
        println!("no counts: valgrind is not installed");
    } else if arguments.iter().any(|argument| argument == "--save") {
        fs::write(EXPECTED, counted)?;
        println!("written to {}", Path::new(EXPECTED).file_name().unwrap_or_default().display());
    }
    Ok(())
}

/// Instructions of this program for so many operations; none without valgrind.
fn instructions(case: usize, count: usize) -> io::Result<Option<u64>> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["case", &case.to_string(), &count.to_string()])
        .output();
    let Ok(output) = output else { return Ok(None) };
    let said = String::from_utf8_lossy(&output.stderr);
    let counted = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    counted.map_or_else(|| Err(io::Error::other(format!("valgrind said: {said}"))), |counted| Ok(Some(counted)))
}

fn timed(operations: impl FnOnce()) -> std::time::Duration {
    let start = Instant::now();
    operations();
    start.elapsed()
}

type Frames = Vec<(Timestamp, Vec<u8>)>;

fn frames_of_noise() -> Frames {
    let mut noise = Noise::new();
    let mut frame = Vec::new();
    let mut frames = Vec::new();
    // RTP only, by its length: what else there is on a tap is rare.
    while frames.len() < SET_UP {
        noise.frame(&mut frame);
        if frame.len() == 214 {
            frames.push((Timestamp::from_nanos(START + frames.len() as i64 * 1000), frame.clone()));
        }
    }
    frames
}

/// Whole sessions, one after the other.
fn frames_of_sip(profile: Profile) -> Frames {
    let mut frames = Vec::new();
    for (time, hop, message) in messages(profile, &Step::ALL) {
        let mut frame = Vec::new();
        let at = |end: Endpoint| match end.address {
            std::net::IpAddr::V4(address) => std::net::SocketAddrV4::new(address, end.port),
            std::net::IpAddr::V6(_) => unreachable!("the traffic is IPv4"),
        };
        ethernet::udp(&mut frame, at(hop.source), at(hop.destination), &message);
        frames.push((time, frame));
    }
    frames
}

/// The messages of sessions, those of one session together.
fn messages(profile: Profile, steps: &[Step]) -> Vec<(Timestamp, Hop, Vec<u8>)> {
    let mut messages = Vec::new();
    for number in 0..SET_UP as u64 {
        let session = Session::new(number, profile, false);
        for (order, step) in steps.iter().enumerate() {
            let end = |at: std::net::SocketAddrV4| Endpoint { address: (*at.ip()).into(), port: at.port() };
            let hop = Hop { source: end(session.client), destination: end(SERVER), domain: Default::default() };
            let hop = if session.is_from_client(*step) { hop } else { hop.reversed() };
            let time = Timestamp::from_nanos(START + number as i64 * 10_000_000 + order as i64 * 1_000_000);
            let mut message = Vec::new();
            session.write(*step, &mut message);
            messages.push((time, hop, message));
        }
    }
    messages
}

fn frame(number: usize, (time, bytes): &(Timestamp, Vec<u8>)) -> Frame<'_> {
    Frame {
        time: *time,
        link: LinkType::Ethernet,
        bytes,
        wire_len: bytes.len() as u32,
        interface: InterfaceId::default(),
        number: number as u64 + 1,
    }
}

fn peel(count: usize, frames: &Frames) -> std::time::Duration {
    let mut peeler = Peeler::new(PeelLimits::default());
    timed(|| {
        for (number, captured) in frames.iter().take(count).enumerate() {
            let frame = frame(number, captured);
            black_box(peeler.peel(frame.time, black_box(&frame)));
        }
    })
}

fn gate(count: usize) -> std::time::Duration {
    let frames = frames_of_noise();
    timed(|| {
        for (_, bytes) in frames.iter().take(count) {
            black_box(is_start(black_box(bytes.get(42..).unwrap_or_default())));
        }
    })
}

fn probe(count: usize, frames: &Frames, frames_each: usize) -> std::time::Duration {
    let mut probe = Probe::new(Options::default());
    timed(|| {
        for (number, captured) in frames.iter().take(count * frames_each).enumerate() {
            probe.handle(Input::Frame(frame(number, captured)));
            while let Some(output) = probe.poll() {
                black_box(output);
            }
        }
    })
}

fn parse(count: usize, step: Step, profile: Profile) -> std::time::Duration {
    let messages = messages(profile, &[step]);
    timed(|| {
        for (_, _, bytes) in messages.iter().take(count) {
            let _ = black_box(Message::parse(black_box(bytes), Carriage::Datagram));
        }
    })
}

fn sessions(count: usize, profile: Profile, steps: &[Step]) -> std::time::Duration {
    let messages = messages(profile, steps);
    let parsed: Vec<_> = messages
        .iter()
        .map(|(time, hop, bytes)| (*time, *hop, Message::parse(bytes, Carriage::Datagram).expect("it is SIP")))
        .collect();
    let mut sessions = Sessions::new(Options::default());
    timed(|| {
        for (time, hop, message) in parsed.iter().take(count * steps.len()) {
            sessions.advance(*time);
            sessions.message(*time, hop, message);
            while let Some(record) = sessions.pop() {
                black_box(record);
            }
        }
    })
}

fn records() -> Vec<PackedRecord> {
    let traffic = Traffic { sessions: SET_UP as u64, noise: 0, ..Traffic::TRUNK };
    let mut probe = Probe::new(Options::default());
    let mut records = Vec::new();
    let mut number = 0;
    traffic.play(|time, bytes| {
        number += 1;
        let (link, interface) = (LinkType::Ethernet, InterfaceId::default());
        probe.handle(Input::Frame(Frame { time, link, bytes, wire_len: bytes.len() as u32, interface, number }));
        while let Some(output) = probe.poll() {
            if let Output::Record(record) = output {
                records.push(*record);
            }
        }
    });
    assert_eq!(records.len(), SET_UP, "every session gives a record");
    records
}

fn to_protobuf(count: usize) -> std::time::Duration {
    let records = records();
    let mut room = Vec::new();
    timed(|| {
        for record in records.iter().take(count) {
            black_box(wire::seal_in(&mut room, &black_box(record).read::<&[u8]>()));
        }
    })
}

fn to_json(count: usize) -> std::time::Duration {
    let records: Vec<_> = records().iter().map(|record| wire::encode(&record.unpack())).collect();
    let mut line = Vec::with_capacity(16 * 1024);
    timed(|| {
        for record in records.iter().take(count) {
            line.clear();
            _ = black_box(json::write_record(&mut line, black_box(record)));
            black_box(&line);
        }
    })
}
