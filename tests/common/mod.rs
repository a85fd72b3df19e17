//! Shared by every integration test: readable scenarios, frames built from them, and the one place that drives the core.
//!
//! Nothing here uses the library's own parsers: a test that builds its input with the code under test proves little.

// Each integration test is a crate of its own and uses its own part of this.
#![allow(dead_code, unreachable_pub, unused_imports)]

pub mod expectation;
#[cfg(feature = "live")]
pub mod filter;
pub mod frames;
pub mod ladder;
pub mod message;
pub mod noise;
pub mod pcap;
pub mod replay;
pub mod rng;
pub mod scenario;
pub mod tcp;
pub mod transports;
pub mod tunnels;
pub mod websocket;
