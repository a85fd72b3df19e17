//! Processor time, of the machine and of a process.
//!
//! The kernel counts a process's time exactly, with that of interrupts which it served meanwhile: what a frame costs on its way
//! from a sender's call to a socket's ring is the sender's. That of the machine is a sample of it, and everybody's.

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
    Some(times(&stat, 11))
}

/// Time that the children which have ended have used.
pub(crate) fn children() -> Duration {
    times(&fs::read_to_string("/proc/self/stat").unwrap_or_default(), 13)
}

/// Time of the kernel's threads that take frames where no process does.
pub(crate) fn soft_interrupts() -> Duration {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = processes.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
    stats.filter(|stat| stat.contains("(ksoftirqd/")).map(|stat| times(&stat, 11)).sum()
}

/// The sum of two fields of stat, counted from behind the name.
fn times(stat: &str, at: usize) -> Duration {
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    TICK * fields.skip(at).take(2).filter_map(|field| field.parse::<u32>().ok()).sum()
}
