//! How a probe on tap ports is, as it last said, for whoever asks.

use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::catalogue::{self, View};
use super::page::Page;
use super::process::Process;
use crate::capture::PortCounts;
use crate::ch1::Answers;
use crate::outbox::Outbox;
use crate::pipeline::Standing;
use crate::telemetry::DeskCounts;

/// The thread that reads the ports says how things stand once a second. When it has not for this long, it hangs.
const ALIVE_WITHIN: Duration = Duration::from_secs(5);

/// What is known of a running probe. The desk writes it, and others read it at any time.
///
/// The lock is held for as long as it takes to put one pointer in the place of another: whoever asks, however often, keeps no
/// record from leaving.
#[derive(Debug)]
pub struct Vitals {
    shown: Mutex<Arc<Shown>>,
    outbox: Arc<Outbox>,
    answers: Answers,
    process: Process,
}

#[derive(Clone, Debug)]
struct Shown {
    standing: Standing,
    desk: DeskCounts,
    /// When it was said.
    at: Instant,
    /// Nothing is read any more: what was is being delivered.
    stopping: bool,
}

impl Vitals {
    /// Of a probe that has seen nothing on these ports yet, and whose reports go this way.
    #[must_use]
    pub fn new(interfaces: &[String], outbox: Arc<Outbox>, answers: Answers, process: Process) -> Self {
        let ports = interfaces.iter().map(|name| (name.clone(), PortCounts::default())).collect();
        let standing = Standing { ports, ..Standing::default() };
        let shown = Shown { standing, desk: DeskCounts::default(), at: Instant::now(), stopping: false };
        Self { shown: Mutex::new(Arc::new(shown)), outbox, answers, process }
    }

    /// No code panics while it holds the lock; if some did, what is shown would still be whole.
    fn shown(&self) -> Arc<Shown> {
        Arc::clone(&self.shown.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn show(&self, shown: Shown) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(shown);
    }

    /// How things stand now.
    pub fn stand(&self, standing: Standing, desk: DeskCounts) {
        self.show(Shown { standing, desk, at: Instant::now(), stopping: false });
    }

    /// Nothing more is read.
    pub fn stop(&self, desk: DeskCounts) {
        self.show(Shown { desk, stopping: true, ..Shown::clone(&self.shown()) });
    }

    /// Whether the ports are read.
    ///
    /// # Errors
    /// Half a sentence that says why not.
    pub fn alive(&self) -> Result<(), &'static str> {
        self.alive_at(Instant::now())
    }

    fn alive_at(&self, now: Instant) -> Result<(), &'static str> {
        let shown = self.shown();
        let silent = now.duration_since(shown.at);
        if shown.stopping || silent < ALIVE_WITHIN { Ok(()) } else { Err("the ports are not read") }
    }

    /// Whether what is captured now becomes records, and these are taken.
    ///
    /// # Errors
    /// Half a sentence that says why not.
    pub fn ready(&self) -> Result<(), &'static str> {
        self.alive()?;
        if self.shown().stopping {
            Err("it is stopping")
        } else if !self.answers.look(|answers| answers.connected) {
            Err("no connection to the Charging Enabler")
        } else {
            Ok(())
        }
    }

    /// Every metric, in the text format of Prometheus.
    #[must_use]
    pub fn metrics(&self) -> String {
        let mut page = Page::default();
        catalogue::of_process(&mut page, &self.process);
        let Shown { standing, desk, at, .. } = &*self.shown();
        catalogue::of_probe(&mut page, &View { standing, desk, age: at.elapsed() });
        catalogue::of_outbox(&mut page, &self.outbox);
        self.answers.look(|answers| catalogue::of_answers(&mut page, answers));
        page.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_that_says_nothing_for_long_is_not_alive() {
        let vitals = Vitals::new(&[], Arc::new(Outbox::default()), Answers::default(), Process::started());
        let said = vitals.shown().at;
        assert_eq!(vitals.alive_at(said + Duration::from_millis(4_999)), Ok(()));
        assert_eq!(vitals.alive_at(said + Duration::from_secs(5)), Err("the ports are not read"));
        vitals.stand(Standing::default(), DeskCounts::default());
        let said = vitals.shown().at;
        assert_eq!(vitals.alive_at(said + Duration::from_secs(4)), Ok(()));
        vitals.stop(DeskCounts::default());
        assert_eq!(vitals.alive_at(said + Duration::from_secs(60)), Ok(()), "what was read is being delivered");
    }
}
