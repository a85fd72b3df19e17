//! What a session is worth telling the Charging Enabler.

mod evidence;
mod party;
mod record;

pub use evidence::{Confirmation, Evidence, Sight};
pub use party::PartyAddress;
pub use record::{
    Correlation, Direction, End, Identity, Leg, Media, Network, Parties, Party, RecordId, Revised, Role, Service,
    ServiceKind, StopRecord, Text, Times, Trigger,
};
