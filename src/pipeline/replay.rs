//! Capture files through the core.

use core::ops::ControlFlow;
use std::io;

use super::core::{Core, Feed, Hand};
use super::desk::{Handed, Receiver, with_desk};
use super::handover::Handover;
use crate::capture::{CaptureFiles, Item, Position};
use crate::probe::{Input, Output};

/// Frames between two reports of progress.
const PROGRESS: u64 = 4096;
/// Things that wait for the receiver. At the bound the reading waits.
const ROOM: usize = 1024;

/// How far the files have been read, and the number of frames so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    pub position: Position,
    pub frames: u64,
}

/// Replays every frame of the files, in the order of their capture times, and then ends the input.
///
/// # Errors
/// When no thread can be had. Damage of the files is kept by the files. `Break` says that the receiver gave up.
pub fn replay(
    files: &mut CaptureFiles,
    core: &mut Core,
    receiver: &mut impl Receiver<Progress = Reading>,
) -> io::Result<ControlFlow<()>> {
    let handover = Handover::with_room(ROOM);
    let stop = files.stopper();
    let hand = |output| match output {
        Output::Record(record) => handover.give(Handed::Record(record)),
        Output::Note(note) => handover.give(Handed::Note(note)),
        // A replay starts over: nothing of it has to survive.
        Output::Change(_) => ControlFlow::Continue(()),
    };
    let run = || core.run(&hand, |core| feed(files, core, &handover));
    let (fed, received) = with_desk(&handover, receiver, || stop.stop(), run)?;
    let fed = fed?;
    Ok(if fed.is_break() { fed } else { received })
}

fn feed<H: Hand>(files: &mut CaptureFiles, core: &mut Feed<'_, H>, to: &Handover<Handed<Reading>>) -> ControlFlow<()> {
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
        core.handle(input)?;
        if frames.is_multiple_of(PROGRESS) {
            to.give(Handed::Progress(Reading { position: files.position(), frames }))?;
        }
    }
    core.handle(Input::End)?;
    core.settle()?;
    to.give(Handed::Progress(Reading { position: files.position(), frames }))
}
