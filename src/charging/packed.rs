//! A StopRecord as it leaves the core: what is typed, and what the dialog had kept in one piece.
//!
//! Some forty texts, each in an allocation of its own that another thread frees, would cost more than all that the core
//! decides about a session. So they stay together until a record is read, and whoever only writes it down borrows them.

use core::time::Duration;

use super::block::Block;
use super::compose::{Told, told};
use super::evidence::Evidence;
use super::fact::Fact;
use super::packer::{Packer, next_spelled};
use super::record::{
    End, Identity, Leg, Party, RecordId, Revised, Role, ServiceKind, StopRecord, Text, TextBytes, Times, Trigger,
};
use crate::private::Private;
use crate::time::Timestamp;

/// A [`StopRecord`] that is not taken apart yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedRecord {
    pub revision: u32,
    pub revised: Revised,
    pub withdrawn: bool,
    pub(crate) server_name: String,
    pub(crate) fork_index: u32,
    /// The first tag is that of the caller.
    pub(crate) caller_known: bool,
    /// Whose tag is that of the From of the BYE, or of the answer to it: [`Fact::FirstTag`] or [`Fact::SecondTag`].
    pub(crate) bye_from: Option<Fact>,
    /// Who sent the BYE whose body is among the facts.
    pub(crate) bye_party: Party,
    pub(crate) invite: Option<Timestamp>,
    pub(crate) answer: Option<Timestamp>,
    pub(crate) ack: Option<Timestamp>,
    pub(crate) stop: Timestamp,
    pub(crate) detected: Option<Timestamp>,
    pub(crate) trigger: Trigger,
    pub(crate) cause_code: i32,
    pub(crate) ended_by: Party,
    pub(crate) terminated_by: Role,
    pub(crate) reasons: Vec<Text>,
    pub(crate) kind: ServiceKind,
    pub(crate) legs: Vec<Leg>,
    pub(crate) evidence: Evidence,
    pub(crate) facts: PackedFacts,
}

/// Facts of one dialog, spelled out: without the words that a [`Packer`] knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PackedFacts(Private<Box<[u8]>>);

impl PackedFacts {
    /// The facts of a block that a record tells; of the bodies of BYEs, only this one.
    pub(crate) fn of(block: &Block, packer: &Packer, body: Option<&[u8]>) -> Self {
        let mut bytes = packer.spell_some(block, Fact::is_for_a_record);
        if let Some(body) = body {
            bytes.push(Fact::ByeBody as u8);
            bytes.extend_from_slice(&(body.len() as u16).to_le_bytes());
            bytes.extend_from_slice(body);
        }
        Self(Private::new(bytes.into_boxed_slice()))
    }

    fn facts(&self) -> impl Iterator<Item = (Fact, &[u8])> {
        let mut rest = &**self.0.reveal();
        core::iter::from_fn(move || next_spelled(&mut rest))
    }
}

impl PackedRecord {
    /// The record, with texts of its own.
    #[must_use]
    pub fn unpack(&self) -> StopRecord {
        self.read()
    }

    /// The record, with texts that are borrowed where `T` is a slice.
    #[must_use]
    pub fn read<'a, T: TextBytes<'a>>(&'a self) -> StopRecord<T> {
        let Told { call_id, first, second, bodies, parties, service, network, correlation } =
            told(self.facts.facts(), self.kind, self.bye_party);
        let text = |bytes: &'a [u8]| Text::new(bytes.into());
        let (of_first, of_second) =
            if self.bye_from == Some(Fact::FirstTag) { (first, second) } else { (second, first) };
        StopRecord {
            record_id: RecordId::of(self.server_name.as_bytes(), call_id, first, second),
            revision: self.revision,
            revised: self.revised,
            withdrawn: self.withdrawn,
            identity: Identity {
                server_name: self.server_name.clone(),
                call_id: text(call_id),
                caller_tag: self.caller_known.then(|| text(first)),
                callee_tag: self.caller_known.then(|| text(second)),
                bye_from_tag: self.bye_from.map(|_| text(of_first)),
                bye_to_tag: self.bye_from.map(|_| text(of_second)),
                fork_index: self.fork_index,
            },
            times: Times {
                invite: self.invite,
                answer: self.answer,
                ack: self.ack,
                stop: self.stop,
                detected: self.detected,
                duration: self.duration(),
            },
            end: End {
                trigger: self.trigger,
                cause_code: self.cause_code,
                ended_by: self.ended_by,
                terminated_by: self.terminated_by,
                reasons: self.reasons.iter().map(|reason| text(reason.reveal())).collect(),
                bodies,
            },
            parties,
            service,
            network,
            correlation,
            legs: self.legs.iter().map(Leg::borrow).collect(),
            evidence: self.evidence,
        }
    }

    fn duration(&self) -> Option<Duration> {
        self.answer.map(|answer| self.stop.since(answer))
    }
}

impl Leg {
    fn borrow<'a, T: TextBytes<'a>>(&'a self) -> Leg<T> {
        let Self { record_id, call_id, caller_tag, callee_tag } = self;
        let text = |text: &'a Text| Text::new((&**text.reveal()).into());
        Leg {
            record_id: *record_id,
            call_id: text(call_id),
            caller_tag: caller_tag.as_ref().map(text),
            callee_tag: callee_tag.as_ref().map(text),
        }
    }
}
