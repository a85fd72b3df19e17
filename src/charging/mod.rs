//! What a session is worth telling the Charging Enabler.

pub mod cause;

mod block;
mod body;
mod compose;
mod early;
mod evidence;
mod fact;
mod field;
mod gather;
mod id;
mod media;
mod options;
mod packed;
mod packer;
mod party;
mod record;
mod server;
mod words;

pub use crate::sip::sdp::Direction;
pub use block::{Block, Part};
pub(crate) use compose::{MAX_CHANGE, pack_change, read_change};
pub(crate) use early::{copy_for_branch, has_early, note_early};
pub use evidence::{Confirmation, Evidence, Sight};
pub use fact::Fact;
pub use field::FactValue;
pub(crate) use gather::{Gathered, gather_answer, gather_invite, gather_media, has_messaging, product_role};
pub use options::{ImServer, ImServerError, Options, OrphanBye};
pub(crate) use packed::PackedFacts;
pub use packed::PackedRecord;
pub(crate) use packer::MAX_VALUE;
pub use packer::Packer;
pub use party::PartyAddress;
pub use record::{
    CalledChange, Correlation, End, Identity, Leg, Media, MessageBody, Network, NodeRole, Parties, Party, RecordId,
    Revised, Role, Service, ServiceKind, StopRecord, Text, TextBytes, Times, Trigger,
};
pub(crate) use server::PortsSeen;
pub use server::{Crossing, Point, Servers};
