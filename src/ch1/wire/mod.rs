//! The one place where a StopRecord becomes protobuf and back.
//!
//! Both directions follow the contract: absent means unknown, text is escaped without loss ([`super::escape`]), and the
//! typed parts of addresses are read here, when the record leaves, off the frame thread. Reading is strict: a field that
//! no probe of ours would send is an [`Invalid`], which the Enabler answers with REJECTED.

mod digest;
mod enums;
pub(super) mod fields;
mod read;
mod writer;

use bytes::Bytes;
use prost_types as well_known;

use super::v1;
use crate::charging::{
    CalledChange, Correlation, End, Evidence, Identity, Leg, Media, MessageBody, Network, Parties, PartyAddress,
    RecordId, Service, StopRecord, Text, Times,
};
use crate::outbox::{Gap, SealedRecord};
use crate::time::Timestamp;

pub(super) use digest::text;
pub use digest::{Digest, digest, name};
pub use enums::{party_code, role_code, trigger_code};
pub(super) use read::shown_time as time;
pub use read::{Invalid, Key, key, read_gap, read_record};

use enums::code;
use writer::Writer;

/// A StopRecord as the Enabler receives it, in protobuf bytes.
#[must_use]
pub fn encode<T: AsRef<[u8]>>(record: &StopRecord<T>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_record(&mut Writer::new(&mut bytes), record);
    bytes
}

/// A record as it leaves the core for the outbox.
#[must_use]
pub fn seal<T: AsRef<[u8]>>(record: &StopRecord<T>) -> SealedRecord {
    seal_in(&mut Vec::new(), record)
}

/// The same, written in `room`, which is worth keeping for the next.
#[must_use]
pub fn seal_in<T: AsRef<[u8]>>(room: &mut Vec<u8>, record: &StopRecord<T>) -> SealedRecord {
    room.clear();
    write_record(&mut Writer::new(room), record);
    SealedRecord {
        record_id: record.record_id,
        revision: record.revision,
        answer: record.times.answer,
        stop: record.times.stop,
        trigger: record.end.trigger,
        // Kept for long, and so without the room that it was written into.
        body: Bytes::copy_from_slice(room),
    }
}

fn write_record<T: AsRef<[u8]>>(w: &mut Writer<'_>, record: &StopRecord<T>) {
    let StopRecord {
        record_id,
        revision,
        revised,
        withdrawn,
        identity,
        times,
        end,
        parties,
        service,
        network,
        correlation,
        legs,
        evidence,
    } = record;
    w.record_id(1, *record_id);
    w.number(2, u64::from(*revision));
    w.code(3, *revised);
    w.flag(4, *withdrawn);
    // Each struct is taken apart without `..`, so that a field added to the record does not compile until it is sent.
    write_identity(w, identity);
    write_times(w, times);
    write_end(w, end);
    write_parties(w, parties);
    write_service(w, service);
    write_network(w, network);
    w.message(80, |w| write_correlation(w, correlation));
    for leg in legs {
        w.message(81, |w| write_leg(w, leg));
    }
    w.message(90, |w| write_evidence(w, evidence));
}

fn write_identity<T: AsRef<[u8]>>(w: &mut Writer<'_>, identity: &Identity<T>) {
    let Identity { server_name, call_id, caller_tag, callee_tag, bye_from_tag, bye_to_tag, fork_index } = identity;
    // A name is the operator's, not the wire's: it holds no escapes.
    if !server_name.is_empty() {
        w.shown(5, server_name);
    }
    w.text(6, call_id.reveal().as_ref());
    w.optional(7, caller_tag);
    w.optional(8, callee_tag);
    w.optional(9, bye_from_tag);
    w.optional(10, bye_to_tag);
    w.number(11, u64::from(*fork_index));
}

