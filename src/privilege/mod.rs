//! EDGE: what this process gives up once its tap ports are open (Linux).
//!
//! A probe reads bytes that strangers chose, for months. What it needs rights for, it does first: it opens ports, and loads
//! the kernel's filter. Then it keeps no capability, can gain none, and can reach few files and few system calls, so that
//! whoever finds a fault in it has found little else.
//!
//! All of this belongs to a thread, and is inherited by those that it starts afterwards. So it is given up by the first
//! thread, before there is another.

mod calls;
mod capabilities;
mod files;

use std::fmt;
use std::io;
use std::path::PathBuf;

pub use files::{Files, FilesHeld};

/// Why privileges could not be given up. Nothing should be read then: the process may do more than was promised.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    #[error("cannot give up the capabilities: {0}; nothing was watched")]
    Capabilities(io::Error),
    #[error("cannot forbid new privileges: {0}; nothing was watched")]
    NewPrivileges(io::Error),
    #[error("cannot limit access to files: {0}; --no-sandbox watches without this limit")]
    Files(#[from] landlock::RulesetError),
    #[error("SQLITE_TMPDIR, TMPDIR: temporary files would be in {}, and all that is there could be written; name another folder", .0.display())]
    Temporary(PathBuf),
    #[error("cannot limit system calls: {0}; --no-sandbox watches without this limit")]
    Calls(#[from] seccompiler::Error),
}

impl From<seccompiler::BackendError> for PrivilegeError {
    fn from(error: seccompiler::BackendError) -> Self {
        Self::Calls(error.into())
    }
}

/// What this process may still do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Limits of files and calls; absent where they were not asked for.
    pub sandbox: Option<Sandbox>,
}

/// How far files and calls are limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sandbox {
    pub files: FilesHeld,
    /// No list of calls is known for this processor where it is not set.
    pub calls: bool,
}

/// Gives up every capability, for good; and with `files`, access to all others and to every system call that watching does
/// not need. It holds for this thread and those that it starts from now on.
///
/// # Errors
/// When the kernel refuses. That it knows no landlock is no error: [`FilesHeld`] says so.
pub fn give_up(files: Option<&Files>) -> Result<Kept, PrivilegeError> {
    // First: landlock and seccomp are open to those alone who can gain nothing any more.
    capabilities::forbid_new().map_err(PrivilegeError::NewPrivileges)?;
    capabilities::drop_all().map_err(PrivilegeError::Capabilities)?;
    let Some(files) = files else { return Ok(Kept { sandbox: None }) };
    // Whoever asks for the size of a page, or for the time without a system call, first asks the kernel where that is; later
    // it is known. Files are needed for it on Linux before 6.4.
    let _ = rustix::param::page_size();
    let held = files.keep_only_these()?;
    // Last: what came before needs calls that nothing needs after it.
    let calls = calls::keep_only_these()?;
    Ok(Kept { sandbox: Some(Sandbox { files: held, calls }) })
}

/// A few words for the line that says what is watched.
impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no capabilities; ")?;
        let Some(Sandbox { files, calls }) = self.sandbox else { return f.write_str("no sandbox") };
        let calls = if calls { "system calls by seccomp" } else { "system calls not limited" };
        write!(f, "{files}, {calls}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_holds_and_what_does_not() {
        let kept = |files, calls| Kept { sandbox: Some(Sandbox { files, calls }) }.to_string();
        assert_eq!(
            kept(FilesHeld::Landlock { abi: 6 }, true),
            "no capabilities; files by landlock (ABI 6), system calls by seccomp"
        );
        assert_eq!(
            kept(FilesHeld::NotLimited, false),
            "no capabilities; files not limited (no landlock), system calls not limited"
        );
        assert_eq!(Kept { sandbox: None }.to_string(), "no capabilities; no sandbox");
    }
}
