//! An hour of steady traffic with 100,000 open sessions through the core, time simulated: whether memory stays as it is.
//!
//! Before it comes half an hour in which the sessions that are open at one time become as many as they will be. Over the last half
//! of the hour that counts, memory is read once a simulated minute, and has to stay within 2 %.

mod traffic;

use tolltap::packet::{Frame, InterfaceId, LinkType};
use tolltap::probe::{Input, Options, Output, Probe};

use traffic::{Profile, START, Traffic, each_in_its_own_process, resident};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MINUTE: i64 = 60_000_000_000;
/// Sessions of 7.6 minutes on average, the longest of 27, so that none outlasts its session timer; 218 a second are 100,000 at a
/// time.
const STRETCH: u64 = 9;
const SESSIONS_A_SECOND: u64 = 218;
/// When the readings begin, and when no new sessions come any more.
const FROM_MINUTE: i64 = 60;
const MINUTES: i64 = 90;
/// Most that the highest reading may be above the lowest.
const FLAT: f64 = 0.02;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("udp") => measure("udp", false),
        Some("tcp") => measure("tcp", true),
        _ => {
            println!(
                "\n{:<6}{:>10}{:>12}{:>12}{:>12}{:>10}",
                "", "open", "records", "lowest MiB", "highest MiB", "apart"
            );
            each_in_its_own_process(["udp", "tcp"]);
            println!("goal: within 2 % over the last half of an hour, read once a minute");
        }
    }
}

fn measure(name: &str, tcp: bool) {
    let traffic = Traffic {
        sessions: SESSIONS_A_SECOND * 60 * MINUTES as u64,
        sessions_a_second: SESSIONS_A_SECOND,
        noise: 0,
        profile: Profile::Plain,
        tcp,
        ends: true,
        stretch: STRETCH,
    };
    let mut probe = Probe::new(Options::default());
    let (mut number, mut records, mut open) = (0, 0_u64, 0);
    let mut minutes = FROM_MINUTE..MINUTES + 1;
    let mut next = minutes.next();
    let mut readings = Vec::new();
    traffic.play(|time, bytes| {
        number += 1;
        let (link, interface) = (LinkType::Ethernet, InterfaceId::default());
        probe.handle(Input::Frame(Frame { time, link, bytes, wire_len: bytes.len() as u32, interface, number }));
        while let Some(output) = probe.poll() {
            records += u64::from(matches!(output, Output::Record(_)));
        }
        if next.is_some_and(|minute| time.nanos() >= START + minute * MINUTE) {
            next = minutes.next();
            readings.push(resident());
            open = probe.counts().session.confirmed.saturating_sub(records);
        }
    });
    assert_eq!(records, traffic.sessions, "every session has its record");
    let (lowest, highest) = (readings.iter().min().expect("some"), readings.iter().max().expect("some"));
    let apart = *highest as f64 / *lowest as f64 - 1.0;
    let mib = |kib: &u64| *kib as f64 / 1024.0;
    println!("{name:<6}{open:>10}{records:>12}{:>12.1}{:>12.1}{:>9.2} %", mib(lowest), mib(highest), apart * 100.0);
    assert!(apart <= FLAT, "memory is not flat: {readings:?} KiB");
}
