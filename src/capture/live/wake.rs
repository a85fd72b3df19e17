//! What ends a wait for frames from another thread.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, eventfd};

/// Asks whoever waits for frames to stop. Every clone asks the same one.
#[derive(Clone, Debug)]
pub struct Wake {
    descriptor: Arc<OwnedFd>,
    stop: Arc<AtomicBool>,
}

impl Wake {
    pub(super) fn new() -> io::Result<Self> {
        let descriptor = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { descriptor: Arc::new(descriptor), stop: Arc::new(AtomicBool::new(false)) })
    }

    /// Asks. It stays asked.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        // It fails only where the counter is full, and then whoever waits is awake.
        let _ = rustix::io::write(&*self.descriptor, &1_u64.to_ne_bytes());
    }

    /// Whether somebody has asked.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
