//! The one place where a StopRecord becomes protobuf and back.
//!
//! Both directions follow the contract: absent means unknown, text is escaped without loss ([`super::escape`]), and the
//! typed parts of addresses are read here, when the record leaves, off the frame thread. Reading is strict: a field that
//! no probe of ours would send is an [`Invalid`], which the Enabler answers with REJECTED.

mod enums;
mod read;

use core::net::SocketAddr;

use prost_types as well_known;

use super::escape::escape;
use super::v1;
use crate::charging::{
    Correlation, End, Evidence, Identity, Leg, Media, Network, Parties, PartyAddress, RecordId, Service, StopRecord,
    Text, Times,
};
use crate::outbox::Gap;
use crate::packet::Endpoint;
use crate::private::Private;
use crate::time::Timestamp;

pub use enums::{party_code, role_code, trigger_code};
pub(super) use read::shown_time as time;
pub use read::{Invalid, Key, key, read_gap, read_record};

use enums::code;

/// A StopRecord as the Enabler receives it.
#[must_use]
pub fn record(record: &StopRecord) -> v1::StopRecord {
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
    // Each struct is taken apart without `..`, so that a field added to the record does not compile until it is sent.
    let Identity { server_name, call_id, caller_tag, callee_tag, bye_from_tag, bye_to_tag, fork_index } = identity;
    let Times { invite, answer, ack, stop, detected, duration } = times;
    let End { trigger, cause_code, ended_by, terminated_by, reasons } = end;
    let Parties {
        from,
        to,
        calling,
        called,
        called_asserted,
        served_user,
        caller_agent,
        callee_agent,
        caller_instance,
        callee_instance,
    } = parties;
    let Service { kind, communication_service, feature_tags, media, priority } = service;
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
    } = network;
    v1::StopRecord {
        record_id: hex(*record_id),
        revision: *revision,
        revised: code(*revised),
        withdrawn: *withdrawn,
        im_server: (!server_name.is_empty()).then(|| server_name.clone()),
        call_id: text(call_id),
        caller_tag: optional(caller_tag),
        callee_tag: optional(callee_tag),
        bye_from_tag: optional(bye_from_tag),
        bye_to_tag: optional(bye_to_tag),
        fork_index: *fork_index,
        invite_time: invite.map(timestamp),
        answer_time: answer.map(timestamp),
        ack_time: ack.map(timestamp),
        stop_time: Some(timestamp(*stop)),
        detected_time: detected.map(timestamp),
        duration: duration.map(|duration| well_known::Duration {
            seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
            nanos: duration.subsec_nanos().cast_signed(),
        }),
        trigger: code(*trigger),
        ended_by: code(*ended_by),
        terminated_by: code(*terminated_by),
        cause_code: *cause_code,
        reason_header: reasons.iter().map(text).collect(),
        from_address: from.as_ref().map(address),
        requested_party_address: to.as_ref().map(address),
        calling_party_addresses: calling.iter().map(address).collect(),
        called_party_address: called.as_ref().map(|raw| typed(&PartyAddress::read_uri(raw.reveal()))),
        called_asserted_identities: called_asserted.iter().map(address).collect(),
        served_user: served_user.as_ref().map(address),
        caller_agent: optional(caller_agent),
        callee_agent: optional(callee_agent),
        caller_instance_id: optional(caller_instance),
        callee_instance_id: optional(callee_instance),
        service: code(*kind),
        ims_communication_service_id: optional(communication_service),
        feature_tags: feature_tags.iter().map(text).collect(),
        sdp_media_component: media.iter().map(media_component).collect(),
        session_priority: optional(priority),
        access_network_information: caller_access.iter().map(text).collect(),
        callee_access_network_information: callee_access.iter().map(text).collect(),
        cellular_network_information: optional(cellular),
        inter_operator_identifier: (originating_ioi.is_some() || terminating_ioi.is_some()).then(|| {
            v1::InterOperatorIdentifier {
                originating_ioi: optional(originating_ioi),
                terminating_ioi: optional(terminating_ioi),
            }
        }),
        transit_ioi_list: optional(transit_ioi),
        ims_visited_network_identifier: optional(visited),
        charging_function_addresses: optional(charging_functions),
        node_address: node.as_ref().map(node_address),
        correlation: Some(links(correlation)),
        legs: legs.iter().map(leg).collect(),
        evidence: Some(sights(evidence)),
    }
}

