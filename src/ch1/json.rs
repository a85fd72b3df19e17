//! The protobuf JSON mapping of a StopRecord: one line, fields in the order of the contract's numbers.
//!
//! Enums, numbers, booleans and required texts are always written, zero too; optional fields and empty lists only when
//! they are there. `correlation` and `evidence` are always there. Times are RFC 3339 in UTC with nine digits, the
//! duration has nine digits and `s`, and 64-bit numbers are strings, as the mapping asks. The same record always gives
//! the same bytes.
//!
//! Written by hand, because a walk over descriptors costs ten times as much; a test holds it against the descriptor.

use std::io::Write;

use prost_types as well_known;

use super::v1;
use crate::time::Timestamp;

/// Appends the record as one JSON object, without a line end.
pub fn write_record(out: &mut Vec<u8>, record: &v1::StopRecord) {
    let r = record;
    let mut object = Object::open(out);
    object.text("recordId", &r.record_id);
    object.number("revision", i64::from(r.revision));
    object.name("revised", r.revised().as_str_name());
    object.flag("withdrawn", r.withdrawn);
    object.optional("imServer", &r.im_server);
    object.text("callId", &r.call_id);
    object.optional("callerTag", &r.caller_tag);
    object.optional("calleeTag", &r.callee_tag);
    object.optional("byeFromTag", &r.bye_from_tag);
    object.optional("byeToTag", &r.bye_to_tag);
    object.number("forkIndex", i64::from(r.fork_index));
    object.time("inviteTime", r.invite_time);
    object.time("answerTime", r.answer_time);
    object.time("ackTime", r.ack_time);
    object.time("stopTime", r.stop_time);
    object.time("detectedTime", r.detected_time);
    object.duration("duration", r.duration);
    object.name("trigger", r.trigger().as_str_name());
    object.name("endedBy", r.ended_by().as_str_name());
    object.name("terminatedBy", r.terminated_by().as_str_name());
    object.number("causeCode", i64::from(r.cause_code));
    object.texts("reasonHeader", &r.reason_header);
    object.message("fromAddress", r.from_address.as_ref(), party);
    object.message("requestedPartyAddress", r.requested_party_address.as_ref(), party);
    object.messages("callingPartyAddresses", &r.calling_party_addresses, party);
    object.message("calledPartyAddress", r.called_party_address.as_ref(), party);
    object.messages("calledAssertedIdentities", &r.called_asserted_identities, party);
    object.message("servedUser", r.served_user.as_ref(), party);
    object.optional("callerAgent", &r.caller_agent);
    object.optional("calleeAgent", &r.callee_agent);
    object.optional("callerInstanceId", &r.caller_instance_id);
    object.optional("calleeInstanceId", &r.callee_instance_id);
    object.name("service", r.service().as_str_name());
    object.optional("imsCommunicationServiceId", &r.ims_communication_service_id);
    object.texts("featureTags", &r.feature_tags);
    object.messages("sdpMediaComponent", &r.sdp_media_component, media);
    object.optional("sessionPriority", &r.session_priority);
    object.texts("accessNetworkInformation", &r.access_network_information);
    object.texts("calleeAccessNetworkInformation", &r.callee_access_network_information);
    object.optional("cellularNetworkInformation", &r.cellular_network_information);
    object.message("interOperatorIdentifier", r.inter_operator_identifier.as_ref(), operators);
    object.optional("transitIoiList", &r.transit_ioi_list);
    object.optional("imsVisitedNetworkIdentifier", &r.ims_visited_network_identifier);
    object.optional("chargingFunctionAddresses", &r.charging_function_addresses);
    object.message("nodeAddress", r.node_address.as_ref(), node);
    object.message("correlation", r.correlation.as_ref(), correlation);
    object.messages("legs", &r.legs, leg);
    object.message("evidence", r.evidence.as_ref(), evidence);
    object.close();
}

fn party(object: &mut Object<'_>, party: &v1::PartyAddress) {
    object.text("raw", &party.raw);
    object.optional("uri", &party.uri);
    object.optional("displayName", &party.display_name);
    object.optional("scheme", &party.scheme);
    object.optional("user", &party.user);
    object.optional("host", &party.host);
}

fn media(object: &mut Object<'_>, media: &v1::SdpMediaComponent) {
    object.text("sdpMediaName", &media.sdp_media_name);
    object.number("port", i64::from(media.port));
    object.text("protocol", &media.protocol);
    object.optional("acceptTypes", &media.accept_types);
    object.optional("path", &media.path);
    object.optional("fileSelector", &media.file_selector);
    object.name("direction", media.direction().as_str_name());
}

fn operators(object: &mut Object<'_>, operators: &v1::InterOperatorIdentifier) {
    object.optional("originatingIoi", &operators.originating_ioi);
    object.optional("terminatingIoi", &operators.terminating_ioi);
}

fn node(object: &mut Object<'_>, node: &v1::NodeAddress) {
    object.text("address", &node.address);
    object.number("port", i64::from(node.port));
}

