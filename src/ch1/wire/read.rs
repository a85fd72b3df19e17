//! From protobuf back to the record, strictly.

use core::net::IpAddr;
use core::time::Duration;

use prost_types as well_known;

use super::super::escape::{hex_digit, unescape};
use super::super::v1;
use super::enums::Coded;
use crate::charging::{
    CalledChange, Correlation, End, Evidence, Identity, Leg, Media, MessageBody, Network, NodeRole, Parties, RecordId,
    Service, StopRecord, Text, Times,
};
use crate::outbox::Gap;
use crate::packet::Endpoint;
use crate::time::Timestamp;

/// A field that cannot be what a probe means; named as in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {why}")]
pub struct Invalid {
    pub field: &'static str,
    pub why: &'static str,
}

const fn invalid(field: &'static str, why: &'static str) -> Invalid {
    Invalid { field, why }
}

/// What tells one record, revision and occurrence from another (rules 2, 4 and 14), checked and typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pub record_id: RecordId,
    pub revision: u32,
    pub invite: Option<Timestamp>,
    pub answer: Option<Timestamp>,
    pub stop: Timestamp,
}

impl Key {
    /// From the fields that make it: times of the INVITE, the answer and the stop.
    ///
    /// # Errors
    /// The first field that cannot be right.
    pub(super) fn new(
        id: &str,
        revision: u32,
        call_id: &str,
        [invite, answer, stop]: [Option<Timestamp>; 3],
    ) -> Result<Self, Invalid> {
        if revision == 0 {
            return Err(invalid("revision", "is 0 or missing"));
        }
        if call_id.is_empty() {
            return Err(invalid("call_id", "is missing"));
        }
        let stop = stop.ok_or_else(|| invalid("stop_time", "is missing"))?;
        Ok(Self { record_id: record_id("record_id", id)?, revision, invite, answer, stop })
    }
}

/// The key of a record.
///
/// # Errors
/// The first field that cannot be right.
pub fn key(record: &v1::StopRecord) -> Result<Key, Invalid> {
    let times = [
        time("invite_time", record.invite_time)?,
        time("answer_time", record.answer_time)?,
        time("stop_time", record.stop_time)?,
    ];
    Key::new(&record.record_id, record.revision, &record.call_id, times)
}

/// The record that was sent.
///
/// # Errors
/// The first field that no probe of ours would send so.
pub fn read_record(record: &v1::StopRecord) -> Result<StopRecord, Invalid> {
    let key = key(record)?;
    let operators = record.inter_operator_identifier.as_ref();
    Ok(StopRecord {
        record_id: key.record_id,
        revision: key.revision,
        revised: coded("revised", record.revised)?,
        withdrawn: record.withdrawn,
        identity: Identity {
            server_name: record.im_server.clone().unwrap_or_default(),
            call_id: text("call_id", &record.call_id)?,
            caller_tag: optional("caller_tag", &record.caller_tag)?,
            callee_tag: optional("callee_tag", &record.callee_tag)?,
            bye_from_tag: optional("bye_from_tag", &record.bye_from_tag)?,
            bye_to_tag: optional("bye_to_tag", &record.bye_to_tag)?,
            fork_index: record.fork_index,
        },
        times: Times {
            invite: key.invite,
            answer: key.answer,
            ack: time("ack_time", record.ack_time)?,
            stop: key.stop,
            detected: time("detected_time", record.detected_time)?,
            duration: record.duration.map(duration).transpose()?,
        },
        end: End {
            trigger: coded("trigger", record.trigger)?,
            cause_code: record.cause_code,
            ended_by: coded("ended_by", record.ended_by)?,
            terminated_by: coded("terminated_by", record.terminated_by)?,
            reasons: list("reason_header", &record.reason_header)?,
            bodies: record.message_bodies.iter().map(body).collect::<Result<_, _>>()?,
        },
        parties: Parties {
            from: address("from_address", &record.from_address)?,
            to: address("requested_party_address", &record.requested_party_address)?,
            calling: addresses("calling_party_addresses", &record.calling_party_addresses)?,
            called: address("called_party_address", &record.called_party_address)?,
            called_asserted: addresses("called_asserted_identities", &record.called_asserted_identities)?,
            called_change: record.called_identity_change.as_ref().map(change).transpose()?,
            history: addresses("history_info", &record.history_info)?,
            served_user: address("served_user", &record.served_user)?,
            role_of_node: record.role_of_node.map_or(Ok(NodeRole::Unspecified), |role| coded("role_of_node", role))?,
            caller_agent: optional("caller_agent", &record.caller_agent)?,
            callee_agent: optional("callee_agent", &record.callee_agent)?,
            caller_instance: optional("caller_instance_id", &record.caller_instance_id)?,
            callee_instance: optional("callee_instance_id", &record.callee_instance_id)?,
        },
        service: Service {
            kind: coded("service", record.service)?,
            communication_service: optional("ims_communication_service_id", &record.ims_communication_service_id)?,
            feature_tags: list("feature_tags", &record.feature_tags)?,
            media: record.sdp_media_component.iter().map(media).collect::<Result<_, _>>()?,
            priority: optional("session_priority", &record.session_priority)?,
            emergency: record.ims_emergency_indicator.unwrap_or(false),
        },
        network: Network {
            caller_access: list("access_network_information", &record.access_network_information)?,
            callee_access: list("callee_access_network_information", &record.callee_access_network_information)?,
            cellular: optional("cellular_network_information", &record.cellular_network_information)?,
            originating_ioi: operators.map_or(Ok(None), |of| optional("originating_ioi", &of.originating_ioi))?,
            terminating_ioi: operators.map_or(Ok(None), |of| optional("terminating_ioi", &of.terminating_ioi))?,
            transit_ioi: optional("transit_ioi_list", &record.transit_ioi_list)?,
            visited: optional("ims_visited_network_identifier", &record.ims_visited_network_identifier)?,
            charging_functions: optional("charging_function_addresses", &record.charging_function_addresses)?,
            node: record.node_address.as_ref().map(node).transpose()?.map(Into::into),
            route_received: optional("sip_route_header_received", &record.sip_route_header_received)?,
            route_transmitted: optional("sip_route_header_transmitted", &record.sip_route_header_transmitted)?,
        },
        correlation: record.correlation.as_ref().map(links).transpose()?.unwrap_or_default(),
        legs: record.legs.iter().map(leg).collect::<Result<_, _>>()?,
        evidence: evidence(record.evidence.as_ref().ok_or_else(|| invalid("evidence", "is missing"))?)?,
    })
}

