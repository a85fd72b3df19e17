//! What holds for every record that leaves the core, whatever it was fed.

use std::collections::BTreeMap;

use tolltap::charging::{RecordId, Revised, Sight, StopRecord, Trigger};
use tolltap::probe::{Input, Output, Probe};
use tolltap::time::Timestamp;

/// A probe whose every output is held against what was promised.
pub(super) struct Witness {
    probe: Probe,
    max_dialogs: usize,
    /// The last revision of each session of an id.
    latest: BTreeMap<RecordId, Vec<StopRecord>>,
    pub(super) records: Vec<StopRecord>,
}

impl Witness {
    pub(super) fn new(probe: Probe, max_dialogs: usize) -> Self {
        Self { probe, max_dialogs, latest: BTreeMap::new(), records: Vec::new() }
    }

    pub(super) fn feed(&mut self, input: Input<'_>) {
        self.probe.handle(input);
        while let Some(output) = self.probe.poll() {
            match output {
                Output::Record(record) => self.record(record.unpack()),
                Output::Change(change) => panic!("{change:?} was not asked for"),
                Output::Note(note) => _ = format!("{note:?}"),
            }
        }
        assert!(self.probe.dialogs() <= self.max_dialogs, "{} dialogs are kept", self.probe.dialogs());
    }

    /// Capture time passes; nothing that was due by then may still wait.
    pub(super) fn tick(&mut self, time: Timestamp) {
        self.feed(Input::Tick(time));
        let due = self.probe.next_timeout();
        assert!(due.is_none_or(|due| due > time), "what is due at {due:?} was not done by {time:?}");
    }

    /// The input ends, and with it all waiting.
    pub(super) fn end(mut self) -> Vec<StopRecord> {
        self.feed(Input::End);
        let told = self.records.len();
        self.feed(Input::End);
        assert_eq!(self.records.len(), told, "something still waited at the end");
        let counts = self.probe.counts().session;
        let firsts = self.records.iter().filter(|record| record.revised == Revised::First).count() as u64;
        let counted = counts.records_by_bye
            + counts.records_by_bye_answer
            + counts.records_by_session_timer
            + counts.records_by_dialog_failure
            + counts.records_by_max_session;
        assert_eq!(counted, firsts, "records that left, and records counted");
        assert_eq!(counts.revisions, self.records.len() as u64 - firsts);
        self.records
    }

    fn record(&mut self, record: StopRecord) {
        let (times, end) = (&record.times, &record.end);
        assert_eq!(times.duration, times.answer.map(|answer| times.stop.since(answer)), "stop minus answer");
        let by_bye = matches!(end.trigger, Trigger::Bye | Trigger::ByeAnswer);
        assert_eq!(times.detected.is_none(), by_bye, "only ends without BYE are detected");
        assert!(times.detected.is_none_or(|detected| detected >= times.stop), "detected before it happened");
        assert!(!by_bye || (record.evidence.bye == Sight::Seen) == (end.trigger == Trigger::Bye));
        assert_eq!(record.revision == 1, record.revised == Revised::First, "revision 1 and only it is the first");

        let lives = self.latest.entry(record.record_id).or_default();
        let before = if record.revision == 1 {
            // Call-ID and tags used once more (rule 4): another session, and both may still be revised.
            let again = lives.iter().any(|life| life.times == record.times);
            assert!(!again, "one session was reported as new twice");
            lives.push(record.clone());
            None
        } else {
            let follows = |life: &StopRecord| life.revision + 1 == record.revision;
            let same = |life: &StopRecord| follows(life) && life.times.answer == record.times.answer;
            let at = lives.iter().position(same).or_else(|| lives.iter().position(follows));
            let life = at.and_then(|at| lives.get_mut(at)).expect("no revision is left out, and 1 is the first");
            Some(core::mem::replace(life, record.clone()))
        };
        if let Some(before) = &before {
            let same = StopRecord { revision: before.revision, revised: before.revised, ..record.clone() };
            assert!(same != *before, "a revision that says nothing new");
        }
        let told = before.as_ref().is_some_and(|before| !before.withdrawn) && record.revision > 1;
        let (number, trigger, reason) = (record.revision, end.trigger, record.revised);
        assert!(
            !record.withdrawn || told,
            "revision {number} ({trigger:?}, {reason:?}) withdraws what was not told: {:?}",
            before.map(|before| (before.revision, before.withdrawn, before.revised, before.service.kind)),
        );
        _ = format!("{record:?}");
        self.records.push(record);
    }
}
