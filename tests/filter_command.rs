//! `tolltap filter` as a user runs it.
#![cfg(all(feature = "cli", feature = "live"))]

mod cli_support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use cli_support::{Run, pcap, scratch, tolltap};

/// The filter that every process may run, so that the output is the same with and without privileges.
fn classic(files: &[&std::ffi::OsStr]) -> Run {
    Run::of(tolltap().args(["filter", "--classic", "--explain"]).args(files))
}

#[test]
fn filter_and_core_agree_about_a_capture() {
    let file = pcap("voice");
    let run = classic(&[file.as_ref()]).success();
    let page = String::from_utf8(run.stdout).expect("text");
    assert!(page.starts_with(file.to_str().expect("a plain name")), "{page}");
    assert!(page.contains("classic BPF"), "{page}");
    assert!(page.contains("disagreements 0, and 0 late"), "{page}");
    assert!(run.stderr.is_empty(), "{}", run.stderr);
}

#[test]
fn every_file_is_compared_by_itself() {
    let files = [pcap("im-vxlan"), pcap("im-websocket")];
    let run = Run::of(tolltap().args(["filter", "--explain"]).args(&files)).success();
    let page = String::from_utf8(run.stdout).expect("text");
    assert_eq!(page.matches("disagreements 0").count(), 2, "{page}");
}

#[test]
fn a_damaged_file_is_compared_up_to_the_damage() {
    let folder = scratch();
    let file = folder.path().join("damaged.pcap");
    let bytes = fs::read(pcap("voice")).expect("readable");
    fs::write(&file, &bytes[..bytes.len() - 7]).expect("writable");
    let run = classic(&[file.as_ref()]);
    assert_eq!(run.status, Some(3), "{}", run.stderr);
    assert_eq!(run.complaints().len(), 1, "{}", run.stderr);
}

#[test]
fn no_file_and_no_such_file_are_told_apart() {
    assert_eq!(Run::of(tolltap().args(["filter", "--explain"])).status, Some(2));
    let run = classic(&["no-such.pcap".as_ref()]);
    assert_eq!(run.status, Some(1));
    assert_eq!(run.complaints().len(), 1, "{}", run.stderr);
}

/// The filter that a process without a user's privileges gets, with these capabilities; none where it cannot be tried.
fn filter_with(capabilities: &[&str]) -> Option<String> {
    let folder = scratch();
    // Where another user may read and run them.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let (program, file) = (folder.path().join("tolltap"), folder.path().join("voice.pcap"));
    fs::copy(env!("CARGO_BIN_EXE_tolltap"), &program).expect("readable");
    fs::copy(pcap("voice"), &file).expect("readable");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    if !capabilities.is_empty() {
        let list = capabilities.join(",");
        command.args(["--inh-caps", &list, "--ambient-caps", &list]);
    }
    let output = command.arg(&program).args(["filter", "--explain"]).arg(&file).output().ok()?;
    let page = String::from_utf8(output.stdout).expect("text");
    let line = page.lines().find_map(|line| line.trim().strip_prefix("filter ")).map(|line| line.trim().to_owned());
    if line.is_none() {
        println!("skipped: setpriv: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    line
}

#[test]
fn the_ebpf_filter_needs_two_capabilities_and_says_so() {
    let Some(none) = filter_with(&[]) else { return };
    assert!(none.starts_with("classic BPF"), "{none}");
    if !cfg!(feature = "ebpf") {
        return;
    }
    assert!(none.ends_with("(eBPF is not permitted: it needs CAP_BPF and CAP_PERFMON)"), "{none}");
    let Some(both) = filter_with(&["+bpf", "+perfmon"]) else { return };
    assert!(both.starts_with("eBPF"), "{both}");
}
