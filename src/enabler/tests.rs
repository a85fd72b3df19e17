//! Rules 2, 4 and 14 at the store, and what its file has to withstand.

use core::convert::Infallible;
use std::path::PathBuf;

use prost::Message as _;

use super::*;
use crate::ch1::{WireRecord, samples, v1, wire};
use crate::charging::{Party, Revised, Role, StopRecord, Times, Trigger};
use crate::time::Timestamp;

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    (directory, path)
}

fn open() -> (tempfile::TempDir, Store) {
    let (directory, path) = scratch();
    let store = Store::open(&Place::File(path.clone())).unwrap();
    (directory, store)
}

/// A session answered at second `answer` and stopped at second `stop`.
fn session(answer: Option<i64>, stop: i64, revision: u32) -> StopRecord {
    let second = |second: i64| samples::at(second * 1_000_000_000);
    let mut record = samples::bare();
    record.revision = revision;
    record.times.answer = answer.map(second);
    record.times.stop = second(stop);
    record
}

fn put(store: &mut Store, record: &StopRecord) -> Outcome {
    let arrival = Arrival::Record { sequence: 1, body: wire::encode(record).into() };
    store.commit(&[arrival]).unwrap()[0]
}

fn list(store: &Store, filter: &Filter) -> Vec<StopRecord> {
    let mut records = Vec::new();
    let each = |body: &[u8]| {
        records.push(WireRecord::decode(body).unwrap().read().unwrap());
        Ok::<_, Infallible>(())
    };
    store.each(filter, each).unwrap();
    records
}

fn all(store: &Store) -> Vec<StopRecord> {
    list(store, &Filter::default())
}

#[test]
fn a_resend_is_a_duplicate() {
    let (_directory, mut store) = open();
    let record = session(Some(0), 60, 1);
    assert_eq!(put(&mut store, &record), Outcome::Accepted);
    assert_eq!(put(&mut store, &record), Outcome::Duplicate);
    assert_eq!(all(&store), [record]);
}

#[test]
fn a_higher_revision_replaces_and_a_lower_one_is_a_duplicate() {
    let (_directory, mut store) = open();
    put(&mut store, &session(Some(0), 60, 2));
    assert_eq!(put(&mut store, &session(Some(0), 50, 1)), Outcome::Duplicate);
    let third = session(Some(0), 70, 3);
    assert_eq!(put(&mut store, &third), Outcome::Accepted);
    assert_eq!(all(&store), [third]);
}

#[test]
fn of_two_that_say_the_same_revision_the_more_complete_stays() {
    let late = session(None, 60, 1);
    let whole = session(Some(10), 60, 1);
    let mut timed_out = session(Some(10), 40, 1);
    timed_out.end.trigger = Trigger::SessionTimer;
    for (worse, better) in [(&late, &whole), (&timed_out, &whole)] {
        let (_directory, mut store) = open();
        assert_eq!(put(&mut store, worse), Outcome::Accepted);
        assert_eq!(put(&mut store, better), Outcome::Accepted);
        assert_eq!(put(&mut store, worse), Outcome::Duplicate);
        assert_eq!(put(&mut store, better), Outcome::Duplicate);
        assert_eq!(all(&store), std::slice::from_ref(better));
    }
    // Neither knows all that the other does: the first stays.
    let (_directory, mut store) = open();
    put(&mut store, &late);
    assert_eq!(put(&mut store, &timed_out), Outcome::Duplicate);
    assert_eq!(all(&store), [late]);
}

#[test]
fn a_revision_may_learn_the_start() {
    let (_directory, mut store) = open();
    put(&mut store, &session(None, 60, 1));
    let complete = session(Some(10), 60, 2);
    assert_eq!(put(&mut store, &complete), Outcome::Accepted);
    assert_eq!(all(&store), [complete]);
}

#[test]
fn a_revision_that_learns_of_an_answer_after_the_bye_is_the_same_session() {
    let (_directory, mut store) = open();
    let mut early = session(None, 60, 1);
    early.times.invite = Some(samples::at(50_000_000_000));
    put(&mut store, &early);
    let mut late = early.clone();
    late.revision = 2;
    late.times.answer = Some(samples::at(61_000_000_000));
    assert_eq!(put(&mut store, &late), Outcome::Accepted);
    assert_eq!(put(&mut store, &late), Outcome::Duplicate, "its start lies after its own stop");
    assert_eq!(all(&store), [late]);
}

