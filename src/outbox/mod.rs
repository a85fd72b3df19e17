//! Keeps each report until the Charging Enabler has answered it.
//!
//! [`Queue`] decides, without a lock or a clock; [`Outbox`] shares it between the pipeline, which pushes and blocks when
//! it is full, and the sender, which takes, settles and waits. Reports live in memory: a durable store would sit in
//! [`Outbox::push`] (append before the queue sees the report) and [`Outbox::settle`] (forget after the queue has), and
//! refill the queue at the start.

mod queue;
mod report;

use core::time::Duration;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

pub use queue::{Counts, Limits, Parcel, Queue};
pub use report::{Gap, GapCause, Report, SealedRecord};

/// Reports between the pipeline and the sender.
///
/// Invariant: a report that was pushed stays until [`Self::settle`] or the end of the process; `abandon` ends the
/// waiting, not the keeping.
#[derive(Debug, Default)]
pub struct Outbox {
    shared: Mutex<Shared>,
    /// Signalled when there is room again, or no more reason to wait for it.
    room: Condvar,
    /// Signalled when there is something to send, or nothing more to come.
    work: Notify,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Queue,
    closed: bool,
    abandoned: bool,
    /// Producers that wait for room.
    waiting: usize,
}

/// Why a report was not taken; it comes back with the answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the outbox is full")]
    Full(Report),
    /// The sender gave up, or the outbox was closed: no report will leave any more.
    #[error("the outbox is closed")]
    Closed(Report),
}

impl Outbox {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let shared = Shared { queue: Queue::new(limits), ..Shared::default() };
        Self { shared: Mutex::new(shared), ..Self::default() }
    }

    /// No code panics while it holds the lock; if some did, the queue would still be whole.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a report, waiting for room. For a reader of files, which can wait.
    ///
    /// # Errors
    /// [`Refused::Closed`] once nothing leaves any more.
    pub fn push(&self, report: Report) -> Result<u64, Refused> {
        let bytes = report.bytes();
        let full = |shared: &mut Shared| !shared.closed && !shared.abandoned && !shared.queue.has_room(bytes);
        let mut shared = self.lock();
        shared.waiting += 1;
        let mut shared = self.room.wait_while(shared, full).unwrap_or_else(PoisonError::into_inner);
        shared.waiting -= 1;
        self.put(shared, report)
    }

    /// Keeps a report if there is room now. For a live interface, whose ring must never wait: what finds no room is the
    /// caller's to count and to report as a gap.
    ///
    /// # Errors
    /// [`Refused::Full`] or [`Refused::Closed`], with the report.
    pub fn try_push(&self, report: Report) -> Result<u64, Refused> {
        let shared = self.lock();
        if !shared.closed && !shared.abandoned && !shared.queue.has_room(report.bytes()) {
            return Err(Refused::Full(report));
        }
        self.put(shared, report)
    }

    fn put(&self, mut shared: MutexGuard<'_, Shared>, report: Report) -> Result<u64, Refused> {
        if shared.closed || shared.abandoned {
            return Err(Refused::Closed(report));
        }
        let sequence = shared.queue.push(report, Instant::now());
        let wake = shared.queue.is_worth_sending();
        drop(shared);
        if wake {
            self.work.notify_one();
        }
        Ok(sequence)
    }

    /// No more will be pushed; what is kept still leaves.
    pub fn close(&self) {
        self.lock().closed = true;
        self.room.notify_all();
        self.work.notify_one();
    }

    /// Whether no more will be pushed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The sender gave up: who waits for room is told so.
    pub fn abandon(&self) {
        self.lock().abandoned = true;
        self.room.notify_all();
        self.work.notify_one();
    }

    #[must_use]
    pub fn counts(&self) -> Counts {
        self.lock().queue.counts()
    }

    /// Most that may be kept.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.lock().queue.limits()
    }

    /// For how long the report has been kept that waits for its answer the longest.
    #[must_use]
    pub fn oldest(&self) -> Option<Duration> {
        let since = self.lock().queue.oldest()?;
        Some(since.elapsed())
    }

    /// Closed and empty: everything was answered.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        let shared = self.lock();
        shared.closed && shared.queue.counts().kept == 0
    }

    /// Appends at most `most` reports that may leave now, in order; they are under way from here on.
    pub fn take(&self, most: usize, parcels: &mut Vec<Parcel>) {
        let mut shared = self.lock();
        parcels.extend(core::iter::from_fn(|| shared.queue.take()).take(most));
    }

    /// Lets go of an answered report if `fits` says that the answer speaks of it.
    ///
    /// # Errors
    /// [`Unanswered`] when the sequence is not under way, or the answer does not fit; nothing changes then.
    pub fn settle(&self, sequence: u64, fits: impl FnOnce(&Report) -> bool) -> Result<Report, Unanswered> {
        let mut shared = self.lock();
        let report = shared.queue.under_way(sequence).ok_or(Unanswered::NotUnderWay)?;
        if !fits(report) {
            return Err(Unanswered::OtherReport);
        }
        let report = shared.queue.settle(sequence).ok_or(Unanswered::NotUnderWay)?;
        let wake = shared.waiting > 0 && shared.queue.is_roomy();
        drop(shared);
        if wake {
            self.room.notify_all();
        }
        Ok(report)
    }

    /// Keeps back a report that was refused for now; false unless it is under way.
    pub fn defer(&self, sequence: u64) -> bool {
        self.lock().queue.defer(sequence)
    }

    /// What was deferred may leave again.
    pub fn release(&self) {
        self.lock().queue.release();
    }

    /// The connection is lost: what was under way must leave again.
    pub fn disconnected(&self) {
        self.lock().queue.disconnected();
    }

    /// Waits until something that is worth sending was pushed, or the outbox was closed. Who waits for an answer looks again
    /// when it comes, whatever this says. May return early; for one waiter at a time.
    pub async fn changed(&self) {
        self.work.notified().await;
    }
}

