//! SIP messages of few calls, parties, methods, statuses, times and hops: what the lexer cannot be the first to refuse.

use core::time::Duration;

use tolltap::packet::{Frame, InterfaceId, LinkType};
use tolltap::probe::{ImServer, Input, Loss, Options, OrphanBye, Probe};

use super::promises::Witness;
use super::script::{Script, at};

/// The methods, by the letter that stands for each in a seed.
const METHODS: [(u8, &str); 12] = [
    (b'I', "INVITE"),
    (b'A', "ACK"),
    (b'B', "BYE"),
    (b'C', "CANCEL"),
    (b'P', "PRACK"),
    (b'U', "UPDATE"),
    (b'N', "INFO"),
    (b'M', "MESSAGE"),
    (b'O', "OPTIONS"),
    (b'R', "REGISTER"),
    (b'F', "REFER"),
    (b'X', "X-OTHER"),
];
/// The same for what else may happen.
const TICK: u8 = b't';
const LOSS: u8 = b'l';

/// Request (0) or response.
const STATUSES: [(u8, u16); 14] = [
    (b'>', 0),
    (b'1', 100),
    (b'r', 180),
    (b'p', 183),
    (b'2', 200),
    (b'a', 202),
    (b'3', 302),
    (b'4', 401),
    (b'7', 407),
    (b'8', 481),
    (b'0', 408),
    (b'c', 487),
    (b'5', 500),
    (b'6', 603),
];
/// Milliseconds passed since the step before.
const STEPS: [(u8, i64); 12] = [
    (b'.', 1),
    (b'=', 0),
    (b'q', 150),
    (b'h', 250),
    (b's', 1_000),
    (b'm', 33_000),
    (b't', 130_000),
    (b'H', 3_600_000),
    (b'D', 86_500_000),
    (b'-', -100),
    (b'<', -1_000),
    (b'L', -200_000),
];
/// What a message has besides.
const EXTRAS: [(u8, &str); 12] = [
    (b'.', ""),
    (
        b'm',
        "Content-Type: application/sdp\r\n|v=0\r\nm=message 2855 TCP/MSRP *\r\na=path:msrp://192.0.2.1:2855/s;tcp\r\n",
    ),
    (b'r', "Content-Type: application/sdp\r\n|v=0\r\nm=message 0 TCP/MSRP *\r\n"),
    (b'a', "Content-Type: application/sdp\r\n|v=0\r\nm=audio 49170 RTP/AVP 0\r\n"),
    (b'f', "Contact: <sip:a@192.0.2.1>;+g.oma.sip-im\r\n"),
    (b'x', "Session-Expires: 90;refresher=uac\r\n"),
    (b'X', "Session-Expires: 4294967295\r\n"),
    (b'v', "P-Charging-Vector: icid-value=one\r\n"),
    (b'w', "P-Charging-Vector: icid-value=two;orig-ioi=a\r\nX-CID: 1\r\n"),
    (b's', "User-Agent: IM-serv/OMA1.0\r\n"),
    (b'c', "User-Agent: IM-client/OMA1.0\r\nReason: SIP;cause=200\r\n"),
    (b'R', "Replaces: call0@example.net;to-tag=a;from-tag=b\r\n"),
];

/// The first line sets options, a letter each; then steps of 10 letters, with or without line ends between them: method (or
/// tick, or loss), request or status, Call-ID, From-tag, To-tag, CSeq, hop, branch, time passed, extras. A letter without
/// a meaning of its own stands for the one at its number.
pub fn session(bytes: &[u8]) {
    // Nothing in the core may depend on anything but its input.
    let once = run(bytes);
    let twice = run(bytes);
    assert!(once == twice, "the same input gave other records");
}

fn run(bytes: &[u8]) -> Vec<tolltap::charging::StopRecord> {
    let (options, script) = read(bytes);
    let bound = options.max_dialogs.max(256);
    let mut witness = Witness::new(Probe::new(options), bound);
    let mut now = START;
    steps(script, &mut now, |input| match input {
        Input::Tick(time) => witness.tick(time),
        input => witness.feed(input),
    });
    witness.end()
}

/// Milliseconds on the clock at the first step: a day, so that time can step back.
pub(super) const START: i64 = 86_400_000;

/// The options of the first line, and the steps after it.
pub(super) fn read(bytes: &[u8]) -> (Options, Script<'_>) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (letters, rest) = bytes.split_at(end);
    (options(letters), Script(rest))
}

