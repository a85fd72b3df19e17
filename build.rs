//! Generates the CH-1 types and service from `proto/`, in Rust alone: no `protoc` has to be installed.
//!
//! Without the feature `ch1` it builds nothing, and none of its dependencies is compiled.

#![allow(clippy::disallowed_macros, reason = "a build script speaks to cargo by printing")]

#[cfg(not(feature = "ch1"))]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}

#[cfg(feature = "ch1")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::path::PathBuf;

    const PROTO: &str = "tolltap/ch1/v1/charging.proto";
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=proto");

    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true).open_file(PROTO)?;

    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    // For gRPC reflection, so that a stranger's client can list the service and its messages.
    std::fs::write(out.join("ch1_descriptor.bin"), compiler.encode_file_descriptor_set())?;

    let mut contract = compiler.file_descriptor_set();
    leave_the_record_in_bytes(&mut contract);
    tonic_prost_build::configure()
        .build_client(true)
        .build_server(cfg!(feature = "enabler"))
        .bytes(".tolltap.ch1.v1.ReportRequest")
        .codec_path("crate::ch1::codec::InPieces")
        .compile_fds(contract)?;
    Ok(())
}

/// Makes the envelope's record a `bytes` field in the generated types. On the wire a message and its bytes are the same,
/// so the contract stays as it is; but a record is put into bytes once, when it leaves the core, and neither the client
/// nor the Enabler has to take it apart into fifty texts to hand it on.
#[cfg(feature = "ch1")]
fn leave_the_record_in_bytes(contract: &mut prost_types::FileDescriptorSet) {
    use prost_types::field_descriptor_proto::Type;

    let messages = contract.file.iter_mut().flat_map(|file| &mut file.message_type);
    let envelopes = messages.filter(|message| message.name() == "ReportRequest");
    for field in envelopes.flat_map(|envelope| &mut envelope.field).filter(|field| field.name() == "stop_record") {
        field.set_type(Type::Bytes);
        field.type_name = None;
    }
}
