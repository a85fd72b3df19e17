//! What the probe saw of a session, and what it did not.

use serde::{Deserialize, Serialize};

/// What was known of a session when its record left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    pub invite: Sight,
    pub answer: Sight,
    pub ack: Sight,
    pub bye: Sight,
    /// Rarely seen: a record never waits for it.
    pub bye_answer: Sight,
    pub confirmed_by: Confirmation,
    /// A BYE was seen elsewhere, and its copy at the IM Server was not; or only on the other leg of a merged session.
    pub not_at_server: bool,
    /// The BYE was challenged (401, 407) or refused before the record left.
    pub bye_challenged: bool,
    /// Frames known to be lost between the session's start and its end (kernel, interface).
    pub frames_lost: u64,
    /// Holes in TCP or SCTP streams between the session's start and its end.
    pub stream_gaps: u64,
    /// State dropped at a bound (fragments, streams, dialogs) between the session's start and its end.
    pub evictions: u64,
    /// The capture clock stepped back during the session.
    pub clock_stepped_back: bool,
    /// The capture clock jumped forward during the session, and a timer ended it over that gap.
    pub clock_gap: bool,
    /// Seconds of the session timer in force at the end (Session-Expires of the latest 2xx).
    pub session_expires: Option<u32>,
}

/// Whether one message of the session was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Sight {
    /// It was not seen, though it could have been.
    #[default]
    NotSeen,
    Seen,
    /// It could not be seen: its direction was never captured, or the record left before it was due.
    NotObservable,
}

/// What showed that the session had been answered (rule 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Confirmation {
    /// Nothing did: the operator asked for every orphan BYE to count.
    #[default]
    None,
    /// A 2xx to an INVITE with these tags.
    Answer,
    /// An ACK that was no acknowledgement of a failure.
    Ack,
    /// A request that only follows a 2xx, or its answer.
    InDialogRequest,
    /// A 2xx to a BYE of a dialog of which nothing else was seen.
    ByeAnswer,
}
