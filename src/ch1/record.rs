//! A StopRecord as it goes over the wire, behind a face that names no generated type.

use std::borrow::Cow;

use prost::Message as _;
use prost_types as well_known;

use super::contract::{Contract, Span};
use super::v1;
use super::wire::fields::{Fields, Malformed, Value};
use super::wire::{self, Invalid};
use crate::charging::{RecordId, StopRecord};
use crate::time::Timestamp;

/// A StopRecord in its protobuf bytes, to be looked at: what a list shows of it is read, the rest is only checked.
///
/// Everything in it is personal data; it has no `Debug`.
#[derive(Clone)]
pub struct WireRecord<'a> {
    bytes: &'a [u8],
    seen: Seen<'a>,
}

/// What is shown of a record; of a message that stands twice, the later fields count.
#[derive(Clone, Default)]
struct Seen<'a> {
    record_id: &'a str,
    revision: u32,
    withdrawn: bool,
    im_server: Option<&'a str>,
    call_id: &'a str,
    caller_tag: Option<&'a str>,
    callee_tag: Option<&'a str>,
    invite: Option<Span>,
    answer: Option<Span>,
    ack: Option<Span>,
    stop: Option<Span>,
    duration: Option<Span>,
    trigger: i32,
    ended_by: i32,
    terminated_by: i32,
    cause_code: i32,
    from: Option<Address<'a>>,
    requested: Option<Address<'a>>,
    /// The first of those that were asserted.
    calling: Option<Address<'a>>,
    called: Option<Address<'a>>,
    service: i32,
    icid: Option<&'a str>,
    evidence: Option<Evidence>,
}

/// A PartyAddress.
#[derive(Clone, Copy, Default)]
struct Address<'a> {
    raw: &'a str,
    uri: Option<&'a str>,
    user: Option<&'a str>,
    host: Option<&'a str>,
}

/// What the evidence says that a reader should know.
#[derive(Clone, Copy, Default)]
struct Evidence {
    invite: i32,
    answer: i32,
    ack: i32,
    bye: i32,
    not_at_server: bool,
    bye_challenged: bool,
    frames_lost: u64,
    stream_gaps: u64,
    evictions: u64,
    clock_stepped_back: bool,
    clock_gap: bool,
}

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

