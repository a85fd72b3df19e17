//! What is printed, and where.

use super::*;

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = scratch();
    let capture = capture_of(&folder, "many.pcap", 0..2000);
    for format in ["json", "csv", "table"] {
        let mut child = tolltap()
            .arg("replay")
            .arg(&capture)
            .args(["--format", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'));
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}");
        let run = Run { status: Some(0), stdout: Vec::new(), stderr: said };
        assert_eq!(run.summary_part("acknowledged", "accepted"), 2000, "every record was still delivered");
    }
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        return println!("skipped: no /dev/full");
    };
    let output = tolltap().arg("replay").arg(pcap("im-ipv6")).args(JSON).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    let complaints: Vec<_> = said.lines().filter(|line| line.starts_with("tolltap: ")).collect();
    assert!(matches!(complaints[..], [line] if line.contains("cannot write the records")), "{said}");
}

#[test]
fn csv_and_table_have_a_line_for_each_record() {
    let csv = replay(&[pcap("im-fork-two-answers")], &["--format", "csv"]).success().stdout;
    let mut reader = csv::Reader::from_reader(&csv[..]);
    assert_eq!(reader.headers().unwrap().iter().take(2).collect::<Vec<_>>(), ["record_id", "revision"]);
    assert_eq!(reader.records().map(Result::unwrap).count(), 2);
    let table = replay(&[pcap("im-fork-two-answers")], &[]).success().stdout;
    let table = String::from_utf8(table).unwrap();
    assert!(table.starts_with("STOP (UTC)"), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
    assert_eq!(table.lines().filter(|line| line.starts_with("20")).count(), 2, "{table}");
}

#[test]
fn the_summary_says_how_long_it_took() {
    let run = replay(&[pcap("im-fork-two-answers")], &JSON).success();
    let time = run.stderr.lines().find(|line| line.starts_with("time ")).unwrap();
    let seconds: Vec<f64> = time.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert!(matches!(seconds[..], [record, acknowledgement] if record <= acknowledgement), "{time}");
}

#[test]
fn no_records_are_no_lines() {
    assert!(replay(&[pcap("failed-calls")], &JSON).success().stdout.is_empty());
    for format in ["csv", "table"] {
        let run = replay(&[pcap("failed-calls")], &["--format", format]).success();
        assert_eq!(String::from_utf8(run.stdout).unwrap().lines().count(), 1, "the titles alone");
    }
}

#[test]
fn nothing_moves_or_shines_where_no_terminal_is() {
    let folder = scratch();
    let run = replay(&[capture_of(&folder, "many.pcap", 0..3000)], &["-vv"]).success();
    for text in [String::from_utf8(run.stdout).unwrap(), run.stderr] {
        assert!(!text.contains(['\u{1b}', '\r']), "{text}");
    }
}

#[test]
fn standard_output_has_nothing_but_records() {
    let json = replay(&[pcap("im-renegotiated")], &["--format", "json", "-vv"]).success();
    assert_eq!(lines_of_json(&json.stdout).len(), 1);
}

#[test]
fn the_summary_tells_what_was_read_and_what_became_of_it() {
    let run = replay(&[pcap("mixed-requests")], &JSON).success();
    assert_eq!(run.summary("frames"), Some(read_capture("mixed-requests").len() as u64));
    for label in ["opaque", "damaged or lost", "sip messages", "sessions", "no session", "not charged"] {
        assert!(run.summary(label).is_some(), "no '{label}' in:\n{}", run.stderr);
    }
    assert_eq!(run.summary("sessions"), Some(1));
    assert_eq!(run.summary_part("records", "bye"), 1);
    assert_eq!(run.summary("acknowledged"), Some(1));
    let failed = replay(&[pcap("failed-calls")], &JSON).success();
    assert_eq!(failed.summary("no session"), Some(3), "{}", failed.stderr);
    assert_eq!(failed.summary("records"), Some(0));
    assert!(failed.stderr.lines().all(|line| line.chars().count() <= 120), "{}", failed.stderr);
}

#[test]
fn a_server_seen_with_other_ports_only_is_told_once() {
    let folder = scratch();
    let capture = capture_of(&folder, "a.pcap", 0..3);
    let run = replay(&[&capture], &["--im-server", "IM=192.0.2.2:5061", "--im-server", "192.0.2.9:5060"]).success();
    assert_eq!(run.stderr.matches("192.0.2.2").count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("leave its port out") && !run.stderr.contains("192.0.2.9"), "{}", run.stderr);
    assert!(run.stderr.contains("im servers unseen "), "{}", run.stderr);
    for server in ["192.0.2.2:5060", "192.0.2.2"] {
        let run = replay(&[&capture], &["--im-server", server]).success();
        assert!(!run.stderr.contains("other ports"), "{server}: {}", run.stderr);
    }
}

#[test]
fn quiet_says_nothing() {
    assert_eq!(replay(&[pcap("im-ipv6")], &["--quiet"]).success().stderr, "");
    assert_eq!(replay(&[pcap("im-ipv6")], &["-q"]).success().stderr, "");
}

#[test]
fn a_temporary_store_is_removed() {
    let folder = scratch();
    Run::of(tolltap().arg("replay").arg(pcap("im-ipv6")).env("TMPDIR", folder.path())).success();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
