//! What may have cost records is told to the Enabler.

use tolltap::packet::{Frame, InterfaceId};
use tolltap::probe::{Input, Note, Options, Output, Probe};
use tolltap::session::Dropped;

use super::*;

#[test]
fn a_jump_of_the_clock_is_a_gap() {
    let folder = scratch();
    // Ten sessions, and ten more an hour later.
    let capture = [sessions(0..10), sessions(3_600_000..3_600_010)].concat();
    let capture = file(&folder, "jump.pcap", &capture_file::write(&capture));
    let store = folder.path().join("store");
    let run = replay(&[capture], &["--format", "json", "--store", store.to_str().unwrap()]).success();
    assert_eq!(lines_of_json(&run.stdout).len(), 20);
    assert_eq!(run.summary_part("acknowledged", "of all these gap notices"), 1, "{}", run.stderr);
    let stored = rusqlite::Connection::open(store).unwrap();
    let (cause, seconds) = stored
        .query_row("SELECT cause, (to_time - from_time) / 1000000000 FROM gap", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })
        .unwrap();
    assert_eq!((cause, seconds), (4, 3599), "not observed, for an hour");
}

#[test]
fn sessions_dropped_at_the_bound_of_the_table_are_told() {
    let mut probe = Probe::new(Options { max_dialogs: 256, ..Options::default() });
    // Open sessions only: none is ended by its BYE.
    let open = (0..300).flat_map(|n| sessions(n..n + 1).into_iter().take(3));
    let mut dropped = Vec::new();
    let mut times = Vec::new();
    let mut note = |probe: &mut Probe| {
        while let Some(output) = probe.poll() {
            if let Output::Note(Note::SessionsDropped(told)) = output {
                dropped.push(told);
            }
        }
    };
    for input in open {
        let TestInput::Frame { time, link, bytes, wire_len, .. } = &input else { continue };
        times.push(*time);
        let number = times.len() as u64;
        let (time, link, wire_len) = (*time, *link, *wire_len);
        probe.handle(Input::Frame(Frame { time, link, bytes, wire_len, interface: InterfaceId(0), number }));
        note(&mut probe);
    }
    // What is dropped within a second of that is told together, the rest at the end.
    probe.handle(Input::End);
    note(&mut probe);
    assert_eq!(dropped.iter().map(|told| told.count).sum::<u64>(), probe.counts().session.evicted_sessions);
    // The 257th finds no room, and a sixty-fourth of them goes, from the answer of the first on.
    assert_eq!(dropped.first(), Some(&Dropped { from: times[1], to: times[256 * 3], count: 4 }));
}
