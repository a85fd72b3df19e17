//! The one place that drives the core.

use std::collections::BTreeMap;

use tolltap::charging::{RecordId, StopRecord};
use tolltap::packet::{Frame, InterfaceId, LinkType};
use tolltap::probe::{Batch, ByInterface, Change, Input, Loss, Note, Options, Output, Probe, Workers};
use tolltap::time::Timestamp;

/// An owned [`Input`]: what a test feeds.
#[derive(Clone, Debug)]
pub enum TestInput {
    Frame {
        time: Timestamp,
        link: LinkType,
        bytes: Vec<u8>,
        wire_len: u32,
        interface: u16,
    },
    Tick(Timestamp),
    Loss(Loss),
    End,
    /// Not fed: this many records (every revision counted) must have left by now.
    Check(usize),
}

impl TestInput {
    /// A whole frame on the first interface.
    pub fn frame(time: Timestamp, link: LinkType, bytes: Vec<u8>) -> Self {
        let wire_len = bytes.len() as u32;
        Self::Frame { time, link, bytes, wire_len, interface: 0 }
    }

    /// As the core takes it, as the frame of this number; for a check, which is not fed, how many records must have left.
    fn fed(&self, number: u64) -> Result<Input<'_>, usize> {
        Ok(match self {
            Self::Frame { time, link, bytes, wire_len, interface } => Input::Frame(Frame {
                time: *time,
                link: *link,
                bytes,
                wire_len: *wire_len,
                interface: InterfaceId(*interface),
                number,
            }),
            Self::Tick(time) => Input::Tick(*time),
            Self::Loss(loss) => Input::Loss(*loss),
            Self::End => Input::End,
            Self::Check(wanted) => return Err(*wanted),
        })
    }

    /// Capture time of a frame.
    pub fn time(&self) -> Option<Timestamp> {
        match self {
            Self::Frame { time, .. } => Some(*time),
            _ => None,
        }
    }
}

/// What the core gave.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Every revision, in the order in which they left.
    pub records: Vec<StopRecord>,
    /// The last revision of each session. A second session with the same identity (rule 4) is a second occurrence of
    /// its record id: [`life_of`].
    pub last: BTreeMap<(RecordId, u32), StopRecord>,
    /// Counters by name.
    pub counts: BTreeMap<String, u64>,
    /// What each interface did not show.
    pub interfaces: ByInterface,
    /// Wanted and found number of records at each [`TestInput::Check`].
    pub checks: Vec<(usize, usize)>,
}

/// Replays the inputs through a new probe.
pub fn run(options: Options, inputs: impl IntoIterator<Item = TestInput>) -> Outcome {
    let mut probe = Probe::new(options);
    let mut outcome = Outcome::default();
    for (number, input) in (1..).zip(inputs) {
        match input.fed(number) {
            Ok(input) => probe.handle(input),
            Err(wanted) => outcome.checks.push((wanted, outcome.records.len())),
        }
        while let Some(output) = probe.poll() {
            if let Output::Record(record) = output {
                outcome.keep(record.unpack());
            }
        }
    }
    outcome.counts = counters(&format!("{:?}", probe.counts()));
    outcome.interfaces = probe.interfaces();
    outcome
}

/// Replays the inputs through so many workers, on this thread. After each input, `close` says whether a round ends there,
/// whether it is full or not.
pub fn run_shared(options: &Options, inputs: &[TestInput], count: usize, mut close: impl FnMut() -> bool) -> Outcome {
    let mut workers = Workers::new(options, count);
    let mut outcome = Outcome::default();
    for (number, input) in (1..).zip(inputs) {
        if let Ok(input) = input.fed(number) {
            workers.gate.handle(input);
        }
        if workers.gate.is_full() || close() || number == inputs.len() as u64 {
            round(&mut workers, &mut outcome);
        }
    }
    outcome.counts = counters(&format!("{:?}", workers.counts()));
    outcome.interfaces = workers.interfaces();
    outcome
}

/// One round through everyone.
fn round(workers: &mut Workers, outcome: &mut Outcome) {
    let Workers { gate, taps, ledgers } = workers;
    let found: Vec<_> = taps.iter_mut().zip(gate.close()).map(|(tap, parcel)| tap.take(&parcel)).collect();
    let mut found: Vec<_> = found.into_iter().map(Vec::into_iter).collect();
    for ledger in ledgers {
        let batches: Vec<Batch> = found.iter_mut().filter_map(Iterator::next).collect();
        ledger.take(&batches);
        while let Some(output) = ledger.poll() {
            if let Output::Record(record) = output {
                outcome.keep(record.unpack());
            }
        }
    }
}

