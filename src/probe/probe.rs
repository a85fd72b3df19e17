//! One Tap and one Ledger, on one thread.

use std::collections::VecDeque;

use super::clock::Clock;
use super::counts::Counts;
use super::input::{Input, Loss};
use super::ledger::Ledger;
use super::output::{Note, Output};
use super::tap::Tap;
use crate::charging::Options;
use crate::packet::{Frame, InterfaceId, LinkType};
use crate::session::Lost;
use crate::time::Timestamp;

/// Notes that wait to be pulled. Past it the oldest is dropped: the counters have it all the same.
const MAX_NOTES: usize = 1024;

/// The whole core: fed inputs, pulled for outputs.
///
/// Feed one input, then pull [`Probe::poll`] until it gives nothing. Nothing happens in between: no clock runs, and the
/// same inputs give the same outputs on every machine.
///
/// ```
/// # use tolltap::probe::{Input, Options, Output, Probe};
/// let mut probe = Probe::new(Options::default());
/// # let inputs: Vec<Input<'_>> = vec![];
/// for input in inputs.into_iter().chain([Input::End]) {
///     probe.handle(input);
///     while let Some(output) = probe.poll() {
///         if let Output::Record(record) = output {
///             let record = record.unpack();
///             println!("{} ended at {}", record.record_id, record.times.stop);
///         }
///     }
/// }
/// ```
pub struct Probe {
    clock: Clock,
    tap: Tap,
    ledger: Ledger,
    notes: VecDeque<Note>,
    counts: Counts,
    /// What the tap and the ledger had dropped when it was last looked at.
    evicted: u64,
}

impl Probe {
    /// A probe that has seen nothing.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            clock: Clock::new(options.reorder),
            tap: Tap::new(options.reorder),
            ledger: Ledger::new(options),
            notes: VecDeque::new(),
            counts: Counts::default(),
            evicted: 0,
        }
    }

    /// Takes one input.
    #[inline]
    pub fn handle(&mut self, input: Input<'_>) {
        match input {
            Input::Frame(frame) => self.frame(&frame),
            rare => self.between_frames(rare),
        }
        self.note_dropped();
    }

    #[inline(never)]
    fn between_frames(&mut self, input: Input<'_>) {
        match input {
            Input::Frame(_) => {}
            Input::Tick(time) => {
                self.clock.tick(time);
                let now = self.clock.now();
                self.ledger.advance(now);
                self.tap.tick(now, &nothing(now), &mut self.ledger);
                // A message that a stream held back has its own time, and what it starts may be over by now.
                self.ledger.advance(now);
            }
            Input::Loss(loss) => self.loss(&loss),
            Input::Restore(image) => {
                if let Err(reason) = self.ledger.restore(image) {
                    self.note(Note::NotRestored(reason));
                }
            }
            Input::End => {
                self.tap.end(&nothing(self.clock.now()), &mut self.ledger);
                self.ledger.end();
                for server in self.ledger.take_servers_on_other_ports() {
                    self.counts.servers_on_other_ports += 1;
                    self.note(Note::ServerOnOtherPorts {
                        address: server.address,
                        port: server.port.unwrap_or_default(),
                    });
                }
            }
        }
    }

    /// The next output, if there is one.
    #[must_use]
    pub fn poll(&mut self) -> Option<Output> {
        if let Some(record) = self.ledger.pop() {
            return Some(Output::Record(record));
        }
        if let Some(change) = self.ledger.pop_change() {
            return Some(Output::Change(change));
        }
        self.notes.pop_front().map(Output::Note)
    }

    /// When a [`Input::Tick`] would next change something, if no frame comes.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        [self.tap.next_timeout(), self.ledger.next_timeout()].into_iter().flatten().min()
    }

    /// The capture clock; absent before the first frame.
    #[must_use]
    pub fn now(&self) -> Option<Timestamp> {
        Some(self.clock.now()).filter(|now| *now != Timestamp::MIN)
    }

    /// Every counter, as of now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let (packet, stream, sip) = self.tap.counts();
        Counts { packet: *packet, stream, sip: *sip, session: self.ledger.counts(), ..self.counts }
    }

    /// Dialogs and attempts that are kept at the moment.
    #[must_use]
    pub fn dialogs(&self) -> usize {
        self.ledger.dialogs()
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        let before = self.clock.now();
        let reading = self.clock.read(frame.interface, frame.time);
        if reading.stepped_back {
            self.counts.clock_steps += 1;
            self.ledger.lost(Lost::ClockStep, frame.time, before, 1);
            self.note(Note::ClockSteppedBack { interface: frame.interface, from: before, to: frame.time });
        }
        let now = self.clock.now();
        if let Some(from) = reading.gap_from {
            self.counts.clock_gaps += 1;
            self.ledger.lost(Lost::ClockGap, from, now, 1);
            self.note(Note::ClockGap { interface: frame.interface, from, to: now });
        }
        if now != before {
            self.ledger.advance(now);
        }
        self.tap.frame(reading.time, now, frame, &mut self.ledger);
        let evicted = self.tap.evicted();
        if evicted != self.evicted {
            self.ledger.lost(Lost::State, now, now, evicted - self.evicted);
            self.evicted = evicted;
        }
    }

    fn loss(&mut self, loss: &Loss) {
        self.counts.frames_lost = self.counts.frames_lost.saturating_add(loss.count);
        self.ledger.lost(Lost::Frames, loss.from, loss.to, loss.count);
    }

    fn note(&mut self, note: Note) {
        if self.notes.len() == MAX_NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back(note);
    }

    #[inline]
    fn note_dropped(&mut self) {
        if let Some(dropped) = self.ledger.take_dropped() {
            self.note(Note::SessionsDropped(dropped));
        }
    }
}

/// What stands for a frame where time alone brings messages.
fn nothing(now: Timestamp) -> Frame<'static> {
    Frame { time: now, link: LinkType::RawIp, bytes: &[], wire_len: 0, interface: InterfaceId::default(), number: 0 }
}
