//! How things stand on a tap port, in a line on a terminal.

use std::time::Instant;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::pipeline::Standing;

/// A line that is written over once a second.
pub struct Status {
    bar: ProgressBar,
    before: Option<(Instant, u64, u64)>,
}

impl Status {
    /// Draws on standard error, which is a terminal.
    #[must_use]
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
        let style = ProgressStyle::with_template("{spinner} {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self { bar, before: None }
    }

    /// Shows how things stand now.
    pub fn show(&mut self, standing: &Standing, records: u64) {
        let now = Instant::now();
        let (frames, messages) = (standing.counts.packet.frames, standing.counts.sip.messages());
        let lost: u64 = standing.ports.iter().map(|(_, port)| port.dropped + port.dropped_by_interface).sum();
        let rate = |count: u64, before: u64, time: Instant| {
            let seconds = now.duration_since(time).as_secs_f64().max(0.001);
            HumanCount((count.saturating_sub(before) as f64 / seconds) as u64)
        };
        if let Some((time, frames_before, messages_before)) = self.before {
            self.bar.set_message(format!(
                "{} frames/s, {} messages/s, {} dialogs, {} records, {} frames lost",
                rate(frames, frames_before, time),
                rate(messages, messages_before, time),
                HumanCount(standing.dialogs as u64),
                HumanCount(records),
                HumanCount(lost),
            ));
            self.bar.tick();
        }
        self.before = Some((now, frames, messages));
    }
}

impl Default for Status {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
