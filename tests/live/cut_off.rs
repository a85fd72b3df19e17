//! Sessions of which a part is missing: a host is cut off in their middle, or the probe comes when they have begun.

use serde_json::Value;

use crate::lab::{Lab, Mirror};
use crate::probe::{Ended, Probe};
use crate::reconciliation::{agrees, by_call, each_cdr_has_its_record, is_of_the_wire};

const SESSIONS: usize = 20;

fn watching(lab: &Lab) -> Probe {
    Probe::on(&lab.network, "probe", "-i tap0 --im-server 10.77.0.1")
}

fn cleanly(ended: Ended) -> Vec<Value> {
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    ended.records
}

/// What these records have in common under this name.
fn all(records: &[Value], name: &str) -> Value {
    let mut values: Vec<_> = records.iter().map(|record| record[name].clone()).collect();
    values.dedup();
    assert_eq!(values.len(), 1, "{name}: {values:?}");
    values.remove(0)
}

#[test]
fn a_called_party_that_is_cut_off_does_not_keep_the_records_back() {
    let Some(mut lab) = Lab::new(Mirror::Plain, &["PATIENCE=3000"]) else { return };
    let mut probe = watching(&lab);
    let callee = lab.callee("u1");
    let caller = lab.caller(SESSIONS, 1500, "u1");
    lab.network.ip("callee", "link set eth0 down");
    let records = probe.records(SESSIONS);
    assert!(lab.cdrs().is_empty(), "the server still waits for the answers");
    lab.until("every CDR is written", |lab| lab.cdrs().len() >= SESSIONS);
    assert!(cleanly(probe.stop()).is_empty());
    drop((caller, callee));
    each_cdr_has_its_record(&lab.cdrs(), &lab.wire(), &records);
    assert_eq!(all(&records, "endedBy"), "PARTY_CALLER");
    assert_eq!(all(&records, "terminatedBy"), "ROLE_IM_CLIENT");
}

#[test]
fn sessions_that_the_server_ends_when_a_client_died_are_the_servers() {
    let Some(mut lab) = Lab::new(Mirror::Plain, &["LIFETIME=2"]) else { return };
    let mut probe = watching(&lab);
    let callee = lab.callee("u1");
    drop(lab.caller(SESSIONS, 60_000, "u1"));
    // After the BYE to one side the other side's shows that it was neither's.
    let records = probe.records(2 * SESSIONS);
    lab.until("every CDR is written", |lab| lab.cdrs().len() >= SESSIONS);
    assert!(cleanly(probe.stop()).is_empty());
    drop(callee);
    each_cdr_has_its_record(&lab.cdrs(), &lab.wire(), &records);
    assert_eq!(all(&records, "terminatedBy"), "ROLE_IM_SERVER");
    let latest: Vec<Value> = by_call(&records).into_values().cloned().collect();
    assert_eq!((all(&latest, "revision"), all(&latest, "endedBy")), (2.into(), "PARTY_UNSPECIFIED".into()));
}

#[test]
fn a_bye_that_is_cut_off_before_the_tap_ends_nothing() {
    let Some(mut lab) = Lab::new(Mirror::Plain, &["LIFETIME=4"]) else { return };
    let mut probe = watching(&lab);
    let callee = lab.callee("u1");
    // It hangs up after a second, and nobody hears that; later the server ends the sessions towards the one it still reaches.
    let caller = lab.caller(SESSIONS, 1000, "u1");
    lab.network.ip("caller", "link set eth0 down");
    let records = probe.records(SESSIONS);
    lab.until("every CDR is written", |lab| lab.cdrs().len() >= SESSIONS);
    assert!(cleanly(probe.stop()).is_empty());
    drop((caller, callee));
    each_cdr_has_its_record(&lab.cdrs(), &lab.wire(), &records);
    assert_eq!(all(&records, "terminatedBy"), "ROLE_IM_SERVER");
}

#[test]
fn sessions_that_nobody_ends_stay_open() {
    let Some(lab) = Lab::new(Mirror::Plain, &[]) else { return };
    let probe = watching(&lab);
    lab.sessions(SESSIONS, 100, "u1");
    let callee = lab.callee("u1");
    drop(lab.caller(SESSIONS, 60_000, "u1"));
    drop(callee);
    let ended = probe.stop();
    assert!(ended.stderr.contains(&format!("still open {SESSIONS}")), "{}", ended.stderr);
    let records = cleanly(ended);
    assert_eq!(by_call(&records).into_keys().collect::<Vec<_>>(), lab.cdrs().into_keys().collect::<Vec<_>>());
}

/// Rule 12: of such a session the end is known, and nothing else.
fn a_probe_started_in_the_middle(transport: &str) {
    let Some(mut lab) = Lab::new(Mirror::Plain, &[]) else { return };
    let callee = lab.callee(transport);
    let caller = lab.caller(SESSIONS, 3000, transport);
    let mut probe = watching(&lab);
    let records = probe.records(SESSIONS);
    lab.until("every CDR is written", |lab| lab.cdrs().len() >= SESSIONS);
    assert!(cleanly(probe.stop()).is_empty());
    drop((caller, callee));

    let (cdrs, wire) = (lab.cdrs(), lab.wire());
    assert_eq!(by_call(&records).keys().collect::<Vec<_>>(), cdrs.keys().collect::<Vec<_>>());
    for (id, record) in by_call(&records) {
        let call = wire.call(&id);
        let stopped = is_of_the_wire(record, "stopTime", call, "BYE");
        agrees(&id, "the end", stopped, cdrs[&id].end, call.held("BYE"));
        for unknown in ["inviteTime", "answerTime", "ackTime", "duration"] {
            assert!(record.get(unknown).is_none(), "{id}: {unknown}");
        }
        assert_eq!(record["trigger"], "TRIGGER_BYE");
        assert_eq!(record["endedBy"], "PARTY_UNSPECIFIED");
        let evidence = ["invite", "answer", "ack", "bye", "byeAnswer"].map(|name| record["evidence"][name].as_str());
        let (seen, unseen) = (Some("SIGHT_SEEN"), Some("SIGHT_NOT_SEEN"));
        assert_eq!(evidence, [unseen, unseen, unseen, seen, seen], "{id}");
    }
}

#[test]
fn a_probe_started_in_the_middle_of_sessions_over_udp_knows_their_end() {
    a_probe_started_in_the_middle("u1");
}

#[test]
fn a_probe_started_in_the_middle_of_sessions_over_tcp_knows_their_end() {
    a_probe_started_in_the_middle("t1");
}
