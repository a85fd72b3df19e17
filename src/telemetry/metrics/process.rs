//! What the process itself uses.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::SystemTime;

use rustix::param::page_size;
use rustix::time::{ClockId, clock_gettime};

/// The process, as its metrics show it. What has to be opened is opened when it is made: later it may not be permitted.
#[derive(Debug)]
pub struct Process {
    started: SystemTime,
    /// `/proc/self/statm`; absent where there is no such file.
    memory: Option<File>,
    /// Bytes of a page of memory. It is asked for once, since `rustix` asks the kernel when it is asked first, and panics where
    /// that is not permitted any more.
    page: usize,
}

impl Process {
    /// This one, which has just been started.
    #[must_use]
    pub fn started() -> Self {
        Self { started: SystemTime::now(), memory: File::open("/proc/self/statm").ok(), page: page_size() }
    }

    /// Seconds since the Unix epoch.
    pub(super) fn start_time(&self) -> f64 {
        self.started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }

    /// Seconds of CPU time, of all threads, in user space and in the kernel.
    pub(super) fn cpu_seconds() -> f64 {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    }

    /// Bytes that are resident.
    pub(super) fn resident_bytes(&self) -> Option<u64> {
        let mut text = [0; 128];
        let read = self.memory.as_ref()?.read_at(&mut text, 0).ok()?;
        // Pages: in all, resident, shared, …
        let pages = core::str::from_utf8(text.get(..read)?).ok()?.split(' ').nth(1)?;
        Some(pages.parse::<u64>().ok()?.saturating_mul(self.page as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_and_has_used_time() {
        let process = Process::started();
        let resident = process.resident_bytes().expect("Linux has /proc/self/statm");
        assert!((1 << 20..1 << 40).contains(&resident), "{resident}");
        assert!(Process::cpu_seconds() > 0.0);
        assert!(process.start_time() > 1.7e9);
    }
}
