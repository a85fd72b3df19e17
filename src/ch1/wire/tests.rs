use proptest::prelude::*;
use prost::Message;

use super::super::samples;
use super::*;

/// The generated type of what is sent.
fn record(record: &StopRecord) -> v1::StopRecord {
    v1::StopRecord::decode(&*encode(record)).unwrap()
}

proptest! {
    #[test]
    fn every_record_survives_the_wire(sent in samples::any_record()) {
        prop_assert_eq!(read_record(&record(&sent)), Ok(sent));
    }

    #[test]
    fn fields_are_written_as_prost_writes_them(sent in samples::any_record()) {
        let bytes = encode(&sent);
        prop_assert_eq!(record(&sent).encode_to_vec(), bytes);
    }

    #[test]
    fn a_digest_says_what_the_record_does(sent in samples::any_record()) {
        let body = encode(&sent);
        let received = record(&sent);
        let digest = digest(&body).unwrap();
        prop_assert_eq!(digest.key, key(&received).unwrap());
        prop_assert_eq!(name(&body), (&*received.record_id, received.revision));
        prop_assert_eq!((digest.withdrawn, digest.call_id), (received.withdrawn, &*received.call_id));
        prop_assert_eq!(digest.trigger, received.trigger);
        prop_assert_eq!((digest.ended_by, digest.terminated_by), (received.ended_by, received.terminated_by));
        let of = |parties: &[&v1::PartyAddress]| {
            let mut uris = String::new();
            for party in parties {
                let uri = party.uri.as_deref().unwrap_or(&party.raw);
                if !uris.split(' ').any(|known| known == uri) {
                    uris += if uris.is_empty() { "" } else { " " };
                    uris += uri;
                }
            }
            uris
        };
        let caller: Vec<_> = received.from_address.iter().chain(&received.calling_party_addresses).collect();
        let called = received.requested_party_address.iter().chain(&received.called_party_address);
        let callee: Vec<_> = called.chain(&received.called_asserted_identities).collect();
        prop_assert_eq!(&*digest.caller, of(&caller));
        prop_assert_eq!(&*digest.callee, of(&callee));
    }

    #[test]
    fn what_has_a_digest_is_readable(cut in 0..2000_usize, at in 0..2000_usize, with in any::<u8>()) {
        let mut body = encode(&samples::full());
        let at = at % body.len();
        body[at] = with;
        body.truncate(cut);
        if let Ok(digest) = digest(&body) {
            let received = v1::StopRecord::decode(&*body).unwrap();
            prop_assert_eq!(key(&received), Ok(digest.key));
        }
    }

    #[test]
    fn a_damaged_message_is_refused_without_a_panic(cut in 0..2000_usize, at in 0..2000_usize, with in any::<u8>()) {
        let mut bytes = encode(&samples::full());
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
    assert!(encode(&samples::bare()).len() < 90);
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