#[test]
fn the_same_tags_with_a_later_start_are_another_session() {
    let (_directory, mut store) = open();
    let first = session(Some(0), 60, 1);
    let second = session(Some(100), 160, 1);
    let third = session(Some(200), 260, 1);
    for record in [&first, &third, &second] {
        assert_eq!(put(&mut store, record), Outcome::Accepted);
    }
    for record in [&first, &second, &third] {
        assert_eq!(put(&mut store, record), Outcome::Duplicate, "a resend of any of them is told by its start");
    }
    let revised = session(Some(100), 170, 2);
    assert_eq!(put(&mut store, &revised), Outcome::Accepted);
    assert_eq!(all(&store), [first, revised, third]);
}

#[test]
fn without_a_known_start_a_reuse_cannot_be_told_from_a_resend() {
    let (_directory, mut store) = open();
    put(&mut store, &session(None, 60, 1));
    assert_eq!(put(&mut store, &session(None, 999, 1)), Outcome::Duplicate);
}

#[test]
fn a_withdrawn_record_is_kept_and_not_listed() {
    let (_directory, mut store) = open();
    put(&mut store, &session(Some(0), 60, 1));
    let withdrawn = StopRecord { withdrawn: true, revised: Revised::WentOn, ..session(Some(0), 60, 2) };
    assert_eq!(put(&mut store, &withdrawn), Outcome::Accepted);
    assert_eq!(all(&store), []);
    assert_eq!(list(&store, &Filter { withdrawn: true, ..Filter::default() }), [withdrawn]);
    assert_eq!(store.totals().unwrap(), Totals { records: 0, withdrawn: 1, gaps: 0 });
    assert_eq!(put(&mut store, &session(Some(0), 60, 1)), Outcome::Duplicate, "a late copy does not bring it back");
    let ended = session(Some(0), 90, 3);
    assert_eq!(put(&mut store, &ended), Outcome::Accepted);
    assert_eq!(all(&store), [ended]);
}

#[test]
fn duplicates_within_one_batch_are_seen() {
    let (_directory, mut store) = open();
    let arrival = Arrival::Record { sequence: 1, body: wire::encode(&session(Some(0), 60, 1)).into() };
    assert_eq!(store.commit(&[arrival.clone(), arrival]).unwrap(), [Outcome::Accepted, Outcome::Duplicate]);
}

#[test]
fn what_cannot_be_a_record_is_rejected_and_the_rest_of_the_batch_is_stored() {
    let (_directory, mut store) = open();
    let good = wire::encode(&session(Some(0), 60, 1));
    let bad = v1::StopRecord { stop_time: None, ..v1::StopRecord::decode(&*good).unwrap() }.encode_to_vec();
    let arrival = |body: Vec<u8>| Arrival::Record { sequence: 1, body: body.into() };
    let outcomes = store.commit(&[arrival(bad), Arrival::Nothing { sequence: 2 }, arrival(good)]).unwrap();
    assert!(matches!(outcomes[0], Outcome::Rejected(invalid) if invalid.field == "stop_time"));
    assert!(matches!(outcomes[1], Outcome::Rejected(invalid) if invalid.field == "report"));
    assert_eq!(outcomes[2], Outcome::Accepted);
}

#[test]
fn a_gap_is_stored_once() {
    let (_directory, mut store) = open();
    let probe = v1::ProbeIdentity { probe_id: "p".into(), origin_state_id: u64::MAX };
    let notice = v1::GapNotice {
        interface: "eth0".into(),
        from: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
        to: Some(prost_types::Timestamp { seconds: 2, nanos: 0 }),
        count: 7,
        cause: v1::GapCause::FramesLost.into(),
    };
    let gap = |sequence| Arrival::Gap { probe: probe.clone(), sequence, gap: notice.clone() };
    let outcomes = store.commit(&[gap(1), gap(1), gap(2)]).unwrap();
    assert_eq!(outcomes, [Outcome::Accepted, Outcome::Duplicate, Outcome::Accepted]);
    assert_eq!(store.totals().unwrap().gaps, 2);
}

