//! One Tap and one Ledger behind the Gate, on one thread.

use std::vec;

use super::counts::Counts;
use super::gate::{Gate, Onward, Seen};
use super::input::Input;
use super::interface::ByInterface;
use super::ledger::Ledger;
use super::output::{Note, Output, on_other_ports};
use super::sighting::Sink;
use super::tap::Tap;
use crate::charging::Options;
use crate::packet::Segment;
use crate::session::Lost;
use crate::time::Timestamp;

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
    gate: Gate,
    behind: Behind,
    /// IM Servers that were seen with other ports alone; notes of them that wait to be pulled.
    on_other_ports: vec::IntoIter<Note>,
    servers_on_other_ports: u64,
}

/// What is behind the Gate: each calls the next with what it has borrowed.
struct Behind {
    tap: Tap,
    ledger: Ledger,
}

impl Onward for Behind {
    #[inline]
    fn at(&mut self, now: Timestamp) {
        self.tap.at(now, &mut self.ledger);
    }

    #[inline]
    fn segment(&mut self, seen: Seen, segment: &Segment<'_>) {
        self.at(seen.now);
        self.tap.segment(seen, segment, &mut self.ledger);
    }

    fn lost(&mut self, lost: Lost, from: Timestamp, to: Timestamp, count: u64) {
        // What the last segment made overdue was before this.
        self.tap.catch_up(&mut self.ledger);
        self.ledger.lost(lost, from, to, count);
    }
}

impl Probe {
    /// A probe that has seen nothing.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            gate: Gate::new(options.reorder),
            behind: Behind { tap: Tap::new(options.reorder), ledger: Ledger::new(options) },
            on_other_ports: Vec::new().into_iter(),
            servers_on_other_ports: 0,
        }
    }

    /// Takes one input.
    #[inline]
    pub fn handle(&mut self, input: Input<'_>) {
        match input {
            Input::Frame(frame) => self.gate.frame(&frame, &mut self.behind),
            rare => self.between_frames(rare),
        }
    }

    #[inline(never)]
    fn between_frames(&mut self, input: Input<'_>) {
        let Self { gate, behind, .. } = self;
        match input {
            Input::Frame(_) => {}
            Input::Tick(time) => gate.tick(time, behind),
            Input::Loss(loss) => gate.loss(&loss, behind),
            Input::Restore(image) => behind.ledger.restore(image),
            Input::End => {
                gate.end(behind);
                behind.tap.end(&mut behind.ledger);
                behind.ledger.end();
                let told: Vec<_> = on_other_ports(&behind.ledger.ports_seen()).collect();
                self.servers_on_other_ports = told.len() as u64;
                self.on_other_ports = told.into_iter();
            }
        }
    }

    /// The next output, if there is one.
    #[inline]
    #[must_use]
    pub fn poll(&mut self) -> Option<Output> {
        // Asked after every frame, and nearly always answered with nothing.
        if self.behind.ledger.is_quiet() && self.gate.is_quiet() && self.on_other_ports.len() == 0 {
            return None;
        }
        self.output()
    }

    #[inline(never)]
    fn output(&mut self) -> Option<Output> {
        let mut note = || self.gate.pop_note().or_else(|| self.on_other_ports.next());
        self.behind.ledger.poll().or_else(|| note().map(Output::Note))
    }

    /// When a [`Input::Tick`] would next change something, if no frame comes.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let Behind { tap, ledger } = &self.behind;
        [self.gate.next_timeout(), tap.next_timeout(), ledger.next_timeout()].into_iter().flatten().min()
    }

    /// The capture clock; absent before the first frame.
    #[must_use]
    pub fn now(&self) -> Option<Timestamp> {
        self.gate.now()
    }

    /// Every counter, as of now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let Behind { tap, ledger } = &self.behind;
        let mut counts = self.gate.counts();
        counts.add_worker(&tap.counts());
        counts.add_worker(&ledger.counts());
        Counts { servers_on_other_ports: self.servers_on_other_ports, ..counts }
    }

    /// What each interface did not show.
    #[must_use]
    pub fn interfaces(&self) -> ByInterface {
        let mut interfaces = self.gate.interfaces();
        interfaces.add(self.behind.tap.missing());
        interfaces
    }

    /// Dialogs and attempts that are kept at the moment.
    #[must_use]
    pub fn dialogs(&self) -> usize {
        self.behind.ledger.dialogs()
    }
}
