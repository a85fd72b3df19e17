//! The outbox without its lock: which reports wait, which are under way, which may leave next.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Instant;

use foldhash::fast::RandomState;

use crate::charging::RecordId;
use crate::outbox::Report;

/// Most that may be kept. A single report larger than `bytes` is still taken when nothing else is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub items: usize,
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { items: 65_536, bytes: 64 * 1024 * 1024 }
    }
}

/// Reports that wait for an answer to others before the sender is woken for them.
const TOGETHER: usize = 256;

/// A report on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Number since the probe's start, from 1; the same each time the report is sent.
    pub sequence: u64,
    pub report: Report,
    /// A connection was lost while it was under way, so that it may have arrived (T flag, RFC 6733 §3).
    pub possible_duplicate: bool,
}

/// How much is kept, and what became of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counts {
    /// Reports ever pushed.
    pub pushed: u64,
    /// Reports answered for good.
    pub settled: u64,
    /// Reports kept now, of which `under_way` are sent and not answered, and `deferred` wait after a RETRY_LATER.
    pub kept: usize,
    pub bytes: usize,
    pub under_way: usize,
    pub deferred: usize,
}

/// Reports in the order of their pushing, each kept until it is settled.
///
/// Invariant: every kept report is in exactly one state. `ready` holds the sequences of the Ready ones. `lines` has an
/// entry for each record with a kept report: the sequences Held behind the one report of that record that may leave, in
/// order. So no revision can overtake an earlier one, whatever the Enabler answers.
#[derive(Debug, Default)]
pub struct Queue {
    limits: Limits,
    entries: BTreeMap<u64, Entry>,
    ready: BTreeSet<u64>,
    lines: HashMap<RecordId, VecDeque<u64>, RandomState>,
    deferred: Vec<u64>,
    counts: Counts,
}

#[derive(Debug)]
struct Entry {
    report: Report,
    bytes: usize,
    since: Instant,
    state: State,
    possible_duplicate: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ready,
    /// Behind an earlier report of the same record.
    Held,
    UnderWay,
    /// Refused for now; ready again at the next release.
    Deferred,
}

impl Queue {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Since when the report is kept that waits for its answer the longest.
    #[must_use]
    pub fn oldest(&self) -> Option<Instant> {
        self.entries.first_key_value().map(|(_, entry)| entry.since)
    }

    /// Whether one more report of this size fits the bounds.
    #[must_use]
    pub fn has_room(&self, bytes: usize) -> bool {
        let Counts { kept, bytes: held, .. } = self.counts;
        kept == 0 || (kept < self.limits.items && held.saturating_add(bytes) <= self.limits.bytes)
    }

    /// Whether it is worth waking who waits for room: a quarter is free, or all of it. Waking for each freed place would
    /// switch threads once a record.
    #[must_use]
    pub fn is_roomy(&self) -> bool {
        let Counts { kept, bytes, .. } = self.counts;
        let Limits { items: most, bytes: most_bytes } = self.limits;
        kept == 0 || (kept <= most - most / 4 && bytes <= most_bytes - most_bytes / 4)
    }

    /// Whether it is worth waking the sender: at once where nothing is under way; where something is, the next answer wakes it
    /// too, so only now and then (as RFC 896 does with segments). Waking for each report would switch threads once a record.
    #[must_use]
    pub fn is_worth_sending(&self) -> bool {
        self.counts.under_way == 0 || self.ready.len().is_multiple_of(TOGETHER)
    }

    /// Keeps a report from now on, and gives its sequence. The caller has asked [`Self::has_room`].
    pub fn push(&mut self, report: Report, now: Instant) -> u64 {
        let sequence = self.counts.pushed + 1;
        let bytes = report.bytes();
        let line = report.record_id().map(|id| self.lines.entry(id));
        let state = match line {
            Some(std::collections::hash_map::Entry::Occupied(mut line)) => {
                line.get_mut().push_back(sequence);
                State::Held
            }
            Some(std::collections::hash_map::Entry::Vacant(line)) => {
                line.insert(VecDeque::new());
                State::Ready
            }
            None => State::Ready,
        };
        if state == State::Ready {
            self.ready.insert(sequence);
        }
        self.entries.insert(sequence, Entry { report, bytes, since: now, state, possible_duplicate: false });
        self.counts.pushed = sequence;
        self.counts.kept += 1;
        self.counts.bytes += bytes;
        sequence
    }

    /// The earliest report that may leave, now under way.
    pub fn take(&mut self) -> Option<Parcel> {
        let sequence = self.ready.pop_first()?;
        let entry = self.entries.get_mut(&sequence)?;
        entry.state = State::UnderWay;
        self.counts.under_way += 1;
        Some(Parcel { sequence, report: entry.report.clone(), possible_duplicate: entry.possible_duplicate })
    }

