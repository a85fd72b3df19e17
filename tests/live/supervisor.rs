//! What a service manager hears.

use core::ffi::c_void;
use core::ptr::null_mut;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::ports::{bench, send};
use crate::probe::{PATIENCE, Probe};

/// A service manager as far as it listens.
struct Manager {
    socket: UnixDatagram,
    folder: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a socket can be made");
        Self { socket, folder }
    }

    fn environment(&self) -> String {
        format!("env NOTIFY_SOCKET={}", self.folder.path().join("notify").display())
    }

    /// What it hears next.
    fn hears(&self) -> String {
        self.hears_within(PATIENCE).expect("it is told something")
    }

    /// What it hears next, if it does.
    fn hears_within(&self, time: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(time)).expect("it has time-outs");
        let mut datagram = [0; 512];
        loop {
            match self.socket.recv(&mut datagram) {
                Ok(length) => return Some(String::from_utf8_lossy(&datagram[..length]).into_owned()),
                // A wait with a time-out is not taken up again where the whole process was halted meanwhile.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
                    return None;
                }
            }
        }
    }

    /// Waits until it hears this.
    fn hears_at_last(&self, what: &str) -> String {
        loop {
            let heard = self.hears();
            if heard.contains(what) {
                return heard;
            }
            assert!(heard.starts_with("WATCHDOG=1\n"), "{heard}");
        }
    }
}

/// A thread that stands still until this goes, as under a debugger. A signal would stop all threads of the process.
struct Held(libc::pid_t);

impl Held {
    fn thread(number: u32) -> Self {
        let thread = libc::pid_t::try_from(number).expect("a thread's number");
        ptrace(libc::PTRACE_SEIZE, thread);
        ptrace(libc::PTRACE_INTERRUPT, thread);
        let mut status = 0;
        // SAFETY: the pointer is to a status of our own; the call writes it and nothing else.
        #[allow(unsafe_code, reason = "the standard library waits for children only")]
        let waited = unsafe { libc::waitpid(thread, &raw mut status, libc::__WALL) };
        assert_eq!(waited, thread, "{}", std::io::Error::last_os_error());
        Self(thread)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        ptrace(libc::PTRACE_DETACH, self.0);
    }
}

fn ptrace(request: libc::c_uint, thread: libc::pid_t) {
    // SAFETY: none of these requests takes an address or data: they are null.
    #[allow(unsafe_code, reason = "there is no other way to hold one thread of a process")]
    let done = unsafe { libc::ptrace(request, thread, null_mut::<c_void>(), null_mut::<c_void>()) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn it_is_told_when_the_probe_is_ready_lives_and_stops() {
    let Some(network) = bench() else { return };
    let manager = Manager::new();
    let program = env!("CARGO_BIN_EXE_tolltap");
    let mut probe = Probe::as_somebody(&network, "probe", &manager.environment(), program, "-i tap0");
    assert_eq!(manager.hears(), "READY=1");
    // Captured from then on: nothing that is sent now is missed.
    send(&network, "im-client-terminated-udp");
    probe.record();
    manager.hears_at_last(" 1 records, 0 frames lost");
    manager.hears_at_last("WATCHDOG=1");
    let ended = probe.stop();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    manager.hears_at_last("STOPPING=1");
}

#[test]
fn it_hears_nothing_while_the_thread_that_reads_hangs() {
    let Some(network) = bench() else { return };
    let manager = Manager::new();
    let program = env!("CARGO_BIN_EXE_tolltap");
    let probe = Probe::as_somebody(&network, "probe", &manager.environment(), program, "-i tap0");
    assert_eq!(manager.hears(), "READY=1");
    manager.hears_at_last("WATCHDOG=1");
    // The thread that reads is the first one. The others go on: it is they that speak to the manager.
    let held = Held::thread(probe.process());
    let mut heard = 0;
    while manager.hears_within(Duration::from_millis(2500)).is_some() {
        heard += 1;
        // What was said before may still be on its way.
        assert!(heard <= 2, "it is heard all the same");
    }
    drop(held);
    manager.hears_at_last("WATCHDOG=1");
    assert_eq!(probe.stop().status, Some(0));
}

#[test]
fn one_that_is_not_there_is_said_at_once() {
    let Some(network) = bench() else { return };
    let program = env!("CARGO_BIN_EXE_tolltap");
    let ended = Probe::as_somebody(&network, "probe", "env NOTIFY_SOCKET=/no/such/socket", program, "-i tap0").end();
    assert_eq!(ended.status, Some(1));
    assert!(
        ended.stderr.starts_with("tolltap: NOTIFY_SOCKET: cannot speak to the service manager"),
        "{}",
        ended.stderr
    );
}
