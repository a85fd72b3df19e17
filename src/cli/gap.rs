//! What may have cost records, as a Charging Enabler is told of it.

use crate::outbox::{Gap, GapCause};
use crate::packet::InterfaceId;
use crate::probe::{Loss, Note};
use crate::session::Dropped;

/// The notice of frames that never reached the core.
pub(super) fn of_loss(loss: Loss) -> Gap {
    let Loss { interface, from, to, count } = loss;
    Gap { interface: name(interface), from, to, count, cause: GapCause::FramesLost }
}

/// The notice of an anomaly, where that may have cost records.
pub(super) fn of_note(note: Note) -> Option<Gap> {
    match note {
        Note::ClockGap { interface, from, to } => {
            Some(Gap { interface: name(interface), from, to, count: 0, cause: GapCause::NotObserved })
        }
        Note::SessionsDropped(Dropped { from, to, count }) => {
            Some(Gap { interface: String::new(), from, to, count, cause: GapCause::SessionsDropped })
        }
        Note::ClockSteppedBack { .. } | Note::NotRestored(_) | Note::ServerOnOtherPorts { .. } => None,
    }
}

/// A number, not a name: the name of a file must not reach the Enabler.
fn name(interface: InterfaceId) -> String {
    interface.0.to_string()
}
