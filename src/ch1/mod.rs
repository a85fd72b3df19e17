//! CH-1: the contract with the Charging Enabler, and the client that speaks it.

pub mod escape;
pub mod wire;

#[cfg(test)]
pub(crate) mod samples;

/// The generated types and stubs of `proto/tolltap/ch1/v1`, named only in `ch1`, `enabler` and their tests.
#[allow(unreachable_pub, unused_qualifications, elided_lifetimes_in_paths, clippy::all, clippy::use_self)]
pub mod v1 {
    tonic::include_proto!("tolltap.ch1.v1");
}

/// The compiled contract, for gRPC reflection and for tests that no field is forgotten.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/ch1_descriptor.bin"));
