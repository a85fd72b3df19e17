//! EDGE: drives the core over capture files, and hands its records on.
//!
//! The caller's thread reads and feeds the core, and another takes what the core gives. What is compressed, or comes from a
//! pipe, is read by further threads (`capture::ahead`). None of them decides anything: each hands on what it got, in order,
//! and waits when the next one is behind.

mod handover;

use core::ops::ControlFlow;
use std::collections::VecDeque;
use std::{io, thread};

use crate::capture::{CaptureFiles, Item, Position, Stop};
use crate::charging::PackedRecord;
use crate::probe::{Input, Loss, Note, Output, Probe};

use handover::Handover;

/// Frames between two reports of progress.
const PROGRESS: u64 = 4096;

/// Who takes what the core gives, on a thread of its own.
pub trait Receiver: Send {
    /// A record leaves. `Break` ends the replay: there is nobody to take records any more.
    fn record(&mut self, record: Box<PackedRecord>) -> ControlFlow<()>;

    /// Frames were lost before they reached the file: records may be missing. `Break` as for a record.
    fn loss(&mut self, loss: Loss) -> ControlFlow<()>;

    /// An anomaly. `Break` as for a record.
    fn note(&mut self, note: Note) -> ControlFlow<()>;

    /// Called now and then, with how far the files have been read and the number of frames so far.
    fn progress(&mut self, position: Position, frames: u64);
}

/// What crosses from the core to the receiver.
enum Handed {
    Record(Box<PackedRecord>),
    Loss(Loss),
    Note(Note),
    Progress(Position, u64),
}

/// Replays every frame of the files, in the order of their capture times, and then ends the input.
///
/// # Errors
/// When no thread can be had. Damage of the files is kept by the files. `Break` says that the receiver gave up.
pub fn replay(
    files: &mut CaptureFiles,
    probe: &mut Probe,
    receiver: &mut impl Receiver,
) -> io::Result<ControlFlow<()>> {
    let handover = Handover::new();
    let stop = files.stopper();
    thread::scope(|scope| {
        let desk = thread::Builder::new().name("desk".into()).spawn_scoped(scope, || {
            let _taking = handover.taking();
            // Nobody takes any more: whoever waits for a pipe need not.
            let _stop = StopAtEnd(stop);
            let mut taken = VecDeque::new();
            while handover.take(&mut taken) {
                taken.drain(..).try_for_each(|handed| hand(receiver, handed))?;
            }
            ControlFlow::Continue(())
        })?;
        let fed = {
            let _giving = handover.giving();
            feed(files, probe, &handover)
        };
        let received = desk.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok(if fed.is_break() { fed } else { received })
    })
}

struct StopAtEnd(Stop);

impl Drop for StopAtEnd {
    fn drop(&mut self) {
        self.0.stop();
    }
}

fn hand(receiver: &mut impl Receiver, handed: Handed) -> ControlFlow<()> {
    match handed {
        Handed::Record(record) => receiver.record(record),
        Handed::Loss(loss) => receiver.loss(loss),
        Handed::Note(note) => receiver.note(note),
        Handed::Progress(position, frames) => {
            receiver.progress(position, frames);
            ControlFlow::Continue(())
        }
    }
}

fn feed(files: &mut CaptureFiles, probe: &mut Probe, to: &Handover<Handed>) -> ControlFlow<()> {
    let mut frames = 0_u64;
    loop {
        let input = match files.next() {
            Some(Item::Frame(frame)) => {
                frames += 1;
                Input::Frame(frame)
            }
            Some(Item::Loss(loss)) => {
                to.give(Handed::Loss(loss))?;
                Input::Loss(loss)
            }
            None => break,
        };
        probe.handle(input);
        drain(probe, to)?;
        if frames.is_multiple_of(PROGRESS) {
            to.give(Handed::Progress(files.position(), frames))?;
        }
    }
    probe.handle(Input::End);
    drain(probe, to)?;
    to.give(Handed::Progress(files.position(), frames))
}

fn drain(probe: &mut Probe, to: &Handover<Handed>) -> ControlFlow<()> {
    while let Some(output) = probe.poll() {
        match output {
            Output::Record(record) => to.give(Handed::Record(record))?,
            Output::Note(note) => to.give(Handed::Note(note))?,
            // A replay starts over: nothing of it has to survive.
            Output::Change(_) => {}
        }
    }
    ControlFlow::Continue(())
}
