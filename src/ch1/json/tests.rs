use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use serde_json::Value;

use super::super::{DESCRIPTOR_SET, WireRecord, samples, wire};
use super::*;
use crate::charging::StopRecord;

fn line(record: &StopRecord) -> String {
    let mut out = Vec::new();
    write_record(&mut out, &wire::encode(record)).unwrap();
    String::from_utf8(out).unwrap()
}

/// The contract: messages and enums by full name.
struct Contract {
    messages: BTreeMap<String, DescriptorProto>,
    enums: BTreeMap<String, BTreeSet<String>>,
}

impl Contract {
    fn read() -> Self {
        let set = FileDescriptorSet::decode(DESCRIPTOR_SET).unwrap();
        let file = set.file.into_iter().find(|file| file.package() == "tolltap.ch1.v1").unwrap();
        let full = |name: &str| format!(".tolltap.ch1.v1.{name}");
        let names = |of: &prost_types::EnumDescriptorProto| of.value.iter().map(|v| v.name().to_owned()).collect();
        Self {
            enums: file.enum_type.iter().map(|of| (full(of.name()), names(of))).collect(),
            messages: file.message_type.into_iter().map(|of| (full(of.name()), of)).collect(),
        }
    }

    /// Holds an object against its message: every key is a field's and of its type; `complete` wants every field.
    fn check(&self, message: &str, object: &Value, complete: bool) {
        let fields = &self.messages[message].field;
        let object = object.as_object().unwrap();
        let known: BTreeSet<_> = fields.iter().map(|field| field.json_name().to_owned()).collect();
        let written: BTreeSet<_> = object.keys().cloned().collect();
        assert!(written.is_subset(&known), "{message} has no {:?}", written.difference(&known));
        if complete {
            assert_eq!(written, known, "fields of {message} forgotten");
        }
        for field in fields {
            match object.get(field.json_name()) {
                None => assert!(!always_written(field), "{message} lacks {}", field.json_name()),
                Some(Value::Array(items)) if field.label() == Label::Repeated => {
                    assert!(!items.is_empty());
                    items.iter().for_each(|item| self.check_value(field, item, complete));
                }
                Some(value) => self.check_value(field, value, complete),
            }
        }
    }

    fn check_value(&self, field: &FieldDescriptorProto, value: &Value, complete: bool) {
        let fits = match field.r#type() {
            Type::String => value.is_string(),
            Type::Bool => value.is_boolean(),
            Type::Uint32 | Type::Sint32 => value.is_i64(),
            Type::Uint64 => value.as_str().is_some_and(|text| text.parse::<u64>().is_ok()),
            Type::Enum => self.enums[field.type_name()].contains(value.as_str().unwrap()),
            Type::Message if field.type_name() == ".google.protobuf.Timestamp" => {
                value.as_str().is_some_and(|text| text.len() == 30 && text.ends_with('Z'))
            }
            Type::Message if field.type_name() == ".google.protobuf.Duration" => {
                value.as_str().is_some_and(|text| text.ends_with('s') && text.as_bytes()[text.len() - 11] == b'.')
            }
            Type::Message => {
                self.check(field.type_name(), value, complete);
                true
            }
            other => panic!("{} has type {other:?}, which json.rs does not know", field.name()),
        };
        assert!(fits, "{} is {value}", field.name());
    }
}

/// Fields without presence, and the two messages that every record has.
fn always_written(field: &FieldDescriptorProto) -> bool {
    let message = field.r#type() == Type::Message;
    let presence = field.proto3_optional() || message || field.label() == Label::Repeated;
    !presence || ["correlation", "evidence"].contains(&field.name())
}

#[test]
fn no_field_of_the_contract_is_forgotten() {
    let mut record = samples::full();
    // A party with every part is needed; the sample's others have fewer.
    let alice = record.parties.from.clone().unwrap();
    record.parties.to = Some(alice.clone());
    record.parties.called = Some(alice.clone());
    record.parties.served_user = Some(alice.clone());
    record.parties.calling = vec![alice.clone()];
    record.parties.called_asserted = vec![alice.clone()];
    record.parties.history = vec![alice.clone()];
    record.parties.called_change.as_mut().unwrap().identity = alice;
    let mut wired = v1::StopRecord::decode(&*wire::encode(&record)).unwrap();
    wired.called_party_address = wired.from_address.clone();
    let mut out = Vec::new();
    write_record(&mut out, &wired.encode_to_vec()).unwrap();
    Contract::read().check(".tolltap.ch1.v1.StopRecord", &serde_json::from_slice(&out).unwrap(), true);
}

#[test]
fn fields_come_in_the_order_of_their_numbers() {
    let contract = Contract::read();
    let mut fields = contract.messages[".tolltap.ch1.v1.StopRecord"].field.clone();
    fields.sort_by_key(|field| field.number());
    let line = line(&samples::full());
    let mut rest = line.as_str();
    for field in fields {
        let key = format!("\"{}\":", field.json_name());
        let at = rest.find(&key).unwrap_or_else(|| panic!("{key} is missing or out of order"));
        rest = &rest[at..];
    }
}

