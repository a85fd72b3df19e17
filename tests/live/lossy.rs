//! A mirror that loses one frame in ten: the records are those that the other nine allow, and say what was not seen.

use serde_json::Value;

use crate::common::pcap;
use crate::common::rng::Rng;
use crate::lab::{Lab, Mirror};
use crate::probe::Probe;
use crate::reconciliation::{by_call, is_of_the_wire};
use crate::wire::Call;

const SESSIONS: usize = 200;
const SEED: u64 = 0x7a70;

/// What the frames that are left of a call allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Allowed {
    /// A record with this trigger, that ends with this message.
    Record(&'static str, &'static str),
    /// No proof of an answer is left: rules 6, 9 and 12 look at more than is told apart here.
    Doubtful,
    /// Neither BYE nor answer of it.
    Nothing,
}

fn allowed(call: &Call) -> Allowed {
    let on_one_hop = |one: &str, other: &str| {
        let (one, other) = (call.crossing(one), call.crossing(other));
        (one.entering.is_some() && other.entering.is_some()) || (one.leaving.is_some() && other.leaving.is_some())
    };
    let seen = |what: &str| call.at(what).is_some();
    let was_begun = ["INVITE", "100 INVITE", "180 INVITE"].into_iter().any(seen);
    let is_proven = seen("200 INVITE") || on_one_hop("INVITE", "ACK") || (seen("200 BYE") && !was_begun);
    match (seen("BYE"), seen("200 BYE")) {
        (false, false) => Allowed::Nothing,
        _ if !is_proven => Allowed::Doubtful,
        (true, _) => Allowed::Record("TRIGGER_BYE", "BYE"),
        (false, true) => Allowed::Record("TRIGGER_BYE_ANSWER", "200 BYE"),
    }
}

/// The record says of each message what was seen of it, and of each time when that was.
fn says_what_was_seen(record: &Value, call: &Call) {
    let mut times = Vec::new();
    for (sight, name, what) in
        [("invite", "inviteTime", "INVITE"), ("answer", "answerTime", "200 INVITE"), ("ack", "ackTime", "ACK")]
    {
        let seen = call.at(what).is_some();
        assert_eq!(record["evidence"][sight] == "SIGHT_SEEN", seen, "{sight}: {record}");
        assert_eq!(record.get(name).is_some(), seen, "{name}: {record}");
        if seen {
            is_of_the_wire(record, name, call, what);
            times.push(name);
        }
    }
    assert_eq!(record["evidence"]["bye"] == "SIGHT_SEEN", call.at("BYE").is_some(), "{record}");
    assert_eq!(record.get("duration").is_some(), times.contains(&"answerTime"), "{record}");
}

/// Gives the latest revisions.
fn one_frame_in_ten_is_lost(transport: &str) -> Option<Vec<Value>> {
    let mut lab = Lab::new(Mirror::Plain, &[])?;
    lab.sessions(SESSIONS, 100, transport);
    let mut rng = Rng::new(SEED);
    let mut frames = pcap::read(&lab.captured());
    let all = frames.len();
    frames.retain(|_| !rng.one_in(10));
    println!("{} of {all} frames lost", all - frames.len());

    let probe = Probe::on(&lab.network, "probe", "-i tap0 --im-server 10.77.0.1");
    lab.capture("thinned.pcap");
    lab.replay(&pcap::write(&frames));
    let wire = lab.wire();
    let ended = probe.stop();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    // What stands behind a hole of a TCP stream comes late, and may revise the record.
    let records = by_call(&ended.records);

    let mut doubtful = 0;
    for (id, call) in wire.calls() {
        match (allowed(call), records.get(id)) {
            (Allowed::Nothing, record) => {
                assert!(record.is_none(), "{id}: nothing of its end was seen, and yet {record:?}")
            }
            (Allowed::Doubtful, _) => doubtful += 1,
            (Allowed::Record(..), None) => panic!("no record of {id}: {call:?}"),
            (Allowed::Record(trigger, end), Some(record)) => {
                assert_eq!(record["trigger"], trigger, "{id}");
                is_of_the_wire(record, "stopTime", call, end);
                says_what_was_seen(record, call);
            }
        }
    }
    assert!(doubtful <= SESSIONS / 20, "{doubtful} calls are without a proof of their answer");
    let cdrs = lab.cdrs();
    assert!(records.keys().all(|id| cdrs.contains_key(id)), "no session that never was");
    assert!(records.len() >= SESSIONS * 9 / 10, "{} of {SESSIONS}", records.len());
    Some(records.into_values().cloned().collect())
}

#[test]
fn what_is_left_of_sessions_over_udp_makes_their_records() {
    let Some(records) = one_frame_in_ten_is_lost("u1") else { return };
    // Datagrams have no number: that frames are missing is told by what was not seen.
    assert!(records.iter().all(|record| record["evidence"]["streamGaps"] == "0"));
}

#[test]
fn what_is_left_of_sessions_over_tcp_makes_their_records() {
    let Some(records) = one_frame_in_ten_is_lost("t1") else { return };
    // All sessions share two connections, and of a hundred messages of each ten are missing in its time.
    for record in records {
        assert_ne!(record["evidence"]["streamGaps"], "0", "{record}");
    }
}
