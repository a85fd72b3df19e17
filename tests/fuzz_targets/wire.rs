//! CH-1 as a stranger may speak it: protobuf bytes, the record in them, its JSON.

use tolltap::ch1::WireRecord;

/// The bytes are a StopRecord message.
pub fn wire(bytes: &[u8]) {
    let Ok(record) = WireRecord::decode(bytes) else { return };
    print(&record);
    let again = WireRecord::decode(&record.encode()).expect("what was encoded is decoded");
    assert!(again == record, "encoding and decoding changed a record");

    let Ok(read) = record.read() else { return };
    // What a record of ours says survives being sent again.
    let sent = WireRecord::from(&read);
    assert!(sent.read().expect("a record of ours is readable") == read, "a record of ours came back changed");
    print(&sent);
}

fn print(record: &WireRecord) {
    let mut json = Vec::new();
    record.write_json(&mut json);
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
