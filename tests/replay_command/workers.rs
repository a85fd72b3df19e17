//! However many threads share the work, the bytes on standard output are the same.

use super::*;

/// What one worker prints, all of it, in every format.
fn same<S: AsRef<std::ffi::OsStr>>(files: &[S], options: &[&str]) -> Run {
    let run = |workers: &str, format: &str| {
        let workers = ["--workers", workers, "--format", format];
        replay(files, &[options, &workers].concat())
    };
    for format in ["table", "csv", "json"] {
        let one = run("1", format);
        for workers in ["2", "4"] {
            let many = run(workers, format);
            assert_eq!(one.status, many.status, "{}", many.stderr);
            let text = |run: &Run| String::from_utf8_lossy(&run.stdout).into_owned();
            assert!(one.stdout == many.stdout, "{workers} workers, {format}:\n{}\n{}", text(&one), text(&many));
            assert_eq!(without_times(&one.stderr), without_times(&many.stderr));
        }
    }
    run("4", "json")
}

/// The closing summary, but for how long it took.
fn without_times(summary: &str) -> Vec<&str> {
    summary.lines().filter(|line| !line.starts_with("time ")).collect()
}

#[test]
fn every_capture_of_real_stacks() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pcaps");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|name| name == "pcap"));
    paths.sort();
    assert!(paths.len() >= 20);
    for path in &paths {
        same(&[path], &[]);
    }
    assert_eq!(same(&paths, &["--im-server", "10.1.1.1"]).status, Some(0), "all of them merged");
}

#[test]
fn thousands_of_sessions_in_many_rounds() {
    let folder = scratch();
    let path = file(&folder, "sessions.pcap", &capture_file::write(&sessions(0..3_000)));
    let run = same(&[&path], &[]);
    assert_eq!(lines_of_json(&run.stdout).len(), 3_000);
    let merged = same(&[&path], &["--one-charging-session"]);
    assert_eq!(lines_of_json(&merged.stdout).len(), 3_000);
}

#[test]
fn a_damaged_file_gives_what_it_had() {
    let folder = scratch();
    let whole = capture_file::write(&sessions(0..1_000));
    let path = file(&folder, "cut.pcap", &whole[..whole.len() - 7]);
    let run = same(&[&path], &[]);
    assert_eq!((run.status, lines_of_json(&run.stdout).len()), (Some(3), 999), "the last BYE was cut off");
}

#[test]
fn a_wrong_number_of_workers_is_wrong_usage() {
    for number in ["0", "65", "many"] {
        assert_eq!(replay(&["x.pcap"], &["--workers", number]).status, Some(2));
    }
}