/// Feeds the inputs that the steps say, from `now` on.
pub(super) fn steps(mut script: Script<'_>, now: &mut i64, mut feed: impl FnMut(Input<'_>)) {
    let mut number = 0;
    while !script.is_empty() {
        if matches!(script.0, [b'\n', ..]) {
            script.byte();
            continue;
        }
        let step: [u8; 10] = core::array::from_fn(|_| script.byte());
        let passed = pick(step[8], &STEPS);
        *now = (*now + passed).max(0);
        let time = at(*now as u64);
        // Jumps of the clock are the business of the probe; here a long silence is a tick that says so.
        if step[0] == TICK || passed > 60_000 {
            feed(Input::Tick(time));
        }
        if step[0] == LOSS {
            let loss =
                Loss { interface: InterfaceId(0), from: at(now.saturating_sub(500).max(0) as u64), to: time, count: 3 };
            feed(Input::Loss(loss));
        }
        if matches!(step[0], TICK | LOSS) {
            continue;
        }
        number += 1;
        let packet = packet(step[6], &message(&step));
        feed(Input::Frame(Frame {
            time,
            link: LinkType::Ipv4,
            bytes: &packet,
            wire_len: packet.len() as u32,
            interface: InterfaceId(0),
            number,
        }));
    }
}

fn options(letters: &[u8]) -> Options {
    let has = |letter| letters.contains(&letter);
    let server = |text: &str| text.parse::<ImServer>().expect("an address");
    let mut options = Options {
        only_im: has(b'i'),
        one_charging_session: has(b'o'),
        correlation_header: has(b'x').then(|| "X-CID".to_owned()),
        ..Options::default()
    };
    if has(b'a') {
        options.orphan_bye = OrphanBye::All;
    } else if has(b'n') {
        options.orphan_bye = OrphanBye::Never;
    }
    if has(b's') {
        options.im_servers.push(server("one=192.0.2.1"));
    }
    if has(b'u') {
        options.im_servers.push(server("two=192.0.2.2:5060"));
    }
    if has(b'm') {
        options.max_session = Duration::from_secs(600);
    }
    if has(b'z') {
        options.reorder = Duration::ZERO;
    }
    if has(b'l') {
        options.max_dialogs = 1;
    }
    options
}

fn pick<T: Copy>(letter: u8, table: &[(u8, T)]) -> T {
    let named = table.iter().find(|(name, _)| *name == letter);
    named.unwrap_or_else(|| &table[usize::from(letter) % table.len()]).1
}

fn message(step: &[u8; 10]) -> Vec<u8> {
    let method = pick(step[0], &METHODS);
    let status = pick(step[1], &STATUSES);
    // Small numbers of each, so that messages meet; low options get more calls, to reach the table's bound.
    let call = step[2];
    let tag = |letter: u8| match letter {
        b'-' => String::new(),
        letter => format!(";tag={}", char::from(b'a' + letter % 4)),
    };
    let (caller, callee) = (tag(step[3]), tag(step[4]));
    let (cseq, branch) = (1 + u32::from(step[5] % 8), step[7] % 8);
    let extras = pick(step[9], &EXTRAS);
    let (headers, body) = extras.split_once('|').unwrap_or((extras, ""));
    let start =
        if status == 0 { format!("{method} sip:bob@192.0.2.2 SIP/2.0") } else { format!("SIP/2.0 {status} Status") };
    let length = body.len();
    format!(
        "{start}\r\nVia: SIP/2.0/UDP 192.0.2.3;branch=z9hG4bK{branch}\r\nFrom: <sip:alice@192.0.2.1>{caller}\r\n\
         To: <sip:bob@192.0.2.2>{callee}\r\nCall-ID: call{call}@example.net\r\nCSeq: {cseq} {method}\r\n{headers}\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The message in a UDP datagram from one of four hosts to another.
pub(super) fn packet(hop: u8, payload: &[u8]) -> Vec<u8> {
    let (source, destination) = (hop & 3, hop >> 2 & 3);
    let length = payload.len() as u16;
    let mut packet = vec![0x45, 0];
    packet.extend((28 + length).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, source, 192, 0, 2, destination]);
    packet.extend([0x13, 0xc4, 0x13, 0xc4]);
    packet.extend((8 + length).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    packet
}
