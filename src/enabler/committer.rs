//! Group commit: one thread owns the store and writes everything that waits in one transaction.

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::mpsc;

use super::store::{Arrival, Outcome, Store};

/// Most reports in one transaction: enough to share one fsync among them, few enough to answer soon.
const BATCH: usize = 2048;
/// Reports in a transaction after which the next waits for company before it begins: more are on their way then, and a
/// larger transaction costs each of them less.
const BUSY: usize = 32;
/// How long it waits, the delay of a group commit. A report that comes long after the others is stored at once.
const COMPANY: Duration = Duration::from_millis(2);
/// Most groups that wait for the thread; their number is also bounded by what the streams have under way.
const WAITING: usize = 64;

/// Reports of one stream that arrived together.
pub(super) struct Group {
    pub(super) arrivals: Vec<Arrival>,
    /// Answers go here, in the order of the arrivals. Bounded by the stream, which stops reading at its bound.
    pub(super) reply: mpsc::UnboundedSender<Committed>,
}

/// The answers to one group.
pub(super) struct Committed {
    pub(super) arrivals: Vec<Arrival>,
    /// Nothing when the store failed: all of the group is to be sent again.
    pub(super) outcomes: Option<Vec<Outcome>>,
}

/// What came in since the start.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) accepted: AtomicU64,
    pub(super) duplicates: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) failed: AtomicU64,
}

pub(super) struct Committer {
    pub(super) groups: mpsc::Sender<Group>,
    pub(super) thread: JoinHandle<Store>,
}

impl Committer {
    /// Starts the thread; it ends, with the store, when every sender is gone.
    pub(super) fn start(store: Store, tally: Arc<Tally>) -> std::io::Result<Self> {
        let (groups, waiting) = mpsc::channel(WAITING);
        let thread =
            std::thread::Builder::new().name("enabler-store".into()).spawn(move || run(store, waiting, &tally))?;
        Ok(Self { groups, thread })
    }
}

fn run(mut store: Store, mut waiting: mpsc::Receiver<Group>, tally: &Tally) -> Store {
    let mut batch = Vec::new();
    let mut owners = Vec::new();
    let mut large: Option<Instant> = None;
    while let Some(first) = waiting.blocking_recv() {
        if large.is_some_and(|end| end.elapsed() < COMPANY * 4) {
            std::thread::sleep(COMPANY);
        }
        let mut next = Some(first);
        while let Some(group) = next {
            owners.push((group.arrivals.len(), group.reply));
            batch.extend(group.arrivals);
            next = if batch.len() < BATCH { waiting.try_recv().ok() } else { None };
        }
        let outcomes = store.commit(&batch).inspect_err(|error| tracing::error!(%error, "store failed")).ok();
        count(tally, outcomes.as_deref(), batch.len());
        large = (batch.len() >= BUSY).then(Instant::now);
        let mut arrivals = batch.drain(..);
        let mut outcomes = outcomes.map(Vec::into_iter);
        for (count, reply) in owners.drain(..) {
            let arrivals = arrivals.by_ref().take(count).collect();
            let outcomes = outcomes.as_mut().map(|outcomes| outcomes.take(count).collect());
            // The stream may be gone; the probe will ask again and be told that it is a duplicate.
            let _ = reply.send(Committed { arrivals, outcomes });
        }
    }
    store
}

fn count(tally: &Tally, outcomes: Option<&[Outcome]>, arrivals: usize) {
    let Some(outcomes) = outcomes else {
        tally.failed.fetch_add(arrivals as u64, Relaxed);
        return;
    };
    let of = |wanted: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| wanted(outcome)).count() as u64;
    tally.accepted.fetch_add(of(|outcome| matches!(outcome, Outcome::Accepted)), Relaxed);
    tally.duplicates.fetch_add(of(|outcome| matches!(outcome, Outcome::Duplicate)), Relaxed);
    tally.rejected.fetch_add(of(|outcome| matches!(outcome, Outcome::Rejected(_))), Relaxed);
}
