//! What is wrong with a tap, told from the frames that it gives.
//!
//! [`Doctor`] is fed frames and losses and asked for a [`Report`] in the end. It runs a [`Probe`](crate::probe::Probe) for the
//! counts of the core, and shows each frame to its examinations, one file each. Like the core it names no clock, file or
//! socket. Thresholds stand at the head of the file of each examination, with their reasons; docs/doctor.md lists them all.
//!
//! No examination decides anything about records. None claims more than its frames show: what can have two causes is said
//! to have two.

mod clock;
mod direction;
#[expect(clippy::module_inception, reason = "the doctor is what this folder is about")]
mod doctor;
mod doubles;
mod drops;
mod finding;
mod fragments;
mod length;
mod order;
mod path;
mod report;
mod rtp;
mod secrecy;
mod seen;
mod servers;
mod silence;
mod table;
mod tags;
mod tcp;
mod text;
mod transactions;
mod truncation;

pub use doctor::{Doctor, Options};
pub use finding::{Figure, Finding, Severity};
pub use report::{Report, Server, Sessions, Sip, Source, SourceKind, Verdict};
