//! The kernel's filters, run in the kernel over local sockets.

use tolltap::capture::filter::{Filter, FilterOptions, Kind, Trial};
use tolltap::packet::{Frame, InterfaceId};

use super::replay::TestInput;

/// What a live capture may run.
pub const KINDS: [Kind; 2] = [Kind::Ebpf, Kind::Classic];

/// No configured ports: streams have to be found by their start lines.
pub fn no_ports() -> FilterOptions {
    FilterOptions { sip_ports: vec![], ..FilterOptions::default() }
}

/// A filter of this kind that has seen nothing; or a word that this part of the test is skipped. The eBPF one needs CAP_BPF
/// and CAP_PERFMON.
pub fn trial(kind: Kind, options: &FilterOptions) -> Option<Trial> {
    let filter = match kind {
        Kind::Classic => Filter::classic(options.clone()),
        _ => Filter::new(options.clone()),
    };
    let trial = Trial::new(filter).expect("local sockets take a filter");
    if trial.attached().kind == kind {
        return Some(trial);
    }
    println!("skipped: {kind:?}, {}", trial.attached().reason_for_fallback.as_deref().unwrap_or_default());
    None
}

/// What is left of the inputs behind the filter.
pub fn passed(trial: &mut Trial, inputs: Vec<TestInput>) -> Vec<TestInput> {
    let passes = |input: &TestInput| match input {
        TestInput::Frame { time, link, bytes, wire_len, interface } => {
            let frame = Frame {
                time: *time,
                link: *link,
                bytes,
                wire_len: *wire_len,
                interface: InterfaceId(*interface),
                number: 1,
            };
            trial.run(&frame).expect("the filter runs").passed
        }
        _ => true,
    };
    inputs.into_iter().filter(passes).collect()
}
