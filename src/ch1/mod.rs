//! CH-1: the contract with the Charging Enabler, and the client that speaks it.

mod client;
pub(crate) mod codec;
mod contract;
mod delivery;
pub mod escape;
pub mod json;
mod latency;
mod options;
mod record;
pub mod wire;

pub use client::Ch1Client;
pub use latency::Latencies;
pub use options::{Acknowledgements, Answers, Ch1Error, ClientOptions, Parked};
pub use record::{Unreadable, WireRecord};

#[cfg(test)]
pub(crate) mod samples;

/// The generated types and stubs of `proto/tolltap/ch1/v1`, named only in `ch1`, `enabler` and their tests.
#[allow(unreachable_pub, unused_qualifications, elided_lifetimes_in_paths, clippy::all, clippy::use_self)]
pub mod v1 {
    tonic::include_proto!("tolltap.ch1.v1");
}

/// The compiled contract, for gRPC reflection and for tests that no field is forgotten.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/ch1_descriptor.bin"));
