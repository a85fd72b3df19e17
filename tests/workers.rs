//! How many threads share the work decides nothing: not a record, not a revision, not a count.
//!
//! The objects that the threads would have are driven here by one, round by round; `replay_command/workers.rs` has the threads.

mod common;

use std::fs;
use std::path::Path;

use common::noise;
use common::pcap;
use common::replay::{Outcome, TestInput, run, run_shared};
use common::rng::Rng;
use common::scenario::{Carrier, Scenario};
use common::transports::Transports;
use common::tunnels::Encapsulation;
use tolltap::packet::{InterfaceId, LinkType};
use tolltap::probe::{Loss, Options};

fn scenarios() -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("the scenarios are there").map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Scenario::parse(&name, &fs::read_to_string(path).expect("readable")).expect("well-formed")
    };
    paths.iter().filter(|path| path.to_string_lossy().ends_with(".sip.txt")).map(read).collect()
}

/// One probe against 1, 2, 3 and 4 workers, with rounds that end anywhere.
fn same(what: &str, options: &Options, inputs: &[TestInput], rng: &mut Rng) -> Outcome {
    let one = run(options.clone(), inputs.iter().cloned());
    for count in 1..=4 {
        let often = rng.within(1, 12);
        let many = run_shared(options, inputs, count, || rng.one_in(often));
        let (left, right) = (one.by_session(), many.by_session());
        let different = left.iter().zip(&right).find(|(one, other)| one != other);
        assert!(
            left == right,
            "{what}, {count} workers: {} records against {}; the first that differ: {different:#?}",
            left.len(),
            right.len()
        );
        assert_eq!(counts(&one), counts(&many), "{what}, {count} workers");
        assert_eq!(one.interfaces, many.interfaces, "{what}, {count} workers");
    }
    one
}

/// All but those of conversations that are kept: one that was idle for too long is not found any more, but it is thrown out
/// when room is wanted.
fn counts(outcome: &Outcome) -> Vec<(&String, &u64)> {
    let kept = ["aged", "conversations", "buffered"];
    outcome.counts.iter().filter(|(name, _)| !kept.contains(&name.as_str())).collect()
}

/// As written, and behind any tunnel over any transport, some frames lost, others late, among noise. `ROUNDS` gives more cases.
#[test]
fn every_scenario_is_the_same_for_any_number_of_workers() {
    let mut rng = Rng::new(3261);
    let rounds = std::env::var("ROUNDS").map_or(4, |rounds| rounds.parse().expect("a number"));
    let mut records = 0;
    for scenario in scenarios() {
        records += same(&scenario.name, &scenario.options, &scenario.inputs(), &mut rng).records.len();
        let carriers = [Carrier::Udp, Carrier::Tcp, Carrier::WebSocket, Carrier::Sctp];
        for carrier in carriers.into_iter().cycle().take(carriers.len() * rounds) {
            let transports = Transports::new(Some(700), Some(60 + rng.below(600)), [rng.next() as u32, 5]);
            let inputs = scenario.clone().over(carrier).inputs_in(&Encapsulation::any(&mut rng), transports);
            let inputs = mangled(inputs, &mut rng);
            let what = format!("{} over {carrier:?}, with loss and disorder", scenario.name);
            records += same(&what, &scenario.options, &inputs, &mut rng).records.len();
        }
    }
    assert!(records > 1_000, "{records} records prove little");
}

/// A tenth of the frames lost, as one interface says or not, some late by up to four seconds, some seen by another interface
/// that is a second behind, some noise in between.
fn mangled(inputs: Vec<TestInput>, rng: &mut Rng) -> Vec<TestInput> {
    let mut late = Vec::new();
    let mut rest = Vec::new();
    for input in inputs {
        let Some(time) = input.time() else {
            rest.push(input);
            continue;
        };
        if rng.one_in(4) {
            let kind = noise::EVERY[rng.below(noise::EVERY.len())];
            late.push((time.nanos(), TestInput::frame(time, LinkType::Ethernet, noise::frame(kind, rng))));
        }
        if rng.one_in(10) {
            if rng.one_in(2) {
                let loss = Loss { interface: InterfaceId(0), from: time, to: time, count: 1 };
                late.push((time.nanos(), TestInput::Loss(loss)));
            }
            continue;
        }
        let delay = if rng.one_in(8) { rng.below(4_000_000_000) } else { 0 };
        if rng.one_in(3)
            && let TestInput::Frame { time, link, bytes, wire_len, .. } = input.clone()
        {
            let again = TestInput::Frame { time, link, bytes, wire_len, interface: 1 };
            late.push((time.nanos() + 1_000_000_000, again));
        }
        late.push((time.nanos() + delay as i64, input));
    }
    late.sort_by_key(|(arrival, _)| *arrival);
    late.into_iter().map(|(_, input)| input).chain(rest).collect()
}

#[test]
fn every_capture_is_the_same_for_any_number_of_workers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut rng = Rng::new(3665);
    let mut files = 0;
    for folder in ["pcaps", "../shared/captures"] {
        let Ok(entries) = fs::read_dir(root.join(folder)) else {
            println!("skipped: no captures in {folder}");
            continue;
        };
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
        paths.sort();
        for path in paths {
            let is_capture =
                path.extension().is_some_and(|name| ["pcap", "pcapng", "cap"].iter().any(|known| name == *known));
            if !is_capture {
                continue;
            }
            let mut inputs = pcap::read(&fs::read(&path).expect("readable"));
            inputs.push(TestInput::End);
            same(&path.display().to_string(), &Options::default(), &inputs, &mut rng);
            files += 1;
        }
    }
    assert!(files >= 20, "{files} captures prove little");
}
