//! `tolltap live` on a tap port, with real hosts and real load, in network namespaces: as root.
//!
//! `benches/run live` keeps what it prints. `sessions` or `media` alone measures one of the two;
//! `--rounds N` and `--sessions N` ask for other numbers.

#[path = "../../tests/common/mod.rs"]
#[allow(clippy::duplicate_mod, reason = "the traffic of the other benches has its own way to the same seeded numbers")]
mod common;
#[path = "../../tests/live/lab.rs"]
#[allow(dead_code, reason = "of the tests' hosts it uses its own part")]
mod lab;
mod load;
mod loopback;
mod media;
#[path = "../../tests/live/network.rs"]
#[allow(dead_code, reason = "of the tests' hosts it uses its own part")]
mod network;
#[path = "../../tests/live/probe.rs"]
#[allow(dead_code, reason = "of the tests' hosts it uses its own part")]
mod probe;
#[path = "../../tests/live/reconciliation.rs"]
#[allow(dead_code, reason = "of the tests' comparison it uses its own part")]
mod reconciliation;
mod sessions;
mod spread;
#[path = "../traffic/mod.rs"]
mod traffic;
#[path = "../../tests/live/wire.rs"]
#[allow(dead_code, reason = "of the tests' second reader it uses its own part")]
mod wire;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, usual: usize| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(usual)
    };
    let wanted = |name: &str| {
        let named = |other: &str| arguments.iter().any(|argument| argument == other);
        named(name) || !["sessions", "media"].into_iter().any(named)
    };
    if wanted("sessions") {
        for transport in ["u1", "t1"] {
            sessions::measure(transport, number("--sessions", 5000));
        }
    }
    if wanted("media") {
        media::measure(number("--rounds", 5))?;
    }
    Ok(())
}
