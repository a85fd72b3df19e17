//! Wrong command lines, and help.

use super::*;

#[test]
fn a_wrong_command_line_ends_with_two() {
    let file = pcap("im-ipv6");
    let file = file.to_str().unwrap();
    let wrong: &[&[&str]] = &[
        &[],
        &["replay"],
        &["listen"],
        &["replay", file, "--no-such"],
        &["replay", file, "--format", "xml"],
        &["replay", file, "--im-server", "not an address"],
        &["replay", file, "--reorder", "soon"],
        &["replay", file, "--give-up-after", "-1s"],
        &["replay", file, "--orphan-bye", "sometimes"],
        &["replay", file, "--only", "voice"],
        &["replay", file, "--store", "x", "--enabler", "http://127.0.0.1:1"],
        &["enabler"],
        &["enabler", "--store", "x", "--listen", "somewhere"],
        &["records"],
        &["records", "--store", "x", "--from", "yesterday"],
    ];
    for words in wrong {
        let run = Run::of(tolltap().args(*words));
        assert_eq!(run.status, Some(2), "{words:?}: {}", run.stderr);
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{words:?}");
    }
}

#[test]
fn a_wrong_address_of_the_enabler_is_refused() {
    for url in ["127.0.0.1:50051", "https://127.0.0.1:50051", "enabler"] {
        refused(&replay(&[pcap("im-ipv6")], &["--enabler", url]), &[url, "http://"]);
    }
}

#[test]
fn every_command_explains_itself_with_examples() {
    for command in ["replay", "enabler", "records"] {
        for option in ["--help", "-h"] {
            let run = Run::of(tolltap().args([command, option])).success();
            let help = String::from_utf8(run.stdout).unwrap();
            assert!(help.contains(&format!("Examples:\n  tolltap {command} ")), "{help}");
            assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
        }
    }
}
