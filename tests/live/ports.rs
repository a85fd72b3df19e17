//! What happens at a port.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use crate::network::Network;
use crate::probe::Probe;

/// A host with a port that is watched, and one from which frames are sent to it.
pub(crate) fn bench() -> Option<Network> {
    let network = Network::of(&["probe", "trunk"], &["tcpreplay"])?;
    network.join(("trunk", "out0", ""), ("probe", "tap0", ""));
    Some(network)
}

/// Sends the frames of a capture of this repository.
pub(crate) fn send(network: &Network, capture: &str) {
    send_to(network, "out0", capture);
}

/// The same to another port.
fn send_to(network: &Network, port: &str, capture: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("pcaps").join(capture).with_extension("pcap");
    network.run("trunk", &format!("tcpreplay -q -t -i {port} {}", file.display()));
}

#[test]
fn a_session_on_a_tap_port_gives_its_record_when_it_ends() {
    let Some(network) = bench() else { return };
    let mut probe = Probe::on(&network, "probe", "-i tap0");
    send(&network, "im-client-terminated-udp");
    let record = probe.record();
    assert_eq!(record["callId"], "1-25277@10.77.1.2");
    assert_eq!(record["trigger"], "TRIGGER_BYE");
    let ended = probe.stop();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(ended.records.is_empty());
    assert!(ended.stderr.contains("accepted 1"), "{}", ended.stderr);
}

#[test]
fn with_several_workers_a_record_leaves_as_soon() {
    let Some(network) = bench() else { return };
    let mut probe = Probe::on(&network, "probe", "-i tap0 --workers 3");
    for (capture, call) in [("im-client-terminated-udp", "1-25277@10.77.1.2"), ("im-tcp-one-connection", "")] {
        send(&network, capture);
        // Nothing more comes that could fill a round.
        assert!(probe.record()["callId"].as_str().is_some_and(|found| found.contains(call)));
    }
    let ended = probe.stop();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("accepted"), "{}", ended.stderr);
}

#[test]
fn a_stop_delivers_what_was_captured_within_a_second() {
    let Some(network) = bench() else { return };
    let probe = Probe::on(&network, "probe", "-i tap0");
    send(&network, "im-renegotiated");
    let ended = probe.stop();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert_eq!(ended.records.len(), 1, "{}", ended.stderr);
    assert!(ended.took < Duration::from_secs(1), "{:?}", ended.took);
}

#[test]
fn a_port_that_goes_down_is_waited_for() {
    let Some(network) = bench() else { return };
    let mut probe = Probe::on(&network, "probe", "-i tap0");
    network.ip("probe", "link set tap0 down");
    let line = probe.line();
    assert!(line.contains("went down"), "{line}");
    network.ip("probe", "link set tap0 up");
    send(&network, "im-client-terminated-udp");
    assert_eq!(probe.record()["callId"], "1-25277@10.77.1.2");
    assert_eq!(probe.stop().status, Some(0));
}

#[test]
fn a_port_that_is_taken_away_ends_it_with_what_there_was() {
    let Some(network) = bench() else { return };
    let mut probe = Probe::on(&network, "probe", "-i tap0");
    send(&network, "im-client-terminated-udp");
    probe.record();
    network.ip("probe", "link del tap0");
    let ended = probe.end();
    assert_eq!(ended.status, Some(1));
    assert!(ended.stderr.contains("tap0: the interface is gone"), "{}", ended.stderr);
    assert!(ended.stderr.contains("accepted 1"), "{}", ended.stderr);
}

/// It is held while a session comes in at one port and a port goes.
fn what_the_ring_held_when_a_port_went(sent_to: &str) {
    let Some(network) = bench() else { return };
    network.join(("trunk", "out1", ""), ("probe", "tap1", ""));
    let mut probe = Probe::on(&network, "probe", "-i tap0 -i tap1");
    assert!(probe.line().starts_with("watching tap1"));
    probe.pause();
    send_to(&network, sent_to, "im-client-terminated-udp");
    network.ip("probe", "link del tap0");
    probe.resume();
    let ended = probe.end();
    assert_eq!(ended.status, Some(1));
    assert!(ended.stderr.contains("tap0: the interface is gone"), "{}", ended.stderr);
    let calls: Vec<_> = ended.records.iter().map(|record| record["callId"].as_str().unwrap()).collect();
    assert_eq!(calls, ["1-25277@10.77.1.2"], "{}", ended.stderr);
    assert!(ended.stderr.contains("accepted 1"), "{}", ended.stderr);
}

