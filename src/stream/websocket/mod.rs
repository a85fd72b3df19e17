//! SIP over WebSocket: RFC 7118 on the frames of RFC 6455, one SIP message a WebSocket message.

mod frame;
mod handshake;
mod message;

pub(super) use frame::begins_sip;
pub(super) use handshake::{UPGRADE_LIMIT, begins_handshake, handshake_len, may_begin_handshake, upgrades};
pub(super) use message::{Skipped, WebSocket};

#[cfg(test)]
pub(super) mod tests;
