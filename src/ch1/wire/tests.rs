use proptest::prelude::*;
use prost::Message;

use super::super::samples;
use super::*;

proptest! {
    #[test]
    fn every_record_survives_the_wire(sent in samples::any_record()) {
        let bytes = record(&sent).encode_to_vec();
        let received = v1::StopRecord::decode(&bytes[..]).unwrap();
        prop_assert_eq!(read_record(&received), Ok(sent));
    }

    #[test]
    fn a_damaged_message_is_refused_without_a_panic(cut in 0..2000_usize, at in 0..2000_usize, with in any::<u8>()) {
        let mut bytes = record(&samples::full()).encode_to_vec();
        let at = at % bytes.len();
        bytes[at] = with;
        bytes.truncate(cut);
        if let Ok(received) = v1::StopRecord::decode(&bytes[..]) {
            let _ = read_record(&received);
        }
    }
}

#[test]
fn absent_fields_take_no_bytes() {
    let bare = record(&samples::bare());
    assert_eq!(bare.caller_tag, None);
    assert_eq!(bare.im_server, None);
    assert_eq!(bare.inter_operator_identifier, None);
    assert_eq!(bare.duration, None);
    assert!(bare.encode_to_vec().len() < 90);
}

#[test]
fn names_the_field_that_cannot_be_right() {
    let good = record(&samples::full());
    let field = |change: fn(&mut v1::StopRecord)| {
        let mut bad = good.clone();
        change(&mut bad);
        read_record(&bad).unwrap_err().field
    };
    assert_eq!(field(|bad| bad.record_id.truncate(31)), "record_id");
    assert_eq!(field(|bad| bad.record_id.make_ascii_uppercase()), "record_id");
    assert_eq!(field(|bad| bad.revision = 0), "revision");
    assert_eq!(field(|bad| bad.call_id.clear()), "call_id");
    assert_eq!(field(|bad| bad.stop_time = None), "stop_time");
    assert_eq!(field(|bad| bad.stop_time.as_mut().unwrap().seconds = i64::MAX), "stop_time");
    assert_eq!(field(|bad| bad.answer_time.as_mut().unwrap().nanos = -1), "answer_time");
    assert_eq!(field(|bad| bad.duration.as_mut().unwrap().seconds = -1), "duration");
    assert_eq!(field(|bad| bad.trigger = 0), "trigger");
    assert_eq!(field(|bad| bad.trigger = 99), "trigger");
    assert_eq!(field(|bad| bad.caller_tag = Some(r"\q".into())), "caller_tag");
    assert_eq!(field(|bad| bad.node_address.as_mut().unwrap().address.clear()), "node_address");
    assert_eq!(field(|bad| bad.evidence = None), "evidence");
}

#[test]
fn addresses_go_out_raw_and_typed() {
    let sent = record(&samples::full());
    let from = sent.from_address.unwrap();
    assert_eq!(from.raw, "\"Alice\" <sip:alice@example.com>");
    assert_eq!(from.uri.as_deref(), Some("sip:alice@example.com"));
    assert_eq!(from.display_name.as_deref(), Some("Alice"));
    assert_eq!((from.user.as_deref(), from.host.as_deref()), (Some("alice"), Some("example.com")));
    assert_eq!(sent.called_party_address.unwrap().uri.as_deref(), Some("sip:room.7@conf.example.com;lr"));
}
