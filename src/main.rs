//! The `tolltap` command.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Records are made on one thread, and let go on another: the system's allocator takes a lock for each.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    tolltap::cli::main()
}
