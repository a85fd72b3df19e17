//! The tests' own tools: what a scenario says is what the probe is fed.

mod common;

use common::expectation::Expectation;
use common::replay::{Outcome, TestInput};
use common::scenario::{EPOCH, Scenario, Step, nanos};
use common::websocket::frame;

const HOSTS: &str = "hosts: alice=192.0.2.1:5060 proxy=192.0.2.5:5060 bob=192.0.2.2:5060\ncall: id=x@example.net\n";

fn ladder(lines: &str) -> Result<Scenario, String> {
    Scenario::parse("test", &format!("{HOSTS}{lines}\nexpect none\n"))
}

fn texts(lines: &str) -> Vec<String> {
    ladder(lines)
        .expect("readable")
        .messages()
        .map(|sent| String::from_utf8(sent.text.clone()).expect("text"))
        .collect()
}

fn header<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
}

#[test]
fn mistakes_are_errors_with_their_line() {
    for (lines, said) in [
        ("0.0 alice -> bob INVITE agian", "test:3: no arrow knows the word 'agian'"),
        ("0.0 alice -> bop INVITE", "test:3: no host is called 'bop'"),
        ("0.0 bob -> alice 200", "test:3: answers no request of this hop"),
        ("0.0 proxy -> proxy BYE", "test:3: say by=caller or by=callee"),
        ("0.0 alice bob INVITE", "is nothing that happens"),
        ("x.0 tick", "is nothing that happens"),
        ("options: --reorder soon", "'soon' is no duration"),
    ] {
        let error = ladder(lines).err().unwrap_or_default();
        assert!(error.contains(said), "{lines:?} says {error:?}");
    }
    for expected in ["expect:\n- callid: x", "expect:\n", "expect none\n- callId: x", "expect none\ncounts: nothing=1"]
    {
        assert!(
            Scenario::parse("test", &format!("{HOSTS}0.0 alice -> bob INVITE\n{expected}\n")).is_err(),
            "{expected:?}"
        );
    }
}

#[test]
fn times_are_exact() {
    assert_eq!(nanos("10.123456789"), Ok(10_123_456_789));
    assert_eq!(nanos("-0.5"), Ok(-500_000_000));
    assert!(nanos("0.1234567891").is_err());
}

#[test]
fn a_relay_adds_a_via_and_repeats_the_rest() {
    let texts =
        texts("0.0 alice -> proxy INVITE\n0.1 proxy -> bob INVITE\n0.2 bob -> proxy 200\n0.3 proxy -> alice 200");
    let [one, two, answer, relayed] = texts.as_slice() else { panic!("{texts:?}") };
    assert_eq!(header(two, "Via")[1..], header(one, "Via"));
    assert_eq!(header(answer, "Via"), header(two, "Via"));
    assert_eq!(header(relayed, "Via"), header(one, "Via"));
    for name in ["From", "Call-ID", "CSeq"] {
        assert_eq!(header(one, name), header(relayed, name), "{name}");
    }
    assert_eq!(header(one, "To"), ["<sip:bob@example.net>"]);
    assert_eq!(header(relayed, "To"), ["<sip:bob@example.net>;tag=b1"]);
}

#[test]
fn an_ack_knows_what_it_acknowledges() {
    let failed = texts("0.0 alice -> bob INVITE\n0.1 bob -> alice 486\n0.2 alice -> bob ACK");
    assert_eq!(header(&failed[2], "Via"), header(&failed[0], "Via"));
    let answered = texts("0.0 alice -> bob INVITE\n0.1 bob -> alice 200\n0.2 alice -> bob ACK");
    assert_ne!(header(&answered[2], "Via"), header(&answered[0], "Via"));
    assert_eq!(header(&answered[2], "CSeq"), ["1 ACK"]);
}

#[test]
fn each_side_numbers_its_own_requests() {
    let texts = texts(
        "0.0 alice -> bob INVITE\n0.1 bob -> alice 200\n0.2 bob -> alice INFO\n0.3 alice -> bob INFO\n0.4 bob -> alice BYE",
    );
    let numbers: Vec<&str> = texts.iter().flat_map(|text| header(text, "CSeq")).collect();
    assert_eq!(numbers, ["1 INVITE", "1 INVITE", "1 INFO", "2 INFO", "2 BYE"]);
    assert_eq!(header(&texts[4], "From"), ["<sip:bob@example.net>;tag=b1"]);
}

/// Feeding order is the order of the lines; composing order is that of the times; a lost message is only composed.
#[test]
fn late_and_lost_messages() {
    let scenario =
        ladder("0.2 bob -> alice 200\n0.0 alice -> bob INVITE\n0.3 alice -> bob ACK lost\n1 alice -> bob BYE")
            .expect("readable");
    let fed: Vec<i64> = scenario.messages().map(|sent| (sent.time.nanos() - EPOCH) / 100_000_000).collect();
    assert_eq!(fed, [2, 0, 10]);
}

#[test]
fn an_idle_tap_never_jumps() {
    let scenario = ladder("0.5 idle 25\nend").expect("readable");
    let ticks: Vec<i64> = scenario
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::Tick(time) => Some(time.nanos() - EPOCH),
            _ => None,
        })
        .collect();
    assert_eq!(ticks, [500_000_000, 10_500_000_000, 20_500_000_000, 25_000_000_000]);
}

#[test]
fn a_split_message_comes_in_two_packets() {
    for carrier in ["udp", "tcp", "sctp"] {
        let whole = ladder(&format!("carrier: {carrier}\n0.0 alice -> bob INVITE")).expect("readable").inputs().len();
        let split =
            ladder(&format!("carrier: {carrier}\n0.0 alice -> bob INVITE split=0.25")).expect("readable").inputs();
        assert_eq!(split.len(), whole + 1, "{carrier}");
        assert_eq!(split.last().and_then(TestInput::time).map(|time| time.nanos() - EPOCH), Some(250_000_000));
    }
}

#[test]
fn content_length_counts_the_body() {
    for text in texts("0.0 alice -> bob INVITE\n0.1 bob -> alice 200\n1 alice -> bob MESSAGE\n| one\n| two") {
        let (_, body) = text.split_once("\r\n\r\n").expect("an end of headers");
        assert_eq!(header(&text, "Content-Length"), [body.len().to_string()]);
    }
}

/// RFC 6455 §5.7 gives these bytes.
#[test]
fn websocket_frames_are_those_of_the_rfc() {
    assert_eq!(frame(0x81, None, b"Hello"), [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
    let masked = frame(0x81, Some([0x37, 0xfa, 0x21, 0x3d]), b"Hello");
    assert_eq!(masked, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    assert_eq!(frame(0x81, None, &[7; 256])[..4], [0x81, 0x7e, 0x01, 0x00]);
}

#[test]
fn a_missing_record_is_told() {
    let expectation =
        Expectation::parse(&["expect:", "- callId: x@example.net stopTime: 10", "revisions: 1"]).expect("readable");
    let told = expectation.differences(&Outcome::default());
    assert!(told.contains("missing   callId: x@example.net") && told.contains("revisions expected 1 got 0"), "{told}");
}
