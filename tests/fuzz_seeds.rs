#![cfg(all(feature = "files", feature = "ch1"))]
//! Replays the seeds of every fuzz target, without the fuzzer.

mod common;
mod fuzz_targets;
#[path = "fuzz_targets/seeds.rs"]
mod seeds;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fuzz_targets::TARGETS;

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target)
}

fn files(target: &str) -> Vec<PathBuf> {
    let folder = folder(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_seed_is_survived() {
    for (name, target) in TARGETS {
        let files = files(name);
        assert!(files.len() > 2, "{name} has too few seeds");
        for path in files {
            // The name of the seed shows with a panic, and only then.
            println!("{}", path.display());
            target(&fs::read(&path).expect("readable"));
        }
    }
}

#[test]
fn every_target_survives_nothing_and_noise() {
    for (name, target) in TARGETS {
        println!("{name}");
        target(&[]);
        for byte in 0..=u8::MAX {
            target(&[byte; 64]);
        }
    }
}

/// What is in a seed can be read in the code that made it, as long as that made it.
#[test]
fn made_seeds_are_as_they_were_made() {
    for seed in seeds::seeds() {
        let path = folder(seed.target).join(&seed.name);
        let same = fs::read(&path).is_ok_and(|bytes| bytes == seed.bytes);
        assert!(same, "{} differs; the ignored test of this file writes it", path.display());
    }
}

#[test]
#[ignore = "writes files"]
fn write_seeds() {
    for seed in seeds::seeds() {
        fs::create_dir_all(folder(seed.target)).expect("writable");
        fs::write(folder(seed.target).join(&seed.name), seed.bytes).expect("writable");
    }
}

/// A folder without a target would never be replayed, a target without its file never be fuzzed.
#[test]
fn targets_seeds_and_binaries_have_the_same_names() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(root.join(folder)).expect("the folder is there");
        let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        entries.filter_map(|entry| stem(entry.expect("readable").path())).collect()
    };
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("seeds"), targets);
    assert_eq!(names("fuzz_targets"), targets);
}
