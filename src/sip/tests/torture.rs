//! The verdicts on the torture tests of RFC 4475, each on a small message of our own that breaks the same rule, and on
//! the RFC's messages where they are at hand.

use std::path::Path;

use super::*;
use crate::sip::{Method, StartLine};

/// What an extractor makes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Used, nothing to note.
    Use,
    /// Used, and this noted.
    Note(Anomaly),
    Drop(Defect),
}

use Verdict::{Drop, Note, Use};

/// Section, name, verdict, start line, header lines and body.
type Case = (&'static str, &'static str, Verdict, &'static str, &'static [&'static str], &'static str);

const INVITE: &str = "INVITE sip:user@example.com SIP/2.0";
const OPTIONS: &str = "OPTIONS sip:user@example.com SIP/2.0";
const REGISTER: &str = "REGISTER sip:example.com SIP/2.0";

const CASES: &[Case] = &[
    (
        "3.1.1.1",
        "wsinv",
        Use,
        "INVITE sip:user@example.com;unknown SIP/2.0",
        &[
            "TO :\n sip:user@example.com ;   tag    = to-tag",
            "from   : \"A \\\\\\\"B\\\"\"\n  <sip:a@example.com>\n  ;\n  tag = from-tag",
            "Call-ID: call@example.net",
            "cseq: 0009\n  INVITE",
            "Via  : SIP  /   2.0\n /UDP\n    192.0.2.2;branch=1",
            "s :",
            "NewFangledHeader:   newfangled value\n continued newfangled value",
            "v:  SIP  / 2.0  / TCP     s.example.com   ;\n  branch  =   2  ,\n SIP  /    2.0   / UDP  192.0.2.1  ; branch=\n 3",
            "m:\"Q R\" <sip:a@example.com> ; newparam =\n newvalue ;\n  secondparam ; q = 0.33",
        ],
        "",
    ),
    (
        "3.1.1.2",
        "intmeth",
        Use,
        "!odd-Method0*_+`.%x'~ sip:1_odd~(to-be!sure)&isn't+it$/c?,/;;*:&x+y=1@example.com SIP/2.0",
        &[
            "To: \"BEL:\\\u{7} NUL:\\\0 DEL:\\\u{7f}\" <sip:1_odd~(to-be!sure)&isn't+it$/c?,/;;*@example.com>;tag=to-tag",
            "From: token1~` token2'+_ token3*%!.- <sip:m@example.com>;par''~+*_!.-%=\"\u{440}\";tag=_token~1'+`*%!-.",
            "Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
            "extensionHeader-!.%*+_`'~:\u{feff}\u{5927}",
        ],
        "",
    ),
    (
        "3.1.1.3",
        "esc01",
        Use,
        "INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0",
        &["To: sip:%75se%72@example.com"],
        "",
    ),
    (
        "3.1.1.4",
        "escnull",
        Use,
        REGISTER,
        &["To: sip:null-%00-null@example.com", "m: <sip:%00@host>, <sip:%00%00@host>"],
        "",
    ),
    (
        "3.1.1.5",
        "esc02",
        Use,
        "RE%47IST%45R sip:registrar.example.com SIP/2.0",
        &["To: \"%Z%45\" <sip:resource@example.com>", "m: <sip:alias1@host1>", "m: <sip:a%6Cias2@host2>"],
        "",
    ),
    ("3.1.1.6", "lwsdisp", Use, OPTIONS, &["From: caller<sip:caller@example.com>;tag=323"], ""),
    (
        "3.1.1.7",
        "longreq",
        Use,
        INVITE,
        &[
            "To: \"extreme extreme extreme\"<sip:user@example.com:6000;unknown=verylong;unknown2=longer>",
            "v: SIP/2.0/TCP s1",
            "v: SIP/2.0/TCP s2",
            "V : SIP/2.0/TCP s3",
            "Via: SIP/2.0/TCP s4",
            "v: SIP/2.0/TCP s5",
            "v: SIP/2.0/TCP s6",
            "v: SIP/2.0/TCP s7",
            "v: SIP/2.0/TCP s8",
            "v: SIP/2.0/TCP s9",
            "v: SIP/2.0/TCP s10",
            "v: SIP/2.0/TCP s11",
            "v: SIP/2.0/TCP s12",
            "v: SIP/2.0/TCP s13",
            "v: SIP/2.0/TCP s14",
            "v: SIP/2.0/TCP s15",
            "v: SIP/2.0/TCP s16",
            "v: SIP/2.0/TCP s17",
            "v: SIP/2.0/TCP s18",
            "v: SIP/2.0/TCP s19;received=192.0.2.5",
        ],
        "",
    ),
    (
        "3.1.1.8",
        "dblreq",
        Note(Anomaly::TrailingBytes),
        REGISTER,
        &["Content-Length: 0"],
        "INVITE sip:joe@example.com SIP/2.0\r\nt: <sip:joe@example.com>\r\nCall-ID: second\r\n\r\n",
    ),
    (
        "3.1.1.9",
        "semiuri",
        Use,
        "OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0",
        &["To: sip:j_user@example.com"],
        "",
    ),
    (
        "3.1.1.10",
        "transports",
        Use,
        OPTIONS,
        &[
            "v: SIP/2.0/UDP a;branch=1",
            "v: SIP/2.0/SCTP b",
            "v: SIP/2.0/TLS c",
            "v: SIP/2.0/UNKNOWN d",
            "v: SIP/2.0/TCP e",
        ],
        "",
    ),
    (
        "3.1.1.11",
        "mpart01",
        Use,
        "MESSAGE sip:kumiko@example.org SIP/2.0",
        &["Content-Type: multipart/mixed;boundary=7a9c", "Content-Transfer-Encoding: binary"],
        "--7a9c\r\nContent-Type: text/plain\r\n\r\nHello\r\n--7a9c\r\nContent-Type: application/x\r\n\r\n\0\u{1}\r\n--7a9c--",
    ),
    ("3.1.1.12", "unreason", Use, "SIP/2.0 200 = 2**3 * 5**2 \u{43d}\u{43e} \u{441}\u{442}\u{43e}", &[], ""),
    ("3.1.1.13", "noreason", Use, "SIP/2.0 100 ", &[], ""),
    (
        "3.1.2.1",
        "badinv01",
        Note(Anomaly::ViaSyntax),
        INVITE,
        &["Via: SIP/2.0/UDP 192.0.2.15;;,;,,", "Contact: \"Joe\" <sip:joe@example.org>;;;;"],
        "",
    ),
    ("3.1.2.2", "clerr", Drop(Defect::BodyShort), INVITE, &["Content-Length: 9999"], "v=0\r\n"),
    ("3.1.2.3", "ncl", Drop(Defect::ContentLength), INVITE, &["Content-Length: -999"], "v=0\r\n"),
    (
        "3.1.2.4",
        "scalar02",
        Drop(Defect::CSeqRange),
        REGISTER,
        &["CSeq: 36893488147419103232 REGISTER", "Max-Forwards: 300", "Expires: 1000000000000000000000"],
        "",
    ),
    ("3.1.2.5", "scalarlg", Drop(Defect::CSeqRange), "SIP/2.0 503 x", &["CSeq: 9292394834772304023312 OPTIONS"], ""),
    ("3.1.2.6", "quotbal", Drop(Defect::UnbalancedQuotes), INVITE, &["To: \"Mr. J. User <sip:j.user@example.com>"], ""),
    ("3.1.2.7", "ltgtruri", Note(Anomaly::RequestUri), "INVITE <sip:user@example.com> SIP/2.0", &[], ""),
    ("3.1.2.8", "lwsruri", Drop(Defect::StartLine), "INVITE sip:user@example.com; lr SIP/2.0", &[], ""),
    ("3.1.2.9", "lwsstart", Note(Anomaly::StartLineSpacing), "INVITE  sip:user@example.com  SIP/2.0", &[], ""),
    ("3.1.2.10", "trws", Note(Anomaly::StartLineSpacing), "OPTIONS sip:user@example.com SIP/2.0  ", &[], ""),
    (
        "3.1.2.11",
        "escruri",
        Note(Anomaly::RequestUri),
        "INVITE sip:user@example.com?Route=%3Csip:x%3E SIP/2.0",
        &[],
        "",
    ),
    ("3.1.2.12", "baddate", Note(Anomaly::DateSyntax), INVITE, &["Date: Fri, 01 Jan 2010 16:00:00 EST"], ""),
    (
        "3.1.2.13",
        "regbadct",
        Note(Anomaly::ContactSyntax),
        REGISTER,
        &["Contact: sip:user@example.com?Route=%3Csip:x%3E"],
        "",
    ),
    (
        "3.1.2.14",
        "badaspec",
        Note(Anomaly::PartySyntax),
        OPTIONS,
        &["To: \"Watson, T.\" < sip:t@example.org >;tag=to-tag"],
        "",
    ),
    (
        "3.1.2.15",
        "baddn",
        Note(Anomaly::PartySyntax),
        OPTIONS,
        &["From: Bell, Alexander <sip:a@example.com>;tag=43"],
        "",
    ),
    ("3.1.2.16", "badvers", Drop(Defect::Version), "OPTIONS sip:t.watson@example.org SIP/7.0", &[], ""),
    ("3.1.2.17", "mismatch01", Drop(Defect::CSeqMethod), OPTIONS, &["CSeq: 8 INVITE"], ""),
    (
        "3.1.2.18",
        "mismatch02",
        Drop(Defect::CSeqMethod),
        "NEWMETHOD sip:user@example.com SIP/2.0",
        &["CSeq: 8 INVITE"],
        "",
    ),
    ("3.1.2.19", "bigcode", Drop(Defect::StatusCode), "SIP/2.0 4294967301 better not break the receiver", &[], ""),
    ("3.2.1", "badbranch", Use, OPTIONS, &["Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"], ""),
    ("3.3.1", "insuf", Drop(Defect::NoCallId), INVITE, &["Call-ID:"], ""),
    ("3.3.2", "unkscm", Use, "OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0", &[], ""),
    ("3.3.3", "novelsc", Use, "OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0", &[], ""),
    (
        "3.3.4",
        "unksm2",
        Use,
        REGISTER,
        &["To: isbn:2983792873", "From: <http://www.example.com>;tag=3", "m: <name:John>"],
        "",
    ),
    ("3.3.5", "bext01", Use, OPTIONS, &["Require: nothingSupportsThis, nothingSupportsThisEither"], ""),
    ("3.3.6", "invut", Use, INVITE, &["Content-Type: application/unknownformat"], "v=0"),
    ("3.3.7", "regaut01", Use, REGISTER, &["Authorization: NoOneKnowsThisScheme opaque-data=here, x=\"y"], ""),
    (
        "3.3.8",
        "multi01",
        Drop(Defect::DuplicateKeyHeader),
        INVITE,
        &["CSeq: 5 INVITE", "Call-ID: 1", "CSeq: 59 INVITE", "Call-ID: 2", "From: sip:a@b;tag=1", "f: sip:c@d;tag=2"],
        "",
    ),
    (
        "3.3.9",
        "mcl01",
        Drop(Defect::ContentLength),
        OPTIONS,
        &["Content-Length: 13", "Content-Length: 5"],
        "There's no way to know",
    ),
    (
        "3.3.10",
        "bcast",
        Use,
        "SIP/2.0 200 OK",
        &["v: SIP/2.0/UDP 192.0.2.198;branch=1", "v: SIP/2.0/UDP 255.255.255.255"],
        "",
    ),
    ("3.3.11", "zeromf", Use, OPTIONS, &["Max-Forwards: 0"], ""),
    ("3.3.12", "cparam01", Use, REGISTER, &["Contact: sip:+19725552222@gw1.example.net;unknownparam"], ""),
    ("3.3.13", "cparam02", Use, REGISTER, &["Contact: <sip:+19725552222@gw1.example.net;unknownparam>"], ""),
    ("3.3.14", "regescrt", Use, REGISTER, &["Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>"], ""),
    ("3.3.15", "sdp01", Use, INVITE, &["Accept: text/nobodyKnowsThis"], "v=0\r\n"),
    (
        "3.4.1",
        "inv2543",
        Use,
        INVITE,
        &["From: sip:iuser@example.com", "To: sip:user@example.com", "v: SIP/2.0/UDP h"],
        "",
    ),
];

fn verdict(bytes: &[u8]) -> Result<Vec<Anomaly>, Defect> {
    parse(bytes).map(|message| message.anomalies().iter().collect())
}

fn case(name: &str) -> (Vec<u8>, Verdict) {
    let (_, _, verdict, start, lines, body) = CASES.iter().find(|case| case.1 == name).unwrap();
    (message(start, lines, body), *verdict)
}

#[test]
fn every_rule_gets_its_verdict() {
    assert_eq!(CASES.len(), 49);
    for (section, name, expected, start, lines, body) in CASES {
        let expected = match expected {
            Use => Ok(vec![]),
            Note(anomaly) => Ok(vec![*anomaly]),
            Drop(defect) => Err(*defect),
        };
        assert_eq!(verdict(&message(start, lines, body)), expected, "{section} {name}");
    }
}

#[test]
fn the_rfcs_own_messages_get_the_same_verdicts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures/torture/messages");
    if !folder.is_dir() {
        eprintln!("skipped: the messages of RFC 4475 are not here");
        return;
    }
    for (section, name, expected, ..) in CASES {
        let Ok(bytes) = std::fs::read(folder.join(format!("{name}.dat"))) else {
            eprintln!("skipped: {name}");
            continue;
        };
        match (verdict(&bytes), expected) {
            (Ok(_), Use) => {}
            (Ok(noted), Note(anomaly)) if noted.contains(anomaly) => {}
            (Err(defect), Drop(expected)) if defect == *expected => {}
            (found, _) => panic!("{section} {name}: {found:?}, not {expected:?}"),
        }
        for carriage in [Carriage::CutDatagram, Carriage::Stream] {
            if let Ok(message) = Message::parse(&bytes, carriage) {
                read_all(&message);
            }
        }
    }
}