/// The gap that was sent.
///
/// # Errors
/// The first field that cannot be right.
pub fn read_gap(gap: &v1::GapNotice) -> Result<Gap, Invalid> {
    Ok(Gap {
        interface: gap.interface.clone(),
        from: required_time("from", gap.from)?,
        to: required_time("to", gap.to)?,
        count: gap.count,
        cause: coded("cause", gap.cause)?,
    })
}

pub(super) fn record_id(field: &'static str, hex: &str) -> Result<RecordId, Invalid> {
    let wrong = invalid(field, "is not 32 lower-case hexadecimal digits");
    let mut id = [0; 16];
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if pairs.len() != id.len() || !rest.is_empty() {
        return Err(wrong);
    }
    for (byte, [high, low]) in id.iter_mut().zip(pairs) {
        *byte = hex_digit(*high).ok_or(wrong)? << 4 | hex_digit(*low).ok_or(wrong)?;
    }
    Ok(RecordId(id))
}

pub(super) fn time(field: &'static str, time: Option<well_known::Timestamp>) -> Result<Option<Timestamp>, Invalid> {
    let Some(time) = time else { return Ok(None) };
    if !(0..1_000_000_000).contains(&time.nanos) {
        return Err(invalid(field, "has nanos out of range"));
    }
    let nanos = i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    let nanos = i64::try_from(nanos).map_err(|_| invalid(field, "is outside the years 1678 to 2262"))?;
    Ok(Some(Timestamp::from_nanos(nanos)))
}

/// A time as it can be shown: nothing when it is absent or out of range.
pub(crate) fn shown_time(value: Option<well_known::Timestamp>) -> Option<Timestamp> {
    time("time", value).ok().flatten()
}

fn required_time(field: &'static str, value: Option<well_known::Timestamp>) -> Result<Timestamp, Invalid> {
    time(field, value)?.ok_or_else(|| invalid(field, "is missing"))
}

fn duration(span: well_known::Duration) -> Result<Duration, Invalid> {
    let wrong = invalid("duration", "is negative or out of range");
    let seconds = u64::try_from(span.seconds).map_err(|_| wrong)?;
    let nanos = u32::try_from(span.nanos).ok().filter(|nanos| *nanos < 1_000_000_000).ok_or(wrong)?;
    Ok(Duration::new(seconds, nanos))
}

fn coded<T: Coded>(field: &'static str, code: i32) -> Result<T, Invalid> {
    T::read(code).ok_or_else(|| invalid(field, "is unspecified or unknown"))
}

fn text(field: &'static str, value: &str) -> Result<Text, Invalid> {
    let bytes = unescape(value).ok_or_else(|| invalid(field, "has a backslash that begins no escape"))?;
    Ok(bytes.into_boxed_slice().into())
}

