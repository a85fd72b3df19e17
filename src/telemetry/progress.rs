//! A progress bar on a terminal, nothing otherwise.

use std::io::{IsTerminal, stderr};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::capture::Position;

/// Progress of a replay: bytes of the files, frames a second, records.
pub struct Progress {
    bar: Option<ProgressBar>,
    start: Instant,
}

impl Progress {
    /// Draws on standard error, if a person can see it.
    #[must_use]
    pub fn new() -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            bar.set_style(spinner());
            bar
        });
        Self { bar, start: Instant::now() }
    }

    /// Shows how far it is.
    pub fn update(&self, position: Position, frames: u64, records: u64) {
        let Some(bar) = &self.bar else { return };
        if let Some(total) = position.total
            && bar.length() != Some(total)
        {
            bar.set_length(total);
            bar.set_style(measured());
        }
        bar.set_position(position.consumed);
        let seconds = self.start.elapsed().as_secs_f64().max(0.001);
        bar.set_message(format!("{:.0} frames/s, {records} records", frames as f64 / seconds));
    }

    /// Waits for the last acknowledgements.
    pub fn waiting(&self) {
        if let Some(bar) = &self.bar {
            bar.set_message("waiting for the Charging Enabler");
        }
    }

    /// Takes the bar off the screen, for good: what is cleared later would clear the lines written since.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {bytes}  {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn measured() -> ProgressStyle {
    ProgressStyle::with_template("[{bar:32}] {bytes}/{total_bytes}  {msg}  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
