//! CH-1 as a stranger may speak it: protobuf bytes, the record in them, its JSON.

use tolltap::ch1::{WireRecord, json, wire as contract};

/// The bytes are a StopRecord message.
pub fn wire(bytes: &[u8]) {
    let digest = contract::digest(bytes);
    let Ok(record) = WireRecord::decode(bytes) else {
        assert!(digest.is_err(), "accepted, and not readable");
        return;
    };
    if let Ok(digest) = digest {
        assert_eq!(record.id(), Some(digest.key.record_id));
    }
    print(&record, bytes);
    let encoded = record.encode().expect("what is decoded is encoded");
    let again = WireRecord::decode(&encoded).expect("what was encoded is decoded");
    assert!(again.encode().is_ok_and(|again| again == encoded), "encoding and decoding changed a record");

    let Ok(read) = record.read() else { return };
    // What a record of ours says survives being sent again.
    let body = contract::encode(&read);
    let sent = WireRecord::decode(&body).expect("what was encoded is decoded");
    assert!(sent.encode().is_ok_and(|encoded| encoded == body), "a record of ours is not written as protobuf is");
    assert!(sent.read().expect("a record of ours is readable") == read, "a record of ours came back changed");
    assert!(contract::digest(&body).is_ok(), "a record of ours is refused");
    print(&sent, &body);
}

fn print(record: &WireRecord<'_>, body: &[u8]) {
    let mut json = Vec::new();
    json::write_record(&mut json, body).expect("what is decoded is printed");
    assert!(!json.contains(&b'\n'), "a record is one line");
    let value: serde_json::Value = serde_json::from_slice(&json).expect("the JSON is JSON");
    assert_eq!(value["recordId"], record.record_id());
    assert_eq!(value["callId"], record.call_id());

    _ = (record.id(), record.revision(), record.is_withdrawn(), record.im_server(), record.caller_tag());
    _ = (record.callee_tag(), record.invite_time(), record.answer_time(), record.ack_time(), record.stop_time());
    _ = (record.duration(), record.cause_code(), record.trigger(), record.ended_by(), record.terminated_by());
    _ = (record.service(), record.caller(), record.callee(), record.caller_name(), record.callee_name());
    _ = (record.icid(), record.doubts());
}
