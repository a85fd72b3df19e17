//! Tap ports through the core.
//!
//! The ring of a port must never wait: what is behind here, the kernel drops. So this thread reads and feeds the core and
//! does nothing else; and where the receiver is behind too, records are counted as lost instead of being waited for.

use core::ops::ControlFlow;
use core::time::Duration;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use super::core::{Core, Feed, Hand};
use super::desk::{Handed, Receiver, with_desk};
use super::handover::Handover;
use crate::capture::{Item, LiveCapture, LiveError, PortCounts, filter};
use crate::probe::{ByInterface, Counts, Input, Output};
use crate::time::Timestamp;

/// Longest wait: with nothing to read the clock still has to move.
const LONGEST_WAIT: Duration = Duration::from_millis(100);
/// How often it is told how things stand.
const STANDING: Duration = Duration::from_secs(1);
/// Things that may wait for the receiver: a minute of a thousand records a second.
const ROOM: usize = 65_536;
/// How far the capture clock stays behind while nothing comes: a block of the ring waits for some milliseconds before it is
/// handed over, and a busy machine adds to that.
const BEHIND: Duration = Duration::from_millis(50);

/// How things stand, once a second.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    pub counts: Counts,
    /// What each port did not show, in the order of `ports`; that is nothing for those that are missing.
    pub interfaces: ByInterface,
    /// What the kernel's filter made of the frames, where it counts them.
    pub filtered: Option<filter::Counts>,
    /// Dialogs and attempts that are kept.
    pub dialogs: usize,
    pub ports: Vec<(String, PortCounts)>,
    /// Records that were lost because nobody took them in time.
    pub records_lost: u64,
    /// The capture clock; absent before the first frame.
    pub now: Option<Timestamp>,
}

/// Why watching ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error(transparent)]
    Live(#[from] LiveError),
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

/// Watches tap ports until the capture's [`Wake`](crate::capture::Wake) is told to stop, the receiver breaks off, or a port is
/// gone; then what the rings still hold is read, and the input ends. `Break` says that the receiver gave up.
///
/// # Errors
/// When a port failed. What was captured until then has been handed on, as at a stop.
pub fn watch(
    capture: &mut LiveCapture,
    core: &mut Core,
    receiver: &mut impl Receiver<Progress = Standing>,
) -> Result<ControlFlow<()>, WatchError> {
    let handover = Handover::with_room(ROOM);
    let wake = capture.wake();
    let records_lost = AtomicU64::new(0);
    let ended = AtomicBool::new(false);
    let hand = |output| {
        let handed = match output {
            Output::Record(record) => Handed::Record(record),
            Output::Note(note) => Handed::Note(note),
            Output::Change(_) => return ControlFlow::Continue(()),
        };
        // Once nothing is read any more nothing is gained by not waiting.
        if ended.load(Ordering::Relaxed) {
            return handover.give(handed);
        }
        if let Err(Handed::Record(_)) = handover.try_give(handed) {
            records_lost.fetch_add(1, Ordering::Relaxed);
        }
        ControlFlow::Continue(())
    };
    let run = || {
        let watched = core.run(&hand, |core| {
            let (to, records_lost, ended) = (&handover, &records_lost, &ended);
            Watch { capture, core, to, records_lost, ended, broken: false, read: None }.run()
        });
        // As it stands in the end, when all that was read has been through.
        let lost = records_lost.load(Ordering::Relaxed);
        let last = standing(capture, (core.counts(), core.dialogs()), core.interfaces(), lost, core.now());
        let _ = handover.give(Handed::Progress(last));
        watched
    };
    let (watched, received) = with_desk(&handover, receiver, || wake.stop(), run).map_err(WatchError::Thread)?;
    watched.map_err(WatchError::Thread)??;
    Ok(received)
}

struct Watch<'a, 'c, H> {
    capture: &'a mut LiveCapture,
    core: &'a mut Feed<'c, H>,
    to: &'a Handover<Handed<Standing>>,
    records_lost: &'a AtomicU64,
    /// Nothing is read any more.
    ended: &'a AtomicBool,
    /// The core takes nothing any more: a thread of its own has failed.
    broken: bool,
    /// Where the capture clock stood when the last frames were read, and when that was.
    read: Option<(Timestamp, Instant)>,
}

impl<H: Hand> Watch<'_, '_, H> {
    fn run(mut self) -> Result<(), LiveError> {
        let watched = self.watch();
        // What was captured is worth the same after a stop or a failure.
        let Self { capture, core, to, broken, .. } = &mut self;
        let drained = capture.drain(|capture| read(capture, core, to, broken));
        let watched = watched.and(drained);
        self.ended.store(true, Ordering::Relaxed);
        self.feed(Input::End);
        watched
    }

    fn watch(&mut self) -> Result<(), LiveError> {
        let wake = self.capture.wake();
        let mut stood = Instant::now();
        while !wake.is_stopped() && !self.broken {
            if read(self.capture, self.core, self.to, &mut self.broken)? == 0 {
                if let Some(time) = self.idle_time() {
                    self.feed(Input::Tick(time));
                }
                self.capture.wait(self.patience())?;
            } else {
                self.read = self.core.now().zip(Some(Instant::now()));
            }
            if stood.elapsed() >= STANDING {
                stood = Instant::now();
                self.stand();
            }
        }
        Ok(())
    }

    /// Capture time that has certainly passed where no frame came.
    ///
    /// The time since the last frame is taken from a clock that nobody sets: were it the wall clock, one wrong step of it would
    /// end every session that has a timer. What frames say of such a step is for the core to believe.
    fn idle_time(&self) -> Option<Timestamp> {
        let (time, read) = self.read?;
        Some(time.plus(read.elapsed().saturating_sub(BEHIND)))
    }

    /// How long nothing will happen by itself.
    fn patience(&self) -> Duration {
        let due = self.core.next_timeout().zip(self.idle_time()).map(|(due, now)| due.since(now));
        due.unwrap_or(LONGEST_WAIT).clamp(Duration::from_millis(1), LONGEST_WAIT)
    }

    /// One input by itself.
    fn feed(&mut self, input: Input<'_>) {
        self.broken |= self.core.handle(input).is_break() || self.core.settle().is_break();
    }

    fn stand(&self) {
        let lost = self.records_lost.load(Ordering::Relaxed);
        let standing = standing(self.capture, self.core.standing(), self.core.interfaces(), lost, self.core.now());
        let _ = self.to.try_give(Handed::Progress(standing));
    }
}

/// Reads a batch of every port; gives how many frames there were.
fn read<H: Hand>(
    capture: &mut LiveCapture,
    core: &mut Feed<'_, H>,
    to: &Handover<Handed<Standing>>,
    broken: &mut bool,
) -> Result<u64, LiveError> {
    let read = capture.read(|item| {
        let input = match item {
            Item::Frame(frame) => Input::Frame(frame),
            Item::Loss(loss) => {
                // That nobody is told is the receiver's doing; the records of the time carry it all the same.
                let _ = to.try_give(Handed::Loss(loss));
                Input::Loss(loss)
            }
        };
        *broken |= core.handle(input).is_break();
    });
    *broken |= core.settle().is_break();
    read
}

fn standing(
    capture: &LiveCapture,
    (counts, dialogs): (Counts, usize),
    interfaces: ByInterface,
    records_lost: u64,
    now: Option<Timestamp>,
) -> Standing {
    let ports = capture.counts().into_iter().map(|(name, counts)| (name.to_owned(), counts)).collect();
    let filtered = capture.filter_counts();
    Standing { counts, interfaces, filtered, dialogs, ports, records_lost, now }
}
