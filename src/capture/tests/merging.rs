//! Several files as one.

use super::*;
use crate::capture::{PcapngInterface, PcapngWriter};

proptest! {
    /// Times from a small range, so that many are equal.
    #[test]
    fn merging_is_a_stable_sort_by_time_file_and_number(times in prop::collection::vec(prop::collection::vec(1_i64..20, 0..30), 0..6)) {
        let mut captures = Vec::new();
        let mut expected = Vec::new();
        for (file, mut times) in times.into_iter().enumerate() {
            times.sort_unstable();
            captures.push(pcap(&times.iter().map(|&time| (time, vec![file as u8])).collect::<Vec<_>>()));
            expected.extend(times.into_iter().zip(1..).map(|(time, number)| (time, file, number)));
        }
        expected.sort_unstable();
        let reading = drain(&mut open(captures).expect("it opens"));
        let merged: Vec<_> = reading
            .frames
            .iter()
            .map(|frame| (frame.time, usize::from(frame.interface.0), frame.number))
            .collect();
        prop_assert_eq!(merged, expected);
    }

    #[test]
    fn a_file_keeps_its_own_order_though_its_clock_steps_back(
        times in prop::collection::vec(prop::collection::vec(1_i64..20, 0..30), 1..4),
    ) {
        let captures = times.iter().map(|times| pcap(&times.iter().map(|&time| (time, vec![])).collect::<Vec<_>>()));
        let reading = drain(&mut open(captures.collect()).expect("it opens"));
        for (file, times) in times.iter().enumerate() {
            let of_file: Vec<_> =
                reading.frames.iter().filter(|frame| usize::from(frame.interface.0) == file).map(|frame| frame.time).collect();
            prop_assert_eq!(&of_file, times);
        }
    }
}

#[test]
fn interfaces_are_numbered_over_all_files() {
    let mut writer = PcapngWriter::new(Vec::new()).expect("memory takes it");
    writer.interface(&PcapngInterface::named(113, "any")).expect("it fits");
    writer.packet(0, 5, b"x").expect("it fits");
    writer.interface(&PcapngInterface::named(1, "late")).expect("it fits");
    writer.packet(1, 7, b"y").expect("it fits");
    let mut files = open(vec![pcap(&[(4, vec![]), (6, vec![])]), writer.into_inner()]).expect("it opens");
    let reading = drain(&mut files);
    let seen: Vec<_> = reading.frames.iter().map(|frame| (frame.time, frame.interface.0, frame.number)).collect();
    assert_eq!(seen, [(4, 0, 1), (5, 1, 1), (6, 0, 2), (7, 2, 2)]);
    let names: Vec<_> =
        files.interfaces().iter().map(|interface| (interface.file.to_str(), interface.name.as_deref())).collect();
    assert_eq!(names, [(Some("capture-0"), None), (Some("capture-1"), Some("any")), (Some("capture-1"), Some("late"))]);
}

#[test]
fn no_files_give_nothing() {
    let mut files = CaptureFiles::open(&[]).expect("nothing can fail");
    assert!(files.next().is_none());
    assert_eq!(files.position().total, Some(0));
}

/// A directory of its own, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tolltap-capture-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary directory");
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).expect("a temporary file");
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn more_files_than_are_kept_open_merge_the_same() {
    let directory = Directory::new("many");
    let mut paths = Vec::new();
    let mut stored = 0;
    for index in 0..100_i64 {
        // They overlap a little; every third is compressed, and one of those in two members.
        let packets: Vec<_> = (0..20).map(|step| (index * 100 + step * 7, vec![index as u8; 50])).collect();
        let plain = pcap(&packets);
        let bytes = match index % 3 {
            0 => plain,
            1 => [gzip(&plain[..100]), gzip(&plain[100..])].concat(),
            _ => zstd(&plain),
        };
        stored += bytes.len() as u64;
        paths.push(directory.file(&format!("{index}.pcap"), &bytes));
    }
    let mut files = CaptureFiles::open(&paths).expect("they open");
    let before = files.position();
    assert_eq!(before.total, Some(stored));
    assert!(before.consumed < stored);
    let reading = drain(&mut files);
    assert!(reading.damages.is_empty(), "{:?}", reading.damages);
    assert_eq!(files.position().consumed, stored);
    let merged: Vec<_> = reading.frames.iter().map(|frame| (frame.time, frame.interface.0, frame.number)).collect();
    let mut expected: Vec<_> = (0..100_u16)
        .flat_map(|index| (0..20_u64).map(move |step| (i64::from(index) * 100 + step as i64 * 7, index, step + 1)))
        .collect();
    expected.sort_unstable();
    assert_eq!(merged, expected);
    assert!(reading.frames.iter().all(|frame| frame.bytes == [frame.interface.0 as u8; 50]));
}

