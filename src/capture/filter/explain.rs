//! A filter against the core, over the frames of a capture.
//!
//! The core is asked what it makes of a capture twice: with all frames, and with those alone that the filter passes; for the
//! others the second core only learns that time has passed. The filter is right where both read the same messages from the
//! same frames, and give the same records.

use std::collections::{BTreeMap, HashMap};
use std::io;

use super::{Counts, Trial, Verdict};
use crate::capture::{CaptureFiles, Item};
use crate::charging::{RecordId, StopRecord};
use crate::packet::{Endpoint, Frame, Hop, PeelLimits, Peeled, Peeler, Transport};
use crate::probe::{Input, Options, Output, Probe};
use crate::time::Timestamp;

/// Findings kept; further ones are counted.
const MAX_FINDINGS: usize = 10_000;
/// Conversations of which dropped frames are noted, and frames of each.
const MAX_CONVERSATIONS: usize = 100_000;
const MAX_DROPPED: usize = 256;
/// How far a frame moves the clock of the core that does not see it: the core itself believes no more of one frame.
const MAX_STEP: core::time::Duration = core::time::Duration::from_secs(60);

/// A frame on which filter and core disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its number in the capture, from 1.
    pub frame: u64,
    pub verdict: Verdict,
    /// SIP messages that the core reads with this frame, and how many of them from the frames that were passed.
    pub messages: u64,
    pub passed_messages: u64,
    /// A stream on no SIP port, before its first segment that begins with a start line: the filter cannot know.
    pub late: bool,
}

/// How a filter and the core see one capture.
#[derive(Clone, Debug, Default)]
pub struct Explanation {
    pub frames: u64,
    pub passed: u64,
    /// Frames by reason; all zero for the classic filter, which gives none.
    pub reasons: Counts,
    /// SIP messages read from all frames, and from those passed.
    pub messages: u64,
    pub passed_messages: u64,
    /// Sessions reported from all frames, and how many are reported differently, or not at all, or besides.
    pub records: usize,
    pub different_records: Vec<RecordId>,
    /// By frame.
    pub findings: Vec<Finding>,
    /// Findings beyond those kept.
    pub more_findings: u64,
}

impl Explanation {
    /// Findings that are not late.
    pub fn disagreements(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| !finding.late)
    }

    /// Whether all that the core would use was passed, but what came late.
    #[must_use]
    pub fn agrees(&self) -> bool {
        let late = self.findings.iter().any(|finding| finding.late);
        self.disagreements().next().is_none() && (self.different_records.is_empty() || late)
    }
}

/// Shows every frame of the files to the filter and to the core.
///
/// # Errors
/// When the filter cannot be run.
pub fn explain(files: &mut CaptureFiles, trial: &mut Trial, options: &Options) -> io::Result<Explanation> {
    let mut comparison = Comparison::new(options);
    while let Some(item) = files.next() {
        match item {
            Item::Frame(frame) => comparison.frame(&frame, trial)?,
            Item::Loss(loss) => {
                comparison.all.handle(Input::Loss(loss));
                comparison.passed.handle(Input::Loss(loss));
            }
        }
    }
    Ok(comparison.end())
}

/// A core, and what it gave.
struct Core {
    probe: Probe,
    messages: u64,
    /// The last revision of each session. One whose identity came again has several lives.
    records: BTreeMap<RecordId, Vec<StopRecord>>,
}

impl Core {
    fn new(options: &Options) -> Self {
        Self { probe: Probe::new(options.clone()), messages: 0, records: BTreeMap::new() }
    }

    /// How many messages this input brought.
    fn handle(&mut self, input: Input<'_>) -> u64 {
        self.probe.handle(input);
        while let Some(output) = self.probe.poll() {
            if let Output::Record(record) = output {
                let record = record.unpack();
                let lives = self.records.entry(record.record_id).or_default();
                if record.revision > 1 {
                    lives.pop();
                }
                lives.push(record);
            }
        }
        let counts = self.probe.counts().sip;
        let messages = counts.messages() + counts.dropped;
        messages - core::mem::replace(&mut self.messages, messages)
    }
}

/// The two sides of a conversation, the lower one first, and whether it is SCTP.
type Conversation = (Endpoint, Endpoint, bool);

/// A conversation on no SIP port.
#[derive(Default)]
struct Followed {
    /// A message was read in it.
    sip: bool,
    /// Its frames with a payload that were dropped.
    dropped: Vec<(u64, Verdict)>,
}

struct Comparison {
    all: Core,
    passed: Core,
    clock: Timestamp,
    peeler: Peeler,
    conversations: HashMap<Conversation, Followed>,
    /// Each with the conversation that its frame belongs to.
    findings: Vec<(Finding, Option<Conversation>)>,
    explanation: Explanation,
}