impl<'a> WireRecord<'a> {
    /// From protobuf bytes.
    ///
    /// # Errors
    /// When they are no message of this type.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let mut seen = Seen::default();
        Contract::get().read_record(bytes, |number, value| seen.take(number, value))?;
        Ok(Self { bytes, seen })
    }

    /// From the bytes of a record of ours, of which nothing is read but what is shown.
    ///
    /// # Errors
    /// When that is of another type.
    #[cfg(feature = "cli")]
    pub(crate) fn glance(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let mut seen = Seen::default();
        for field in Fields::new(bytes) {
            let (number, value) = field?;
            seen.take(number, value)?;
        }
        Ok(Self { bytes, seen })
    }

    /// As protobuf bytes with every field in the order of its number, and none of a later contract.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn encode(&self) -> Result<Vec<u8>, Unreadable> {
        Ok(v1::StopRecord::decode(self.bytes)?.encode_to_vec())
    }

    /// As the probe knows it.
    ///
    /// # Errors
    /// The first field that no probe of ours would have sent so.
    pub fn read(&self) -> Result<StopRecord, Unreadable> {
        Ok(wire::read_record(&v1::StopRecord::decode(self.bytes)?)?)
    }

    /// 32 hexadecimal digits.
    #[must_use]
    pub fn record_id(&self) -> &'a str {
        self.seen.record_id
    }

    /// The id as bytes; nothing when a stranger wrote it.
    #[must_use]
    pub fn id(&self) -> Option<RecordId> {
        wire::digest(self.bytes).ok().map(|digest| digest.key.record_id)
    }

    #[must_use]
    pub fn revision(&self) -> u32 {
        self.seen.revision
    }

    #[must_use]
    pub fn is_withdrawn(&self) -> bool {
        self.seen.withdrawn
    }

    #[must_use]
    pub fn im_server(&self) -> Option<&'a str> {
        self.seen.im_server
    }

    #[must_use]
    pub fn call_id(&self) -> &'a str {
        self.seen.call_id
    }

    #[must_use]
    pub fn caller_tag(&self) -> Option<&'a str> {
        self.seen.caller_tag
    }

    #[must_use]
    pub fn callee_tag(&self) -> Option<&'a str> {
        self.seen.callee_tag
    }

    #[must_use]
    pub fn invite_time(&self) -> Option<Timestamp> {
        time(self.seen.invite)
    }

    #[must_use]
    pub fn answer_time(&self) -> Option<Timestamp> {
        time(self.seen.answer)
    }

    #[must_use]
    pub fn ack_time(&self) -> Option<Timestamp> {
        time(self.seen.ack)
    }

    #[must_use]
    pub fn stop_time(&self) -> Option<Timestamp> {
        time(self.seen.stop)
    }

    /// Whole seconds and nanoseconds.
    #[must_use]
    pub fn duration(&self) -> Option<(i64, i32)> {
        self.seen.duration.map(|span| (span.seconds, span.nanos))
    }

    #[must_use]
    pub fn cause_code(&self) -> i32 {
        self.seen.cause_code
    }

    /// `TRIGGER_BYE`, …
    #[must_use]
    pub fn trigger(&self) -> &'static str {
        v1::Trigger::try_from(self.seen.trigger).unwrap_or_default().as_str_name()
    }

    /// `PARTY_CALLER`, …
    #[must_use]
    pub fn ended_by(&self) -> &'static str {
        v1::Party::try_from(self.seen.ended_by).unwrap_or_default().as_str_name()
    }

    /// `ROLE_IM_CLIENT`, …
    #[must_use]
    pub fn terminated_by(&self) -> &'static str {
        v1::Role::try_from(self.seen.terminated_by).unwrap_or_default().as_str_name()
    }

    /// `SERVICE_INSTANT_MESSAGING`, …
    #[must_use]
    pub fn service(&self) -> &'static str {
        v1::Service::try_from(self.seen.service).unwrap_or_default().as_str_name()
    }

    /// URI of the caller: From, else the first asserted identity.
    #[must_use]
    pub fn caller(&self) -> Option<&'a str> {
        self.from().map(|address| address.uri())
    }

    /// URI of the callee: To, else the Request-URI of the INVITE.
    #[must_use]
    pub fn callee(&self) -> Option<&'a str> {
        self.to().map(|address| address.uri())
    }

    /// The caller in short: `user@host` where the URI could be read.
    #[must_use]
    pub fn caller_name(&self) -> Option<Cow<'a, str>> {
        self.from().map(|address| address.name())
    }

    /// The callee in short.
    #[must_use]
    pub fn callee_name(&self) -> Option<Cow<'a, str>> {
        self.to().map(|address| address.name())
    }

    fn from(&self) -> Option<Address<'a>> {
        self.seen.from.or(self.seen.calling)
    }

    fn to(&self) -> Option<Address<'a>> {
        self.seen.requested.or(self.seen.called)
    }

    /// The IMS Charging Identifier.
    #[must_use]
    pub const fn icid(&self) -> Option<&'a str> {
        self.seen.icid
    }

    /// What a reader should know before believing the record, in a few words; empty when all was seen.
    #[must_use]
    pub fn doubts(&self) -> Vec<&'static str> {
        let Some(evidence) = &self.seen.evidence else { return vec!["no evidence"] };
        let sight = |code: i32| v1::Sight::try_from(code).unwrap_or_default();
        let unseen = |code: i32| sight(code) != v1::Sight::Seen;
        let lost = evidence.frames_lost > 0 || evidence.stream_gaps > 0 || evidence.evictions > 0;
        let by_bye = v1::Trigger::try_from(self.seen.trigger) == Ok(v1::Trigger::Bye);
        [
            (self.seen.withdrawn, "withdrawn"),
            (unseen(evidence.invite), "no INVITE"),
            (unseen(evidence.answer), "no 2xx"),
            (sight(evidence.ack) == v1::Sight::NotSeen, "no ACK"),
            (by_bye && unseen(evidence.bye), "no BYE"),
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

impl<'a> Seen<'a> {
    /// Takes a field that is of the kind that the contract says.
    fn take(&mut self, number: u32, value: Value<'a>) -> Result<(), Malformed> {
        match (number, value) {
            (1, Value::Bytes(text)) => self.record_id = wire::text(text)?,
            (2, Value::Varint(number)) => self.revision = number as u32,
            (4, Value::Varint(flag)) => self.withdrawn = flag != 0,
            (5, Value::Bytes(text)) => self.im_server = Some(wire::text(text)?),
            (6, Value::Bytes(text)) => self.call_id = wire::text(text)?,
            (7, Value::Bytes(text)) => self.caller_tag = Some(wire::text(text)?),
            (8, Value::Bytes(text)) => self.callee_tag = Some(wire::text(text)?),
            (20, Value::Bytes(time)) => merge(&mut self.invite, time)?,
            (21, Value::Bytes(time)) => merge(&mut self.answer, time)?,
            (22, Value::Bytes(time)) => merge(&mut self.ack, time)?,
            (23, Value::Bytes(time)) => merge(&mut self.stop, time)?,
            (25, Value::Bytes(span)) => merge(&mut self.duration, span)?,
            (30, Value::Varint(code)) => self.trigger = code as i32,
            (31, Value::Varint(code)) => self.ended_by = code as i32,
            (32, Value::Varint(code)) => self.terminated_by = code as i32,
            (33, Value::Varint(code)) => self.cause_code = signed(code),
            (40, Value::Bytes(party)) => self.from.get_or_insert_default().merge(party)?,
            (41, Value::Bytes(party)) => self.requested.get_or_insert_default().merge(party)?,
            (42, Value::Bytes(party)) if self.calling.is_none() => self.calling.get_or_insert_default().merge(party)?,
            (43, Value::Bytes(party)) => self.called.get_or_insert_default().merge(party)?,
            (60, Value::Varint(code)) => self.service = code as i32,
            (80, Value::Bytes(correlation)) => {
                for field in Fields::new(correlation) {
                    if let (1, Value::Bytes(icid)) = field? {
                        self.icid = Some(wire::text(icid)?);
                    }
                }
            }
            (90, Value::Bytes(evidence)) => self.evidence.get_or_insert_default().merge(evidence)?,
            _ => {}
        }
        Ok(())
    }
}

impl<'a> Address<'a> {
    fn merge(&mut self, message: &'a [u8]) -> Result<(), Malformed> {
        for field in Fields::new(message) {
            match field? {
                (1, Value::Bytes(text)) => self.raw = wire::text(text)?,
                (2, Value::Bytes(text)) => self.uri = Some(wire::text(text)?),
                (5, Value::Bytes(text)) => self.user = Some(wire::text(text)?),
                (6, Value::Bytes(text)) => self.host = Some(wire::text(text)?),
                _ => {}
            }
        }
        Ok(())
    }

    fn uri(&self) -> &'a str {
        self.uri.unwrap_or(self.raw)
    }

    fn name(&self) -> Cow<'a, str> {
        match (self.user, self.host) {
            (Some(user), Some(host)) => Cow::Owned([user, "@", host].concat()),
            (Some(one), None) | (None, Some(one)) => Cow::Borrowed(one),
            (None, None) => Cow::Borrowed(self.uri()),
        }
    }
}

