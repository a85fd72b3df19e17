//! The thread on which what leaves the core is received.

use core::ops::ControlFlow;
use std::collections::VecDeque;
use std::{io, thread};

use super::handover::Handover;
use crate::charging::PackedRecord;
use crate::probe::{Loss, Note};

/// Who takes what the core gives, on a thread of its own.
pub trait Receiver: Send {
    /// How far it is, in the terms of the input.
    type Progress: Send;

    /// A record leaves. `Break` ends it all: there is nobody to take records any more.
    fn record(&mut self, record: Box<PackedRecord>) -> ControlFlow<()>;

    /// Frames were lost before they reached the core: records may be missing. `Break` as for a record.
    fn loss(&mut self, loss: Loss) -> ControlFlow<()>;

    /// An anomaly. `Break` as for a record.
    fn note(&mut self, note: Note) -> ControlFlow<()>;

    /// Called now and then.
    fn progress(&mut self, progress: Self::Progress);
}

/// What crosses from the core to the receiver.
pub(super) enum Handed<P> {
    Record(Box<PackedRecord>),
    Loss(Loss),
    Note(Note),
    Progress(P),
}

/// Runs `feed` on this thread, which hands on to `receiver` on another; `stop` is called when that one takes no more. Gives
/// what `feed` gave, and whether the receiver broke off.
///
/// # Errors
/// When no thread can be had.
pub(super) fn with_desk<R: Receiver, T>(
    handover: &Handover<Handed<R::Progress>>,
    receiver: &mut R,
    stop: impl FnOnce() + Send,
    feed: impl FnOnce() -> T,
) -> io::Result<(T, ControlFlow<()>)> {
    thread::scope(|scope| {
        let desk = thread::Builder::new().name("desk".into()).spawn_scoped(scope, || {
            let _taking = handover.taking();
            // Whoever waits for input need not any more.
            let _stop = AtEnd(Some(stop));
            let mut taken = VecDeque::new();
            while handover.take(&mut taken) {
                taken.drain(..).try_for_each(|handed| hand(receiver, handed))?;
            }
            ControlFlow::Continue(())
        })?;
        let fed = {
            let _giving = handover.giving();
            feed()
        };
        let received = desk.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((fed, received))
    })
}

fn hand<R: Receiver>(receiver: &mut R, handed: Handed<R::Progress>) -> ControlFlow<()> {
    match handed {
        Handed::Record(record) => receiver.record(record),
        Handed::Loss(loss) => receiver.loss(loss),
        Handed::Note(note) => receiver.note(note),
        Handed::Progress(progress) => {
            receiver.progress(progress);
            ControlFlow::Continue(())
        }
    }
}

/// Calls its function when it goes, however that comes about.
struct AtEnd<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for AtEnd<F> {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            call();
        }
    }
}
