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

    tonic_prost_build::configure()
        .build_client(true)
        .build_server(cfg!(feature = "enabler"))
        // A record takes over a kilobyte in place; boxed, an envelope moves from queue to queue as a few words.
        .boxed(".tolltap.ch1.v1.ReportRequest.report.stop_record")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
