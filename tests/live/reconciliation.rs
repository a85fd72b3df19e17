//! StopRecords beside the server's own charging records, and beside what was on the wire.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::Value;

use crate::lab::Cdr;
use crate::wire::{Call, Wire};

/// By how much the server's clock may see it otherwise, in seconds, beside the time that it held the message on the wire: it
/// looks at the clock some time between reading and relaying it, which on a busy machine is long.
const TOLERANCE: f64 = 0.020;

/// By how much two sockets on one port may stamp a frame differently, in nanoseconds.
const TWO_SOCKETS: i64 = 5_000_000;

/// Of each call the record; where it was revised, its latest revision.
pub(crate) fn by_call(records: &[Value]) -> BTreeMap<String, &Value> {
    let mut calls = BTreeMap::new();
    for record in records {
        let call = record["callId"].as_str().expect("a Call-ID");
        let before =
            calls.insert(call.to_owned(), record).map_or(0, |before: &Value| before["revision"].as_u64().unwrap());
        assert_eq!(record["revision"], before + 1, "{call}");
    }
    assert!(calls.values().all(|record| record["withdrawn"] == false));
    calls
}

/// Each of the server's records has one here, none is further, and its times are those of the wire.
pub(crate) fn each_cdr_has_its_record(cdrs: &BTreeMap<String, Cdr>, wire: &Wire, records: &[Value]) {
    let records = by_call(records);
    assert_eq!(cdrs.keys().collect::<Vec<_>>(), records.keys().collect::<Vec<_>>(), "the same sessions");
    for (id, cdr) in cdrs {
        let (record, call) = (records[id], wire.call(id));
        let [answered, acknowledged, stopped] = [("answerTime", "200 INVITE"), ("ackTime", "ACK"), ("stopTime", "BYE")]
            .map(|(name, what)| is_of_the_wire(record, name, call, what));
        let duration = stopped - answered;
        assert_eq!(
            record["duration"],
            format!("{}.{:09}s", duration / 1_000_000_000, duration % 1_000_000_000),
            "{id}"
        );
        agrees(id, "duration", stopped - acknowledged, cdr.duration, call.held("ACK") + call.held("BYE"));
    }
}

/// A time of a record is that at which this was first on the wire.
pub(crate) fn is_of_the_wire(record: &Value, name: &str, call: &Call, what: &str) -> i64 {
    let time = time(record, name).unwrap_or_else(|| panic!("no {name}: {record}"));
    let first = call.at(what).unwrap_or_else(|| panic!("no {what} on the wire, but a {name}: {record}"));
    assert!((time - first).abs() <= TWO_SOCKETS, "{name} is {} ns apart from the wire: {record}", time - first);
    time
}

/// The server has seen it so too.
///
/// Kamailio begins to count when it relays the ACK, not with the 2xx before it (`DLGCB_CONFIRMED` of its module dialog).
pub(crate) fn agrees(id: &str, what: &str, ours: i64, servers: f64, held: i64) {
    let (ours, held) = (seconds(ours), seconds(held));
    let apart = (ours - servers).abs();
    assert!(
        apart <= TOLERANCE + held,
        "{id}: {what} {ours:.3} s here, {servers:.3} s at the server, which held it {held:.3} s"
    );
}

fn seconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / 1e9
}

/// A time of a record, in nanoseconds since 1970; absent where it has none.
pub(crate) fn time(record: &Value, name: &str) -> Option<i64> {
    let time = humantime::parse_rfc3339(record[name].as_str()?).expect("a time");
    let since = time.duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970");
    i64::try_from(since.as_nanos()).ok()
}
