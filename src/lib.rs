//! tolltap: a passive charging probe for SIP sessions.
//!
//! One way, no way back: `capture` hands frames to the sans-IO core (`packet`, `stream`, `sip`, `session`, `charging`,
//! driven by `probe`), which gives StopRecords, kept by `outbox` and sent by `ch1` until the Charging Enabler has
//! acknowledged each one. ARCHITECTURE.md is the map.

pub mod charging;
pub mod doctor;
pub mod packet;
pub mod private;
pub mod probe;
pub mod session;
pub mod sip;
pub mod stream;
pub mod time;

#[cfg(any(feature = "ch1", feature = "live"))]
pub mod buckets;
#[cfg(feature = "files")]
pub mod capture;
#[cfg(feature = "ch1")]
pub mod ch1;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "enabler")]
pub mod enabler;
#[cfg(feature = "ch1")]
pub mod outbox;
#[cfg(feature = "files")]
pub mod pipeline;
#[cfg(feature = "live")]
pub mod privilege;
#[cfg(feature = "cli")]
pub mod telemetry;
