//! The core for several threads: one Gate, Taps behind it, Ledgers behind these.
//!
//! Work goes on in **rounds**. The Gate shares out what passes it over the Taps, by innermost addresses; when it closes a round
//! every Tap gets its parcel, empty or not. A Tap makes of it a batch for each Ledger, by Call-ID. A Ledger takes the batches
//! of one round from all Taps and does what they say in the order of their turns, which is the order in which one
//! [`Probe`](super::Probe) would have done it. So the number of threads decides nothing, nor which of them is faster.
//!
//! There are no threads here: who drives these gives each thread one object, and hands on what it makes. As every round goes to
//! everyone, bounded queues between them cannot get stuck: whoever is furthest behind has all that it needs.

use foldhash::fast::RandomState;

use super::batch::{Batch, Batches, Found};
use super::counts::Counts;
use super::gate::Gate;
use super::input::Input;
use super::interface::ByInterface;
use super::ledger::Ledger;
use super::output::{Note, Output, on_other_ports};
use super::parcel::{Given, Parcel, Parcels};
use super::share::Share;
use super::sighting::{Sighting, Sink};
use super::tap::Tap;
use crate::charging::Options;
use crate::stream::Missing;
use crate::time::Timestamp;

/// A round is worth closing when it has so many bytes: some hundred messages, which the caches of a processor hold.
const ROUND: usize = 128 << 10;

/// The core for several threads.
pub struct Workers {
    pub gate: GateWorker,
    pub taps: Vec<TapWorker>,
    pub ledgers: Vec<LedgerWorker>,
}

impl Workers {
    /// So many Taps and as many Ledgers, at least one of each. They have the room of one between them: at its bounds, and
    /// nowhere else, records may depend on how many they are.
    ///
    /// There is one Ledger where legs are merged, which have several Call-IDs, or changes are wanted, which have one count.
    #[must_use]
    pub fn new(options: &Options, count: usize) -> Self {
        let count = count.max(1);
        let ledgers = if options.one_charging_session || options.changes { 1 } else { count };
        // Call-IDs are the sender's to choose: nobody outside knows which Ledger takes one.
        let hasher = RandomState::default();
        let share = Options {
            max_dialogs: (options.max_dialogs / ledgers).max(1),
            max_dialog_bytes: (options.max_dialog_bytes / ledgers).max(1),
            ..options.clone()
        };
        let tap =
            |_| TapWorker { tap: Tap::one_of(count, options.reorder), found: Batches::new(ledgers, hasher.clone()) };
        Self {
            gate: GateWorker { gate: Gate::new(options.reorder), parcels: Parcels::new(count), ended: false },
            taps: (0..count).map(tap).collect(),
            ledgers: (0..ledgers).map(|_| LedgerWorker { ledger: Ledger::new(share.clone()) }).collect(),
        }
    }

    /// What the end of the input shows about all of it: to be asked for once that has passed everyone.
    pub fn conclusions(&self) -> impl Iterator<Item = Note> + use<> {
        let seen = self.ledgers.iter().map(|worker| worker.ledger.ports_seen()).reduce(|one, other| one.and(&other));
        let ended = self.gate.ended;
        let notes: Vec<_> = seen.iter().filter(|_| ended).flat_map(on_other_ports).collect();
        notes.into_iter()
    }

    /// Every counter, as of now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = self.gate.counts();
        for worker in self.taps.iter().map(TapWorker::counts).chain(self.ledgers.iter().map(LedgerWorker::counts)) {
            counts.add_worker(&worker);
        }
        Counts { servers_on_other_ports: self.conclusions().count() as u64, ..counts }
    }

    /// What each interface did not show.
    #[must_use]
    pub fn interfaces(&self) -> ByInterface {
        let mut interfaces = self.gate.interfaces();
        self.taps.iter().for_each(|tap| interfaces.add(tap.missing()));
        interfaces
    }
}

/// The Gate: takes every input, and shares it out.
pub struct GateWorker {
    gate: Gate,
    parcels: Parcels,
    ended: bool,
}

