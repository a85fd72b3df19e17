//! What a probe needs, and what it keeps.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::ports::{bench, send};
use crate::probe::Probe;

/// The rights of a probe, for somebody who is not root.
const THREE: &str = "+net_raw,+bpf,+perfmon";

/// Value of a field of each thread's status, by the thread's name.
pub(crate) fn of_every_thread(process: u32, field: &str) -> BTreeSet<(String, String)> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
    let texts = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("status")).ok());
    let value = |text: &str, field: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.unwrap_or_else(|| panic!("no {field}")).trim().to_owned()
    };
    texts.map(|text| (value(&text, "Name"), value(&text, field))).collect()
}

/// A user with these capabilities and no others runs the probe.
fn as_nobody(capabilities: &str) -> String {
    format!(
        "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all,{capabilities} --ambient-caps=-all,{capabilities} \
         --bounding-set=-all,{capabilities}"
    )
}

/// A copy of the program that anybody may run; the folder of the build may be somebody's own.
fn for_everybody(folder: &tempfile::TempDir) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let copy = folder.path().join("tolltap");
    fs::copy(env!("CARGO_BIN_EXE_tolltap"), &copy).expect("there is room for a copy");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it is our own");
    copy.display().to_string()
}

fn is_missing(program: &str) -> bool {
    let missing = !Command::new("sh")
        .args(["-c", &format!("command -v {program} >/dev/null")])
        .status()
        .is_ok_and(|status| status.success());
    if missing {
        println!("skipped: {program} is missing; tools/setup test installs it");
    }
    missing
}

fn keeps_nothing(probe: &Probe) {
    for field in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
        for (thread, value) in of_every_thread(probe.process(), field) {
            assert_eq!(value, "0000000000000000", "{field} of {thread}");
        }
    }
    for (field, expected) in [("NoNewPrivs", "1"), ("Seccomp", "2")] {
        for (thread, value) in of_every_thread(probe.process(), field) {
            assert_eq!(value, expected, "{field} of {thread}");
        }
    }
}

#[test]
fn no_thread_keeps_a_capability_while_records_flow() {
    let Some(network) = bench() else { return };
    let mut probe = Probe::on(&network, "probe", "-i tap0");
    send(&network, "im-client-terminated-udp");
    probe.record();
    keeps_nothing(&probe);
    for (thread, value) in of_every_thread(probe.process(), "CapBnd") {
        assert_eq!(value, "0000000000000000", "CapBnd of {thread}");
    }
    // Those that read, receive, print, deliver, store, and wait for signals.
    let threads: BTreeSet<_> = of_every_thread(probe.process(), "Pid").into_iter().map(|(name, _)| name).collect();
    for name in ["desk", "printer", "ch1", "enabler", "enabler-store", "signals"] {
        assert!(threads.contains(name), "{name} is not among {threads:?}");
    }
    send(&network, "im-renegotiated");
    probe.record();
    let ended = probe.stop();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("accepted 2"), "{}", ended.stderr);
}

#[test]
fn without_a_sandbox_no_capability_is_kept_either() {
    let Some(network) = bench() else { return };
    let mut probe = Probe::start(&network, "probe", "-i tap0 --no-sandbox");
    let line = probe.line();
    assert!(line.contains("no capabilities; no sandbox;"), "{line}");
    for (thread, value) in of_every_thread(probe.process(), "CapEff") {
        assert_eq!(value, "0000000000000000", "{thread}");
    }
    for (thread, value) in of_every_thread(probe.process(), "Seccomp") {
        assert_eq!(value, "0", "{thread}");
    }
    assert_eq!(probe.stop().status, Some(0));
}