fn correlation(object: &mut Object<'_>, links: &v1::Correlation) {
    object.optional("imsChargingIdentifier", &links.ims_charging_identifier);
    object.optional("icidGeneratedAt", &links.icid_generated_at);
    object.optional("relatedIcid", &links.related_icid);
    object.optional("sessionId", &links.session_id);
    object.optional("contributionId", &links.contribution_id);
    object.optional("conversationId", &links.conversation_id);
    object.optional("inReplyToContributionId", &links.in_reply_to_contribution_id);
    object.optional("configured", &links.configured);
}

fn leg(object: &mut Object<'_>, leg: &v1::Leg) {
    object.text("recordId", &leg.record_id);
    object.text("callId", &leg.call_id);
    object.optional("callerTag", &leg.caller_tag);
    object.optional("calleeTag", &leg.callee_tag);
}

fn evidence(object: &mut Object<'_>, evidence: &v1::Evidence) {
    object.name("invite", evidence.invite().as_str_name());
    object.name("answer", evidence.answer().as_str_name());
    object.name("ack", evidence.ack().as_str_name());
    object.name("bye", evidence.bye().as_str_name());
    object.name("byeAnswer", evidence.bye_answer().as_str_name());
    object.name("confirmedBy", evidence.confirmed_by().as_str_name());
    object.flag("notAtServer", evidence.not_at_server);
    object.flag("byeChallenged", evidence.bye_challenged);
    object.long("framesLost", evidence.frames_lost);
    object.long("streamGaps", evidence.stream_gaps);
    object.long("evictions", evidence.evictions);
    object.flag("clockSteppedBack", evidence.clock_stepped_back);
    object.flag("clockGap", evidence.clock_gap);
    if let Some(seconds) = evidence.session_expires {
        object.number("sessionExpires", i64::from(seconds));
    }
}

/// A JSON object being written. Keys are ours and need no escapes.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> Object<'a> {
    fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    fn close(self) {
        self.out.push(b'}');
    }

    fn key(&mut self, key: &str) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        write_text(self.out, text);
    }

    fn optional(&mut self, key: &str, text: &Option<String>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    /// A value that needs quotes and no escapes: the name of an enum's value.
    fn name(&mut self, key: &str, name: &str) {
        self.key(key);
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'"');
    }

    fn number(&mut self, key: &str, number: i64) {
        self.key(key);
        put(self.out, format_args!("{number}"));
    }

    /// 64-bit numbers are strings in the mapping, as JavaScript could not hold them.
    fn long(&mut self, key: &str, number: u64) {
        self.key(key);
        put(self.out, format_args!("\"{number}\""));
    }

    fn flag(&mut self, key: &str, flag: bool) {
        self.key(key);
        self.out.extend_from_slice(if flag { b"true" } else { b"false" });
    }

    fn time(&mut self, key: &str, time: Option<well_known::Timestamp>) {
        let Some(time) = time else { return };
        let nanos = time.seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(time.nanos));
        self.key(key);
        put(self.out, format_args!("\"{}\"", Timestamp::from_nanos(nanos)));
    }

    fn duration(&mut self, key: &str, span: Option<well_known::Duration>) {
        let Some(span) = span else { return };
        self.key(key);
        put(self.out, format_args!("\"{}.{:09}s\"", span.seconds, span.nanos));
    }

    fn texts(&mut self, key: &str, texts: &[String]) {
        self.list(key, texts, |out, text| write_text(out, text));
    }

    fn message<T>(&mut self, key: &str, message: Option<&T>, fields: fn(&mut Object<'_>, &T)) {
        let Some(message) = message else { return };
        self.key(key);
        write_message(self.out, message, fields);
    }

    fn messages<T>(&mut self, key: &str, messages: &[T], fields: fn(&mut Object<'_>, &T)) {
        self.list(key, messages, |out, message| write_message(out, message, fields));
    }

    fn list<T>(&mut self, key: &str, items: &[T], item: impl Fn(&mut Vec<u8>, &T)) {
        let Some((first, rest)) = items.split_first() else { return };
        self.key(key);
        self.out.push(b'[');
        item(self.out, first);
        for next in rest {
            self.out.push(b',');
            item(self.out, next);
        }
        self.out.push(b']');
    }
}

fn write_message<T>(out: &mut Vec<u8>, message: &T, fields: fn(&mut Object<'_>, &T)) {
    let mut object = Object::open(out);
    fields(&mut object, message);
    object.close();
}

fn put(out: &mut Vec<u8>, text: core::fmt::Arguments<'_>) {
    // Writing to a Vec cannot fail.
    let _ = out.write_fmt(text);
}

/// A JSON string (RFC 8259 §7). DEL and the C1 controls are escaped too, so that no header can steer a terminal.
fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text;
    // Bytes are looked at, not characters: what needs an escape begins with one of these, and 0xC2 begins C1 controls.
    while let Some(at) = rest.bytes().position(|b| b < 0x20 || matches!(b, b'"' | b'\\' | 0x7f | 0xc2)) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let mut chars = special.chars();
        match chars.next() {
            Some('"') => out.extend_from_slice(br#"\""#),
            Some('\\') => out.extend_from_slice(br"\\"),
            Some('\t') => out.extend_from_slice(br"\t"),
            Some(control) if control.is_control() => put(out, format_args!("\\u{:04x}", u32::from(control))),
            Some(other) => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            None => break,
        }
        rest = chars.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests;
