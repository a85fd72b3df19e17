//! The Debian package, from a binary of this build. `tools/setup deb` installs what builds it.
#![cfg(feature = "cli")]

mod cli_support;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use cli_support::{Run, scratch, tolltap};
use tempfile::TempDir;

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The package in a folder of its own; absent, with a printed reason, where it cannot be built.
fn package() -> Option<(TempDir, PathBuf)> {
    for program in ["dh", "dpkg-buildpackage", "help2man"] {
        if !Command::new("sh")
            .args(["-c", &format!("command -v {program}")])
            .output()
            .is_ok_and(|it| it.status.success())
        {
            println!("skipped: {program} is missing; tools/setup deb installs it");
            return None;
        }
    }
    let folder = scratch();
    let built =
        Run::of(Command::new(source("tools/deb")).arg(env!("CARGO_BIN_EXE_tolltap")).arg(folder.path())).success();
    let path = String::from_utf8(built.stdout).expect("a path is text");
    Some((folder, PathBuf::from(path.trim())))
}

fn dpkg_deb(arguments: &[&str], package: &Path) -> String {
    let run = Run::of(Command::new("dpkg-deb").args(arguments).arg(package)).success();
    String::from_utf8(run.stdout).expect("it is text")
}

/// What the file of options sets a variable to, in its examples too.
fn settings(text: &str, variable: &str) -> Vec<String> {
    let setting = |line: &str| {
        let value = line.trim_start_matches('#').strip_prefix(variable)?.strip_prefix('=')?;
        Some(value.trim_matches('"').to_owned())
    };
    text.lines().filter_map(setting).collect()
}

#[test]
fn it_is_installed_whole_and_removed_whole() {
    let Some((folder, package)) = package() else { return };
    let fields = dpkg_deb(&["--field"], &package);
    for expected in [&format!("Version: {}-1", env!("CARGO_PKG_VERSION")), "libpcap0.8", "libc6 (>= "] {
        assert!(fields.contains(expected), "{expected} is not in {fields}");
    }

    // A probe that runs goes on until somebody says otherwise.
    for script in ["preinst", "prerm", "postinst"] {
        let run = Run::of(Command::new("dpkg-deb").args(["--info"]).arg(&package).arg(script));
        let script = String::from_utf8(run.stdout).expect("it is text");
        assert!(!script.contains("restart"), "{script}");
        for line in script.lines().filter(|line| line.contains("stop")) {
            assert!(script.contains("[ \"$1\" = remove ]"), "{line}");
        }
    }

    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        println!("skipped: root alone installs a package, even in a folder");
        return;
    }
    let root = folder.path().join("root");
    for inside in ["var/lib/dpkg/info", "var/lib/dpkg/updates"] {
        fs::create_dir_all(root.join(inside)).unwrap();
    }
    fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
    let dpkg = |arguments: &[&str]| {
        let mut command = Command::new("dpkg");
        command.arg(format!("--root={}", root.display())).arg(format!("--log={}", root.join("log").display()));
        // Scripts of the package run outside of that root, and what it depends on is not in there.
        Run::of(command.args(["--force-script-chrootless", "--force-depends", "--force-not-root"]).args(arguments))
    };
    dpkg(&["--install", package.to_str().unwrap()]).success();

    let binary = root.join("usr/bin/tolltap");
    assert_eq!(fs::metadata(&binary).unwrap().permissions().mode() & 0o7777, 0o755);
    let version = Run::of(Command::new(&binary).arg("--version")).success();
    assert_eq!(version.stdout, format!("tolltap {}\n", env!("CARGO_PKG_VERSION")).into_bytes());
    for path in [
        "usr/share/man/man1/tolltap.1.gz",
        "usr/share/man/man1/tolltap-live.1.gz",
        "usr/share/doc/tolltap/privileges.md",
        "usr/share/doc/tolltap/changelog.gz",
        "usr/share/doc/tolltap/crates.txt.gz",
    ] {
        assert!(root.join(path).is_file(), "{path} is missing");
    }
    let unit = ["lib", "usr/lib"].map(|folder| root.join(folder).join("systemd/system/tolltap-live.service"));
    assert!(unit.iter().any(|path| path.is_file()), "no unit");
    // It knows no port yet.
    assert!(!root.join("etc/systemd/system/multi-user.target.wants").exists(), "the service is enabled");

    // What the operator has written stays until a purge.
    let options = root.join("etc/default/tolltap-live");
    fs::write(&options, "TOLLTAP_LIVE=\"-i tap0\"\n").unwrap();
    dpkg(&["--remove", "tolltap"]).success();
    assert!(!binary.exists());
    assert!(options.exists());
    dpkg(&["--purge", "tolltap"]).success();
    assert!(!options.exists());
}