#[test]
fn the_barest_record_is_written_so() {
    assert_eq!(
        line(&samples::bare()),
        concat!(
            r#"{"recordId":"00000000000000000000000000000000","revision":1,"revised":"REVISED_FIRST","#,
            r#""withdrawn":false,"callId":"c","forkIndex":0,"stopTime":"2026-11-23T20:05:00.000000000Z","#,
            r#""trigger":"TRIGGER_BYE","endedBy":"PARTY_UNSPECIFIED","terminatedBy":"ROLE_UNSPECIFIED","causeCode":0,"#,
            r#""service":"SERVICE_UNSPECIFIED","correlation":{},"evidence":{"invite":"SIGHT_NOT_SEEN","#,
            r#""answer":"SIGHT_NOT_SEEN","ack":"SIGHT_NOT_SEEN","bye":"SIGHT_NOT_SEEN","byeAnswer":"SIGHT_NOT_SEEN","#,
            r#""confirmedBy":"CONFIRMATION_NONE","notAtServer":false,"byeChallenged":false,"framesLost":"0","#,
            r#""streamGaps":"0","evictions":"0","clockSteppedBack":false,"clockGap":false}}"#
        )
    );
}

#[test]
fn the_names_that_scripts_rely_on_are_there() {
    let value: Value = serde_json::from_str(&line(&samples::full())).unwrap();
    assert_eq!(value["recordId"], "abababababababababababababababab");
    assert_eq!(value["callId"], r"a84b4c76e66710@\\pc33");
    assert_eq!(value["answerTime"], "2026-11-23T20:05:01.000000001Z");
    assert_eq!(value["stopTime"], "1969-12-31T23:59:59.999999999Z");
    assert_eq!(value["duration"], "60.000000005s");
    assert_eq!(value["causeCode"], -408);
    assert_eq!(value["trigger"], "TRIGGER_SESSION_TIMER");
    assert_eq!(value["endedBy"], "PARTY_CALLEE");
    assert_eq!(value["terminatedBy"], "ROLE_IM_SERVER");
    assert_eq!(value["correlation"]["imsChargingIdentifier"], "AyretyU0dm+6O2IrT5tAFrbHLso=023551024");
    assert_eq!(value["evidence"]["framesLost"], "18446744073709551615");
}

#[test]
fn control_characters_never_reach_a_terminal() {
    let mut record = samples::bare();
    record.identity.call_id = samples::text("a\u{1b}[2J\u{9b}\"\t\n\u{7f}é");
    assert!(line(&record).contains(r#""callId":"a\u001b[2J\u009b\"\t\u000a\u007fé""#));
}

proptest! {
    #[test]
    fn every_record_is_one_line_of_valid_json(record in samples::any_record()) {
        let line = line(&record);
        prop_assert!(!line.contains('\n'));
        let value: Value = serde_json::from_str(&line).unwrap();
        Contract::read().check(".tolltap.ch1.v1.StopRecord", &value, false);
        let body = wire::encode(&record);
        let decoded = WireRecord::decode(&body).unwrap();
        prop_assert_eq!(value["callId"].as_str().unwrap(), decoded.call_id());
    }
}

/// The bytes of a record, its fields in another order.
fn shuffled(body: &[u8], turn: usize) -> Vec<u8> {
    let mut fields = Vec::new();
    let mut rest = body;
    let mut remaining = Fields::new(body);
    while let Some(field) = remaining.next() {
        field.unwrap();
        let after = remaining.rest();
        fields.push(&rest[..rest.len() - after.len()]);
        rest = after;
    }
    let turn = turn % fields.len().max(1);
    fields.rotate_left(turn);
    fields.concat()
}

proptest! {
    #[test]
    fn the_order_of_the_fields_does_not_matter(record in samples::any_record(), turn in 0..40_usize) {
        let body = wire::encode(&record);
        let mut out = b"before".to_vec();
        // Repeated fields stay in their order, or the record would be another.
        let other = v1::StopRecord::decode(&*shuffled(&body, turn)).unwrap();
        prop_assume!(other.encode_to_vec() == body);
        write_record(&mut out, &shuffled(&body, turn)).unwrap();
        prop_assert_eq!(String::from_utf8(out).unwrap(), format!("before{}", line(&record)));
    }

    #[test]
    fn damaged_bytes_are_refused_or_printed_whole(cut in 0..2000_usize, at in 0..2000_usize, with in any::<u8>()) {
        let mut body = wire::encode(&samples::full());
        let at = at % body.len();
        body[at] = with;
        body.truncate(cut);
        let mut out = b"before".to_vec();
        match write_record(&mut out, &body) {
            Ok(()) => {
                serde_json::from_slice::<Value>(&out[6..]).unwrap();
                prop_assert!(v1::StopRecord::decode(&*body).is_ok());
            }
            Err(_) => prop_assert_eq!(out, b"before"),
        }
    }
}

#[test]
fn fields_of_a_later_contract_are_left_out() {
    let record = samples::full();
    // Field 200, a text; then field 12, a number, between those that are known.
    let mut later = wire::encode(&record);
    later.extend([0xc2, 0x0c, 1, b'x']);
    let at = Fields::new(&later).take_while(|field| matches!(field, Ok((..12, _)))).count();
    let mut fields = Fields::new(&later);
    fields.by_ref().take(at).for_each(drop);
    let place = later.len() - fields.rest().len();
    later.splice(place..place, [0x60, 7]);
    let mut out = Vec::new();
    write_record(&mut out, &later).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), line(&record));
}