#[test]
fn a_store_opened_again_knows_what_it_held() {
    let (_directory, path) = scratch();
    let record = session(Some(0), 60, 1);
    put(&mut Store::open(&Place::File(path.clone())).unwrap(), &record);
    let mut store = Store::open(&Place::File(path.clone())).unwrap();
    assert_eq!(put(&mut store, &record), Outcome::Duplicate);
    assert_eq!(all(&Store::open_to_read(&path).unwrap()), [record], "also while it is open");
}

#[test]
fn filters_narrow_and_the_order_is_by_stop_time() {
    let (_directory, mut store) = open();
    for n in 0..4_u8 {
        let mut record = session(Some(0), 100 - i64::from(n), 1);
        record.record_id.0[0] = n;
        record.identity.call_id = samples::text(&format!("call-{n}"));
        record.parties.from = Some(samples::text(&format!("<sip:USER{n}@example.com>")));
        record.parties.to = Some(samples::text("<sip:100%_sure@example.com>"));
        record.end.ended_by = if n == 0 { Party::Callee } else { Party::Caller };
        record.end.terminated_by = if n == 1 { Role::ImServer } else { Role::ImClient };
        record.end.trigger = if n == 2 { Trigger::MaxSession } else { Trigger::Bye };
        put(&mut store, &record);
    }
    let ids =
        |filter: Filter| -> Vec<u8> { list(&store, &filter).iter().map(|record| record.record_id.0[0]).collect() };
    let none = Filter::default;
    let second = |second: i64| Some(samples::at(second * 1_000_000_000));
    assert_eq!(ids(none()), [3, 2, 1, 0]);
    assert_eq!(ids(Filter { from: second(98), to: second(100), ..none() }), [2, 1], "from is in, to is out");
    assert_eq!(ids(Filter { party: Some("user3@EXAMPLE".into()), ..none() }), [3]);
    assert_eq!(ids(Filter { party: Some("100%_sure".into()), ..none() }), [3, 2, 1, 0]);
    assert!(ids(Filter { party: Some("' OR 1=1 --".into()), ..none() }).is_empty());
    assert_eq!(ids(Filter { call_id: Some("call-1".into()), ..none() }), [1]);
    assert_eq!(ids(Filter { ended_by: Some(Party::Callee), ..none() }), [0]);
    assert_eq!(ids(Filter { terminated_by: Some(Role::ImServer), ..none() }), [1]);
    assert_eq!(ids(Filter { trigger: Some(Trigger::MaxSession), ..none() }), [2]);
    assert_eq!(ids(Filter { trigger: Some(Trigger::Bye), ended_by: Some(Party::Caller), ..none() }), [3, 1]);
}

#[test]
fn times_at_the_ends_of_the_range_are_kept() {
    let (_directory, mut store) = open();
    let times = Times { invite: Some(Timestamp::MIN), stop: Timestamp::MAX, ..session(None, 0, 1).times };
    let record = StopRecord { times, ..session(None, 0, 1) };
    put(&mut store, &record);
    assert_eq!(all(&store), [record]);
}

#[test]
fn says_clearly_what_is_wrong_with_a_file() {
    let (directory, path) = scratch();
    let error = |result: Result<Store, StoreError>| result.err().unwrap().to_string();
    assert!(error(Store::open_to_read(&path)).starts_with(&format!("store {}: ", path.display())));
    assert!(!path.exists(), "reading makes no store");

    std::fs::write(&path, "this is no database, but long enough to be one ".repeat(20)).unwrap();
    assert!(error(Store::open(&Place::File(path.clone()))).contains("not a database"));
    assert!(error(Store::open(&Place::File(directory.path().join("no/such")))).contains("unable to open"));
    assert!(error(Store::open(&Place::File(directory.path().to_owned()))).contains("store "));

    let foreign = directory.path().join("foreign");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(error(Store::open(&Place::File(foreign.clone()))).contains("not a store of StopRecords"));
    assert!(error(Store::open_to_read(&foreign)).contains("not a store of StopRecords"));

    let later = directory.path().join("later");
    Store::open(&Place::File(later.clone())).unwrap().connection.execute_batch("PRAGMA user_version = 9").unwrap();
    assert!(error(Store::open(&Place::File(later.clone()))).contains("format 9, this one reads 2"));
}
