//! Files that a probe needs while it watches.

use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, LandlockStatus, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, Scope, path_beneath_rules,
};
use rustix::fs::{Access as Permission, access};

use super::PrivilegeError;

/// What is asked for at most; an older kernel gives what it knows of it.
const ABI_WANTED: ABI = ABI::V6;

/// The folder of names and addresses as the C library knows them. All of it: a resolver's file is replaced by another of its
/// name when the network changes, and a rule about a file would not be about its successor.
const ETC: &str = "/etc";
/// Modules of the C library that look up names; it loads them when the first name is asked for.
const LIBRARIES: [&str; 3] = ["/usr/lib", "/lib", "/lib64"];

/// Where temporary files go on any system.
const SHARED: [&str; 3] = ["/var/tmp", "/usr/tmp", "/tmp"];

/// Files that stay within reach; what is not there now is left out.
///
/// Invariant: nothing here can be executed, and of folders that are only read nothing can be changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
    /// Whether SQLite makes temporary files.
    temporary: bool,
}

/// Whether the kernel keeps all other files away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilesHeld {
    /// It does, as far as this version of its interface goes: from 3 on, truncating is among what it forbids, and from 6 on,
    /// signals to other processes.
    Landlock { abi: u8 },
    /// It has no landlock, or it is switched off.
    NotLimited,
}

impl Files {
    /// What is read once the ports are open: what the kernel says of these interfaces, and of the processors, each of which has
    /// counters of the eBPF filter and memory of its own. SQLite takes random bytes.
    #[must_use]
    pub fn of_ports(interfaces: &[String]) -> Self {
        let mut files = Self::default();
        files.read.extend(["/sys/devices/system/cpu", "/dev/urandom", "/proc/self/statm"].map(PathBuf::from));
        for interface in interfaces {
            // The link leads to the device; what counts is where a file really is.
            files.read.extend(fs::canonicalize(Path::new("/sys/class/net").join(interface)));
        }
        files
    }

    /// A file that is made, or written, together with others whose names begin with its own (SQLite's log and index): its
    /// folder.
    pub fn write_beside(&mut self, file: &Path) {
        // It may be a link to a file that is still to be made: a name beside the link, or a path of its own.
        let made = fs::read_link(file).map(|target| file.parent().unwrap_or_else(|| Path::new("/")).join(target));
        let real = fs::canonicalize(file).or(made);
        let folder = real.as_deref().unwrap_or(file).parent().unwrap_or_else(|| Path::new("/"));
        self.write.push(if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() });
    }

    /// The folder in which SQLite makes its temporary files.
    pub fn write_temporary(&mut self) {
        self.temporary = true;
    }

    /// What the C library reads to look up a host's name.
    pub fn read_names(&mut self) {
        self.read.push(PathBuf::from(ETC));
        self.read.extend(LIBRARIES.map(PathBuf::from));
        // It is often a link to where a resolver keeps it.
        let resolver = fs::canonicalize("/etc/resolv.conf").ok();
        self.read.extend(resolver.as_deref().and_then(Path::parent).map(Path::to_owned));
    }

    /// Keeps every other file away from this thread, and those that it starts.
    pub(super) fn keep_only_these(&self) -> Result<FilesHeld, PrivilegeError> {
        let temporary = self.temporary.then(temporary).flatten();
        if let Some(folder) = temporary.as_ref().filter(|folder| is_everything(folder)) {
            return Err(PrivilegeError::Temporary(folder.clone()));
        }
        let status = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(ABI_WANTED))?
            .scope(Scope::Signal)?
            .create()?
            .add_rules(path_beneath_rules(&self.read, AccessFs::ReadFile | AccessFs::ReadDir))?
            .add_rules(path_beneath_rules(&self.write, writing()))?
            .add_rules(path_beneath_rules(temporary, writing()))?
            .restrict_self()?;
        Ok(match status.landlock {
            LandlockStatus::Available { effective_abi, .. } => {
                FilesHeld::Landlock { abi: effective_abi.min(ABI_WANTED) as u8 }
            }
            LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => FilesHeld::NotLimited,
        })
    }
}

/// The folder that SQLite takes: the first of these that may be written. It is asked for without capabilities, as SQLite will:
/// root with them may write to more of them.
fn temporary() -> Option<PathBuf> {
    let named = ["SQLITE_TMPDIR", "TMPDIR"].into_iter().filter_map(env::var_os).map(PathBuf::from);
    let usual = SHARED.iter().chain(&["."]).map(PathBuf::from);
    let may_be_written =
        |folder: &PathBuf| folder.is_dir() && access(folder, Permission::WRITE_OK | Permission::EXEC_OK).is_ok();
    named.chain(usual).find(may_be_written)
}

/// Whether files that matter are in a folder: in `/` all of them, in somebody's home what their shell runs. A container may have
/// its home where temporary files belong.
fn is_everything(folder: &Path) -> bool {
    if SHARED.iter().any(|shared| Path::new(shared) == folder) {
        return false;
    }
    let Ok(real) = fs::canonicalize(folder) else { return false };
    let home = env::var_os("HOME").and_then(|home| fs::canonicalize(home).ok());
    real == Path::new("/") || home.is_some_and(|home| home == real)
}

/// What SQLite does in a folder: it makes files, changes them, cuts them and removes them, and syncs the folder.
fn writing() -> BitFlags<AccessFs> {
    AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::RemoveFile
}

impl fmt::Display for FilesHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Landlock { abi } => write!(f, "files by landlock (ABI {abi})"),
            Self::NotLimited => f.write_str("files not limited (no landlock)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_needs_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let real = fs::canonicalize(folder.path()).unwrap();
        let mut files = Files::default();
        files.write_beside(&real.join("new.sqlite"));
        files.write_beside(Path::new("here.sqlite"));
        assert_eq!(files.write, [real, PathBuf::from(".")]);
    }

    #[test]
    fn a_store_behind_a_link_needs_the_folder_where_it_is() {
        let (there, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(there.path().join("store"), "").unwrap();
        std::os::unix::fs::symlink(there.path().join("store"), here.path().join("link")).unwrap();
        let mut files = Files::default();
        files.write_beside(&here.path().join("link"));
        assert_eq!(files.write, [fs::canonicalize(there.path()).unwrap()]);
    }

    #[test]
    fn an_interface_is_where_its_device_is() {
        let files = Files::of_ports(&["lo".into(), "no-such-port".into()]);
        let folders: Vec<_> = files.read.iter().filter(|path| path.ends_with("net/lo")).collect();
        assert_eq!(folders.len(), 1);
        assert!(folders[0].starts_with("/sys/devices"), "{folders:?}");
    }

    #[test]
    fn a_store_that_a_link_is_to_become_needs_the_folder_where_it_will_be() {
        let (there, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let links = [("far", there.path().join("store")), ("near", PathBuf::from("store"))];
        let mut files = Files::default();
        for (name, target) in links {
            std::os::unix::fs::symlink(target, here.path().join(name)).unwrap();
            files.write_beside(&here.path().join(name));
        }
        assert_eq!(files.write, [there.path(), here.path()]);
    }

    #[test]
    fn a_folder_of_everything_is_none_for_temporary_files() {
        let own = tempfile::tempdir().unwrap();
        assert!(!is_everything(own.path()));
        assert!(is_everything(Path::new("/")) && is_everything(Path::new("/proc/..")));
        if let Some(home) = env::var_os("HOME") {
            assert!(is_everything(Path::new(&home)));
        }
    }
}
