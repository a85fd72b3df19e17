//! Input that is not as it should be.

use super::*;

#[test]
fn what_is_no_capture_is_refused_in_one_line() {
    let folder = scratch();
    let mut rng = rng::Rng::new(7);
    for round in 0..20 {
        let name = format!("random{round}");
        refused(&replay(&[file(&folder, &name, &rng.bytes(5000))], &[]), &[&name, "not a pcap or pcapng"]);
    }
    let text = b"INVITE sip:bob@example.net SIP/2.0\r\n";
    refused(&replay(&[file(&folder, "text", text)], &[]), &["text: is not a pcap"]);
    refused(&replay(&[file(&folder, "zipped", &gzip(text))], &[]), &["zipped: is not a pcap"]);
    refused(&replay(&[file(&folder, "empty", b"")], &[]), &["empty: is empty"]);
    refused(&replay(&[folder.path()], &[]), &["is a directory"]);
    refused(&replay(&[folder.path().join("missing")], &[]), &["missing: cannot be opened", "No such file"]);
    refused(&Run::fed(tolltap().args(["replay", "-"]), text), &["-: is not a pcap"]);
    refused(&replay(&[pcap("im-ipv6"), folder.path().join("missing")], &[]), &["missing"]);
}

#[test]
fn a_file_cut_in_a_packet_gives_the_records_before_it() {
    let folder = scratch();
    let inputs = sessions(0..40);
    let whole = capture_file::write(&inputs);
    // Cut inside the 101st packet: after the BYE of the 25th session.
    let boundary = capture_file::write(&inputs[..100]).len();
    for inside in [1, PACKET_HEADER, PACKET_HEADER + 9] {
        let cut = file(&folder, "cut.pcap", &whole[..boundary + inside]);
        let run = replay(&[&cut], &JSON);
        assert_eq!(run.status, Some(3));
        assert_eq!(lines_of_json(&run.stdout).len(), 25);
        assert!(run.stdout == replay(&[capture_of(&folder, "25.pcap", 0..25)], &JSON).success().stdout);
        assert_eq!(run.summary_part("acknowledged", "accepted"), 25, "what could be read was delivered");
        let [line] = run.complaints()[..] else { panic!("{}", run.stderr) };
        let place = format!("{}: damaged at byte {boundary}: ", cut.display());
        assert!(line.contains(&place) && line.contains("100 frames before it used"), "{line}");
    }
}

#[test]
fn compressed_data_cut_short_gives_the_records_before_it() {
    let folder = scratch();
    let whole = capture_file::write(&sessions(0..2000));
    for (name, packed) in [("cut.gz", gzip(&whole)), ("cut.zst", zstandard(&whole))] {
        let run = replay(&[file(&folder, name, &packed[..packed.len() * 3 / 4])], &["--format", "json", "--quiet"]);
        assert_eq!(run.status, Some(3), "{}", run.stderr);
        let all = replay(&[capture_of(&folder, "whole.pcap", 0..2000)], &JSON).success().stdout;
        assert!(run.stdout.len() > all.len() / 4 && all.starts_with(&run.stdout), "{name}");
        let [line] = run.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{}", run.stderr) };
        assert!(line.contains(name) && line.contains("damaged at byte "), "{line}");
    }
}

#[test]
fn one_damaged_file_among_others_costs_only_its_own_records() {
    let folder = scratch();
    let cut = fs::read(capture_of(&folder, "first.pcap", 0..10)).unwrap();
    let cut = file(&folder, "cut.pcap", &cut[..cut.len() - 5]);
    let run = replay(&[cut, capture_of(&folder, "second.pcap", 10..20)], &JSON);
    assert_eq!(run.status, Some(3));
    assert_eq!(lines_of_json(&run.stdout).len(), 19);
}
