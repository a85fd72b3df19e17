//! What the probe has to tell the Charging Enabler.

use std::sync::Arc;

use crate::charging::{RecordId, StopRecord, Text};
use crate::time::Timestamp;

/// One report: kept until its Response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A session ended. Shared, because the same record may also be printed.
    Record(Arc<StopRecord>),
    /// Records may be missing.
    Gap(Gap),
}

/// A span of time in which records may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Interface or source that lost something; a name of the operator's, not of a file.
    pub interface: String,
    /// Capture time of the last frame before the gap, and of the first after it.
    pub from: Timestamp,
    pub to: Timestamp,
    /// How many were lost; what is counted depends on the cause.
    pub count: u64,
    pub cause: GapCause,
}

/// What a gap is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GapCause {
    /// Frames that the kernel or the interface dropped.
    FramesLost,
    /// Sessions that were dropped at a bound of the probe.
    SessionsDropped,
    /// Records that found no room in the outbox.
    RecordsDropped,
    /// The capture clock jumped forward, or the probe was not running.
    NotObserved,
}

impl Report {
    /// The record this report revises; reports of one record leave one after the other.
    #[must_use]
    pub fn record_id(&self) -> Option<RecordId> {
        match self {
            Self::Record(record) => Some(record.record_id),
            Self::Gap(_) => None,
        }
    }

    /// Bytes of memory this report holds on to, near enough to bound a queue of them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Record(record) => record_bytes(record),
            Self::Gap(gap) => size_of::<Self>() + gap.interface.len(),
        }
    }
}

fn record_bytes(record: &StopRecord) -> usize {
    let StopRecord { identity, end, parties, service, network, correlation, legs, .. } = record;
    let one = |text: &Text| text.reveal().len();
    let some = |text: &Option<Text>| text.as_ref().map_or(0, one);
    let many = |texts: &Vec<Text>| texts.iter().map(|text| size_of::<Text>() + one(text)).sum::<usize>();

    let identity = identity.server_name.len()
        + one(&identity.call_id)
        + [&identity.caller_tag, &identity.callee_tag, &identity.bye_from_tag, &identity.bye_to_tag]
            .into_iter()
            .map(some)
            .sum::<usize>();
    let parties = [
        &parties.from,
        &parties.to,
        &parties.called,
        &parties.served_user,
        &parties.caller_agent,
        &parties.callee_agent,
        &parties.caller_instance,
        &parties.callee_instance,
    ]
    .into_iter()
    .map(some)
    .sum::<usize>()
        + many(&parties.calling)
        + many(&parties.called_asserted);
    let media = service.media.iter().map(|media| {
        let texts = [&media.accept_types, &media.path, &media.file_selector].into_iter().map(some).sum::<usize>();
        size_of_val(media) + one(&media.kind) + one(&media.protocol) + texts
    });
    let service = some(&service.communication_service)
        + some(&service.priority)
        + many(&service.feature_tags)
        + media.sum::<usize>();
    let network = [
        &network.cellular,
        &network.originating_ioi,
        &network.terminating_ioi,
        &network.transit_ioi,
        &network.visited,
        &network.charging_functions,
    ]
    .into_iter()
    .map(some)
    .sum::<usize>()
        + many(&network.caller_access)
        + many(&network.callee_access);
    let correlation = [
        &correlation.icid,
        &correlation.icid_generated_at,
        &correlation.related_icid,
        &correlation.session_id,
        &correlation.contribution_id,
        &correlation.conversation_id,
        &correlation.in_reply_to_contribution_id,
        &correlation.configured,
    ]
    .into_iter()
    .map(some)
    .sum::<usize>();
    let legs =
        legs.iter().map(|leg| size_of_val(leg) + one(&leg.call_id) + some(&leg.caller_tag) + some(&leg.callee_tag));
    size_of::<StopRecord>()
        + identity
        + many(&end.reasons)
        + parties
        + service
        + network
        + correlation
        + legs.sum::<usize>()
}
