//! What the frame path allocates: nothing for a frame, nor for a message that changes nothing.
//!
//! In a file of its own, since it counts with an allocator of its own.

#![allow(unsafe_code, reason = "an allocator is unsafe by its trait; this one counts and passes everything on")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;

use common::{frames, rng::Rng};
use tolltap::packet::{Frame, InterfaceId, LinkType};
use tolltap::probe::{Input, Options, Output, Probe};
use tolltap::time::Timestamp;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A probe and the time of its next frame.
struct Bench {
    probe: Probe,
    time: i64,
}

impl Bench {
    fn new() -> Self {
        Self { probe: Probe::new(Options::default()), time: 1_767_225_600_000_000_000 }
    }

    /// How often a frame made the probe allocate.
    fn feed(&mut self, packet: &[u8]) -> usize {
        self.time += 1_000_000;
        let frame = Frame {
            time: Timestamp::from_nanos(self.time),
            link: LinkType::RawIp,
            bytes: packet,
            wire_len: packet.len() as u32,
            interface: InterfaceId::default(),
            number: 1,
        };
        let before = ALLOCATIONS.get();
        self.probe.handle(Input::Frame(frame));
        let output = self.probe.poll();
        let allocations = ALLOCATIONS.get() - before;
        assert!(!matches!(output, Some(Output::Record(_))), "no session ends here");
        allocations
    }
}

const CLIENT: &str = "192.0.2.7:5060";
const SERVER: &str = "198.51.100.9:5060";

/// A message of a session, as the packet that carries it.
fn message(session: usize, start: &str, to_tag: &str, method: &str, rest: &str, body: &str) -> Vec<u8> {
    let (client, server): (SocketAddr, SocketAddr) = (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
    let text = format!(
        "{start}\r\nVia: SIP/2.0/UDP {CLIENT};branch=z9hG4bK{session}{method}\r\n\
         From: \"A\" <sip:a{session}@example.net>;tag=f{session}\r\nTo: <sip:b{session}@example.net>{to_tag}\r\n\
         Call-ID: {session}@example.net\r\nCSeq: 1 {method}\r\nContact: <sip:a@{CLIENT}>;+g.oma.sip-im\r\n\
         User-Agent: IM-client/OMA1.0\r\n{rest}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (source, destination) = if start.starts_with("SIP") { (server, client) } else { (client, server) };
    frames::udp(source, destination, text.as_bytes())
}

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=message 20000 TCP/MSRP *\r\n\
                   a=accept-types:message/cpim\r\na=path:msrp://192.0.2.7:20000/x;tcp\r\n";

fn invite(session: usize) -> Vec<u8> {
    let start = format!("INVITE sip:b{session}@example.net SIP/2.0");
    message(session, &start, "", "INVITE", "Content-Type: application/sdp\r\n", SDP)
}

fn ringing(session: usize) -> Vec<u8> {
    message(session, "SIP/2.0 180 Ringing", ";tag=t", "INVITE", "", "")
}

fn ok(session: usize) -> Vec<u8> {
    message(session, "SIP/2.0 200 OK", ";tag=t", "INVITE", "Content-Type: application/sdp\r\n", SDP)
}

fn ack(session: usize) -> Vec<u8> {
    message(session, "ACK sip:b@198.51.100.9 SIP/2.0", ";tag=t", "ACK", "", "")
}

/// What most of these counts are: a table that grows now and then is no cost of a message.
fn usual(mut counts: Vec<usize>) -> usize {
    counts.sort_unstable();
    counts[counts.len() / 2]
}

#[test]
fn noise_allocates_nothing() {
    let mut bench = Bench::new();
    let mut rng = Rng::new(7);
    let (source, destination) = ("192.0.2.1:4000".parse().unwrap(), "192.0.2.2:4002".parse().unwrap());
    let media: Vec<_> =
        (0..1000).map(|_| frames::udp(source, destination, &[&[0x80, 0], &*rng.bytes(170)].concat())).collect();
    bench.feed(&media[0]);
    let allocations: usize = media.iter().map(|packet| bench.feed(packet)).sum();
    assert_eq!(allocations, 0);
}

#[test]
fn what_changes_nothing_allocates_nothing() {
    let mut bench = Bench::new();
    for session in 0..100 {
        for packet in [invite(session), ringing(session)] {
            bench.feed(&packet);
        }
    }
    let mut allocations = 0;
    for session in 0..50 {
        for packet in [invite(session), ringing(session), ringing(session)] {
            allocations += bench.feed(&packet);
        }
    }
    assert_eq!(allocations, 0, "of INVITEs sent again and of provisional answers");
    for session in 0..50 {
        for packet in [ok(session), ack(session)] {
            bench.feed(&packet);
        }
    }
    for session in 0..50 {
        for packet in [invite(session), ok(session), ack(session), ringing(session)] {
            allocations += bench.feed(&packet);
        }
    }
    assert_eq!(allocations, 0, "of what is sent again once a session is open");
}

#[test]
fn a_session_refresh_allocates_nothing() {
    let asserting = |session, method, callee: &str| {
        let identity = format!("P-Asserted-Identity: <sip:{callee}{session}@example.net>\r\n");
        message(session, "SIP/2.0 200 OK", ";tag=t", method, &identity, "")
    };
    let mut bench = Bench::new();
    for session in 0..100 {
        for packet in [invite(session), asserting(session, "INVITE", "b"), ack(session)] {
            bench.feed(&packet);
        }
    }
    let mut allocations = 0;
    for session in 0..100 {
        allocations += bench.feed(&asserting(session, "UPDATE", "b"));
    }
    assert_eq!(allocations, 0, "where the callee is who it was");
    for session in 0..100 {
        bench.feed(&asserting(session, "UPDATE", "c"));
    }
    for session in 0..100 {
        allocations += bench.feed(&asserting(session, "UPDATE", "c"));
    }
    assert_eq!(allocations, 0, "where that was told before");
}

#[test]
fn what_begins_a_session_allocates_little() {
    let mut bench = Bench::new();
    let mut counts = [vec![], vec![], vec![], vec![]];
    for session in 0..300 {
        for (counts, packet) in counts.iter_mut().zip([invite(session), ringing(session), ok(session), ack(session)]) {
            counts.push(bench.feed(&packet));
        }
    }
    let [invite, ringing, ok, ack] = counts.map(usual);
    assert_eq!((ringing, ack), (0, 0));
    assert!(invite <= INVITE, "{invite}");
    assert!(ok <= ANSWER, "{ok}");
}

/// The block that keeps what an INVITE says, and what parts with the tag of its From.
const INVITE: usize = 4;
/// The block anew, with what the answer says.
const ANSWER: usize = 4;
