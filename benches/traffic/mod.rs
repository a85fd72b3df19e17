//! Generated traffic of an operator's IM service: the same bytes on every machine and every run.
//!
//! A few hundred sessions a second, of seconds to minutes, overlap as they do on a trunk. Nothing is kept of a session
//! between its messages, so that traffic of any length can be made while something else's memory is measured.

#![allow(dead_code, unreachable_pub, reason = "each bench is a crate of its own and uses its own part")]

mod dialogue;
pub mod ethernet;
mod noise;
#[path = "../../tests/common/rng.rs"]
mod rng;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
#[cfg(feature = "files")]
use std::io::Write as _;
use std::net::SocketAddrV4;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

#[cfg(feature = "files")]
use tolltap::capture::PcapWriter;
use tolltap::time::Timestamp;

pub use dialogue::{Profile, SERVER, Session, Step};
use ethernet::Sender;
pub use noise::Noise;
use rng::Rng;

/// 2026-01-01T00:00:00Z.
pub const START: i64 = 1_767_225_600_000_000_000;

/// LINKTYPE_ETHERNET.
#[cfg(feature = "files")]
const ETHERNET: u32 = 1;

/// Bytes of a TCP segment, with timestamps in the header.
const SEGMENT: usize = 1448;

/// What is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    pub sessions: u64,
    pub sessions_a_second: u64,
    /// Frames that carry no SIP, spread over the time in which sessions begin and a minute more.
    pub noise: u64,
    pub profile: Profile,
    pub tcp: bool,
    /// Whether sessions end. When not, only INVITE, 200 and ACK are sent.
    pub ends: bool,
    /// How many times longer than on a trunk they last, which is 51 seconds on average.
    pub stretch: u64,
}

impl Traffic {
    /// 30,000 sessions of 200,000 messages, and three times as many frames of noise.
    pub const TRUNK: Self = Self {
        sessions: 30_000,
        sessions_a_second: 300,
        noise: 600_000,
        profile: Profile::Plain,
        tcp: false,
        ends: true,
        stretch: 1,
    };

    /// Writes every frame to a capture file, and says how many there are. Anew each time: it takes seconds, and is never out of
    /// date.
    #[cfg(feature = "files")]
    pub fn write(&self, path: &Path) -> io::Result<u64> {
        let file = io::BufWriter::with_capacity(1 << 20, fs::File::create(path)?);
        let mut writer = PcapWriter::new(file, ETHERNET)?;
        let (mut frames, mut result) = (0, Ok(()));
        self.play(|time, frame| {
            frames += 1;
            if result.is_ok() {
                result = writer.packet(time, frame);
            }
        });
        result?;
        writer.into_inner().flush()?;
        Ok(frames)
    }

    /// Makes every frame, in the order of time.
    pub fn play(&self, mut to: impl FnMut(Timestamp, &[u8])) {
        let mut frame = Vec::with_capacity(4096);
        let mut message = Vec::with_capacity(4096);
        let mut connections = Connections::new();
        let mut noise = Noise::new();
        let mut due: BinaryHeap<Reverse<(u64, u64, Step)>> = BinaryHeap::new();
        let session_gap = 1_000_000_000 / self.sessions_a_second;
        let noise_time = self.sessions * session_gap + 60_000_000_000;
        let (mut sessions, mut noises) = (0, 0);
        loop {
            let begins = if sessions < self.sessions { sessions * session_gap } else { u64::MAX };
            let crackles = if noises < self.noise { noises * noise_time / self.noise } else { u64::MAX };
            let speaks = due.peek().map_or(u64::MAX, |Reverse((time, ..))| *time);
            let now = begins.min(crackles).min(speaks);
            if now == u64::MAX {
                return;
            }
            let time = Timestamp::from_nanos(START + now as i64);
            if now == crackles {
                noises += 1;
                noise.frame(&mut frame);
                to(time, &frame);
            } else if now == begins {
                let session = Session::new(sessions, self.profile, self.tcp);
                for step in Step::ALL {
                    let sent = match step {
                        Step::Trying => self.ends && session.has_trying,
                        Step::Ringing | Step::Bye | Step::ByeOk => self.ends,
                        Step::Invite | Step::Ok | Step::Ack => true,
                    };
                    if sent {
                        due.push(Reverse((now + session.delay(step, self.stretch), sessions, step)));
                    }
                }
                sessions += 1;
            } else if let Some(Reverse((_, number, step))) = due.pop() {
                let session = Session::new(number, self.profile, self.tcp);
                message.clear();
                session.write(step, &mut message);
                let is_from_client = session.is_from_client(step);
                if self.tcp {
                    connections.send(session.client, is_from_client, &message, &mut frame, |frame| to(time, frame));
                } else {
                    let (source, destination) =
                        if is_from_client { (session.client, SERVER) } else { (SERVER, session.client) };
                    ethernet::udp(&mut frame, source, destination, &message);
                    to(time, &frame);
                }
            }
        }
    }
}

/// Runs this bench once for each of these arguments, in a process of its own: what one run left in memory is not the next one's.
pub fn each_in_its_own_process<const N: usize>(arguments: [&str; N]) {
    for argument in arguments {
        let itself = std::env::current_exe().expect("the bench has a path");
        let status = Command::new(itself).arg(argument).status().expect("the bench can start itself");
        assert!(status.success(), "{argument}");
    }
}

/// KiB of this process in memory.
pub fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it is there");
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("it is a number")
}

/// The connections of the clients, all of them older than the capture.
struct Connections {
    /// By client; the client's side first.
    open: std::collections::BTreeMap<SocketAddrV4, [Sender; 2]>,
    rng: Rng,
}

impl Connections {
    fn new() -> Self {
        Self { open: std::collections::BTreeMap::new(), rng: Rng::new(0x0074_6370) }
    }

    /// Sends a message in as many segments as it takes. One message in sixteen is cut at some other place too, and
    /// every second segment is acknowledged.
    fn send(
        &mut self,
        client: SocketAddrV4,
        is_from_client: bool,
        message: &[u8],
        frame: &mut Vec<u8>,
        mut to: impl FnMut(&[u8]),
    ) {
        let Self { open, rng } = self;
        let [near, far] = open.entry(client).or_insert_with(|| {
            let sender = |source, destination| Sender { source, destination, sequence: rng.next() as u32 };
            let mut sender = sender;
            [sender(client, SERVER), sender(SERVER, client)]
        });
        let (sender, receiver) = if is_from_client { (near, far) } else { (far, near) };
        let cut = if rng.one_in(16) { rng.within(1, message.len() as u64) as usize } else { message.len() };
        let (first, second) = message.split_at(cut);
        for payload in first.chunks(SEGMENT).chain(second.chunks(SEGMENT)) {
            sender.segment(frame, receiver.sequence, payload);
            to(frame);
            if rng.one_in(2) {
                receiver.segment(frame, sender.sequence, &[]);
                to(frame);
            }
        }
    }
}
