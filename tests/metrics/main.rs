//! What a probe that runs can say of itself.

mod interfaces;
mod packets;