impl GateWorker {
    /// Takes one input.
    #[inline]
    pub fn handle(&mut self, input: Input<'_>) {
        let Self { gate, parcels, ended } = self;
        match input {
            Input::Frame(frame) => gate.frame(&frame, parcels),
            Input::Tick(time) => gate.tick(time, parcels),
            Input::Loss(loss) => gate.loss(&loss, parcels),
            Input::Restore(image) => parcels.restore(image),
            Input::End => {
                *ended = true;
                gate.end(parcels);
            }
        }
    }

    /// Whether there is enough for a round.
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.parcels.filled() >= ROUND
    }

    /// Whether nothing has passed since the last round, but time.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parcels.filled() == 0
    }

    /// Whether the input has ended, and one round more is all there is.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Closes the round: a parcel for each Tap, in their order. The one after [`Input::End`] is the last.
    pub fn close(&mut self) -> impl Iterator<Item = Parcel> {
        self.parcels.close(self.ended)
    }

    /// The next anomaly, if there is one.
    pub fn poll(&mut self) -> Option<Note> {
        self.gate.pop_note()
    }

    /// The capture clock; absent before the first frame.
    #[must_use]
    pub fn now(&self) -> Option<Timestamp> {
        self.gate.now()
    }

    /// What was counted here; the rest is zero.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.gate.counts()
    }

    /// What each interface did not show here; what the Taps miss has to be added.
    #[must_use]
    pub fn interfaces(&self) -> ByInterface {
        self.gate.interfaces()
    }
}

/// One of the Taps.
pub struct TapWorker {
    tap: Tap,
    found: Batches,
}

impl TapWorker {
    /// Takes its parcel of a round, and gives a batch for each Ledger, in their order.
    pub fn take(&mut self, Parcel(parcel): &Parcel) -> Vec<Batch> {
        let Self { tap, found } = self;
        for (turn, given) in &parcel.items {
            tap.at(turn.now, found);
            found.turn(*turn);
            match given {
                Given::Segment { seen, head, payload } => {
                    tap.segment(*seen, &head.over(parcel.bytes(payload)), found);
                }
                Given::Lost { lost, from, to, count } => found.lost(*lost, *from, *to, *count),
                Given::Restore(image) => found.restore(parcel.bytes(image)),
            }
        }
        tap.at(parcel.until, found);
        if parcel.ended {
            tap.end(found);
        }
        found.close(parcel.until, parcel.ended)
    }

    /// What was counted here; the rest is zero.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.tap.counts()
    }

    /// What is missing in streams by interface, in the order of their numbers.
    #[must_use]
    pub fn missing(&self) -> &[Missing] {
        self.tap.missing()
    }
}

/// One of the Ledgers.
pub struct LedgerWorker {
    ledger: Ledger,
}

impl LedgerWorker {
    /// Takes the batches of a round, one from each Tap, in their order. Then [`LedgerWorker::poll`] until it gives nothing.
    pub fn take(&mut self, round: &[Batch]) {
        let mut items: Vec<_> =
            round.iter().flat_map(|Batch(share)| share.items.iter().map(move |item| (share, item))).collect();
        // Each batch is in order, and a stable sort merges them; of the same turn, what the earlier Tap found is first.
        items.sort_by_key(|(_, (turn, _))| *turn);
        for (share, (turn, found)) in items {
            self.ledger.at(turn.now);
            self.found(share, found);
        }
        if let Some(until) = round.iter().map(|Batch(share)| share.until).min() {
            self.ledger.at(until);
        }
        if !round.is_empty() && round.iter().all(|Batch(share)| share.ended) {
            self.ledger.end();
        }
    }

    fn found(&mut self, share: &Share<Found>, found: &Found) {
        match found {
            Found::Sighting { time, hop, carriage, message } => {
                let bytes = share.bytes(message);
                self.ledger.sighting(&Sighting { time: *time, hop: *hop, carriage: *carriage, bytes });
            }
            Found::Lost { lost, from, to, count } => self.ledger.lost(*lost, *from, *to, *count),
            Found::Restore(image) => self.ledger.restore(share.bytes(image)),
        }
    }

    /// The next output, if there is one.
    #[must_use]
    pub fn poll(&mut self) -> Option<Output> {
        self.ledger.poll()
    }

    /// What was counted here; the rest is zero.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.ledger.counts()
    }

    /// Dialogs and attempts that are kept at the moment.
    #[must_use]
    pub fn dialogs(&self) -> usize {
        self.ledger.dialogs()
    }
}
