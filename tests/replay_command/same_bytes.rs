//! The same bytes, however the same frames come.

use super::*;

#[test]
fn the_same_frames_give_the_same_bytes_however_they_come() {
    let folder = scratch();
    for name in ["im-tcp-one-connection", "im-websocket", "im-fragmented-invite"] {
        let plain = fs::read(pcap(name)).unwrap();
        for format in ["json", "csv", "table"] {
            let options = ["--format", format];
            let wanted = replay(&[pcap(name)], &options).success().stdout;
            assert!(!wanted.is_empty());
            let same = |how: &str, got: Run| assert!(got.success().stdout == wanted, "{name} {format}: {how} differs");
            same("the same again", replay(&[pcap(name)], &options));
            same("another path", replay(&[file(&folder, "elsewhere.bin", &plain)], &options));
            same("gzip", replay(&[file(&folder, "a.gz", &gzip(&plain))], &options));
            same("zstd", replay(&[file(&folder, "no-ending", &zstandard(&plain))], &options));
            same("pcapng", replay(&[file(&folder, "a.pcapng", &pcapng(&read_capture(name)))], &options));
            for input in [plain.clone(), gzip(&plain), zstandard(&plain)] {
                same("standard input", Run::fed(tolltap().args(["replay", "-"]).args(options), &input));
            }
        }
    }
}

#[test]
fn files_split_by_time_give_the_same_in_any_order() {
    let folder = scratch();
    let name = "im-tcp-one-connection";
    let frames = read_capture(name);
    let wanted = replay(&[pcap(name)], &JSON).success().stdout;
    let part = |at: usize| {
        let (from, to) = (frames.len() * at / 3, frames.len() * (at + 1) / 3);
        file(&folder, &format!("{at}.pcap"), &capture_file::write(&frames[from..to]))
    };
    let parts = [part(0), part(1), part(2)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let got = replay(&order.map(|at| &parts[at]), &JSON).success().stdout;
        assert!(got == wanted, "order {order:?} differs");
    }
}

#[test]
fn files_that_interleave_give_the_same_in_any_order() {
    let folder = scratch();
    let name = "im-tcp-one-connection";
    let wanted = replay(&[pcap(name)], &JSON).success().stdout;
    let frames = read_capture(name);
    let every = |rest: usize| {
        let own: Vec<_> = frames.iter().skip(rest).step_by(2).cloned().collect();
        file(&folder, &format!("every{rest}.pcap"), &capture_file::write(&own))
    };
    let (even, odd) = (every(0), every(1));
    assert!(replay(&[&even, &odd], &JSON).success().stdout == wanted);
    assert!(replay(&[&odd, &even], &JSON).success().stdout == wanted);
}