/// An answer that settles nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    #[error("the report is not under way")]
    NotUnderWay,
    #[error("the answer names another report")]
    OtherReport,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;
    use crate::ch1::samples;

    fn gap(count: u64) -> Report {
        let (from, to) = (samples::at(0), samples::at(1));
        Report::Gap(Gap { interface: "eth0".into(), from, to, count, cause: GapCause::FramesLost })
    }

    fn one() -> Arc<Outbox> {
        Arc::new(Outbox::new(Limits { items: 1, bytes: usize::MAX }))
    }

    #[test]
    fn a_full_outbox_blocks_the_producer_until_an_answer() {
        let outbox = one();
        outbox.push(gap(1)).unwrap();
        assert_eq!(outbox.try_push(gap(2)), Err(Refused::Full(gap(2))));
        let producer = thread::spawn({
            let outbox = Arc::clone(&outbox);
            move || outbox.push(gap(2))
        });
        outbox.take(9, &mut Vec::new());
        outbox.settle(1, |_| true).unwrap();
        assert_eq!(producer.join().unwrap(), Ok(2));
    }

    #[test]
    fn a_waiting_producer_is_told_when_the_sender_gives_up() {
        let outbox = one();
        outbox.push(gap(1)).unwrap();
        let producer = thread::spawn({
            let outbox = Arc::clone(&outbox);
            move || outbox.push(gap(2))
        });
        outbox.abandon();
        assert_eq!(producer.join().unwrap(), Err(Refused::Closed(gap(2))));
        assert_eq!(outbox.counts().kept, 1, "what was taken is still kept");
    }

    #[test]
    fn an_answer_about_another_report_settles_nothing() {
        let outbox = one();
        outbox.push(gap(1)).unwrap();
        assert_eq!(outbox.settle(1, |_| true), Err(Unanswered::NotUnderWay));
        outbox.take(1, &mut Vec::new());
        assert_eq!(outbox.settle(1, |_| false), Err(Unanswered::OtherReport));
        assert!(outbox.settle(1, |report| *report == gap(1)).is_ok());
    }

    #[test]
    fn is_drained_once_closed_and_answered() {
        let outbox = one();
        outbox.push(gap(1)).unwrap();
        outbox.close();
        assert_eq!(outbox.push(gap(2)), Err(Refused::Closed(gap(2))));
        assert!(!outbox.is_drained());
        outbox.take(1, &mut Vec::new());
        outbox.settle(1, |_| true).unwrap();
        assert!(outbox.is_drained());
    }
}
