//! What a service manager hears.

use std::os::unix::net::UnixDatagram;

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
        socket.set_read_timeout(Some(PATIENCE)).expect("it has time-outs");
        Self { socket, folder }
    }

    fn environment(&self) -> String {
        format!("env NOTIFY_SOCKET={}", self.folder.path().join("notify").display())
    }

    /// What it hears next.
    fn hears(&self) -> String {
        let mut datagram = [0; 512];
        let length = self.socket.recv(&mut datagram).expect("it is told something");
        String::from_utf8_lossy(&datagram[..length]).into_owned()
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