fn optional(field: &'static str, value: &Option<String>) -> Result<Option<Text>, Invalid> {
    value.as_deref().map(|value| text(field, value)).transpose()
}

fn list(field: &'static str, values: &[String]) -> Result<Vec<Text>, Invalid> {
    values.iter().map(|value| text(field, value)).collect()
}

/// The raw value is the record's; the typed parts are read from it again when it is sent again.
fn address(field: &'static str, address: &Option<v1::PartyAddress>) -> Result<Option<Text>, Invalid> {
    address.as_ref().map(|address| text(field, &address.raw)).transpose()
}

fn addresses(field: &'static str, addresses: &[v1::PartyAddress]) -> Result<Vec<Text>, Invalid> {
    addresses.iter().map(|address| text(field, &address.raw)).collect()
}

fn port(port: u32) -> Result<u16, Invalid> {
    u16::try_from(port).map_err(|_| invalid("port", "is above 65535"))
}

fn media(media: &v1::SdpMediaComponent) -> Result<Media, Invalid> {
    Ok(Media {
        kind: text("sdp_media_name", &media.sdp_media_name)?,
        port: port(media.port)?,
        protocol: text("protocol", &media.protocol)?,
        accept_types: optional("accept_types", &media.accept_types)?,
        path: optional("path", &media.path)?,
        file_selector: optional("file_selector", &media.file_selector)?,
        direction: coded("direction", media.direction)?,
    })
}

fn body(body: &v1::MessageBody) -> Result<MessageBody, Invalid> {
    Ok(MessageBody {
        content_type: optional("message_bodies.content_type", &body.content_type)?,
        length: body.content_length,
        disposition: optional("message_bodies.content_disposition", &body.content_disposition)?,
        originator: coded("message_bodies.originator", body.originator)?,
    })
}

fn change(change: &v1::CalledIdentityChange) -> Result<CalledChange, Invalid> {
    const IDENTITY: &str = "called_identity_change.called_identity";
    Ok(CalledChange {
        identity: address(IDENTITY, &change.called_identity)?.ok_or_else(|| invalid(IDENTITY, "is missing"))?,
        time: required_time("called_identity_change.change_time", change.change_time)?,
    })
}

fn node(node: &v1::NodeAddress) -> Result<Endpoint, Invalid> {
    let address: IpAddr = node.address.parse().map_err(|_| invalid("node_address", "is no IP address"))?;
    Ok(Endpoint { address, port: port(node.port)? })
}

fn links(links: &v1::Correlation) -> Result<Correlation, Invalid> {
    Ok(Correlation {
        icid: optional("ims_charging_identifier", &links.ims_charging_identifier)?,
        icid_generated_at: optional("icid_generated_at", &links.icid_generated_at)?,
        related_icid: optional("related_icid", &links.related_icid)?,
        related_generated_at: optional("related_icid_generated_at", &links.related_icid_generated_at)?,
        fe_identifiers: optional("fe_identifier_list", &links.fe_identifier_list)?,
        session_id: optional("session_id", &links.session_id)?,
        contribution_id: optional("contribution_id", &links.contribution_id)?,
        conversation_id: optional("conversation_id", &links.conversation_id)?,
        in_reply_to_contribution_id: optional("in_reply_to_contribution_id", &links.in_reply_to_contribution_id)?,
        configured: optional("configured", &links.configured)?,
    })
}

fn leg(leg: &v1::Leg) -> Result<Leg, Invalid> {
    Ok(Leg {
        record_id: record_id("legs.record_id", &leg.record_id)?,
        call_id: text("legs.call_id", &leg.call_id)?,
        caller_tag: optional("legs.caller_tag", &leg.caller_tag)?,
        callee_tag: optional("legs.callee_tag", &leg.callee_tag)?,
    })
}

fn evidence(evidence: &v1::Evidence) -> Result<Evidence, Invalid> {
    Ok(Evidence {
        invite: coded("evidence.invite", evidence.invite)?,
        answer: coded("evidence.answer", evidence.answer)?,
        ack: coded("evidence.ack", evidence.ack)?,
        bye: coded("evidence.bye", evidence.bye)?,
        bye_answer: coded("evidence.bye_answer", evidence.bye_answer)?,
        confirmed_by: coded("evidence.confirmed_by", evidence.confirmed_by)?,
        not_at_server: evidence.not_at_server,
        bye_challenged: evidence.bye_challenged,
        frames_lost: evidence.frames_lost,
        stream_gaps: evidence.stream_gaps,
        evictions: evidence.evictions,
        clock_stepped_back: evidence.clock_stepped_back,
        clock_gap: evidence.clock_gap,
        session_expires: evidence.session_expires,
    })
}