/// A gap as the Enabler receives it.
#[must_use]
pub fn gap(gap: &Gap) -> v1::GapNotice {
    let Gap { interface, from, to, count, cause } = gap;
    v1::GapNotice {
        interface: interface.clone(),
        from: Some(timestamp(*from)),
        to: Some(timestamp(*to)),
        count: *count,
        cause: code(*cause),
    }
}

/// 32 lower-case hexadecimal digits.
#[must_use]
pub fn hex(id: RecordId) -> String {
    let mut text = String::with_capacity(32);
    for byte in id.0 {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    text
}

/// Whether this is the text of that id, without making one.
pub(super) fn is_hex(id: RecordId, text: &str) -> bool {
    read::record_id("record_id", text) == Ok(id)
}

fn text(text: &Text) -> String {
    escape(text.reveal())
}

fn optional(value: &Option<Text>) -> Option<String> {
    value.as_ref().map(text)
}

fn timestamp(time: Timestamp) -> well_known::Timestamp {
    let (seconds, nanos) = time.parts();
    well_known::Timestamp { seconds, nanos: nanos.cast_signed() }
}

fn address(raw: &Text) -> v1::PartyAddress {
    typed(&PartyAddress::read(raw.reveal()))
}

fn typed(address: &PartyAddress<'_>) -> v1::PartyAddress {
    v1::PartyAddress {
        raw: escape(address.raw),
        uri: address.uri.map(escape),
        display_name: address.display_name.as_deref().map(escape),
        scheme: address.scheme.clone(),
        user: address.user.as_deref().map(escape),
        host: address.host.as_deref().map(escape),
    }
}

fn media_component(media: &Media) -> v1::SdpMediaComponent {
    let Media { kind, port, protocol, accept_types, path, file_selector, direction } = media;
    v1::SdpMediaComponent {
        sdp_media_name: text(kind),
        port: u32::from(*port),
        protocol: text(protocol),
        accept_types: optional(accept_types),
        path: optional(path),
        file_selector: optional(file_selector),
        direction: code(*direction),
    }
}

fn node_address(node: &Private<Endpoint>) -> v1::NodeAddress {
    let address = SocketAddr::from(*node.reveal());
    v1::NodeAddress { address: address.ip().to_string(), port: u32::from(address.port()) }
}

fn links(correlation: &Correlation) -> v1::Correlation {
    let Correlation {
        icid,
        icid_generated_at,
        related_icid,
        session_id,
        contribution_id,
        conversation_id,
        in_reply_to_contribution_id,
        configured,
    } = correlation;
    v1::Correlation {
        ims_charging_identifier: optional(icid),
        icid_generated_at: optional(icid_generated_at),
        related_icid: optional(related_icid),
        session_id: optional(session_id),
        contribution_id: optional(contribution_id),
        conversation_id: optional(conversation_id),
        in_reply_to_contribution_id: optional(in_reply_to_contribution_id),
        configured: optional(configured),
    }
}

fn leg(leg: &Leg) -> v1::Leg {
    let Leg { record_id, call_id, caller_tag, callee_tag } = leg;
    v1::Leg {
        record_id: hex(*record_id),
        call_id: text(call_id),
        caller_tag: optional(caller_tag),
        callee_tag: optional(callee_tag),
    }
}

fn sights(evidence: &Evidence) -> v1::Evidence {
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
    v1::Evidence {
        invite: code(invite),
        answer: code(answer),
        ack: code(ack),
        bye: code(bye),
        bye_answer: code(bye_answer),
        confirmed_by: code(confirmed_by),
        not_at_server,
        bye_challenged,
        frames_lost,
        stream_gaps,
        evictions,
        clock_stepped_back,
        clock_gap,
        session_expires,
    }
}

#[cfg(test)]
mod tests;
