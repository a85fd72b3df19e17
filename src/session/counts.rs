//! Dialogs by outcome.

/// What became of what was seen, for the closing summary and for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// INVITEs that began an attempt.
    pub attempts: u64,
    /// Sessions: dialogs that were confirmed.
    pub confirmed: u64,
    /// Of these, sessions whose INVITE was not seen.
    pub adopted: u64,
    /// Attempts that failed, were cancelled, or were never answered.
    pub failed: u64,
    pub cancelled: u64,
    pub unanswered: u64,
    /// BYEs of callers that never became sessions (rule 9).
    pub early_byes: u64,
    /// BYEs of unknown dialogs that made no record (rule 12).
    pub orphan_byes: u64,
    /// BYEs with an old CSeq that were not accepted (rule 11).
    pub stale_byes: u64,
    /// Sessions that never touched an IM Server (rule 15).
    pub not_at_server: u64,
    /// Sessions of other services, with `--only im` (rule 16).
    pub other_service: u64,
    /// Legs that another leg's record lists (rule 17).
    pub merged_legs: u64,
    /// Dialogs of which only an ACK was ever seen: no proof of a session.
    pub ack_only: u64,
    /// Records, by what triggered their first revision.
    pub records_by_bye: u64,
    pub records_by_bye_answer: u64,
    pub records_by_session_timer: u64,
    pub records_by_dialog_failure: u64,
    pub records_by_max_session: u64,
    /// Revisions after the first, and those of them that withdraw.
    pub revisions: u64,
    pub withdrawn: u64,
    /// Entries that were dropped at the table's bound, and those of them that were open sessions.
    pub evicted: u64,
    pub evicted_sessions: u64,
    /// Requests that make no StopRecord by themselves (REGISTER, SUBSCRIBE, MESSAGE, OPTIONS, …), outside of a dialog.
    pub outside_dialogs: u64,
    /// Sessions that were open when the input ended.
    pub still_open: u64,
}

impl SessionCounts {
    /// Adds what another has counted.
    pub(crate) fn add(&mut self, other: &Self) {
        // Taken apart without `..`: a new counter does not compile until it is added.
        let Self {
            attempts,
            confirmed,
            adopted,
            failed,
            cancelled,
            unanswered,
            early_byes,
            orphan_byes,
            stale_byes,
            not_at_server,
            other_service,
            merged_legs,
            ack_only,
            records_by_bye,
            records_by_bye_answer,
            records_by_session_timer,
            records_by_dialog_failure,
            records_by_max_session,
            revisions,
            withdrawn,
            evicted,
            evicted_sessions,
            outside_dialogs,
            still_open,
        } = other;
        self.attempts += attempts;
        self.confirmed += confirmed;
        self.adopted += adopted;
        self.failed += failed;
        self.cancelled += cancelled;
        self.unanswered += unanswered;
        self.early_byes += early_byes;
        self.orphan_byes += orphan_byes;
        self.stale_byes += stale_byes;
        self.not_at_server += not_at_server;
        self.other_service += other_service;
        self.merged_legs += merged_legs;
        self.ack_only += ack_only;
        self.records_by_bye += records_by_bye;
        self.records_by_bye_answer += records_by_bye_answer;
        self.records_by_session_timer += records_by_session_timer;
        self.records_by_dialog_failure += records_by_dialog_failure;
        self.records_by_max_session += records_by_max_session;
        self.revisions += revisions;
        self.withdrawn += withdrawn;
        self.evicted += evicted;
        self.evicted_sessions += evicted_sessions;
        self.outside_dialogs += outside_dialogs;
        self.still_open += still_open;
    }
}
