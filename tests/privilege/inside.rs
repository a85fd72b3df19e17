//! A test that runs a second time, in a process of its own.

use std::env;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{self, Command};

/// In the environment of the second run.
const INSIDE: &str = "TOLLTAP_TEST_INSIDE";
/// How the deed ends when it is done. Not 0: so ends a run in which no test has this name.
const DONE: i32 = 17;

/// How the process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Well,
    /// A panic, which it has printed.
    Badly,
    /// By a signal.
    By(i32),
}

/// Does something in a process of its own, in the test of this name, which calls this. It comes back in the first run only.
pub(crate) fn inside(test: &str, deed: impl FnOnce()) -> Ended {
    if env::var_os(INSIDE).is_some() {
        deed();
        process::exit(DONE);
    }
    let program = env::current_exe().expect("a test has a program");
    let output = Command::new(program).args([test, "--exact", "--nocapture"]).env(INSIDE, "1").output();
    let output = output.expect("it starts");
    print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    match (output.status.code(), output.status.signal()) {
        (Some(DONE), _) => Ended::Well,
        (_, Some(signal)) => Ended::By(signal),
        _ => Ended::Badly,
    }
}
