//! The core as a driver has it: all of it on the driver's thread, or shared out over threads of its own.

use core::ops::ControlFlow;
use std::io;

use super::shared::{Sharing, share};
use crate::probe::{ByInterface, Counts, Input, LedgerWorker, Options, Output, Probe, Workers};
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

    /// Dialogs and attempts that are kept at the moment.
    #[must_use]
    pub fn dialogs(&self) -> usize {
        match self {
            Self::One(probe) => probe.dialogs(),
            Self::Many(workers) => workers.ledgers.iter().map(LedgerWorker::dialogs).sum(),
        }
    }

    /// The capture clock; absent before the first frame.
    #[must_use]
    pub fn now(&self) -> Option<Timestamp> {
        match self {
            Self::One(probe) => probe.now(),
            Self::Many(workers) => workers.gate.now(),
        }
    }

    /// What each interface did not show.
    #[must_use]
    pub fn interfaces(&self) -> ByInterface {
        match self {
            Self::One(probe) => probe.interfaces(),
            Self::Many(workers) => workers.interfaces(),
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

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::packet::{Frame, InterfaceId, LinkType};

    /// An answered session's BYE, as an IPv4 packet.
    fn bye(number: u64) -> Vec<u8> {
        let text = format!(
            "BYE sip:b@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{number}\r\nFrom: <sip:a@192.0.2.1>;tag=a\r\n\
             To: <sip:b@192.0.2.2>;tag=b\r\nCall-ID: {number}@192.0.2.1\r\nCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n"
        );
        let [high, low] = u16::try_from(28 + text.len()).unwrap().to_be_bytes();
        let mut packet = vec![0x45, 0, high, low, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
        let [high, low] = u16::try_from(8 + text.len()).unwrap().to_be_bytes();
        packet.extend([0x13, 0xc4, 0x13, 0xc4, high, low, 0, 0]);
        packet.extend(text.as_bytes());
        packet
    }

    #[test]
    fn a_worker_that_panics_ends_the_driving_and_the_panic_goes_on() {
        let options = Options { orphan_bye: crate::probe::OrphanBye::All, ..Options::default() };
        let mut core = Core::new(options, 2);
        let hand = |output| -> ControlFlow<()> { panic!("nobody wants {output:?}") };
        let mut fed = 0;
        let driven = catch_unwind(AssertUnwindSafe(|| {
            core.run(&hand, |core| {
                // Far more than the queues hold: that it ends shows that it was told.
                while fed < 100_000_000 {
                    fed += 1;
                    let bytes = &bye(fed);
                    let time = Timestamp::from_nanos(fed as i64 * 10_000_000);
                    let (link, interface, number) = (LinkType::RawIp, InterfaceId(0), fed);
                    let frame = Frame { time, link, bytes, wire_len: bytes.len() as u32, interface, number };
                    core.handle(Input::Frame(frame))?;
                }
                ControlFlow::Continue(())
            })
        }));
        assert!(driven.is_err() && fed < 1_000_000, "{fed}");
    }
}
