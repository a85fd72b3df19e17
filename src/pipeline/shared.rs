//! The threads among which the core is shared out.
//!
//! ```text
//! driver: Gate ──Parcel──▶ Tap 1 ──Batch──▶ Ledger 1 ──record──▶ desk
//!                     ╲            ╲    ╱
//!                      ▶   Tap 2 ──▶╳──▶    Ledger 2 ──record──▶
//! ```
//!
//! What crosses between threads is a round's share, not a message: there is no lock and no wake for each frame.

use core::ops::ControlFlow;
use core::time::Duration;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::{io, thread};

use super::core::Hand;
#[cfg(feature = "live")]
use crate::probe::ByInterface;
use crate::probe::{Batch, Counts, GateWorker, Input, LedgerWorker, Output, Parcel, TapWorker, Workers};
use crate::stream::Missing;
use crate::time::Timestamp;

/// Rounds that may wait for one thread. At the bound the thread before it waits; as every round goes to everyone, whoever is
/// waited for has all that it needs.
const ROUNDS: usize = 4;
/// A round without anything is worth its wakes once the clock has moved by so much: timers are served by it.
const EMPTY_ROUND: Duration = Duration::from_millis(20);

/// The driver's end.
pub(super) struct Sharing<'a, H> {
    gate: &'a mut GateWorker,
    taps: Vec<SyncSender<Parcel>>,
    hand: &'a H,
    #[cfg_attr(not(feature = "live"), expect(dead_code, reason = "a replay is asked for its counters at the end"))]
    tallies: &'a Tallies,
    /// Where the clock stood when a round was closed last.
    closed: Option<Timestamp>,
}

