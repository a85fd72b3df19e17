//! Processor time, of the machine and of a process.

use core::time::Duration;
use std::fs;

/// Hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// Time that the processors were not idle, since the machine started.
pub(crate) fn machine() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let numbers: Vec<u32> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .map_while(|word| word.parse().ok())
        .collect();
    // user, nice, system, idle, iowait, irq, softirq; what is stolen is nobody's here.
    let busy = numbers.iter().take(7).enumerate().filter(|(at, _)| ![3, 4].contains(at)).map(|(_, ticks)| ticks);
    TICK * busy.sum::<u32>()
}

/// Time that a process has used, with the kernel's for it. Absent where there is none of that number.
pub(crate) fn process(id: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let after_name = stat.rsplit(')').next()?;
    let ticks: Vec<u32> =
        after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    Some(TICK * ticks.iter().sum())
}
