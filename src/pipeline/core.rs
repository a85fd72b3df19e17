//! The core as a driver has it: all of it on the driver's thread, or shared out over threads of its own.

use core::ops::ControlFlow;
use std::io;

use super::shared::{Sharing, share};
#[cfg(feature = "live")]
use crate::probe::ByInterface;
use crate::probe::{Counts, Input, Options, Output, Probe, Workers};
#[cfg(feature = "live")]
use crate::time::Timestamp;

/// The core, to be driven by [`replay`](super::replay) or `watch`.
///
/// Invariant: how many workers there are decides nothing about a record.
pub enum Core {
    /// All of it on the driver's thread: nothing is copied.
    One(Box<Probe>),
    /// The Gate on the driver's thread; Taps and Ledgers on threads of their own.
    Many(Box<Workers>),
}

/// Takes what comes out of the core; `Break` says that it is not wanted any more. Called by several threads.
pub(super) trait Hand: Fn(Output) -> ControlFlow<()> + Sync {}

impl<F: Fn(Output) -> ControlFlow<()> + Sync> Hand for F {}

impl Core {
    /// A core that has seen nothing, for so many workers.
    #[must_use]
    pub fn new(options: Options, workers: usize) -> Self {
        match workers {
            0 | 1 => Self::One(Box::new(Probe::new(options))),
            _ => Self::Many(Box::new(Workers::new(&options, workers))),
        }
    }

    /// Every counter.
    #[must_use]
    pub fn counts(&self) -> Counts {
        match self {
            Self::One(probe) => probe.counts(),
            Self::Many(workers) => workers.counts(),
        }
    }

    /// Lets `drive` feed the core, which gives to `hand`. When this returns, all that was fed has been through.
    ///
    /// # Errors
    /// When no thread can be had.
    pub(super) fn run<H: Hand, T>(&mut self, hand: &H, drive: impl FnOnce(&mut Feed<'_, H>) -> T) -> io::Result<T> {
        match self {
            Self::One(probe) => Ok(drive(&mut Feed::One { probe, hand })),
            Self::Many(workers) => {
                let driven = share(workers, hand, |sharing| drive(&mut Feed::Many(sharing)))?;
                // Who wants no more records wants these neither.
                let _ = workers.conclusions().map(Output::Note).try_for_each(hand);
                Ok(driven)
            }
        }
    }
}

/// What a driver feeds. `Break` once what comes of it is not wanted any more.
pub(super) enum Feed<'a, H> {
    One { probe: &'a mut Probe, hand: &'a H },
    Many(Sharing<'a, H>),
}

impl<H: Hand> Feed<'_, H> {
    /// Takes one input.
    #[inline]
    pub(super) fn handle(&mut self, input: Input<'_>) -> ControlFlow<()> {
        match self {
            Self::One { probe, hand } => {
                probe.handle(input);
                while let Some(output) = probe.poll() {
                    hand(output)?;
                }
                ControlFlow::Continue(())
            }
            Self::Many(sharing) => sharing.handle(input),
        }
    }

    /// Sees to it that what was fed is not kept waiting for more of it.
    pub(super) fn settle(&mut self) -> ControlFlow<()> {
        match self {
            Self::One { .. } => ControlFlow::Continue(()),
            Self::Many(sharing) => sharing.settle(),
        }
    }
}

/// How things stand, for who cannot wait for the end.
#[cfg(feature = "live")]
impl<H: Hand> Feed<'_, H> {
    /// The capture clock; absent before the first frame.
    pub(super) fn now(&self) -> Option<Timestamp> {
        match self {
            Self::One { probe, .. } => probe.now(),
            Self::Many(sharing) => sharing.now(),
        }
    }

    /// When time alone will change something next; absent where that is not known on this thread.
    pub(super) fn next_timeout(&self) -> Option<Timestamp> {
        match self {
            Self::One { probe, .. } => probe.next_timeout(),
            Self::Many(_) => None,
        }
    }

    /// Every counter, and how many dialogs and attempts are kept; of other threads as of their latest round.
    pub(super) fn standing(&self) -> (Counts, usize) {
        match self {
            Self::One { probe, .. } => (probe.counts(), probe.dialogs()),
            Self::Many(sharing) => sharing.standing(),
        }
    }

    /// What each interface did not show; of other threads as of their latest round.
    pub(super) fn interfaces(&self) -> ByInterface {
        match self {
            Self::One { probe, .. } => probe.interfaces(),
            Self::Many(sharing) => sharing.interfaces(),
        }
    }
}