impl Evidence {
    fn merge(&mut self, message: &[u8]) -> Result<(), Malformed> {
        for field in Fields::new(message) {
            let (number, Value::Varint(value)) = field? else { continue };
            match number {
                1 => self.invite = value as i32,
                2 => self.answer = value as i32,
                3 => self.ack = value as i32,
                4 => self.bye = value as i32,
                7 => self.not_at_server = value != 0,
                8 => self.bye_challenged = value != 0,
                9 => self.frames_lost = value,
                10 => self.stream_gaps = value,
                11 => self.evictions = value,
                12 => self.clock_stepped_back = value != 0,
                13 => self.clock_gap = value != 0,
                _ => {}
            }
        }
        Ok(())
    }
}

fn merge(span: &mut Option<Span>, message: &[u8]) -> Result<(), Malformed> {
    *span = Some(span.unwrap_or_default().merge(message)?);
    Ok(())
}

fn time(span: Option<Span>) -> Option<Timestamp> {
    wire::time(span.map(|Span { seconds, nanos }| well_known::Timestamp { seconds, nanos }))
}

/// An `sint32` out of its zigzag.
fn signed(value: u64) -> i32 {
    let value = value as u32;
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::samples;
    use super::*;

    proptest! {
        #[test]
        fn shows_what_the_record_says(sent in samples::any_record()) {
            let bytes = wire::encode(&sent);
            let (shown, whole) = (WireRecord::decode(&bytes).unwrap(), v1::StopRecord::decode(&*bytes).unwrap());
            prop_assert_eq!(shown.read().unwrap(), sent);
            prop_assert_eq!((shown.record_id(), shown.revision()), (&*whole.record_id, whole.revision));
            prop_assert_eq!((shown.is_withdrawn(), shown.im_server()), (whole.withdrawn, whole.im_server.as_deref()));
            prop_assert_eq!(shown.call_id(), &*whole.call_id);
            prop_assert_eq!(shown.caller_tag(), whole.caller_tag.as_deref());
            prop_assert_eq!(shown.callee_tag(), whole.callee_tag.as_deref());
            let times = [whole.invite_time, whole.answer_time, whole.ack_time, whole.stop_time];
            let seen = [shown.invite_time(), shown.answer_time(), shown.ack_time(), shown.stop_time()];
            prop_assert_eq!(seen, times.map(wire::time));
            prop_assert_eq!(shown.duration(), whole.duration.map(|span| (span.seconds, span.nanos)));
            prop_assert_eq!(shown.cause_code(), whole.cause_code);
            prop_assert_eq!(shown.trigger(), whole.trigger().as_str_name());
            prop_assert_eq!(shown.ended_by(), whole.ended_by().as_str_name());
            prop_assert_eq!(shown.terminated_by(), whole.terminated_by().as_str_name());
            prop_assert_eq!(shown.service(), whole.service().as_str_name());
            let uri = |address: &v1::PartyAddress| address.uri.clone().unwrap_or_else(|| address.raw.clone());
            let from = whole.from_address.as_ref().or_else(|| whole.calling_party_addresses.first());
            let to = whole.requested_party_address.as_ref().or(whole.called_party_address.as_ref());
            let uris = (from.map(uri), to.map(uri));
            prop_assert_eq!((shown.caller(), shown.callee()), (uris.0.as_deref(), uris.1.as_deref()));
            let name = |address: &v1::PartyAddress| match (&address.user, &address.host) {
                (Some(user), Some(host)) => format!("{user}@{host}"),
                (Some(one), None) | (None, Some(one)) => one.clone(),
                (None, None) => uri(address),
            };
            let names = (from.map(name), to.map(name));
            prop_assert_eq!(shown.caller_name().map(Cow::into_owned), names.0);
            prop_assert_eq!(shown.callee_name().map(Cow::into_owned), names.1);
            let keys = whole.correlation.unwrap();
            prop_assert_eq!(shown.icid(), keys.ims_charging_identifier.as_deref());
            let evidence = whole.evidence.unwrap();
            let doubts = shown.doubts();
            let says = |words: &str| doubts.contains(&words);
            prop_assert_eq!(says("no INVITE"), evidence.invite() != v1::Sight::Seen);
            prop_assert_eq!(says("no 2xx"), evidence.answer() != v1::Sight::Seen);
            prop_assert_eq!(says("no ACK"), evidence.ack() == v1::Sight::NotSeen);
            prop_assert_eq!(says("not at server"), evidence.not_at_server);
            prop_assert_eq!(says("BYE challenged"), evidence.bye_challenged);
            let lost = [evidence.frames_lost, evidence.stream_gaps, evidence.evictions];
            prop_assert_eq!(says("loss"), lost.iter().any(|count| *count > 0));
            prop_assert_eq!(says("clock"), evidence.clock_stepped_back || evidence.clock_gap);
        }
    }
}