/// Runs `drive` on this thread, and the Taps and Ledgers on others; ends when all that was fed has been through.
pub(super) fn share<H: Hand, T>(
    workers: &mut Workers,
    hand: &H,
    drive: impl FnOnce(Sharing<'_, H>) -> T,
) -> io::Result<T> {
    let Workers { gate, taps, ledgers } = workers;
    let tallies = Tallies::new(taps.len(), ledgers.len());
    thread::scope(|scope| {
        let mut threads = Vec::new();
        let (outlets, inlets) = between(taps.len(), ledgers.len());
        for (number, (ledger, inlets)) in ledgers.iter_mut().zip(inlets).enumerate() {
            let run = {
                let tallies = &tallies;
                move || keep(number, ledger, &inlets, hand, tallies)
            };
            threads.push(thread::Builder::new().name(format!("ledger {}", number + 1)).spawn_scoped(scope, run)?);
        }
        let mut to_taps = Vec::new();
        for (number, (tap, outlets)) in taps.iter_mut().zip(outlets).enumerate() {
            let (to_tap, parcels) = sync_channel(ROUNDS);
            to_taps.push(to_tap);
            let run = {
                let tallies = &tallies;
                move || read(number, tap, &parcels, &outlets, tallies)
            };
            threads.push(thread::Builder::new().name(format!("tap {}", number + 1)).spawn_scoped(scope, run)?);
        }
        // What was not settled is of no use: the driver has broken off, or settled after the end.
        let driven = drive(Sharing { gate, taps: to_taps, hand, tallies: &tallies, closed: None });
        for thread in threads {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        Ok(driven)
    })
}

/// From a Tap to each Ledger.
type Outlets = Vec<SyncSender<Batch>>;
/// To a Ledger from each Tap.
type Inlets = Vec<Receiver<Batch>>;

/// A queue from each Tap to each Ledger.
fn between(taps: usize, ledgers: usize) -> (Vec<Outlets>, Vec<Inlets>) {
    let mut inlets: Vec<Inlets> = (0..ledgers).map(|_| Vec::new()).collect();
    let outlets = (0..taps).map(|_| {
        let to_each = inlets.iter_mut().map(|inlets| {
            let (outlet, inlet) = sync_channel(ROUNDS);
            inlets.push(inlet);
            outlet
        });
        to_each.collect()
    });
    let outlets = outlets.collect();
    (outlets, inlets)
}

/// A Tap's thread.
fn read(
    number: usize,
    tap: &mut TapWorker,
    parcels: &Receiver<Parcel>,
    outlets: &[SyncSender<Batch>],
    tallies: &Tallies,
) {
    for parcel in parcels {
        let batches = tap.take(&parcel);
        tallies.note(number, tap.counts(), 0, tap.missing());
        for (batch, outlet) in batches.into_iter().zip(outlets) {
            // A Ledger that has gone takes everybody with it.
            if outlet.send(batch).is_err() {
                return;
            }
        }
    }
}

/// A Ledger's thread.
fn keep(number: usize, ledger: &mut LedgerWorker, inlets: &[Receiver<Batch>], hand: &impl Hand, tallies: &Tallies) {
    while let Some(round) = inlets.iter().map(|inlet| inlet.recv().ok()).collect::<Option<Vec<_>>>() {
        ledger.take(&round);
        tallies.note(tallies.taps + number, ledger.counts(), ledger.dialogs(), &[]);
        while let Some(output) = ledger.poll() {
            if hand(output).is_break() {
                return;
            }
        }
    }
}

impl<H: Hand> Sharing<'_, H> {
    #[inline]
    pub(super) fn handle(&mut self, input: Input<'_>) -> ControlFlow<()> {
        self.gate.handle(input);
        if self.gate.is_full() {
            return self.close();
        }
        ControlFlow::Continue(())
    }

    pub(super) fn settle(&mut self) -> ControlFlow<()> {
        let moved = match (self.closed, self.gate.now()) {
            (Some(closed), Some(now)) => now.since(closed) >= EMPTY_ROUND,
            (None, now) => now.is_some(),
            (Some(_), None) => false,
        };
        if self.gate.is_empty() && !moved && !self.gate.has_ended() {
            return ControlFlow::Continue(());
        }
        self.close()
    }

    fn close(&mut self) -> ControlFlow<()> {
        self.closed = self.gate.now();
        // All of them, also where one can be given to nobody: what stays in the Gate would grow.
        let parcels: Vec<_> = self.gate.close().collect();
        for (parcel, tap) in parcels.into_iter().zip(&self.taps) {
            if tap.send(parcel).is_err() {
                return ControlFlow::Break(());
            }
        }
        while let Some(note) = self.gate.poll() {
            (self.hand)(Output::Note(note))?;
        }
        ControlFlow::Continue(())
    }

    #[cfg(feature = "live")]
    pub(super) fn now(&self) -> Option<Timestamp> {
        self.gate.now()
    }

    #[cfg(feature = "live")]
    pub(super) fn standing(&self) -> (Counts, usize) {
        self.tallies.sum(self.gate.counts())
    }

    #[cfg(feature = "live")]
    pub(super) fn interfaces(&self) -> ByInterface {
        self.tallies.sum_missing(self.gate.interfaces())
    }
}

/// How the counters of every thread stood after its latest round; Taps first.
struct Tallies {
    slots: Vec<Mutex<Tally>>,
    taps: usize,
}

#[derive(Default)]
struct Tally {
    counts: Counts,
    /// Dialogs that it kept.
    dialogs: usize,
    /// What its streams missed, by interface.
    missing: Vec<Missing>,
}

impl Tallies {
    fn new(taps: usize, ledgers: usize) -> Self {
        Self { slots: (0..taps + ledgers).map(|_| Mutex::default()).collect(), taps }
    }

    /// Written once a round, and read once a second: the lock is free.
    fn note(&self, slot: usize, counts: Counts, dialogs: usize, missing: &[Missing]) {
        if let Some(slot) = self.slots.get(slot) {
            let mut tally = slot.lock().unwrap_or_else(PoisonError::into_inner);
            (tally.counts, tally.dialogs) = (counts, dialogs);
            // Into the room that it has.
            tally.missing.clear();
            tally.missing.extend_from_slice(missing);
        }
    }

    /// All of them together with what the Gate has counted.
    #[cfg(feature = "live")]
    fn sum(&self, gate: Counts) -> (Counts, usize) {
        let mut sum = (gate, 0);
        for slot in &self.slots {
            let tally = slot.lock().unwrap_or_else(PoisonError::into_inner);
            sum.0.add_worker(&tally.counts);
            sum.1 += tally.dialogs;
        }
        sum
    }

    /// What the Gate knows of each interface, with what the Taps miss.
    #[cfg(feature = "live")]
    fn sum_missing(&self, mut gate: ByInterface) -> ByInterface {
        for slot in &self.slots {
            gate.add(&slot.lock().unwrap_or_else(PoisonError::into_inner).missing);
        }
        gate
    }
}