/// Replays the inputs, but the probe dies after `at` of them, and another takes over with what the first had kept.
///
/// The clock of the second begins where that of the first was: the driver feeds it a tick.
pub fn run_with_restart(options: Options, inputs: &[TestInput], at: usize) -> Outcome {
    let options = Options { changes: true, ..options };
    let (before, after) = inputs.split_at(at);
    let mut outcome = Outcome::default();
    let mut kept = BTreeMap::new();
    let mut first = Probe::new(options.clone());
    feed(&mut first, before, &mut outcome, &mut kept);
    drop(first);

    let mut second = Probe::new(options);
    for image in kept.clone().into_values() {
        second.handle(Input::Restore(&image));
    }
    if let Some(time) = before.iter().filter_map(TestInput::time).max() {
        second.handle(Input::Tick(time));
    }
    feed(&mut second, after, &mut outcome, &mut kept);
    outcome
}

fn feed(probe: &mut Probe, inputs: &[TestInput], outcome: &mut Outcome, kept: &mut BTreeMap<u64, Box<[u8]>>) {
    for (number, input) in (1..).zip(inputs) {
        if let Ok(input) = input.fed(number) {
            probe.handle(input);
        }
        while let Some(output) = probe.poll() {
            match output {
                Output::Record(record) => outcome.keep(record.unpack()),
                Output::Change(Change::Kept { id, image }) => drop(kept.insert(id, image.reveal().clone())),
                Output::Change(Change::Gone { id }) => drop(kept.remove(&id)),
                Output::Note(Note::NotRestored(reason)) => panic!("{reason}"),
                Output::Note(_) => {}
            }
        }
    }
}

impl Outcome {
    fn keep(&mut self, record: StopRecord) {
        let id = record.record_id;
        let lives = self.last.range((id, 0)..=(id, u32::MAX)).map(|(_, last)| last);
        let next = lives.clone().count();
        let occurrence = life_of(lives, &record).unwrap_or(next) as u32;
        self.records.push(record.clone());
        self.last.insert((id, occurrence), record);
    }

    /// The same records, each session's in the order in which they left.
    pub fn by_session(&self) -> Vec<StopRecord> {
        let mut records = self.records.clone();
        records.sort_by_key(|record| record.record_id);
        records
    }

    /// What must stay the same whatever happens to the frames on their way: ids, times and parties of what is charged.
    pub fn charged(&self) -> Vec<String> {
        self.last
            .iter()
            .filter(|(_, record)| !record.withdrawn)
            .map(|((id, occurrence), record)| {
                let id: String = id.0.iter().map(|byte| format!("{byte:02x}")).collect();
                let (times, end) = (&record.times, &record.end);
                format!(
                    "{id}/{occurrence} invite {:?} answer {:?} ack {:?} stop {:?} duration {:?} {:?} {:?} {:?} cause {}",
                    times.invite,
                    times.answer,
                    times.ack,
                    times.stop,
                    times.duration,
                    end.trigger,
                    end.ended_by,
                    end.terminated_by,
                    end.cause_code
                )
            })
            .collect()
    }
}

/// Which of the sessions of one id, given by their last revisions, a record is of; none where it begins another one.
///
/// Revision 1 begins a session, also where its id was used before (rule 4). Later ones follow on the session with the same
/// answer; where that came to light only now, on the latest that could be meant. Both sessions may be revised in turn.
pub fn life_of<'a>(lives: impl Iterator<Item = &'a StopRecord> + Clone, record: &StopRecord) -> Option<usize> {
    if record.revision == 1 {
        return None;
    }
    let follows = |life: &StopRecord| life.revision + 1 == record.revision;
    let same = |life: &StopRecord| follows(life) && life.times.answer == record.times.answer;
    let last = |wanted: &dyn Fn(&StopRecord) -> bool| {
        lives.clone().enumerate().filter(|(_, life)| wanted(life)).map(|(at, _)| at).last()
    };
    last(&same).or_else(|| last(&follows))
}

/// Every `name: number` of a struct's Debug form, so that the tests name counters and nothing else of that struct.
fn counters(debug: &str) -> BTreeMap<String, u64> {
    let mut counters = BTreeMap::new();
    let words: Vec<&str> = debug.split([' ', ',', '{', '}', '(', ')', '\n']).filter(|word| !word.is_empty()).collect();
    for pair in words.windows(2) {
        if let (Some(name), Ok(value)) = (pair[0].strip_suffix(':'), pair[1].parse::<u64>()) {
            *counters.entry(name.to_owned()).or_insert(0) += value;
        }
    }
    counters
}

/// Words of the scenarios' `counts:` line, and the counters of the core whose sum each one is.
pub const COUNTERS: &[(&str, &[&str])] = &[
    ("failed_invite", &["failed"]),
    ("cancelled_invite", &["cancelled"]),
    ("unanswered_invite", &["unanswered"]),
    ("other_request", &["outside_dialogs"]),
    ("early_bye", &["early_byes"]),
    ("stale_bye", &["stale_byes"]),
    ("orphan_bye", &["orphan_byes"]),
    ("never_at_server", &["not_at_server"]),
    ("other_service", &["other_service"]),
    ("malformed", &["dropped"]),
];