    /// The report under this sequence, while it is under way: what an answer may speak of.
    #[must_use]
    pub fn under_way(&self, sequence: u64) -> Option<&Report> {
        self.entries.get(&sequence).filter(|entry| entry.state == State::UnderWay).map(|entry| &entry.report)
    }

    /// Lets go of a report that was answered for good; nothing happens unless it is under way.
    pub fn settle(&mut self, sequence: u64) -> Option<Report> {
        self.under_way(sequence)?;
        let entry = self.entries.remove(&sequence)?;
        self.counts.under_way -= 1;
        self.counts.kept -= 1;
        self.counts.bytes -= entry.bytes;
        self.counts.settled += 1;
        if let Some(id) = entry.report.record_id() {
            self.advance(id);
        }
        Some(entry.report)
    }

    /// The next report of a record whose earlier one was settled may leave.
    fn advance(&mut self, id: RecordId) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        let Some(next) = line.pop_front() else {
            self.lines.remove(&id);
            return;
        };
        if let Some(entry) = self.entries.get_mut(&next) {
            entry.state = State::Ready;
            self.ready.insert(next);
        }
    }

    /// Keeps back a report that was refused for now, until [`Self::release`]; false unless it is under way.
    pub fn defer(&mut self, sequence: u64) -> bool {
        let Some(entry) = self.entries.get_mut(&sequence).filter(|entry| entry.state == State::UnderWay) else {
            return false;
        };
        entry.state = State::Deferred;
        self.deferred.push(sequence);
        self.counts.under_way -= 1;
        self.counts.deferred += 1;
        true
    }

    /// What was deferred may leave again, in its old place.
    pub fn release(&mut self) {
        for sequence in self.deferred.drain(..) {
            if let Some(entry) = self.entries.get_mut(&sequence) {
                entry.state = State::Ready;
                self.ready.insert(sequence);
            }
        }
        self.counts.deferred = 0;
    }

    /// The connection is lost: what was under way must leave again, and may have arrived.
    pub fn disconnected(&mut self) {
        for (sequence, entry) in &mut self.entries {
            if entry.state == State::UnderWay {
                entry.state = State::Ready;
                entry.possible_duplicate = true;
                self.ready.insert(*sequence);
            }
        }
        self.counts.under_way = 0;
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::ch1::{samples, wire};
    use crate::outbox::{Gap, GapCause};

    fn record(id: u8, revision: u32) -> Report {
        let record_id = RecordId([id; 16]);
        Report::Record(wire::seal(&crate::charging::StopRecord { record_id, revision, ..samples::bare() }))
    }

    fn gap() -> Report {
        let (from, to) = (samples::at(0), samples::at(1));
        Report::Gap(Gap { interface: "eth0".into(), from, to, count: 3, cause: GapCause::FramesLost })
    }

    fn push(queue: &mut Queue, report: Report) -> u64 {
        queue.push(report, Instant::now())
    }

    fn taken(queue: &mut Queue) -> Vec<u64> {
        core::iter::from_fn(|| queue.take().map(|parcel| parcel.sequence)).collect()
    }

    #[test]
    fn leaves_in_order_and_only_once() {
        let mut queue = Queue::default();
        for id in 0..3 {
            push(&mut queue, record(id, 1));
        }
        assert_eq!(taken(&mut queue), [1, 2, 3]);
        assert!(taken(&mut queue).is_empty());
        assert!(queue.settle(2).is_some());
        assert!(queue.settle(2).is_none(), "an answer twice settles once");
        assert!(queue.settle(9).is_none());
        assert_eq!(queue.counts().kept, 2);
    }

    #[test]
    fn the_oldest_is_the_one_without_an_answer_that_came_first() {
        let mut queue = Queue::default();
        assert_eq!(queue.oldest(), None);
        let start = Instant::now();
        let times = [0, 1, 2].map(|seconds| start + Duration::from_secs(seconds));
        for (id, time) in (0..3).zip(times) {
            queue.push(record(id, 1), time);
        }
        taken(&mut queue);
        queue.settle(2);
        assert_eq!(queue.oldest(), Some(times[0]));
        queue.settle(1);
        queue.disconnected();
        assert_eq!(queue.oldest(), Some(times[2]), "sent or not");
    }

    #[test]
    fn a_revision_waits_for_the_one_before_it() {
        let mut queue = Queue::default();
        for (id, revision) in [(1, 1), (1, 2), (2, 1), (1, 3)] {
            push(&mut queue, record(id, revision));
        }
        assert_eq!(taken(&mut queue), [1, 3]);
        assert!(queue.defer(1));
        assert!(taken(&mut queue).is_empty(), "a revision deferred holds back the later ones");
        queue.release();
        assert_eq!(taken(&mut queue), [1]);
        queue.settle(1);
        assert_eq!(taken(&mut queue), [2]);
        queue.settle(2);
        assert_eq!(taken(&mut queue), [4]);
    }

    #[test]
    fn the_sender_is_woken_for_the_first_report_and_then_for_many_together() {
        let mut queue = Queue::default();
        push(&mut queue, gap());
        assert!(queue.is_worth_sending(), "nothing is under way: nothing else would wake it");
        queue.take();
        let woken = (0..2 * TOGETHER).filter(|_| {
            push(&mut queue, gap());
            queue.is_worth_sending()
        });
        assert_eq!(woken.count(), 2);
        queue.settle(1);
        push(&mut queue, gap());
        assert!(queue.is_worth_sending());
    }

    #[test]
    fn marks_as_possible_duplicate_only_what_was_under_way_at_a_loss() {
        let mut queue = Queue::default();
        (0..3).for_each(|id| _ = push(&mut queue, record(id, 1)));
        queue.take();
        queue.take();
        queue.defer(2);
        queue.disconnected();
        queue.release();
        let marks: Vec<_> = core::iter::from_fn(|| queue.take()).map(|p| (p.sequence, p.possible_duplicate)).collect();
        assert_eq!(marks, [(1, true), (2, false), (3, false)]);
    }

    #[test]
    fn bounds_hold_in_items_and_in_bytes() {
        let size = gap().bytes();
        let mut queue = Queue::new(Limits { items: 2, bytes: usize::MAX });
        push(&mut queue, gap());
        assert!(queue.has_room(size));
        push(&mut queue, gap());
        assert!(!queue.has_room(size));

        let mut queue = Queue::new(Limits { items: 9, bytes: size });
        assert!(queue.has_room(size + 1), "a giant passes alone");
        push(&mut queue, gap());
        assert!(!queue.has_room(1));
        queue.take();
        queue.settle(1);
        assert!(queue.has_room(1));
        assert_eq!(queue.counts().bytes, 0);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(u8),
        PushGap,
        Take,
        Settle(u64),
        Defer(u64),
        Release,
        Disconnect,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..4_u8).prop_map(Step::Push),
            1 => Just(Step::PushGap),
            6 => Just(Step::Take),
            4 => (0..30_u64).prop_map(Step::Settle),
            2 => (0..30_u64).prop_map(Step::Defer),
            1 => Just(Step::Release),
            1 => Just(Step::Disconnect),
        ]
    }

    proptest! {
        /// Against a model that keeps a plain list of what was pushed and a set of what is under way.
        #[test]
        fn nothing_is_lost_and_order_is_kept(steps in prop::collection::vec(step(), 0..120)) {
            let mut queue = Queue::default();
            let mut kept: Vec<(u64, Option<RecordId>)> = Vec::new();
            let mut under_way = BTreeSet::new();
            let mut deferred = BTreeSet::new();
            for step in steps {
                match step {
                    Step::Push(_) | Step::PushGap => {
                        let report = match step { Step::Push(id) => record(id, 1), _ => gap() };
                        let id = report.record_id();
                        kept.push((push(&mut queue, report), id));
                    }
                    Step::Take => {
                        // May leave: the first of its record, neither under way nor deferred.
                        let first = |n: usize, id: &Option<RecordId>| {
                            id.is_none() || kept[..n].iter().all(|(_, earlier)| earlier != id)
                        };
                        let expected = kept.iter().enumerate().find(|(n, (sequence, id))| {
                            first(*n, id) && !under_way.contains(sequence) && !deferred.contains(sequence)
                        });
                        let expected = expected.map(|(_, (sequence, _))| *sequence);
                        prop_assert_eq!(queue.take().map(|parcel| parcel.sequence), expected);
                        under_way.extend(expected);
                    }
                    Step::Settle(sequence) => {
                        let was = under_way.remove(&sequence);
                        prop_assert_eq!(queue.settle(sequence).is_some(), was);
                        if was { kept.retain(|(other, _)| *other != sequence); }
                    }
                    Step::Defer(sequence) => {
                        let was = under_way.remove(&sequence);
                        prop_assert_eq!(queue.defer(sequence), was);
                        if was { deferred.insert(sequence); }
                    }
                    Step::Release => { queue.release(); deferred.clear(); }
                    Step::Disconnect => { queue.disconnected(); under_way.clear(); }
                }
                let counts = queue.counts();
                prop_assert_eq!(counts.kept, kept.len());
                prop_assert_eq!(counts.kept as u64 + counts.settled, counts.pushed);
                prop_assert_eq!((counts.under_way, counts.deferred), (under_way.len(), deferred.len()));
            }
            // However it got here, everything kept leaves in the end.
            queue.disconnected();
            queue.release();
            while let Some(parcel) = queue.take() {
                queue.settle(parcel.sequence);
                kept.retain(|(sequence, _)| *sequence != parcel.sequence);
            }
            prop_assert!(kept.is_empty());
            prop_assert_eq!((queue.counts().kept, queue.counts().bytes), (0, 0));
            prop_assert!(queue.lines.is_empty() && queue.ready.is_empty());
        }
    }
}
