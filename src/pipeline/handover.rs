//! A bounded queue between two threads that wakes the taker for many things at a time.

use core::ops::ControlFlow;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Things for which the taker is woken at once; fewer wait for company.
const TOGETHER: usize = 128;
/// How long they wait where more are on their way: a wake costs more than a record does, and nobody misses two milliseconds.
const COMPANY: Duration = Duration::from_millis(2);
/// Things taken together, from which on that is so.
const BUSY: usize = 4;
/// How long they wait elsewhere: what comes of one reading of a port comes at once.
const ALONE: Duration = Duration::from_micros(200);

/// Hands things from one thread to another, in order.
///
/// Invariant: what was given is taken, or the taker has gone; `queue` never holds more than `room`.
pub(super) struct Handover<T> {
    shared: Mutex<Shared<T>>,
    /// Most things that wait. At the bound [`Handover::give`] waits until half of them are taken, and [`Handover::try_give`]
    /// does not take any more.
    room: usize,
    /// Signalled when there is something to take after there was nothing, or enough to take it at once.
    filled: Condvar,
    /// Signalled when there is room again, or nobody who would take.
    roomy: Condvar,
}

struct Shared<T> {
    queue: VecDeque<T>,
    /// How many were taken together the last time.
    together: usize,
    /// Nothing more will be given.
    ended: bool,
    /// Nobody takes any more.
    gone: bool,
}

/// Tells the other side when this one has ended, however it did.
pub(super) struct Side<'a, T> {
    handover: &'a Handover<T>,
    gives: bool,
}

impl<T> Handover<T> {
    pub(super) fn with_room(room: usize) -> Self {
        let shared = Shared { queue: VecDeque::new(), together: 0, ended: false, gone: false };
        Self { shared: Mutex::new(shared), room, filled: Condvar::new(), roomy: Condvar::new() }
    }

    /// Held by the thread that gives, for as long as it may.
    pub(super) fn giving(&self) -> Side<'_, T> {
        Side { handover: self, gives: true }
    }

    /// Held by the thread that takes, for as long as it will.
    pub(super) fn taking(&self) -> Side<'_, T> {
        Side { handover: self, gives: false }
    }

    /// No code panics while it holds the lock; if some did, the queue would still be whole.
    fn lock(&self) -> MutexGuard<'_, Shared<T>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives one thing, waiting for room. `Break` when nobody takes any more.
    pub(super) fn give(&self, thing: T) -> ControlFlow<()> {
        let mut shared = self.lock();
        if shared.queue.len() >= self.room {
            let full = |shared: &mut Shared<T>| shared.queue.len() > self.room / 2 && !shared.gone;
            shared = self.roomy.wait_while(shared, full).unwrap_or_else(PoisonError::into_inner);
        }
        if shared.gone {
            return ControlFlow::Break(());
        }
        self.put(shared, thing);
        ControlFlow::Continue(())
    }

    /// Gives one thing if there is room for it and somebody who takes; else it comes back.
    #[cfg(feature = "live")]
    pub(super) fn try_give(&self, thing: T) -> Result<(), T> {
        let shared = self.lock();
        if shared.gone || shared.queue.len() >= self.room {
            return Err(thing);
        }
        self.put(shared, thing);
        Ok(())
    }

    fn put(&self, mut shared: MutexGuard<'_, Shared<T>>, thing: T) {
        shared.queue.push_back(thing);
        let wake = matches!(shared.queue.len(), 1 | TOGETHER);
        drop(shared);
        if wake {
            self.filled.notify_one();
        }
    }

    /// Takes all that waits into `taken`, which is empty, after waiting for something and a little for its company; false once
    /// nothing more comes.
    pub(super) fn take(&self, taken: &mut VecDeque<T>) -> bool {
        let empty = |shared: &mut Shared<T>| shared.queue.is_empty() && !shared.ended;
        let shared = self.filled.wait_while(self.lock(), empty).unwrap_or_else(PoisonError::into_inner);
        let company = if shared.together < BUSY { ALONE } else { COMPANY };
        let few = |shared: &mut Shared<T>| shared.queue.len() < TOGETHER && !shared.ended;
        let (mut shared, _) =
            self.filled.wait_timeout_while(shared, company, few).unwrap_or_else(PoisonError::into_inner);
        core::mem::swap(&mut shared.queue, taken);
        shared.together = taken.len();
        drop(shared);
        // Several may give.
        self.roomy.notify_all();
        !taken.is_empty()
    }
}

impl<T> Drop for Side<'_, T> {
    fn drop(&mut self) {
        let mut shared = self.handover.lock();
        if self.gives {
            shared.ended = true;
        } else {
            shared.gone = true;
        }
        drop(shared);
        self.handover.filled.notify_all();
        self.handover.roomy.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    const ROOM: usize = 1024;

    #[test]
    fn everything_arrives_in_order_past_the_bound() {
        let handover = Handover::with_room(ROOM);
        let taken = thread::scope(|scope| {
            let taker = scope.spawn(|| {
                let (mut all, mut taken) = (Vec::new(), VecDeque::new());
                while handover.take(&mut taken) {
                    all.extend(taken.drain(..));
                }
                all
            });
            let giving = handover.giving();
            for n in 0..ROOM * 5 + 3 {
                assert!(handover.give(n).is_continue());
            }
            drop(giving);
            taker.join().unwrap()
        });
        assert!(taken.into_iter().eq(0..ROOM * 5 + 3));
    }

    #[test]
    fn one_thing_alone_does_not_wait_for_the_end() {
        let handover = Handover::with_room(ROOM);
        thread::scope(|scope| {
            let taker = scope.spawn(|| {
                let mut taken = VecDeque::new();
                handover.take(&mut taken).then_some(taken)
            });
            let _giving = handover.giving();
            assert!(handover.give(7).is_continue());
            assert_eq!(taker.join().unwrap(), Some(VecDeque::from([7])));
        });
    }

    #[test]
    fn who_waits_for_room_is_told_when_the_taker_has_gone() {
        let handover = Handover::with_room(ROOM);
        let taking = handover.taking();
        for n in 0..ROOM {
            assert!(handover.give(n).is_continue());
        }
        thread::scope(|scope| {
            let giver = scope.spawn(|| handover.give(ROOM));
            drop(taking);
            assert!(giver.join().unwrap().is_break());
        });
    }

    #[test]
    fn everybody_who_waits_for_room_is_told_when_the_taker_has_gone() {
        let handover = Handover::with_room(4);
        let taking = handover.taking();
        for n in 0..4 {
            assert!(handover.give(n).is_continue());
        }
        thread::scope(|scope| {
            let givers: Vec<_> = (4..7)
                .map(|n| {
                    scope.spawn({
                        let handover = &handover;
                        move || handover.give(n)
                    })
                })
                .collect();
            drop(taking);
            assert!(givers.into_iter().all(|giver| giver.join().unwrap().is_break()));
        });
    }

    #[test]
    fn nothing_given_is_nothing_taken() {
        let handover = Handover::<()>::with_room(ROOM);
        drop(handover.giving());
        assert!(!handover.take(&mut VecDeque::new()));
    }
}