fn write_times(w: &mut Writer<'_>, times: &Times) {
    let Times { invite, answer, ack, stop, detected, duration } = times;
    w.time(20, *invite);
    w.time(21, *answer);
    w.time(22, *ack);
    w.time(23, Some(*stop));
    w.time(24, *detected);
    if let Some(duration) = duration {
        // The contract's seconds are signed.
        w.span(25, duration.as_secs().min(i64::MAX.cast_unsigned()), duration.subsec_nanos());
    }
}

fn write_end<T: AsRef<[u8]>>(w: &mut Writer<'_>, end: &End<T>) {
    let End { trigger, cause_code, ended_by, terminated_by, reasons, bodies } = end;
    w.code(30, *trigger);
    w.code(31, *ended_by);
    w.code(32, *terminated_by);
    w.signed(33, *cause_code);
    w.texts(34, reasons);
    for body in bodies {
        w.message(35, |w| write_body(w, body));
    }
}

fn write_body<T: AsRef<[u8]>>(w: &mut Writer<'_>, body: &MessageBody<T>) {
    let MessageBody { content_type, length, disposition, originator } = body;
    w.optional(1, content_type);
    w.number(2, u64::from(*length));
    w.optional(3, disposition);
    w.code(4, *originator);
}

fn write_parties<T: AsRef<[u8]>>(w: &mut Writer<'_>, parties: &Parties<T>) {
    let Parties {
        from,
        to,
        calling,
        called,
        called_asserted,
        called_change,
        history,
        served_user,
        role_of_node,
        caller_agent,
        callee_agent,
        caller_instance,
        callee_instance,
    } = parties;
    write_addresses(w, 40, from);
    write_addresses(w, 41, to);
    write_addresses(w, 42, calling);
    if let Some(called) = called {
        w.message(43, |w| write_address(w, &PartyAddress::read_uri(called.reveal().as_ref())));
    }
    write_addresses(w, 44, called_asserted);
    write_addresses(w, 45, served_user);
    w.optional(46, caller_agent);
    w.optional(47, callee_agent);
    w.optional(48, caller_instance);
    w.optional(49, callee_instance);
    write_addresses(w, 50, history);
    if let Some(CalledChange { identity, time }) = called_change {
        w.message(51, |w| {
            write_addresses(w, 1, Some(identity));
            w.time(2, Some(*time));
        });
    }
    w.code(52, *role_of_node);
}

fn write_addresses<'a, T: AsRef<[u8]> + 'a>(
    w: &mut Writer<'_>,
    field: u8,
    values: impl IntoIterator<Item = &'a Text<T>>,
) {
    for value in values {
        w.message(field, |w| write_address(w, &PartyAddress::read(value.reveal().as_ref())));
    }
}

fn write_address(w: &mut Writer<'_>, address: &PartyAddress<'_>) {
    w.text(1, address.raw);
    w.optional_text(2, address.uri);
    w.optional_text(3, address.display_name.as_deref());
    w.optional_text(4, address.scheme.as_deref().map(str::as_bytes));
    w.optional_text(5, address.user.as_deref());
    w.optional_text(6, address.host.as_deref());
}

fn write_service<T: AsRef<[u8]>>(w: &mut Writer<'_>, service: &Service<T>) {
    let Service { kind, communication_service, feature_tags, media, priority, emergency } = service;
    w.code(60, *kind);
    w.optional(61, communication_service);
    w.texts(62, feature_tags);
    for media in media {
        w.message(63, |w| write_media(w, media));
    }
    w.optional(64, priority);
    w.optional_number(65, emergency.then_some(1));
}

fn write_media<T: AsRef<[u8]>>(w: &mut Writer<'_>, media: &Media<T>) {
    let Media { kind, port, protocol, accept_types, path, file_selector, direction } = media;
    w.text(1, kind.reveal().as_ref());
    w.number(2, u64::from(*port));
    w.text(3, protocol.reveal().as_ref());
    w.optional(4, accept_types);
    w.optional(5, path);
    w.optional(6, file_selector);
    w.code(7, *direction);
}

