//! Resident memory per open session: half a million sessions are confirmed and stay open.
//!
//! It is read at several counts: tables that double are at their worst just after it, and one count could be a lucky one.
//! Frames go to the core as they are made and are not kept. The traffic is made once before without the core, so that what
//! making it needs is resident before the first reading. Each profile has a process of its own, and the allocator that the
//! command has.

mod traffic;

use tolltap::packet::{Frame, InterfaceId, LinkType};
use tolltap::probe::{Input, Options, Output, Probe};

use traffic::{Profile, Traffic, each_in_its_own_process, resident};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SESSIONS: u64 = 500_000;
/// Sessions and attempts at which memory is read: lists double past 262,144, the index by Call-ID past 458,752.
const READ_AT: [usize; 5] = [100_000, 263_000, 300_000, 460_000, SESSIONS as usize];

fn main() {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("plain") => measure("plain", Profile::Plain),
        Some("ims") => measure("ims", Profile::Ims),
        _ => {
            println!("\n{:<8}{:>10}{:>15}{:>10}{:>18}", "profile", "open", "INVITE bytes", "MiB", "bytes a session");
            each_in_its_own_process(["plain", "ims"]);
            println!("goal: at most 700 bytes of the plain profile, aim 400");
        }
    }
}

fn measure(name: &str, profile: Profile) {
    let (sessions, sessions_a_second) = (SESSIONS, 1000);
    let traffic = Traffic { sessions, sessions_a_second, noise: 0, profile, tcp: false, ends: false, stretch: 1 };
    let (mut bytes, mut invites) = (0, 0);
    traffic.play(|_, frame| {
        if frame.get(42..48) == Some(b"INVITE") {
            bytes += frame.len() - 42;
            invites += 1;
        }
    });
    let invite = bytes / invites;
    let mut probe = Probe::new(Options::default());
    let before = resident();
    let mut number = 0;
    let mut readings = READ_AT.into_iter().peekable();
    traffic.play(|time, bytes| {
        number += 1;
        let (link, interface) = (LinkType::Ethernet, InterfaceId::default());
        probe.handle(Input::Frame(Frame { time, link, bytes, wire_len: bytes.len() as u32, interface, number }));
        while let Some(output) = probe.poll() {
            assert!(!matches!(output, Output::Record(_)), "no session ends");
        }
        if readings.next_if_eq(&probe.dialogs()).is_some() {
            row(name, invite, probe.dialogs(), before);
        }
    });
    let (open, counts) = (probe.dialogs() as u64, probe.counts());
    assert_eq!((open, counts.session.confirmed), (SESSIONS, SESSIONS), "every session is open");
}

fn row(name: &str, invite: usize, open: usize, before: u64) {
    let grown = (resident() - before) as f64;
    println!("{name:<8}{open:>10}{invite:>15}{:>10.1}{:>18.0}", grown / 1024.0, grown * 1024.0 / open as f64);
}