#[test]
fn a_file_that_vanishes_before_its_turn_is_damage_and_the_others_go_on() {
    let directory = Directory::new("vanish");
    let paths: Vec<_> = (0..40)
        .map(|index| directory.file(&format!("{index}.pcap"), &pcap(&[(index, vec![1]), (index, vec![2])])))
        .collect();
    let mut files = CaptureFiles::open(&paths).expect("they open");
    std::fs::remove_file(&paths[7]).expect("it is there");
    std::fs::write(&paths[8], b"").expect("it can be written");
    let reading = drain(&mut files);
    assert_eq!(reading.frames.len(), 76);
    assert_eq!(reading.damages.len(), 2);
    assert!(reading.damages[0].contains("7.pcap: damaged at byte 24: reading failed"), "{}", reading.damages[0]);
    assert!(reading.damages[1].contains("0 frames before it"), "{}", reading.damages[1]);
}

#[test]
fn a_file_that_grows_while_it_is_read_is_read_to_where_it_then_ends() {
    let directory = Directory::new("grow");
    let packets: Vec<_> = (0..4000).map(|time| (time, vec![3; 100])).collect();
    let whole = pcap(&packets);
    let path = directory.file("growing.pcap", &whole[..300_000]);
    let mut files = CaptureFiles::open(std::slice::from_ref(&path)).expect("it opens");
    assert!(matches!(files.next(), Some(Item::Frame(frame)) if frame.number == 1));
    std::fs::write(&path, &whole).expect("it can be written");
    let reading = drain(&mut files);
    assert_eq!(reading.frames.len(), 3999);
    assert!(reading.damages.is_empty());
    let position = files.position();
    assert_eq!((position.consumed, position.total), (whole.len() as u64, Some(whole.len() as u64)));
}

#[test]
fn a_file_cut_short_while_it_is_read_is_damage() {
    let directory = Directory::new("shrink");
    let packets: Vec<_> = (0..4000).map(|time| (time, vec![3; 100])).collect();
    let path = directory.file("shrinking.pcap", &pcap(&packets));
    let mut files = CaptureFiles::open(std::slice::from_ref(&path)).expect("it opens");
    std::fs::OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(200_000)).expect("it can be cut");
    let reading = drain(&mut files);
    assert_eq!(reading.frames.len(), (200_000 - 24) / 116);
    assert_eq!(reading.damages.len(), 1);
}

#[test]
fn what_is_no_capture_is_told_when_it_is_opened() {
    let directory = Directory::new("open");
    let plain = pcap(&[(1, vec![1; 50])]);
    let cases = [
        (directory.0.clone(), "is a directory"),
        (directory.0.join("missing.pcap"), "cannot be opened"),
        (directory.file("empty.pcap", b""), "is empty"),
        (directory.file("one", b"x"), "is not a pcap"),
        (directory.file("text", b"INVITE sip:a@b SIP/2.0\r\n\r\n"), "is not a pcap"),
        (directory.file("text.gz", &gzip(b"INVITE sip:a@b SIP/2.0")), "is not a pcap"),
        (directory.file("nothing.gz", &gzip(b"")), "is not a pcap"),
        (directory.file("cut.gz", &gzip(&plain)[..15]), "gzip data ends too early"),
        (directory.file("a.xz", b"\xfd7zXZ\0\0\x04"), "compressed with xz"),
        (directory.file("short.pcap", &plain[..20]), "ends inside a record (20 of 24 bytes"),
        (directory.file("short.pcapng", b"\n\r\r\n\x1c\0\0\0"), "ends inside a record (8 of 12 bytes"),
        (directory.file("old.pcap", &[&plain[..4], &[1, 0, 0, 0], &plain[8..]].concat()), "version 1.0"),
    ];
    for (path, expected) in cases {
        let error = CaptureFiles::open(std::slice::from_ref(&path)).expect_err("it does not open").to_string();
        assert!(error.contains(expected), "{error}");
        assert!(error.starts_with(path.to_str().expect("a plain name")), "{error}");
        assert!(!error.contains('\n'));
    }
    let twice = CaptureFiles::open(&["-".into(), "-".into()]).expect_err("it does not open");
    assert!(matches!(twice, CaptureError::StandardInputTwice));
}
