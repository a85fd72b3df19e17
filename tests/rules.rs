//! Every rule of "What is charged, exactly": each scenario file gives the records it says, and no others.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::pcap;
use common::replay::run;
use common::scenario::Scenario;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the scenarios are there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.to_string_lossy().ends_with(".sip.txt"))
        .collect();
    files.sort();
    files
}

fn parse(path: &Path) -> Result<Scenario, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Scenario::parse(&name, &fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?)
}

#[test]
fn every_scenario_is_readable_and_has_messages() {
    let mut wrong = String::new();
    for path in files() {
        match parse(&path) {
            Err(error) => wrong += &format!("{error}\n"),
            Ok(scenario) if scenario.messages().next().is_none() => {
                wrong += &format!("{}: no message\n", scenario.name)
            }
            Ok(_) => {}
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_rule_has_a_scenario() {
    let names: Vec<String> =
        files().iter().map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned()).collect();
    for rule in 1..=18 {
        let prefix = format!("rule-{rule:02}-");
        assert!(names.iter().any(|name| name.starts_with(&prefix)), "rule {rule} has no scenario");
    }
}

/// `SCENARIO=part-of-a-name` runs those alone.
#[test]
fn every_scenario_gives_its_records() {
    let only = std::env::var("SCENARIO").unwrap_or_default();
    let (mut ran, mut wrong) = (0, Vec::new());
    for path in files().iter().filter(|path| path.to_string_lossy().contains(&only)) {
        ran += 1;
        let scenario = parse(path).expect("readable, as another test says");
        let outcome = run(scenario.options.clone(), scenario.inputs());
        let differences = scenario.expectation.differences(&outcome);
        if !differences.is_empty() {
            wrong.push(format!("{}\n{differences}", scenario.name));
        }
    }
    assert!(ran > 0, "no scenario is called '{only}'");
    assert!(wrong.is_empty(), "\n{} of {ran} scenarios differ\n\n{}", wrong.len(), wrong.join("\n"));
}

/// `SCENARIO_PCAPS=folder` writes every scenario as a capture file.
#[test]
fn every_scenario_is_a_capture_file() {
    let folder = std::env::var_os("SCENARIO_PCAPS").map(PathBuf::from);
    for path in files() {
        let scenario = parse(&path).expect("readable, as another test says");
        let inputs = scenario.inputs();
        let file = pcap::write(&inputs);
        let frames = inputs.iter().filter(|input| input.time().is_some()).count();
        assert_eq!(pcap::read(&file).len(), frames, "{}", scenario.name);
        if let Some(folder) = &folder {
            fs::write(folder.join(scenario.name.replace(".sip.txt", ".pcap")), file)
                .expect("the folder can be written");
        }
    }
}

/// A replay is a function of its input: the same frames give the same records, in the same order.
#[test]
fn every_scenario_gives_the_same_twice() {
    for path in files() {
        let scenario = parse(&path).expect("readable, as another test says");
        let (one, two) =
            (run(scenario.options.clone(), scenario.inputs()), run(scenario.options.clone(), scenario.inputs()));
        assert!(one.records == two.records, "{}: two replays differ", scenario.name);
        assert_eq!(one.counts, two.counts, "{}: two replays count differently", scenario.name);
    }
}
