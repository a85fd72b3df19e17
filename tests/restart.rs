//! A probe that dies and comes back with what it had kept charges what it would have charged without dying.

mod common;

use std::fs;
use std::path::Path;

use common::replay::{TestInput, run, run_with_restart};
use common::scenario::Scenario;

fn scenarios() -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let scenarios = paths.iter().filter(|path| path.to_string_lossy().ends_with(".sip.txt"));
    scenarios
        .map(|path| Scenario::parse(&path.to_string_lossy(), &fs::read_to_string(path).unwrap()).unwrap())
        .collect()
}

/// Scenarios about what a probe does not keep, and why that is no state of a session.
const OF_ONE_LIFE: &[(&str, &str)] = &[
    ("rule-05-time-of-the-last-", "half a message: a stream or a datagram that the restart cut"),
    ("rule-05-first-fragments-alone", "half a message, which waits for its other half when the probe dies"),
    ("rule-05-body-lost-", "the same on streams"),
    ("rule-18-clock-steps-back", "the clock of a source is the driver's to carry over"),
    ("rule-18-one-frame-from-the-far-future", "the tick that carries the clock over is believed"),
];

#[test]
fn a_restart_at_any_moment_changes_no_record() {
    let mut wrong = Vec::new();
    let mut restarts = 0;
    for scenario in scenarios() {
        if OF_ONE_LIFE.iter().any(|(name, _)| scenario.name.contains(name)) {
            continue;
        }
        let inputs: Vec<TestInput> = scenario.inputs().into_iter().collect();
        let whole = run(scenario.options.clone(), inputs.clone()).charged();
        for at in 0..inputs.len() {
            restarts += 1;
            let parts = run_with_restart(scenario.options.clone(), &inputs, at).charged();
            if parts != whole {
                wrong.push(format!("{} restarted after {at} inputs\n  {whole:#?}\n  {parts:#?}", scenario.name));
                break;
            }
        }
    }
    assert!(restarts > 1_000, "only {restarts} restarts were tried");
    assert!(wrong.is_empty(), "{} scenarios differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_damaged_image_is_refused() {
    use tolltap::probe::{Change, Input, Note, Options, Output, Probe};

    let options = Options { changes: true, ..Options::default() };
    let scenario = &scenarios()[0];
    let mut probe = Probe::new(options.clone());
    let mut images = Vec::new();
    for input in scenario.inputs() {
        let TestInput::Frame { time, link, bytes, wire_len, .. } = input else { continue };
        let frame =
            tolltap::packet::Frame { time, link, bytes: &bytes, wire_len, interface: Default::default(), number: 1 };
        probe.handle(Input::Frame(frame));
        while let Some(output) = probe.poll() {
            if let Output::Change(Change::Kept { image, .. }) = output {
                images.push(image.reveal().clone());
            }
        }
    }
    let image = images.last().expect("a session was kept");
    let mut refused = 0;
    for cut in 0..image.len() {
        let mut probe = Probe::new(options.clone());
        probe.handle(Input::Restore(&image[..cut]));
        while let Some(output) = probe.poll() {
            refused += usize::from(matches!(output, Output::Note(Note::NotRestored(_))));
        }
    }
    assert_eq!(refused, image.len());
}