impl Comparison {
    fn new(options: &Options) -> Self {
        Self {
            all: Core::new(options),
            passed: Core::new(options),
            clock: Timestamp::MIN,
            peeler: Peeler::new(PeelLimits::default()),
            conversations: HashMap::new(),
            findings: Vec::new(),
            explanation: Explanation::default(),
        }
    }

    fn frame(&mut self, frame: &Frame<'_>, trial: &mut Trial) -> io::Result<()> {
        let verdict = trial.run(frame)?;
        self.explanation.frames += 1;
        self.explanation.passed += u64::from(verdict.passed);
        if let Some(reason) = verdict.reason {
            self.explanation.reasons.add(reason);
        }
        let messages = self.all.handle(Input::Frame(*frame));
        let passed_messages = match verdict.passed {
            true => self.passed.handle(Input::Frame(*frame)),
            false => self.passed.handle(Input::Tick(self.tick(frame.time))),
        };
        self.clock = self.clock.max(frame.time.min(self.clock_limit()));

        let (conversation, has_payload) = conversation(&mut self.peeler, frame).unzip();
        if let Some(conversation) = conversation {
            self.follow(conversation, has_payload == Some(true), frame.number, verdict, messages > 0);
        }
        if messages > passed_messages {
            let finding = Finding { frame: frame.number, verdict, messages, passed_messages, late: false };
            self.find(finding, conversation);
        }
        Ok(())
    }

    /// The furthest that the clock may go with one frame.
    fn clock_limit(&self) -> Timestamp {
        if self.clock == Timestamp::MIN { Timestamp::MAX } else { self.clock.plus(MAX_STEP) }
    }

    fn tick(&self, time: Timestamp) -> Timestamp {
        time.min(self.clock_limit())
    }

    fn find(&mut self, finding: Finding, conversation: Option<Conversation>) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push((finding, conversation));
        } else {
            self.explanation.more_findings += 1;
        }
    }

    fn follow(&mut self, of: Conversation, has_payload: bool, number: u64, verdict: Verdict, is_sip: bool) {
        let dropped = has_payload && !verdict.passed;
        if !(dropped || is_sip)
            || self.conversations.len() == MAX_CONVERSATIONS && !self.conversations.contains_key(&of)
        {
            return;
        }
        let followed = self.conversations.entry(of).or_default();
        followed.sip |= is_sip;
        if dropped && followed.dropped.len() < MAX_DROPPED {
            followed.dropped.push((number, verdict));
        }
    }

    fn end(mut self) -> Explanation {
        self.all.handle(Input::End);
        self.passed.handle(Input::End);
        let is_late = |conversation: &Option<Conversation>| {
            let followed = conversation.as_ref().and_then(|of| self.conversations.get(of));
            followed.is_some_and(|followed| !followed.dropped.is_empty())
        };
        let mut findings: Vec<Finding> = self
            .findings
            .iter()
            .map(|(finding, conversation)| Finding { late: is_late(conversation), ..finding.clone() })
            .collect();
        for followed in self.conversations.values().filter(|followed| followed.sip) {
            for (frame, verdict) in &followed.dropped {
                if !findings.iter().any(|finding| finding.frame == *frame) && findings.len() < MAX_FINDINGS {
                    let (messages, passed_messages) = (0, 0);
                    findings.push(Finding { frame: *frame, verdict: *verdict, messages, passed_messages, late: true });
                }
            }
        }
        findings.sort_by_key(|finding| finding.frame);

        let (all, passed) = (self.all.records, self.passed.records);
        let different = |id: &&RecordId| all.get(*id) != passed.get(*id);
        let mut different_records: Vec<RecordId> = all.keys().chain(passed.keys()).filter(different).copied().collect();
        different_records.sort_unstable();
        different_records.dedup();
        Explanation {
            messages: self.all.messages,
            passed_messages: self.passed.messages,
            records: all.len(),
            different_records,
            findings,
            ..self.explanation
        }
    }
}

/// The conversation that a frame belongs to, and whether the frame has a payload of it.
fn conversation(peeler: &mut Peeler, frame: &Frame<'_>) -> Option<(Conversation, bool)> {
    let Peeled::Segment(segment) = peeler.peel(frame.time, frame) else { return None };
    let Hop { source, destination, .. } = segment.hop;
    let (low, high) = if source <= destination { (source, destination) } else { (destination, source) };
    match segment.transport {
        Transport::Udp(_) => None,
        Transport::Tcp(tcp) => Some(((low, high, false), !tcp.payload.is_empty())),
        Transport::Sctp(chunks) => Some(((low, high, true), has_data(chunks))),
    }
}

/// Whether one of these SCTP chunks is DATA or I-DATA (RFC 9260, RFC 8260).
fn has_data(mut chunks: &[u8]) -> bool {
    while let [kind, _, high, low, ..] = *chunks {
        if matches!(kind, 0 | 64) {
            return true;
        }
        let length = usize::from(u16::from_be_bytes([high, low])).max(4);
        chunks = chunks.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    false
}
