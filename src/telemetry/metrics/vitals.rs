//! How a probe on tap ports is, as it last said, for whoever asks.

use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
#[derive(Debug)]
pub struct Vitals {
    shown: Mutex<Shown>,
    outbox: Arc<Outbox>,
    answers: Answers,
    process: Process,
}

#[derive(Debug)]
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
    pub fn new(interfaces: &[String], outbox: Arc<Outbox>, answers: Answers) -> Self {
        let ports = interfaces.iter().map(|name| (name.clone(), PortCounts::default())).collect();
        let standing = Standing { ports, ..Standing::default() };
        let shown = Shown { standing, desk: DeskCounts::default(), at: Instant::now(), stopping: false };
        Self { shown: Mutex::new(shown), outbox, answers, process: Process::new() }
    }

    /// No code panics while it holds the lock; if some did, what is shown would still be whole.
    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How things stand now.
    pub fn stand(&self, standing: Standing, desk: DeskCounts) {
        let mut shown = self.lock();
        (shown.standing, shown.desk, shown.at) = (standing, desk, Instant::now());
    }

    /// Nothing more is read.
    pub fn stop(&self, desk: DeskCounts) {
        let mut shown = self.lock();
        (shown.desk, shown.stopping) = (desk, true);
    }

    /// Whether the ports are read.
    ///
    /// # Errors
    /// Half a sentence that says why not.
    pub fn alive(&self) -> Result<(), &'static str> {
        let shown = self.lock();
        if shown.stopping || shown.at.elapsed() < ALIVE_WITHIN { Ok(()) } else { Err("the ports are not read") }
    }

    /// Whether what is captured now becomes records, and these are taken.
    ///
    /// # Errors
    /// Half a sentence that says why not.
    pub fn ready(&self) -> Result<(), &'static str> {
        self.alive()?;
        if self.lock().stopping {
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
        {
            let Shown { standing, desk, at, .. } = &*self.lock();
            catalogue::of_probe(&mut page, &View { standing, desk, age: at.elapsed() });
        }
        catalogue::of_outbox(&mut page, &self.outbox);
        self.answers.look(|answers| catalogue::of_answers(&mut page, answers));
        page.text()
    }
}
