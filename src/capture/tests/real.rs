//! Captures of other projects, where they are at hand.

use std::{fs, path::Path};

use super::*;

#[test]
fn real_captures_have_as_many_frames_as_a_dissector_counts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures");
    let Ok(index) = fs::read_to_string(folder.join("INDEX.tsv")) else {
        println!("skipped: no folder of captures beside the repository");
        return;
    };
    let mut checked = 0;
    for line in index.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (name, packets) = (columns[0], columns[4].parse::<usize>().expect("a count"));
        let mut files = CaptureFiles::open(&[folder.join(name)]).expect(name);
        let reading = drain(&mut files);
        assert_eq!(reading.frames.len(), packets, "{name}: {:?}", reading.damages);
        assert!(reading.damages.is_empty(), "{:?}", reading.damages);
        assert_eq!(reading.frames.last().map_or(0, |frame| frame.number), packets as u64);
        checked += 1;
    }
    assert!(checked > 0);
    println!("{checked} captures");
}
