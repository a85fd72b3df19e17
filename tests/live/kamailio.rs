//! Sessions through a real IM Server, which writes charging records of its own: each has its StopRecord, and none has two.

use serde_json::Value;

use crate::lab::{Lab, Mirror};
use crate::probe::Probe;
use crate::reconciliation::{by_call, each_cdr_has_its_record, time};

const SESSIONS: usize = 200;

fn each_session_has_its_record(mirror: Mirror, transport: &str) {
    let Some(mut lab) = Lab::new(mirror, &[]) else { return };
    let mut probe = Probe::on(&lab.network, "probe", "-i tap0 --im-server 10.77.0.1");
    lab.sessions(SESSIONS, 100, transport);
    let mut records = probe.records(SESSIONS);
    let ended = probe.stop();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    records.extend(ended.records);
    assert_eq!(records.len(), SESSIONS);
    each_cdr_has_its_record(&lab.cdrs(), &lab.wire(), &records);
}

#[test]
fn each_cdr_over_udp_has_its_record() {
    each_session_has_its_record(Mirror::Plain, "u1");
}

#[test]
fn each_cdr_over_tcp_has_its_record() {
    each_session_has_its_record(Mirror::Plain, "t1");
}

#[test]
fn each_cdr_over_udp_mirrored_in_vxlan_has_its_record() {
    each_session_has_its_record(Mirror::Vxlan, "u1");
}

#[test]
fn each_cdr_over_tcp_mirrored_in_vxlan_has_its_record() {
    each_session_has_its_record(Mirror::Vxlan, "t1");
}

/// One probe sees each frame once, another each frame twice.
fn doubled_frames_change_nothing(transport: &str) {
    let Some(mut lab) = Lab::new(Mirror::PlainAndDoubled, &[]) else { return };
    let once = Probe::on(&lab.network, "probe", "-i tap0 --im-server 10.77.0.1");
    let twice = Probe::on(&lab.network, "probe", "-i tap1 --im-server 10.77.0.1");
    lab.sessions(SESSIONS, 100, transport);
    let (once, twice) = (once.stop(), twice.stop());
    assert_eq!((once.status, twice.status), (Some(0), Some(0)), "{}{}", once.stderr, twice.stderr);
    let frames = |stderr: &str| -> u64 {
        stderr
            .lines()
            .find_map(|line| line.strip_prefix("frames "))
            .and_then(|line| line.split_whitespace().next()?.parse().ok())
            .expect("a summary")
    };
    assert_eq!(frames(&twice.stderr), 2 * frames(&once.stderr));

    each_cdr_has_its_record(&lab.cdrs(), &lab.wire(), &once.records);
    let (plain, doubled) = (by_call(&once.records), by_call(&twice.records));
    assert_eq!(plain.len(), doubled.len());
    for (call, record) in plain {
        let other = doubled[&call];
        let times = ["inviteTime", "answerTime", "ackTime", "stopTime"];
        for name in times {
            // A frame comes to one port after the other.
            let apart = time(other, name).zip(time(record, name)).map(|(other, time)| (other - time).abs());
            assert!(apart.is_some_and(|apart| apart < 20_000_000), "{call}: {name} is {apart:?} ns apart");
        }
        let rest = |record: &Value| {
            let mut rest = record.as_object().cloned().expect("a record is an object");
            rest.retain(|name, _| !times.contains(&name.as_str()) && name != "duration");
            rest
        };
        assert_eq!(rest(record), rest(other), "{call}");
    }
}

#[test]
fn doubled_frames_over_udp_change_nothing() {
    doubled_frames_change_nothing("u1");
}

#[test]
fn doubled_frames_over_tcp_change_nothing() {
    doubled_frames_change_nothing("t1");
}
