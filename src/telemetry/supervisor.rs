//! What a service manager is told: `sd_notify(3)`.
//!
//! One datagram for each state, to the socket that NOTIFY_SOCKET names. The small crates for it wait where the socket is full,
//! which it is when the manager hangs; a probe that hangs with it would lose records. Here such a datagram is lost.

use core::time::Duration;
use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::pipeline::Standing;

/// What an end takes beside delivering: printing, and the store of an Enabler in this process.
const LAST_STEPS: Duration = Duration::from_secs(10);

/// The service manager of this process; there may be none, and then nothing is told.
#[derive(Debug, Default)]
pub struct Supervisor {
    /// Opened once, before files are out of reach.
    socket: Option<UnixDatagram>,
    /// That it does not listen has been said.
    said: bool,
}

impl Supervisor {
    /// The one that the environment names.
    ///
    /// # Errors
    /// When it names a socket that is not there. Without a word from here the manager would end this process in time, and
    /// nobody would know why.
    pub fn of_environment() -> io::Result<Self> {
        env::var_os("NOTIFY_SOCKET").map_or_else(|| Ok(Self::default()), |name| Self::at(&name))
    }

    fn at(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes() {
            // A name that is in no folder.
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect_addr(&address)?;
        Ok(Self { socket: Some(socket), said: false })
    }

    /// Another hand on it, for another thread.
    ///
    /// # Errors
    /// When no descriptor is left.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { socket: self.socket.as_ref().map(UnixDatagram::try_clone).transpose()?, said: self.said })
    }

    /// It watches, and records find their way out.
    pub fn ready(&mut self) {
        self.tell("READY=1");
    }

    /// The thread that reads has just said how things stand. Called for nothing else: the manager's watchdog (WatchdogSec=)
    /// waits for this, and restarts a probe that does not read.
    pub fn alive(&mut self, standing: &Standing, records: u64) {
        if self.socket.is_some() {
            let lost: u64 = standing.ports.iter().map(|(_, port)| port.dropped + port.dropped_by_interface).sum();
            let dialogs = standing.dialogs;
            self.tell(&format!("WATCHDOG=1\nSTATUS={dialogs} dialogs, {records} records, {lost} frames lost"));
        }
    }

    /// What was captured is delivered, which takes so long at most, and then it ends. Nobody reads any more, so the watchdog
    /// would wait in vain; and the manager's own patience with a stop may be shorter than the operator's.
    pub fn stopping(&mut self, within: Duration) {
        let patience = within.saturating_add(LAST_STEPS).as_micros();
        self.tell(&format!(
            "STOPPING=1\nEXTEND_TIMEOUT_USEC={patience}\nWATCHDOG_USEC={patience}\nSTATUS=delivering what is left"
        ));
    }

    fn tell(&mut self, state: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = socket.send(state.as_bytes())
            && !core::mem::replace(&mut self.said, true)
        {
            tracing::warn!(%error, "the service manager does not listen");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(manager: &UnixDatagram) -> String {
        let mut datagram = [0; 512];
        let length = manager.recv(&mut datagram).unwrap();
        String::from_utf8(datagram[..length].to_vec()).unwrap()
    }

    fn standing() -> Standing {
        Standing { dialogs: 3, ..Standing::default() }
    }

    #[test]
    fn one_in_a_folder_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let mut supervisor = Supervisor::at(path.as_os_str()).unwrap();
        supervisor.ready();
        assert_eq!(told(&manager), "READY=1");
        supervisor.alive(&standing(), 7);
        assert_eq!(told(&manager), "WATCHDOG=1\nSTATUS=3 dialogs, 7 records, 0 frames lost");
        supervisor.stopping(Duration::from_secs(60));
        let stopping = told(&manager);
        // The watchdog too: nothing is heard while an Enabler is waited for.
        for line in ["STOPPING=1", "EXTEND_TIMEOUT_USEC=70000000", "WATCHDOG_USEC=70000000"] {
            assert!(stopping.lines().any(|told| told == line), "{line} is not in {stopping}");
        }
    }

    #[test]
    fn one_without_a_folder_is_told() {
        let name = format!("tolltap-test-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Supervisor::at(OsStr::new(&format!("@{name}"))).unwrap().ready();
        assert_eq!(told(&manager), "READY=1");
    }

    #[test]
    fn one_that_hangs_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _hanging = UnixDatagram::bind(&path).unwrap();
        let mut supervisor = Supervisor::at(path.as_os_str()).unwrap();
        // More than any socket holds.
        (0..100_000).for_each(|_| supervisor.alive(&standing(), 0));
        assert!(supervisor.said);
    }

    #[test]
    fn one_is_told_of_an_end_that_takes_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        Supervisor::at(path.as_os_str()).unwrap().stopping(Duration::MAX);
        assert!(told(&manager).starts_with("STOPPING=1\n"));
    }

    #[test]
    fn one_that_is_not_there_is_an_error() {
        assert!(Supervisor::at(OsStr::new("/no/such/socket")).is_err());
    }
}
