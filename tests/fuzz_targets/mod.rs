//! What the fuzzer does with its bytes: one function a parser, each of which panics where a promise is broken.
//!
//! Nothing here knows the fuzzer: `fuzz/` wraps each function as a target of its own, and `tests/fuzz_seeds.rs` replays
//! the seeds through the same functions in every test run.

// Each includer uses its own part of this.
#![allow(dead_code, unreachable_pub)]

mod capture_file;
mod framing;
mod im_server;
mod party_address;
mod peel;
mod probe;
mod promises;
mod restore;
mod script;
mod sctp;
mod sdp;
mod session;
mod sip_message;
mod tcp_stream;
mod websocket;
mod wire;

pub use capture_file::capture_file;
pub use framing::framing;
pub use im_server::im_server;
pub use party_address::party_address;
pub use peel::peel;
pub use probe::probe;
pub use restore::restore;
pub use sctp::sctp;
pub use sdp::sdp;
pub use session::session;
pub use sip_message::sip_message;
pub use tcp_stream::tcp_stream;
pub use websocket::websocket;
pub use wire::wire;

/// A target: any bytes must be survived.
pub type Target = fn(&[u8]);

/// Every target by name; the name is that of its folder in `fuzz/seeds`.
pub const TARGETS: [(&str, Target); 14] = [
    ("capture_file", capture_file),
    ("framing", framing),
    ("im_server", im_server),
    ("party_address", party_address),
    ("peel", peel),
    ("probe", probe),
    ("restore", restore),
    ("sctp", sctp),
    ("sdp", sdp),
    ("session", session),
    ("sip_message", sip_message),
    ("tcp_stream", tcp_stream),
    ("websocket", websocket),
    ("wire", wire),
];
