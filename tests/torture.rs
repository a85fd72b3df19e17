//! RFC 4475 on the wire: nothing of it ends the process, and nothing of it is charged.

mod common;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tolltap::packet::LinkType;
use tolltap::time::Timestamp;

use common::replay::{Outcome, TestInput, run};
use common::scenario::{EPOCH, Scenario};
use common::tcp::Conversation;
use common::tunnels::Encapsulation;
use common::{frames, pcap};

/// The folder of captures that is kept beside the repository; tests that need it are skipped where it is not.
fn torture() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures/torture");
    if !folder.exists() {
        println!("skipped: no captures beside the repository");
        return None;
    }
    Some(folder)
}

fn messages(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder.join("messages")).expect("the messages are there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "dat"))
        .map(|path| {
            (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), fs::read(&path).expect("readable"))
        })
        .collect()
}

const SESSION: &str = "hosts: alice=192.0.2.1:5060 bob=192.0.2.2:5060\n\
    call: id=after@example.net caller=alice;tag=a1 callee=bob;tag=b1\n\
    0.000 alice -> bob INVITE\n 0.500 bob -> alice 200\n 0.520 alice -> bob ACK\n\
    9.000 alice -> bob BYE\n 9.010 bob -> alice 200\n end\n\
    expect:\n - callId: after@example.net answerTime: 20.5 stopTime: 29 endedBy: PARTY_CALLER revision: 1\n revisions: 1\n";

fn session() -> Scenario {
    Scenario::parse("session", SESSION).expect("readable").later(Duration::from_secs(20))
}

fn call_ids(outcome: &Outcome) -> Vec<String> {
    outcome.last.values().map(|record| String::from_utf8_lossy(record.identity.call_id.reveal()).into_owned()).collect()
}

#[test]
fn the_capture_gives_no_record() {
    let Some(folder) = torture() else { return };
    let mut inputs = pcap::read(&fs::read(folder.join("rfc4475.pcap")).expect("the capture is there"));
    inputs.push(TestInput::End);
    let outcome = run(Default::default(), inputs);
    assert_eq!(call_ids(&outcome), Vec::<String>::new());
}

/// Over UDP, each message cut at every length, and a session after it all that must be untouched.
#[test]
fn every_message_cut_anywhere_harms_no_session() {
    let Some(folder) = torture() else { return };
    let ends: [SocketAddr; 2] = ["10.1.1.1:5060".parse().unwrap(), "10.2.2.2:5060".parse().unwrap()];
    for (name, message) in messages(&folder) {
        let mut inputs = Vec::new();
        for len in 0..=message.len() {
            let time = Timestamp::from_nanos(EPOCH + len as i64);
            for bytes in Encapsulation::plain().frames(&frames::udp(ends[0], ends[1], &message[..len]), 0, false) {
                inputs.push(TestInput::frame(time, LinkType::Ethernet, bytes));
            }
        }
        inputs.extend(session().inputs());
        let outcome = run(Default::default(), inputs);
        let differences = session().expectation.differences(&outcome);
        assert!(differences.is_empty(), "\nafter {name}\n{differences}");
    }
}

/// Over TCP a message may claim the bytes behind it, so a session after it on the same connection is not promised. One on
/// a connection of its own is, and so are both the process and the count.
#[test]
fn every_message_over_tcp_harms_no_other_connection() {
    let Some(folder) = torture() else { return };
    for (name, message) in messages(&folder) {
        for piece in [1, 7, 536, 70_000] {
            let mut conversation = Conversation::new(
                "10.1.1.1:4711".parse().unwrap(),
                "10.2.2.2:5060".parse().unwrap(),
                [u32::MAX - 40, 9],
            );
            let mut packets = conversation.open();
            let cuts: Vec<usize> = (piece..message.len()).step_by(piece).collect();
            packets.extend(conversation.send(conversation.client(), &message, &cuts));
            packets.extend(conversation.close());
            let time = Timestamp::from_nanos(EPOCH);
            let mut inputs: Vec<TestInput> = packets
                .iter()
                .flat_map(|packet| Encapsulation::plain().frames(packet, 0, false))
                .map(|bytes| TestInput::frame(time, LinkType::Ethernet, bytes))
                .collect();
            inputs.extend(session().inputs());
            let outcome = run(Default::default(), inputs);
            let differences = session().expectation.differences(&outcome);
            assert!(differences.is_empty(), "\nafter {name} in pieces of {piece}\n{differences}");
        }
    }
}