#[test]
fn a_store_in_a_file_is_written_all_the_same() {
    let Some(network) = bench() else { return };
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = folder.path().join("charging.sqlite");
    let mut probe = Probe::on(&network, "probe", &format!("-i tap0 --store {}", store.display()));
    send(&network, "im-client-terminated-udp");
    probe.record();
    let ended = probe.stop();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let listed = Command::new(env!("CARGO_BIN_EXE_tolltap"))
        .args(["records", "--format", "json", "--store"])
        .arg(&store)
        .output()
        .expect("it starts");
    assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 1);
}

#[test]
fn a_store_behind_a_link_is_made_where_the_link_says() {
    let Some(network) = bench() else { return };
    let (there, here) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let link = here.path().join("link");
    std::os::unix::fs::symlink(there.path().join("store"), &link).expect("a link can be made");
    let mut probe = Probe::on(&network, "probe", &format!("-i tap0 --store {}", link.display()));
    send(&network, "im-client-terminated-udp");
    probe.record();
    let ended = probe.stop();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(there.path().join("store").is_file());
}

#[test]
fn temporary_files_do_not_open_every_folder() {
    let Some(network) = bench() else { return };
    let ended = Probe::as_somebody(&network, "probe", "env TMPDIR=/", env!("CARGO_BIN_EXE_tolltap"), "-i tap0").end();
    assert_eq!(ended.status, Some(1));
    assert!(
        ended.stderr.starts_with("tolltap: SQLITE_TMPDIR, TMPDIR: temporary files would be in /, "),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_the_kernel_dropped_is_still_counted_at_the_end() {
    let Some(network) = bench() else { return };
    let mut probe = Probe::start(&network, "probe", "-i tap0");
    if !probe.line().contains("kernel filter eBPF") {
        println!("skipped: eBPF is not permitted, or not built, and the classic filter counts nothing");
        return;
    }
    send(&network, "im-client-terminated-udp");
    probe.record();
    let ended = probe.stop();
    assert!(ended.stderr.contains("dropped in kernel"), "{}", ended.stderr);
}

#[test]
fn three_capabilities_are_enough() {
    let Some(network) = bench() else { return };
    if is_missing("setpriv") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut probe = Probe::as_somebody(&network, "probe", &as_nobody(THREE), &for_everybody(&folder), "-i tap0");
    let line = probe.line();
    let exact = if cfg!(feature = "ebpf") { "kernel filter eBPF" } else { "kernel filter" };
    assert!(line.starts_with("watching tap0") && line.contains(exact), "{line}");
    send(&network, "im-client-terminated-udp");
    assert_eq!(probe.record()["callId"], "1-25277@10.77.1.2");
    keeps_nothing(&probe);
    let ended = probe.stop();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("accepted 1"), "{}", ended.stderr);
}

#[test]
fn without_them_a_line_says_how_to_give_them() {
    let Some(network) = bench() else { return };
    if is_missing("setpriv") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let program = for_everybody(&folder);
    let nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all";
    let ended = Probe::as_somebody(&network, "probe", nobody, &program, "-i tap0").end();
    assert_eq!(ended.status, Some(1));
    assert_eq!(
        ended.stderr,
        "tolltap: -i tap0: not permitted to capture; run as root, or once: setcap cap_net_raw,cap_bpf,cap_perfmon+ep tolltap\n"
    );
}

#[test]
fn a_file_with_capabilities_is_enough_too() {
    let Some(network) = bench() else { return };
    if is_missing("setpriv") || is_missing("setcap") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let program = for_everybody(&folder);
    let set = Command::new("setcap").args(["cap_net_raw,cap_bpf,cap_perfmon+ep", &program]).status();
    if !set.is_ok_and(|status| status.success()) {
        println!("skipped: files cannot have capabilities in {}", Path::new(&program).display());
        return;
    }
    let nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all";
    let mut probe = Probe::as_somebody(&network, "probe", nobody, &program, "-i tap0");
    assert!(probe.line().starts_with("watching tap0"));
    keeps_nothing(&probe);
    send(&network, "im-client-terminated-udp");
    probe.record();
    assert_eq!(probe.stop().status, Some(0));
}
