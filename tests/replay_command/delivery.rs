//! Delivery to the Charging Enabler.

use core::ops::ControlFlow;

use tolltap::capture::CaptureFiles;
use tolltap::pipeline::{self, Core, Reading, Receiver};
use tolltap::probe::{Loss, Note, Options};

use super::*;

#[test]
fn a_second_replay_into_the_same_store_charges_nothing_twice() {
    let folder = scratch();
    let store = folder.path().join("store");
    let options = ["--store", store.to_str().unwrap(), "--format", "json"];
    let first = replay(&[pcap("im-tcp-one-connection")], &options).success();
    assert_eq!(first.summary("records"), Some(20));
    assert_eq!(first.summary_part("acknowledged", "accepted"), 20);
    let second = replay(&[pcap("im-tcp-one-connection")], &options).success();
    assert_eq!(second.summary_part("acknowledged", "accepted"), 0);
    assert_eq!(second.summary_part("acknowledged", "duplicate"), 20);
    assert!(second.stdout == first.stdout);
    assert!(records(&store, &JSON).success().stdout == first.stdout);
}

#[test]
fn an_enabler_of_its_own_holds_what_the_replay_printed() {
    let folder = scratch();
    let store = folder.path().join("store");
    let enabler = EnablerProcess::start("127.0.0.1:0".parse().unwrap(), &store);
    let files = ["im-fork-two-answers", "im-sctp", "im-ipv6", "voice", "failed-calls"].map(pcap);
    for format in ["json", "csv", "table"] {
        let got = replay(&files, &["--enabler", &enabler.url(), "--format", format]).success();
        // The captures were taken minutes apart, which is a gap.
        assert_eq!(got.summary("acknowledged"), Some(7));
        assert_eq!(got.summary_part("acknowledged", "of all these gap notices"), 1);
        // The Enabler still runs and writes.
        let held = records(&store, &["--format", format]).success();
        assert_eq!(String::from_utf8_lossy(&held.stdout), String::from_utf8_lossy(&got.stdout), "{format}");
    }
    let said = enabler.terminate();
    assert_eq!(said.status, Some(0));
    assert!(said.stderr.contains("received: 9 accepted, 12 duplicates, 0 rejected"), "{}", said.stderr);
    assert!(said.stderr.contains("store: 6 records, 0 withdrawn"), "{}", said.stderr);
}

/// More records than the outbox takes (65 536) and than are sorted in memory (64 MiB), read from a pipe; the Enabler is
/// killed when it has stored some, and stays away until reading has come to wait for it.
#[test]
fn an_enabler_killed_in_the_middle_of_a_replay_loses_and_doubles_nothing() {
    const SESSIONS: u32 = 70_000;
    let folder = scratch();
    let store = folder.path().join("store");
    let enabler = EnablerProcess::start("127.0.0.1:0".parse().unwrap(), &store);
    let address = enabler.address;
    let out = folder.path().join("out.jsonl");
    let mut child = tolltap()
        .args(["replay", "-", "-v", "--give-up-after", "5m", "--format", "json", "--enabler", &enabler.url()])
        .stdin(Stdio::piped())
        .stdout(fs::File::create(&out).unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());

    stdin.write_all(&capture_file::write(&sessions(0..1000))).unwrap();
    stdin.flush().unwrap();
    while records(&store, &JSON).stdout.is_empty() {}
    enabler.kill();

    let mut said = String::new();
    let _enabler = std::thread::scope(|scope| {
        scope.spawn(move || {
            for from in (1000..SESSIONS).step_by(1000) {
                let part = capture_file::write(&sessions(from..(from + 1000).min(SESSIONS)));
                stdin.write_all(&part[FILE_HEADER..]).unwrap();
            }
        });
        while !said.contains("reading waits") {
            assert!(stderr.read_line(&mut said).unwrap() > 0, "ended without waiting: {said}");
        }
        EnablerProcess::start(address, &store)
    });
    stderr.read_to_string(&mut said).unwrap();
    let run = Run { status: child.wait().unwrap().code(), stdout: fs::read(&out).unwrap(), stderr: said }.success();

    assert!(run.stderr.contains("no connection to the Charging Enabler"));
    assert_eq!(run.summary("records"), Some(SESSIONS.into()));
    assert_eq!(run.summary("acknowledged"), Some(SESSIONS.into()));
    let ids: BTreeSet<String> = lines_of_json(&run.stdout).iter().map(|record| text(record, "recordId")).collect();
    assert_eq!(ids.len(), SESSIONS as usize);
    let held = records(&store, &JSON).success().stdout;
    assert!(held == run.stdout, "{} bytes held, {} printed", held.len(), run.stdout.len());
}

#[test]
fn an_enabler_that_is_not_there_is_given_up_in_one_line() {
    let url = format!("http://{}", free_address());
    let run = replay(&[pcap("im-tcp-one-connection")], &["--enabler", &url, "--give-up-after", "2s"]);
    assert_eq!(run.status, Some(1));
    let [line] = run.complaints()[..] else { panic!("{}", run.stderr) };
    assert!(line.contains(&url) && line.contains("20 unacknowledged"), "{line}");
    assert_eq!(run.summary_part("acknowledged", "without answer"), 20);
}

/// A pipe that has said all it had, and is not closed: its next read ends with the test.
struct QuietPipe {
    said: std::io::Cursor<Vec<u8>>,
    open: std::sync::mpsc::Receiver<()>,
}

impl Read for QuietPipe {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = self.said.read(out)?;
        if count == 0 {
            let _ = self.open.recv();
        }
        Ok(count)
    }
}

/// Takes one record, and no more.
struct One(usize);

impl Receiver for One {
    type Progress = Reading;

    fn record(&mut self, _: Box<PackedRecord>) -> ControlFlow<()> {
        self.0 += 1;
        ControlFlow::Break(())
    }

    fn loss(&mut self, _: Loss) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn note(&mut self, _: Note) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn progress(&mut self, _: Reading) {}
}

#[test]
fn who_takes_no_more_does_not_wait_for_a_quiet_pipe() {
    let (keep_open, open) = std::sync::mpsc::channel();
    let pipe = QuietPipe { said: std::io::Cursor::new(capture_file::write(&sessions(0..3))), open };
    let mut files = CaptureFiles::from_readers([(PathBuf::from("pipe"), Box::new(pipe) as Box<_>)]).unwrap();
    let mut one = One(0);
    let flow = pipeline::replay(&mut files, &mut Core::new(Options::default(), 1), &mut one).unwrap();
    assert!(flow.is_break() && one.0 == 1);
    assert!(files.damages().is_empty(), "what was not waited for is no damage");
    drop(keep_open);
}

#[test]
fn who_takes_no_more_ends_every_worker() {
    let file = capture_file::write(&sessions(0..3_000));
    let reader = Box::new(std::io::Cursor::new(file)) as Box<_>;
    let mut files = CaptureFiles::from_readers([(PathBuf::from("memory"), reader)]).unwrap();
    let mut one = One(0);
    let flow = pipeline::replay(&mut files, &mut Core::new(Options::default(), 4), &mut one).unwrap();
    assert!(flow.is_break() && one.0 == 1);
}
