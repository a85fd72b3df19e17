//! The kernel's filter on a packet socket, behind a real (virtual) cable: there, and nowhere else, the kernel takes the VLAN tag
//! out of the bytes before the filter sees them.
//!
//! Everything happens in two network namespaces that the test makes, so it needs root, and `ip`, `unshare` and `python3`; else
//! it says that it is skipped.
#![cfg(feature = "live")]

mod common;

use std::fmt::Write as _;
use std::io::Read;
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tolltap::capture::filter::{Attached, Filter, FilterOptions, Kind};
use tolltap::packet::LinkType;

use common::frames;

/// Set in the process that runs in a network namespace of its own.
const INSIDE: &str = "TOLLTAP_TEST_NAMESPACE";

/// Every frame (ETH_P_ALL), in network byte order.
const ALL: i32 = 0x0300;

/// Makes the cable from its other end, and sends the frames that it is given, in hexadecimal.
const SENDER: &str = r#"
set -e
ip link add t0 type veth peer name $2 netns $1
ip link set t0 up
until ip link show t0 | grep -q 'state UP'; do sleep 0.1; done
shift 2
exec python3 -c 'import socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("t0", 0))
for frame in sys.argv[1:]: wire.send(bytes.fromhex(frame))' "$@"
"#;

/// A start line and media on VLAN 5, short, and long enough for three fragments.
fn frames() -> Vec<Vec<u8>> {
    let (source, destination) = (([10, 9, 0, 1], 7777).into(), ([10, 9, 0, 2], 7777).into());
    let mut sent = Vec::new();
    for (id, start) in [b"INVITE sip:a@b SIP/2.0\r\n".as_slice(), &[0x80; 24]].into_iter().enumerate() {
        for length in [100, 3000] {
            let mut payload = start.to_vec();
            payload.resize(length, b'x');
            for packet in frames::fragment(&frames::udp(source, destination, &payload), 1200, id as u32 + 1) {
                sent.push([[2; 12].as_slice(), &[0x81, 0x00, 0x00, 0x05, 0x08, 0x00], &packet].concat());
            }
        }
    }
    assert_eq!(sent.len(), 2 * (1 + 3));
    sent
}

#[test]
fn tags_that_the_kernel_keeps_beside_the_frame_hide_nothing() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let test = std::env::current_exe().expect("a test has a name");
    let run = Command::new("unshare")
        .arg("-n")
        .arg(test)
        .args(["--exact", "--nocapture", "tags_that_the_kernel_keeps_beside_the_frame_hide_nothing"])
        .env(INSIDE, "1")
        .output();
    match run {
        Ok(done) if done.status.success() => print!("{}", String::from_utf8_lossy(&done.stdout)),
        Ok(done) if String::from_utf8_lossy(&done.stderr).contains("unshare failed") => {
            println!("skipped: no namespace")
        }
        Ok(done) => panic!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr)),
        Err(error) => println!("skipped: unshare: {error}"),
    }
}

fn inside() {
    if !["ip", "python3"].iter().all(|tool| Command::new(tool).arg("-V").output().is_ok()) {
        return println!("skipped: no ip, or no python3");
    }
    let options = FilterOptions::default();
    // A cable of its own for each: the kernel takes one away some time after its end.
    for (mut filter, end) in [(Filter::new(options.clone()), "t1"), (Filter::classic(options), "t2")] {
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(ALL))).expect("root may listen");
        socket.set_read_timeout(Some(Duration::from_millis(300))).expect("sockets have time-outs");
        let attached = filter.attach(socket.as_fd(), LinkType::Ethernet).expect("a packet socket takes a filter");
        let mut sender = send(end);
        while !up(end) {
            assert!(sender.try_wait().expect("it is our child").is_none_or(|status| status.success()), "no cable");
        }
        let sent = finish(sender);
        assert!(sent.success(), "nothing was sent");
        check(&attached, &received(&socket));
        println!("{:?}: {:?}", attached.kind, filter.counts());
    }
}

/// Starts the sender, which waits for this end of the cable.
fn send(end: &str) -> Child {
    let hexadecimal = |frame: Vec<u8>| {
        frame.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    };
    Command::new("unshare")
        .args(["-n", "sh", "-c", SENDER, "sender", &std::process::id().to_string(), end])
        .args(frames().into_iter().map(hexadecimal))
        .stdin(Stdio::null())
        .spawn()
        .expect("unshare runs")
}

fn up(end: &str) -> bool {
    Command::new("ip")
        .args(["link", "set", end, "up"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn finish(mut sender: Child) -> ExitStatus {
    sender.wait().expect("it is our child")
}

/// The IPv4 frames that came through, until there are no more.
fn received(mut socket: &Socket) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut buffer = vec![0; 65_536];
    while let Ok(length) = socket.read(&mut buffer) {
        let frame = buffer.get(..length).unwrap_or_default();
        assert_ne!(frame.get(12..14), Some([0x81, 0].as_slice()), "the tag is still in the frame");
        if frame.get(12..14) == Some(&[0x08, 0x00]) {
            frames.push(frame.to_vec());
        }
    }
    frames
}

/// The short start line, and all fragments of the long one. The classic filter knows no fragments, so those of the media too.
fn check(attached: &Attached, frames: &[Vec<u8>]) {
    let text = |frame: &Vec<u8>| String::from_utf8_lossy(frame.get(42..58).unwrap_or_default()).into_owned();
    let texts: Vec<String> = frames.iter().map(text).collect();
    assert_eq!(texts.iter().filter(|text| text.starts_with("INVITE sip:a@b")).count(), 2, "{attached}: {texts:?}");
    let expected = if attached.kind == Kind::Ebpf { 1 + 3 } else { 1 + 3 + 3 };
    assert_eq!(frames.len(), expected, "{attached}: {texts:?}");
}
