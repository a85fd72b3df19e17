//! The `tolltap` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    tolltap::cli::main()
}