#[test]
fn the_service_is_given_options_that_there_are() {
    let options = fs::read_to_string(source("packaging/tolltap-live.default")).unwrap();
    let (watched, records) = (settings(&options, "TOLLTAP_LIVE"), settings(&options, "TOLLTAP_RECORDS"));
    assert_eq!(watched.iter().filter(|options| options.is_empty()).count(), 1, "no port is watched unless it is named");
    assert_eq!(records.len(), 2);
    let unit = fs::read_to_string(source("packaging/tolltap-live.service")).unwrap();
    let fallback = format!("\nEnvironment=\"TOLLTAP_RECORDS={}\"\n", records[0]);
    assert!(records[0].starts_with("--store ") && unit.contains(&fallback), "records are kept unless they are sent");
    assert!(unit.contains("tolltap live $TOLLTAP_RECORDS $TOLLTAP_LIVE\n"), "{unit}");
    let folder = scratch();
    for (watched, records) in
        watched.iter().filter(|it| !it.is_empty()).flat_map(|it| records.iter().map(move |to| (it, to)))
    {
        let mut example: Vec<String> =
            [records, watched].iter().flat_map(|it| it.split(' ')).map(str::to_owned).collect();
        // A port that nobody has; with wrong options it would not be looked for.
        for port in example.iter_mut().filter(|word| word.starts_with("tap")) {
            port.insert_str(0, "no-");
        }
        let run = Run::of(tolltap().args(["live", "--quiet"]).args(&example).current_dir(folder.path()));
        assert_eq!(run.status, Some(1), "{example:?}: {}", run.stderr);
        assert!(run.stderr.starts_with("tolltap: -i no-tap0: "), "{example:?}: {}", run.stderr);
    }
}

#[test]
fn the_unit_says_what_systemd_understands() {
    if !Command::new("sh").args(["-c", "command -v systemd-analyze"]).output().is_ok_and(|it| it.status.success()) {
        println!("skipped: systemd-analyze is missing; it is part of systemd");
        return;
    }
    // The program is where the package puts it, and need not be here.
    let folder = scratch();
    let unit = fs::read_to_string(source("packaging/tolltap-live.service")).unwrap();
    let here = folder.path().join("tolltap-live.service");
    fs::write(&here, unit.replace("/usr/bin/tolltap", env!("CARGO_BIN_EXE_tolltap"))).unwrap();
    let run = Run::of(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&here));
    let about: Vec<&str> = run.stderr.lines().filter(|line| line.contains("tolltap-live.service")).collect();
    assert!(about.is_empty(), "{about:?}");
    assert_eq!(run.status, Some(0), "{}", run.stderr);

    // 0 is a service that can do nothing, 10 one that can do everything.
    let limit = ["security", "--offline=yes", "--threshold=20"];
    let run = Run::of(Command::new("systemd-analyze").args(limit).arg(&here));
    let exposure = String::from_utf8_lossy(&run.stdout).into_owned();
    assert_eq!(run.status, Some(0), "{exposure}{}", run.stderr);
}
