//! Generates the CH-1 types and service from `proto/`, in Rust alone: no `protoc` has to be installed. Compiles the kernel
//! filter, with clang.
//!
//! Without the features `ch1` and `ebpf` it builds nothing, and none of its dependencies is compiled.

#![allow(clippy::disallowed_macros, reason = "a build script speaks to cargo by printing")]

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "ch1")]
    contract()?;
    #[cfg(feature = "ebpf")]
    kernel_filter()?;
    Ok(())
}

/// Compiles the kernel filter to BPF, for the library to embed. The object is never kept in the repository: what the kernel
/// is given has to be what people can read.
#[cfg(feature = "ebpf")]
fn kernel_filter() -> Result<(), Box<dyn Error>> {
    use std::path::PathBuf;
    use std::process::Command;

    const FOLDER: &str = "src/capture/filter/bpf";
    println!("cargo::rerun-if-changed={FOLDER}");
    println!("cargo::rerun-if-env-changed=CLANG");

    let clang = std::env::var_os("CLANG").unwrap_or_else(|| "clang".into());
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?).join("filter.bpf.o");
    // Debian keeps asm/ here, where clang does not look when it compiles for BPF.
    let headers = format!("/usr/include/{}-linux-gnu", std::env::var("CARGO_CFG_TARGET_ARCH")?);
    let run = Command::new(&clang)
        .args(["-O2", "-g", "-Wall", "-Wextra", "-Wno-unused-parameter", "-target", "bpf", "-mcpu=v3"])
        .args(["-I", &headers, "-c", &format!("{FOLDER}/filter.bpf.c"), "-o"])
        .arg(&out)
        .output();
    let clang = clang.to_string_lossy();
    let fault = match run {
        Ok(done) => {
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            if done.status.success() {
                said.lines().for_each(|line| println!("cargo::warning={line}"));
                return Ok(());
            }
            if !said.contains("file not found") {
                return Err(format!("{clang} cannot compile the kernel filter:\n{said}").into());
            }
            said.lines().next().unwrap_or_default().to_owned()
        }
        Err(error) => error.to_string(),
    };
    Err(format!(
        "the feature ebpf needs {clang} and the headers of BPF (on Debian: apt-get install clang libbpf-dev linux-libc-dev; \
         or build without it: --no-default-features --features cli): {fault}"
    )
    .into())
}

#[cfg(feature = "ch1")]
fn contract() -> Result<(), Box<dyn Error>> {
    use std::path::PathBuf;

    const PROTO: &str = "tolltap/ch1/v1/charging.proto";
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
