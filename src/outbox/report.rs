//! What the probe has to tell the Charging Enabler.

use core::fmt;

use bytes::Bytes;

use crate::charging::{RecordId, Trigger};
use crate::time::Timestamp;

/// One report: kept until its Response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A session ended.
    Record(SealedRecord),
    /// Records may be missing.
    Gap(Gap),
}

/// A StopRecord in the protobuf bytes that leave, are stored and are printed, and what has to be known of it on the way.
///
/// Made once, by [`wire::seal`](crate::ch1::wire::seal). The bytes are shared: a clone is a count.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedRecord {
    pub record_id: RecordId,
    pub revision: u32,
    /// With the id, what tells a session from a later one with the same Call-ID and tags (rule 4).
    pub answer: Option<Timestamp>,
    pub stop: Timestamp,
    pub trigger: Trigger,
    pub body: Bytes,
}

/// The body names people.
impl fmt::Debug for SealedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { record_id, revision, answer: _, stop, trigger: _, body: _ } = self;
        write!(f, "SealedRecord({record_id:?}, revision {revision}, stop {stop})")
    }
}

/// A span of time in which records may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Interface or source that lost something; a name of the operator's, not of a file. Empty where it was the probe itself.
    pub interface: String,
    /// Capture time of the last frame before the gap, and of the first after it.
    pub from: Timestamp,
    pub to: Timestamp,
    /// How many were lost; what is counted depends on the cause, and 0 where nobody can know.
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

impl GapCause {
    /// In the order of their numbers.
    pub const ALL: [Self; 4] = [Self::FramesLost, Self::SessionsDropped, Self::RecordsDropped, Self::NotObserved];

    /// A word for metrics, the same for ever.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FramesLost => "frames_lost",
            Self::SessionsDropped => "sessions_dropped",
            Self::RecordsDropped => "records_dropped",
            Self::NotObserved => "not_observed",
        }
    }
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
            Self::Record(record) => size_of::<Self>() + record.body.len(),
            Self::Gap(gap) => size_of::<Self>() + gap.interface.len(),
        }
    }
}
