//! What the core gives.

use core::net::IpAddr;

use crate::charging::{PackedRecord, PortsSeen};
use crate::packet::InterfaceId;
use crate::session::{Change, Dropped, NotRestored};
use crate::time::Timestamp;

/// One output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A session ended, or what was said of one has changed.
    Record(Box<PackedRecord>),
    /// Something that must survive a restart; only with [`Options::changes`](crate::probe::Options::changes).
    Change(Change),
    /// Something that an operator may want to know.
    Note(Note),
}

/// An anomaly of the input. Notes are for people: nothing is decided by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The capture clock stepped back; what the frame brought was given the highest time seen.
    ClockSteppedBack { interface: InterfaceId, from: Timestamp, to: Timestamp },
    /// Capture time jumped forward, and enough frames agree that it did.
    ClockGap { interface: InterfaceId, from: Timestamp, to: Timestamp },
    /// What a probe before this one kept could not be taken back.
    NotRestored(NotRestored),
    /// Open sessions were dropped at the bound of the table.
    SessionsDropped(Dropped),
    /// Up to the end of the input an IM Server was seen with other ports than the operator's alone: nothing was charged
    /// there.
    ServerOnOtherPorts { address: IpAddr, port: u16 },
}

/// The notes of servers that were seen with other ports alone.
pub(super) fn on_other_ports(seen: &PortsSeen) -> impl Iterator<Item = Note> {
    seen.on_other_ports().map(|server| {
        let port = server.port.unwrap_or_default();
        Note::ServerOnOtherPorts { address: server.address, port }
    })
}
