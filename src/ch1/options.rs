//! How the client speaks to the Charging Enabler, and what came of it.

use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::latency::Latencies;
use crate::outbox::Report;

/// Settings of the client. The defaults suit an Enabler anywhere in the operator's network.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Name of this probe (Origin-Host).
    pub probe_id: String,
    /// Grows with each start of the probe (Origin-State-Id).
    pub origin_state_id: u64,
    /// Most reports sent and not yet answered.
    pub window: usize,
    pub connect_timeout: Duration,
    /// An HTTP/2 PING goes out this often, and has to be answered within the time-out: without it a peer that vanished
    /// without a FIN would hold its connection for ever.
    pub keepalive_interval: Duration,
    pub keepalive_timeout: Duration,
    /// A peer that leaves reports unanswered for this long is connected anew.
    pub answer_timeout: Duration,
    /// First and longest wait before a new attempt; it doubles in between, each time shortened by chance by up to half.
    pub backoff: Duration,
    pub longest_backoff: Duration,
    /// Without any answer for this long while reports wait, the client gives up; never when absent.
    pub give_up_after: Option<Duration>,
    /// The same once the outbox is closed, where it is not the same.
    pub give_up_at_the_end: Option<Duration>,
    /// Whether sessions end while the probe watches, on this machine's clock: then it is measured how long it takes from a BYE
    /// to its Response.
    pub live: bool,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            probe_id: "tolltap".to_owned(),
            origin_state_id: 0,
            window: 1024,
            connect_timeout: Duration::from_secs(5),
            keepalive_interval: Duration::from_secs(10),
            keepalive_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(15),
            backoff: Duration::from_millis(100),
            longest_backoff: Duration::from_secs(5),
            give_up_after: Some(Duration::from_secs(30)),
            give_up_at_the_end: None,
            live: false,
        }
    }
}

/// What the Enabler answered so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Acknowledgements {
    /// Records and gaps stored.
    pub accepted: u64,
    /// Already stored, in this revision or a later one.
    pub duplicates: u64,
    /// Never acceptable: parked, not sent again.
    pub rejected: u64,
    /// Answers that asked to come back later.
    pub retries: u64,
    /// Answers to nothing that was under way, or about another report: ignored.
    pub unexpected: u64,
    /// Connections made, and whether there is one now.
    pub connections: u64,
    pub connected: bool,
    /// Connections lost, and attempts that failed.
    pub disconnects: u64,
    /// From the BYE on the wire to the Response: of records that a BYE triggered, in their first revision; with
    /// [`ClientOptions::live`] only.
    pub latencies: Latencies,
    /// When everything was answered, after the outbox was closed.
    pub complete: Option<Instant>,
    /// The rejected reports, the first [`Self::PARKED`] of them; the rest is only counted.
    pub parked: Vec<Parked>,
}

impl Acknowledgements {
    /// Most rejected reports kept for the operator.
    pub const PARKED: usize = 1000;
}

/// A look at [`Acknowledgements`] while they grow. Every clone looks at the same ones.
#[derive(Clone, Debug, Default)]
pub struct Answers(Arc<Mutex<Acknowledgements>>);

impl Answers {
    /// Takes from them what is asked.
    pub fn look<T>(&self, at: impl FnOnce(&Acknowledgements) -> T) -> T {
        at(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Acknowledgements)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A report that the Enabler will never take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    pub report: Report,
    pub reason: String,
    /// The offending field, where the Enabler named one.
    pub field: Option<String>,
}

/// Why reports were not delivered.
#[derive(Debug, thiserror::Error)]
pub enum Ch1Error {
    #[error("Charging Enabler {url}: {why}")]
    Url { url: String, why: &'static str },
    #[error(
        "Charging Enabler {address}: gave up after {seconds} s without an answer, {unacknowledged} unacknowledged ({last})"
    )]
    GaveUp {
        address: String,
        seconds: u64,
        unacknowledged: usize,
        /// What the last attempt failed with.
        last: String,
        acknowledgements: Box<Acknowledgements>,
    },
    #[error("cannot start the CH-1 client: {0}")]
    Start(#[from] std::io::Error),
    #[error("the CH-1 client panicked; this is a bug")]
    Panicked,
}