#[test]
fn what_other_ports_hold_when_one_goes_is_read() {
    what_the_ring_held_when_a_port_went("out1");
}

#[test]
fn what_a_port_that_goes_held_is_read() {
    what_the_ring_held_when_a_port_went("out0");
}

#[test]
fn a_port_that_is_not_there_is_named() {
    let Some(network) = bench() else { return };
    let ended = Probe::start(&network, "probe", "-i tap7").end();
    assert_eq!(ended.status, Some(1));
    assert_eq!(ended.stderr, "tolltap: -i tap7: no such interface; `ip -br link` lists those there are\n");
}

#[test]
fn media_never_leaves_the_kernel() {
    let Some(network) = bench() else { return };
    let mut probe = Probe::on(&network, "probe", "-i tap0");
    send(&network, "im-client-terminated-udp");
    probe.record();
    let ended = probe.stop();
    // Of the 63 frames of that capture 13 are SIP over UDP; the rest are MSRP, ICMP and ARP.
    assert!(ended.stderr.contains("dropped in kernel"), "{}", ended.stderr);
    let unfiltered = Probe::on(&network, "probe", "-i tap0 --kernel-filter none");
    send(&network, "im-client-terminated-udp");
    let open = unfiltered.stop();
    let frames = |stderr: &str| -> u64 {
        let line = stderr.lines().find(|line| line.starts_with("frames ")).expect("a summary");
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    assert_eq!(open.records.len(), 1);
    assert!(frames(&ended.stderr) < frames(&open.stderr), "{}{}", ended.stderr, open.stderr);
}

#[test]
fn what_the_ring_had_no_room_for_is_counted() {
    let Some(network) = bench() else { return };
    let probe = Probe::on(&network, "probe", "-i tap0 --ring 1");
    probe.pause();
    for _ in 0..10 {
        send_to(&network, "out0 --loop=20", "im-client-terminated-udp");
    }
    probe.resume();
    let ended = probe.stop();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let number = |after: &str| -> u64 {
        let (_, rest) = ended.stderr.split_once(after).unwrap_or_else(|| panic!("no {after}: {}", ended.stderr));
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    // Of each of the 200 times 13 frames pass the filter.
    let (read, lost) = (number("frames "), number("frames lost before capture "));
    assert!(read > 0 && lost > 0, "{}", ended.stderr);
    assert_eq!(read + lost, 200 * 13, "{}", ended.stderr);
}

#[test]
fn the_classic_filter_gives_the_same_record() {
    let Some(network) = bench() else { return };
    let mut probe = Probe::start(&network, "probe", "-i tap0 --kernel-filter classic");
    let line = probe.line();
    assert!(line.contains("classic BPF"), "{line}");
    send(&network, "im-client-terminated-udp");
    assert_eq!(probe.record()["callId"], "1-25277@10.77.1.2");
    assert_eq!(probe.stop().status, Some(0));
}

#[test]
fn two_ports_are_one_view() {
    let Some(network) = bench() else { return };
    network.join(("trunk", "out1", ""), ("probe", "tap1", ""));
    let mut probe = Probe::on(&network, "probe", "-i tap0 -i tap1");
    assert!(probe.line().starts_with("watching tap1"));
    send(&network, "im-client-terminated-udp");
    send_to(&network, "out1", "im-renegotiated");
    let mut calls = [probe.record(), probe.record()].map(|record| record["callId"].as_str().unwrap().to_owned());
    calls.sort();
    assert_eq!(calls, ["1-19596@10.77.1.2", "1-25277@10.77.1.2"]);
    assert_eq!(probe.stop().status, Some(0));
}

#[test]
fn a_full_disk_behind_standard_output_is_told_when_it_is_and_keeps_no_record_from_the_enabler() {
    let Some(network) = bench() else { return };
    let folder = tempfile::tempdir().expect("a folder can be made");
    let script = folder.path().join("to-a-full-disk");
    fs::write(&script, "#!/bin/sh\nexec \"$@\" >/dev/full\n").expect("it is our own");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it is our own");
    let by = script.display().to_string();
    let mut probe = Probe::as_somebody(&network, "probe", &by, env!("CARGO_BIN_EXE_tolltap"), "-i tap0");
    let line = probe.line();
    assert!(line.starts_with("watching tap0"), "{line}");
    send(&network, "im-client-terminated-udp");
    // While it goes on.
    let line = probe.line();
    assert!(line.contains("no more records are printed"), "{line}");
    send(&network, "im-renegotiated");
    let ended = probe.stop();
    assert_eq!(ended.status, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("accepted 2") && ended.stderr.contains("not printed 2"), "{}", ended.stderr);
}
