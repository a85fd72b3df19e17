//! What an Enabler has to understand of a record before it can store it, without taking all of it apart.

use std::borrow::Cow;

use super::super::contract::{Contract, Span};
use super::fields::{Fields, Malformed, Value};
use super::read::{self, Invalid, Key};
use crate::time::Timestamp;

const NO_RECORD: Invalid = Invalid { field: "stop_record", why: "is not a StopRecord message" };

/// What a record is told apart and searched by. Codes of enums are as sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Digest<'a> {
    pub key: Key,
    pub withdrawn: bool,
    pub trigger: i32,
    pub ended_by: i32,
    pub terminated_by: i32,
    pub call_id: &'a str,
    /// The different URIs of the party, with a blank between them: From and asserted identities; To, Request-URI and
    /// asserted identities.
    pub caller: Cow<'a, str>,
    pub callee: Cow<'a, str>,
}

/// Reads a record's digest. The whole of the bytes is checked to be a StopRecord, so that what is accepted is readable.
///
/// # Errors
/// The first field that cannot be right.
pub fn digest(body: &[u8]) -> Result<Digest<'_>, Invalid> {
    let mut draft = Draft::default();
    Contract::get().read_record(body, |number, value| draft.take(number, value)).map_err(|_| NO_RECORD)?;
    draft.finish()
}

/// Id and revision as sent, right or wrong, for the answer to a record; empty and 0 where there is none.
#[must_use]
pub fn name(body: &[u8]) -> (&str, u32) {
    let (mut id, mut named) = ("", 0);
    for field in Fields::new(body) {
        match field {
            Ok((1, Value::Bytes(bytes))) => id = text(bytes).unwrap_or_default(),
            Ok((2, Value::Varint(revision))) => named = revision as u32,
            // They come first; what follows can only repeat them in a message that is not written in order.
            _ => break,
        }
    }
    (id, named)
}

/// A digest whose fields are not judged yet.
#[derive(Default)]
struct Draft<'a> {
    record_id: &'a str,
    revision: u32,
    withdrawn: bool,
    call_id: &'a str,
    invite: Option<Span>,
    answer: Option<Span>,
    stop: Option<Span>,
    trigger: i32,
    ended_by: i32,
    terminated_by: i32,
    caller: Cow<'a, str>,
    callee: Cow<'a, str>,
}

impl<'a> Draft<'a> {
    fn take(&mut self, number: u32, value: Value<'a>) -> Result<(), Malformed> {
        match (number, value) {
            (1, Value::Bytes(id)) => self.record_id = text(id)?,
            (2, Value::Varint(revision)) => self.revision = revision as u32,
            (4, Value::Varint(withdrawn)) => self.withdrawn = withdrawn != 0,
            (6, Value::Bytes(call_id)) => self.call_id = text(call_id)?,
            (20, Value::Bytes(time)) => self.invite = Some(self.invite.unwrap_or_default().merge(time)?),
            (21, Value::Bytes(time)) => self.answer = Some(self.answer.unwrap_or_default().merge(time)?),
            (23, Value::Bytes(time)) => self.stop = Some(self.stop.unwrap_or_default().merge(time)?),
            (30, Value::Varint(code)) => self.trigger = code as i32,
            (31, Value::Varint(code)) => self.ended_by = code as i32,
            (32, Value::Varint(code)) => self.terminated_by = code as i32,
            (40 | 42, Value::Bytes(party)) => add_uri(&mut self.caller, party)?,
            (41 | 43 | 44, Value::Bytes(party)) => add_uri(&mut self.callee, party)?,
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<Digest<'a>, Invalid> {
        let time = |field, span: Option<Span>| {
            let known = |span: Span| prost_types::Timestamp { seconds: span.seconds, nanos: span.nanos };
            read::time(field, span.map(known))
        };
        let times: [Option<Timestamp>; 3] =
            [time("invite_time", self.invite)?, time("answer_time", self.answer)?, time("stop_time", self.stop)?];
        Ok(Digest {
            key: Key::new(self.record_id, self.revision, self.call_id, times)?,
            withdrawn: self.withdrawn,
            trigger: self.trigger,
            ended_by: self.ended_by,
            terminated_by: self.terminated_by,
            call_id: self.call_id,
            caller: self.caller,
            callee: self.callee,
        })
    }
}

pub(in crate::ch1) fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    core::str::from_utf8(bytes).map_err(|_| Malformed)
}

/// Adds the URI of a PartyAddress, or its raw value where there is none, if it is not there yet.
fn add_uri<'a>(uris: &mut Cow<'a, str>, party: &'a [u8]) -> Result<(), Malformed> {
    let (mut raw, mut uri) = ("", None);
    for field in Fields::new(party) {
        match field? {
            (1, Value::Bytes(value)) => raw = text(value)?,
            (2, Value::Bytes(value)) => uri = Some(text(value)?),
            _ => {}
        }
    }
    let uri = uri.unwrap_or(raw);
    if uris.is_empty() {
        *uris = Cow::Borrowed(uri);
    } else if !uris.split(' ').any(|other| other == uri) {
        let uris = uris.to_mut();
        uris.push(' ');
        uris.push_str(uri);
    }
    Ok(())
}