fn write_network<T: AsRef<[u8]>>(w: &mut Writer<'_>, network: &Network<T>) {
    let Network {
        caller_access,
        callee_access,
        cellular,
        originating_ioi,
        terminating_ioi,
        transit_ioi,
        visited,
        charging_functions,
        node,
        route_received,
        route_transmitted,
    } = network;
    w.texts(70, caller_access);
    w.texts(71, callee_access);
    w.optional(72, cellular);
    if originating_ioi.is_some() || terminating_ioi.is_some() {
        w.message(73, |w| {
            w.optional(1, originating_ioi);
            w.optional(2, terminating_ioi);
        });
    }
    w.optional(74, transit_ioi);
    w.optional(75, visited);
    w.optional(76, charging_functions);
    if let Some(node) = node {
        let node = node.reveal();
        w.message(77, |w| {
            w.shown(1, node.address);
            w.number(2, u64::from(node.port));
        });
    }
    w.optional(78, route_received);
    w.optional(79, route_transmitted);
}

fn write_correlation<T: AsRef<[u8]>>(w: &mut Writer<'_>, correlation: &Correlation<T>) {
    let Correlation {
        icid,
        icid_generated_at,
        related_icid,
        related_generated_at,
        fe_identifiers,
        session_id,
        contribution_id,
        conversation_id,
        in_reply_to_contribution_id,
        configured,
    } = correlation;
    w.optional(1, icid);
    w.optional(2, icid_generated_at);
    w.optional(3, related_icid);
    w.optional(4, session_id);
    w.optional(5, contribution_id);
    w.optional(6, conversation_id);
    w.optional(7, in_reply_to_contribution_id);
    w.optional(8, configured);
    w.optional(9, related_generated_at);
    w.optional(10, fe_identifiers);
}

fn write_leg<T: AsRef<[u8]>>(w: &mut Writer<'_>, leg: &Leg<T>) {
    let Leg { record_id, call_id, caller_tag, callee_tag } = leg;
    w.record_id(1, *record_id);
    w.text(2, call_id.reveal().as_ref());
    w.optional(3, caller_tag);
    w.optional(4, callee_tag);
}

fn write_evidence(w: &mut Writer<'_>, evidence: &Evidence) {
    let Evidence {
        invite,
        answer,
        ack,
        bye,
        bye_answer,
        confirmed_by,
        not_at_server,
        bye_challenged,
        frames_lost,
        stream_gaps,
        evictions,
        clock_stepped_back,
        clock_gap,
        session_expires,
    } = *evidence;
    w.code(1, invite);
    w.code(2, answer);
    w.code(3, ack);
    w.code(4, bye);
    w.code(5, bye_answer);
    w.code(6, confirmed_by);
    w.flag(7, not_at_server);
    w.flag(8, bye_challenged);
    w.number(9, frames_lost);
    w.number(10, stream_gaps);
    w.number(11, evictions);
    w.flag(12, clock_stepped_back);
    w.flag(13, clock_gap);
    w.optional_number(14, session_expires.map(u64::from));
}

/// A gap as the Enabler receives it.
#[must_use]
pub fn gap(gap: &Gap) -> v1::GapNotice {
    let Gap { interface, from, to, count, cause } = gap;
    let time = |time: &Timestamp| {
        let (seconds, nanos) = time.parts();
        Some(well_known::Timestamp { seconds, nanos: nanos.cast_signed() })
    };
    v1::GapNotice { interface: interface.clone(), from: time(from), to: time(to), count: *count, cause: code(*cause) }
}

/// 32 lower-case hexadecimal digits.
#[must_use]
pub(super) fn hex(id: RecordId) -> [u8; 32] {
    let mut text = [0; 32];
    for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(id.0) {
        *pair = [byte >> 4, byte & 15].map(|nibble| b"0123456789abcdef"[usize::from(nibble)]);
    }
    text
}

/// Whether this is the text of that id.
pub(super) fn is_hex(id: RecordId, text: &str) -> bool {
    text.as_bytes() == hex(id)
}

#[cfg(test)]
mod tests;
