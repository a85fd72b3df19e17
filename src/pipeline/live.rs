//! Tap ports through the core.
//!
//! The ring of a port must never wait: what is behind here, the kernel drops. So this thread reads and feeds the core and
//! does nothing else; and where the receiver is behind too, records are counted as lost instead of being waited for.

use core::ops::ControlFlow;
use core::time::Duration;
use std::io;
use std::time::Instant;

use super::desk::{Handed, Receiver, with_desk};
use super::handover::Handover;
use crate::capture::{Item, LiveCapture, LiveError, PortCounts};
use crate::probe::{Counts, Input, Output, Probe};
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
/// Longer than a block of the ring waits.
const LAST_BLOCK: Duration = Duration::from_millis(10);
/// How long it may take, after a stop, to read what the rings hold.
const LAST_READING: Duration = Duration::from_millis(500);

/// How things stand, once a second.
#[derive(Clone, Debug)]
pub struct Standing {
    pub counts: Counts,
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
    probe: &mut Probe,
    receiver: &mut impl Receiver<Progress = Standing>,
) -> Result<ControlFlow<()>, WatchError> {
    let handover = Handover::with_room(ROOM);
    let wake = capture.wake();
    let run = || Watch { capture, probe, to: &handover, records_lost: 0, read: None }.run();
    let (watched, received) = with_desk(&handover, receiver, || wake.stop(), run).map_err(WatchError::Thread)?;
    watched?;
    Ok(received)
}

struct Watch<'a> {
    capture: &'a mut LiveCapture,
    probe: &'a mut Probe,
    to: &'a Handover<Handed<Standing>>,
    records_lost: u64,
    /// Where the capture clock stood when the last frames were read, and when that was.
    read: Option<(Timestamp, Instant)>,
}

impl Watch<'_> {
    fn run(mut self) -> Result<(), LiveError> {
        let mut watched = self.watch();
        // What was captured is worth the same after a stop or a failure; the kernel hands over the last block when its time is
        // up, full or not.
        let last = Instant::now();
        std::thread::sleep(LAST_BLOCK);
        while watched.is_ok() && last.elapsed() < LAST_READING {
            match self.read() {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => watched = Err(error),
            }
        }
        self.probe.handle(Input::End);
        drain(self.probe, self.to, &mut self.records_lost);
        self.stand();
        watched
    }

    fn watch(&mut self) -> Result<(), LiveError> {
        let wake = self.capture.wake();
        let mut stood = Instant::now();
        while !wake.is_stopped() {
            if self.read()? == 0 {
                if let Some(time) = self.idle_time() {
                    self.probe.handle(Input::Tick(time));
                    drain(self.probe, self.to, &mut self.records_lost);
                }
                self.capture.wait(self.patience())?;
            } else {
                self.read = self.probe.now().zip(Some(Instant::now()));
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
        let due = self.probe.next_timeout().zip(self.idle_time()).map(|(due, now)| due.since(now));
        due.unwrap_or(LONGEST_WAIT).clamp(Duration::from_millis(1), LONGEST_WAIT)
    }

    /// Reads a batch of every port; gives how many frames there were.
    fn read(&mut self) -> Result<u64, LiveError> {
        let Self { capture, probe, to, records_lost, .. } = self;
        capture.read(|item| {
            match item {
                Item::Frame(frame) => probe.handle(Input::Frame(frame)),
                Item::Loss(loss) => {
                    probe.handle(Input::Loss(loss));
                    // That nobody is told is the receiver's doing; the records of the time carry it all the same.
                    let _ = to.try_give(Handed::Loss(loss));
                }
            }
            drain(probe, to, records_lost);
        })
    }

    fn stand(&self) {
        let ports = self.capture.counts().into_iter().map(|(name, counts)| (name.to_owned(), counts)).collect();
        let standing = Standing {
            counts: self.probe.counts(),
            dialogs: self.probe.dialogs(),
            ports,
            records_lost: self.records_lost,
            now: self.probe.now(),
        };
        let _ = self.to.try_give(Handed::Progress(standing));
    }
}

fn drain(probe: &mut Probe, to: &Handover<Handed<Standing>>, records_lost: &mut u64) {
    while let Some(output) = probe.poll() {
        match output {
            Output::Record(record) => *records_lost += u64::from(to.try_give(Handed::Record(record)).is_err()),
            Output::Note(note) => drop(to.try_give(Handed::Note(note))),
            Output::Change(_) => {}
        }
    }
}