#[test]
fn white_space_everywhere_hides_no_key() {
    let (bytes, _) = case("wsinv");
    let message = parse(&bytes).unwrap();
    assert_eq!((message.cseq().number, message.via_count(), message.branch()), (9, 3, &b"1"[..]));
    assert_eq!((message.from_tag(), message.to_tag()), (&b"from-tag"[..], &b"to-tag"[..]));
}

#[test]
fn odd_tokens_are_kept_byte_for_byte() {
    let (bytes, _) = case("intmeth");
    let message = parse(&bytes).unwrap();
    assert_eq!(message.cseq().method, Method::Other(b"!odd-Method0*_+`.%x'~"));
    assert_eq!(message.from_tag(), b"_token~1'+`*%!-.");
    assert_eq!(message.call_id(), b"intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{");
}

#[test]
fn escapes_are_not_resolved() {
    let (bytes, _) = case("esc02");
    assert!(matches!(parse(&bytes).unwrap().start(), StartLine::Request { method: Method::Other(_), .. }));
    let (bytes, _) = case("escnull");
    let message = parse(&bytes).unwrap();
    assert_eq!(message.first(Header::To).unwrap().raw(), b"sip:null-%00-null@example.com");
}

#[test]
fn only_the_first_of_two_messages_in_a_datagram_is_read() {
    let (bytes, _) = case("dblreq");
    let message = parse(&bytes).unwrap();
    assert_eq!((message.call_id(), message.body()), (&b"call@example.net"[..], &b""[..]));
}

#[test]
fn vias_beyond_the_index_are_counted() {
    let (bytes, _) = case("longreq");
    let message = parse(&bytes).unwrap();
    assert_eq!((message.via_count(), message.all(Header::Via).count()), (19, 16));
}

#[test]
fn a_body_of_another_type_is_no_sdp() {
    let (bytes, _) = case("invut");
    let message = parse(&bytes).unwrap();
    assert!(message.sdp().is_none() && message.body() == b"v=0");
}

#[test]
fn lengths_that_agree_are_used() {
    let bytes = message(OPTIONS, &["Content-Length: 5", "Content-Length: 5"], "There");
    assert_eq!(verdict(&bytes), Ok(vec![Anomaly::RepeatedHeader]));
}

#[test]
fn a_peer_of_rfc_2543_has_no_tags() {
    let (bytes, _) = case("inv2543");
    let message = parse(&bytes).unwrap();
    assert_eq!((message.from_tag(), message.to_tag(), message.branch()), (&b""[..], &b""[..], &b""[..]));
}
