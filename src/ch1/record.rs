//! A StopRecord as it goes over the wire, behind a face that names no generated type.

use prost::Message;

use super::v1;
use super::wire::fields::Malformed;
use super::wire::{self, Invalid};
use crate::charging::{RecordId, StopRecord};
use crate::time::Timestamp;

/// A StopRecord taken out of its protobuf bytes, to be looked at.
///
/// Everything in it is personal data; it has no `Debug`.
#[derive(Clone, PartialEq)]
pub struct WireRecord(v1::StopRecord);

/// Bytes that are no StopRecord.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("not a StopRecord: {0}")]
    Protobuf(#[from] prost::DecodeError),
    #[error("not a StopRecord: {0}")]
    Field(#[from] Invalid),
    #[error("not a StopRecord: a field is of another type")]
    Malformed,
}

impl From<Malformed> for Unreadable {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl WireRecord {
    /// From protobuf bytes.
    ///
    /// # Errors
    /// When they are no message of this type.
    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        Ok(Self(v1::StopRecord::decode(bytes)?))
    }

    /// As protobuf bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.0.encode_to_vec()
    }

    /// As the probe knows it.
    ///
    /// # Errors
    /// The first field that no probe of ours would have sent so.
    pub fn read(&self) -> Result<StopRecord, Unreadable> {
        Ok(wire::read_record(&self.0)?)
    }

    /// 32 hexadecimal digits.
    #[must_use]
    pub fn record_id(&self) -> &str {
        &self.0.record_id
    }

    /// The id as bytes; nothing when a stranger wrote it.
    #[must_use]
    pub fn id(&self) -> Option<RecordId> {
        wire::key(&self.0).ok().map(|key| key.record_id)
    }

    #[must_use]
    pub fn revision(&self) -> u32 {
        self.0.revision
    }

    #[must_use]
    pub fn is_withdrawn(&self) -> bool {
        self.0.withdrawn
    }

    #[must_use]
    pub fn im_server(&self) -> Option<&str> {
        self.0.im_server.as_deref()
    }

    #[must_use]
    pub fn call_id(&self) -> &str {
        &self.0.call_id
    }

    #[must_use]
    pub fn caller_tag(&self) -> Option<&str> {
        self.0.caller_tag.as_deref()
    }

    #[must_use]
    pub fn callee_tag(&self) -> Option<&str> {
        self.0.callee_tag.as_deref()
    }

    #[must_use]
    pub fn invite_time(&self) -> Option<Timestamp> {
        wire::time(self.0.invite_time)
    }

    #[must_use]
    pub fn answer_time(&self) -> Option<Timestamp> {
        wire::time(self.0.answer_time)
    }

    #[must_use]
    pub fn ack_time(&self) -> Option<Timestamp> {
        wire::time(self.0.ack_time)
    }

    #[must_use]
    pub fn stop_time(&self) -> Option<Timestamp> {
        wire::time(self.0.stop_time)
    }

    /// Whole seconds and nanoseconds.
    #[must_use]
    pub fn duration(&self) -> Option<(i64, i32)> {
        self.0.duration.map(|span| (span.seconds, span.nanos))
    }

    #[must_use]
    pub fn cause_code(&self) -> i32 {
        self.0.cause_code
    }

    /// `TRIGGER_BYE`, …
    #[must_use]
    pub fn trigger(&self) -> &'static str {
        self.0.trigger().as_str_name()
    }

    /// `PARTY_CALLER`, …
    #[must_use]
    pub fn ended_by(&self) -> &'static str {
        self.0.ended_by().as_str_name()
    }

    /// `ROLE_IM_CLIENT`, …
    #[must_use]
    pub fn terminated_by(&self) -> &'static str {
        self.0.terminated_by().as_str_name()
    }

    /// `SERVICE_INSTANT_MESSAGING`, …
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.0.service().as_str_name()
    }

    /// URI of the caller: From, else the first asserted identity.
    #[must_use]
    pub fn caller(&self) -> Option<&str> {
        self.from().map(uri)
    }

    /// URI of the callee: To, else the Request-URI of the INVITE.
    #[must_use]
    pub fn callee(&self) -> Option<&str> {
        self.to().map(uri)
    }

    /// The caller in short: `user@host` where the URI could be read.
    #[must_use]
    pub fn caller_name(&self) -> Option<String> {
        self.from().map(name)
    }

    /// The callee in short.
    #[must_use]
    pub fn callee_name(&self) -> Option<String> {
        self.to().map(name)
    }

    fn from(&self) -> Option<&v1::PartyAddress> {
        self.0.from_address.as_ref().or_else(|| self.0.calling_party_addresses.first())
    }

    fn to(&self) -> Option<&v1::PartyAddress> {
        self.0.requested_party_address.as_ref().or(self.0.called_party_address.as_ref())
    }

    /// The IMS Charging Identifier.
    #[must_use]
    pub fn icid(&self) -> Option<&str> {
        self.0.correlation.as_ref()?.ims_charging_identifier.as_deref()
    }

    /// What a reader should know before believing the record, in a few words; empty when all was seen.
    #[must_use]
    pub fn doubts(&self) -> Vec<&'static str> {
        let Some(evidence) = &self.0.evidence else { return vec!["no evidence"] };
        let unseen = |sight| sight != v1::Sight::Seen;
        let lost = evidence.frames_lost > 0 || evidence.stream_gaps > 0 || evidence.evictions > 0;
        let bye = matches!(self.0.trigger(), v1::Trigger::Bye) && unseen(evidence.bye());
        [
            (self.0.withdrawn, "withdrawn"),
            (unseen(evidence.invite()), "no INVITE"),
            (unseen(evidence.answer()), "no 2xx"),
            (evidence.ack() == v1::Sight::NotSeen, "no ACK"),
            (bye, "no BYE"),
            (evidence.not_at_server, "not at server"),
            (evidence.bye_challenged, "BYE challenged"),
            (lost, "loss"),
            (evidence.clock_stepped_back || evidence.clock_gap, "clock"),
        ]
        .into_iter()
        .filter_map(|(holds, words)| holds.then_some(words))
        .collect()
    }
}

fn uri(address: &v1::PartyAddress) -> &str {
    address.uri.as_deref().unwrap_or(&address.raw)
}

fn name(address: &v1::PartyAddress) -> String {
    match (&address.user, &address.host) {
        (Some(user), Some(host)) => format!("{user}@{host}"),
        (Some(one), None) | (None, Some(one)) => one.clone(),
        (None, None) => uri(address).to_owned(),
    }
}
