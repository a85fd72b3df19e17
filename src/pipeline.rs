//! EDGE: drives the core over capture files, and hands its records on.

use core::ops::ControlFlow;

use crate::capture::{CaptureFiles, Item};
use crate::charging::StopRecord;
use crate::probe::{Input, Loss, Note, Output, Probe};

/// Frames between two reports of progress.
const PROGRESS: u64 = 4096;

/// Who takes what the core gives.
pub trait Receiver {
    /// A record leaves. `Break` ends the replay: there is nobody to take records any more.
    fn record(&mut self, record: Box<StopRecord>) -> ControlFlow<()>;

    /// Frames were lost before they reached the file: records may be missing. `Break` as for a record.
    fn loss(&mut self, loss: Loss) -> ControlFlow<()>;

    /// An anomaly, for the log.
    fn note(&mut self, note: Note);

    /// Called now and then, with the files and the number of frames so far.
    fn progress(&mut self, files: &CaptureFiles, frames: u64);
}

/// Replays every frame of the files, in the order of their capture times, and then ends the input.
///
/// # Errors
/// None of its own: damage of the files is kept by the files. `Break` says that the receiver gave up.
pub fn replay(files: &mut CaptureFiles, probe: &mut Probe, receiver: &mut impl Receiver) -> ControlFlow<()> {
    let mut frames = 0_u64;
    loop {
        let input = match files.next() {
            Some(Item::Frame(frame)) => {
                frames += 1;
                Input::Frame(frame)
            }
            Some(Item::Loss(loss)) => {
                receiver.loss(loss)?;
                Input::Loss(loss)
            }
            None => break,
        };
        probe.handle(input);
        drain(probe, receiver)?;
        if frames.is_multiple_of(PROGRESS) {
            receiver.progress(files, frames);
        }
    }
    probe.handle(Input::End);
    drain(probe, receiver)?;
    receiver.progress(files, frames);
    ControlFlow::Continue(())
}

fn drain(probe: &mut Probe, receiver: &mut impl Receiver) -> ControlFlow<()> {
    while let Some(output) = probe.poll() {
        match output {
            Output::Record(record) => receiver.record(record)?,
            Output::Note(note) => receiver.note(note),
            // A replay starts over: nothing of it has to survive.
            Output::Change(_) => {}
        }
    }
    ControlFlow::Continue(())
}
