//! The transport and syntax rules of RFC 3261 §7.3 to §7.5 and §18.3.

use super::*;
use crate::sip::{CSeq, Method, StartLine};

const BYE: &str = "BYE sip:a@example.com SIP/2.0";

#[test]
fn the_key_fields_of_an_invite_are_found() {
    let bytes = ims_invite();
    let message = parse(&bytes).unwrap();
    assert_eq!(message.start(), StartLine::Request { method: Method::Invite, uri: b"sip:bob@im.example.com" });
    assert_eq!(message.call_id(), b"a84b4c76e66710@pc33.example.net");
    assert_eq!((message.from_tag(), message.to_tag()), (&b"a-1"[..], &b""[..]));
    assert_eq!(message.cseq(), CSeq { number: 314_159, method: Method::Invite });
    assert_eq!((message.branch(), message.via_count()), (&b"z9hG4bKtop"[..], 3));
    assert!(message.anomalies().is_empty(), "{:?}", message.anomalies());
    assert!(message.body().starts_with(b"v=0") && message.body().ends_with(b"tcp\r\n"));
    assert_eq!([message.head(), message.body()].concat(), bytes);
}

#[test]
fn headers_are_given_as_sent_and_in_order() {
    let bytes = ims_invite();
    let message = parse(&bytes).unwrap();
    let identities: Vec<_> =
        message.all(Header::PAssertedIdentity).flat_map(|value| value.elements()).map(|value| value.raw()).collect();
    assert_eq!(identities, [&b"\"A, B\" <sip:alice@example.net>"[..], b"<tel:+12015550100>"]);
    assert_eq!(message.all(Header::Via).count(), 2);
    assert_eq!(message.first(Header::CSeq).unwrap().raw(), b"314159\r\n INVITE");
    assert_eq!(message.first(Header::Reason), None);
}

#[test]
fn an_operators_own_header_is_found_by_name() {
    let bytes = ims_invite();
    let message = parse(&bytes).unwrap();
    assert_eq!(message.custom(b"x-call-id").unwrap().unfold().as_ref(), b"other leg");
    assert_eq!(message.custom(b"call-id").unwrap().raw(), message.call_id());
    assert_eq!(message.custom(b"X-Call-IDs"), None);
    assert_eq!(message.custom(b"v=0"), None);
}

#[test]
fn line_feeds_alone_end_lines() {
    let text = String::from_utf8(message(BYE, &["Subject: a\n b"], "")).unwrap().replace("\r\n", "\n");
    let parsed = parse(text.as_bytes()).unwrap();
    assert_eq!((parsed.from_tag(), parsed.to_tag()), (&b"from-tag"[..], &b"to-tag"[..]));
    assert_eq!(parsed.first(Header::Subject).unwrap().unfold().as_ref(), b"a b");
    assert_eq!(anomalies(text.as_bytes()), [Anomaly::BareLineFeed]);
}

#[test]
fn line_ends_before_the_start_line_are_skipped() {
    let bytes = [b"\r\n\r\n\n", &message(BYE, &[], "")[..]].concat();
    assert_eq!(anomalies(&bytes), []);
}

#[test]
fn names_are_compact_in_any_case_and_apart_from_their_colon() {
    let lines = ["I\t :x@y", "F :<sip:a@b>;tag=1", "t:<sip:c@d>;TAG=2", "cSEQ  : 7 BYE", "V:SIP/2.0/UDP h;BRANCH=3"];
    let bytes = message(BYE, &lines, "");
    let message = parse(&bytes).unwrap();
    assert_eq!((message.call_id(), message.from_tag(), message.to_tag()), (&b"x@y"[..], &b"1"[..], &b"2"[..]));
    assert_eq!((message.cseq().number, message.branch()), (7, &b"3"[..]));
    assert!(message.anomalies().is_empty());
}

#[test]
fn folds_may_stand_before_a_value_and_before_a_tag() {
    let lines = ["To:\n <sip:c@d>\n\t;\n tag\n =\n 2", "Call-ID:\n x@y\n ", "From: <sip:a@b>;\n  tag=1"];
    let bytes = message(BYE, &lines, "");
    let message = parse(&bytes).unwrap();
    assert_eq!((message.call_id(), message.from_tag(), message.to_tag()), (&b"x@y"[..], &b"1"[..], &b"2"[..]));
    assert!(message.anomalies().is_empty());
}

#[test]
fn bytes_that_are_no_text_are_kept() {
    let mut bytes = message("SIP/2.0 200 OK", &[], "");
    bytes.splice(12..14, *b"\xff\xfe");
    bytes.splice(16..16, *b"From: \"\x80\xfe\" <sip:a@b>;tag=\xc3\r\n");
    let text = without_first_default_from(&bytes);
    let message = parse(&text).unwrap();
    assert_eq!(message.start(), StartLine::Response { status: 200, reason: b"\xff\xfe" });
    assert_eq!(message.from_tag(), b"\xc3");
}

/// Drops the From line that `message` put in by itself.
fn without_first_default_from(bytes: &[u8]) -> Vec<u8> {
    let default = b"From: \"Caller\" <sip:caller@example.net>;tag=from-tag\r\n";
    let at = bytes.windows(default.len()).position(|window| window == default).unwrap();
    [&bytes[..at], &bytes[at + default.len()..]].concat()
}

#[test]
fn lines_that_are_no_headers_are_passed_over() {
    let bytes = message(BYE, &[" folded onto nothing", "no colon", ": no name", "Subject: x"], "");
    let parsed = parse(&bytes).unwrap();
    assert_eq!(parsed.first(Header::Subject).unwrap().raw(), b"x");
    assert_eq!(anomalies(&bytes), [Anomaly::BadLine]);
}

#[test]
fn a_datagram_without_content_length_is_all_body() {
    let bytes = without(&message(BYE, &[], "all of it"), &["Content-Length"]);
    assert_eq!(parse(&bytes).unwrap().body(), b"all of it");
    assert_eq!(Message::parse(&bytes, Carriage::Stream).map(|_| ()), Err(Defect::NoContentLength));
    let cut = Message::parse(&bytes, Carriage::CutDatagram).unwrap();
    assert!(cut.body_is_cut() && cut.body() == b"all of it");
}

#[test]
fn a_body_ends_where_its_content_length_says() {
    let bytes = message(BYE, &["l: 00003"], "abcdef");
    assert_eq!(parse(&bytes).unwrap().body(), b"abc");
    assert_eq!(anomalies(&bytes), [Anomaly::TrailingBytes]);
}

#[test]
fn a_body_shorter_than_its_content_length_needs_a_reason() {
    for length in ["7", "4294967296", "99999999999999999999999"] {
        let bytes = message(BYE, &[&format!("Content-Length: {length}")], "abcdef");
        assert_eq!(parse(&bytes).map(|_| ()), Err(Defect::BodyShort), "{length}");
        for carriage in [Carriage::CutDatagram, Carriage::Stream] {
            let message = Message::parse(&bytes, carriage).unwrap();
            assert!(message.body_is_cut() && message.body() == b"abcdef", "{length}");
        }
    }
}

#[test]
fn a_content_length_is_a_number_or_nothing() {
    for length in ["-1", "x", "1 1", "0x0", "+0", "0;a"] {
        let bytes = message(BYE, &[&format!("Content-Length: {length}")], "");
        assert_eq!(parse(&bytes).map(|_| ()), Err(Defect::ContentLength), "{length}");
    }
    let bytes = message(BYE, &["Content-Length:"], "");
    assert_eq!(anomalies(&bytes), [Anomaly::ContentLengthSyntax]);
    assert_eq!(Message::parse(&bytes, Carriage::Stream).map(|_| ()), Err(Defect::ContentLength));
}

#[test]
fn a_header_that_stands_twice_must_say_the_same() {
    for (first, second) in [
        ("Call-ID: x", "i: y"),
        ("From: <sip:a@b>;tag=1", "f: <sip:a@b>;tag=2"),
        ("To: <sip:a@b>", "t: <sip:b@b>"),
        ("CSeq: 1 BYE", "CSeq: 2 BYE"),
    ] {
        let same = message(BYE, &[first, first], "");
        assert_eq!(anomalies(&same), [Anomaly::RepeatedHeader], "{first}");
        let other = message(BYE, &[first, second], "");
        assert_eq!(parse(&other).map(|_| ()), Err(Defect::DuplicateKeyHeader), "{first}");
    }
    assert_eq!(anomalies(&message(BYE, &["l: 0", "Content-Length: 00"], "")), [Anomaly::RepeatedHeader]);
    assert_eq!(parse(&message(BYE, &["l: 0", "Content-Length: 1"], "x")).map(|_| ()), Err(Defect::ContentLength));
}

#[test]
fn a_message_without_a_key_header_is_dropped() {
    for (name, empty, defect) in [
        ("Call-ID", "i:", Defect::NoCallId),
        ("From", "f: ", Defect::NoFrom),
        ("To", "To:", Defect::NoTo),
        ("CSeq", "CSeq:", Defect::NoCSeq),
    ] {
        let bytes = without(&message(BYE, &[], ""), &[name]);
        assert_eq!(parse(&bytes).map(|_| ()), Err(defect), "{name}");
        assert_eq!(parse(&message(BYE, &[empty], "")).map(|_| ()), Err(defect), "{empty}");
    }
}

#[test]
fn a_message_without_via_is_used() {
    let bytes = without(&message(BYE, &[], ""), &["Via"]);
    let parsed = parse(&bytes).unwrap();
    assert_eq!((parsed.branch(), parsed.via_count()), (&b""[..], 0));
    assert_eq!(anomalies(&bytes), [Anomaly::NoVia]);
}

#[test]
fn header_lines_beyond_the_index_do_not_hide_the_key_headers() {
    let many: Vec<_> = (0..200).map(|line| format!("Record-Route: <sip:r{line}@example.com;lr>")).collect();
    let mut lines: Vec<_> = many.iter().map(String::as_str).collect();
    lines.push("P-Charging-Vector: icid-value=1");
    let bytes = message(BYE, &lines, "");
    let parsed = parse(&bytes).unwrap();
    assert_eq!(parsed.call_id(), b"call@example.net");
    assert_eq!(parsed.all(Header::RecordRoute).count(), 16);
    assert!(parsed.first(Header::PChargingVector).is_some());
    assert_eq!(anomalies(&bytes), [Anomaly::IndexFull]);
}

#[test]
fn lines_beyond_the_bound_are_skipped_and_the_body_still_found() {
    let filler = "Z: y\r\n".repeat(1100);
    let mut bytes = message(BYE, &[], "body");
    let at = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 2;
    bytes.splice(at..at, format!("{filler}Subject: late\r\n").into_bytes());
    let parsed = parse(&bytes).unwrap();
    assert_eq!((parsed.body(), parsed.first(Header::Subject)), (&b"body"[..], None));
    assert_eq!(anomalies(&bytes), [Anomaly::HeaderBlockLimit]);
}

#[test]
fn a_header_block_beyond_its_bound_is_read_as_far_as_it_goes() {
    let long = format!("Subject: {}", "x".repeat(70_000));
    let lines = ["i: 1", "f: <sip:a@b>;tag=2", "t: <sip:c@d>", "CSeq: 1 BYE", "l: 4", "v: SIP/2.0/TCP h"];
    let early: Vec<_> = lines.iter().copied().chain([long.as_str()]).collect();
    let bytes = message(BYE, &early, "body");
    let parsed = Message::parse(&bytes, Carriage::Stream).unwrap();
    assert!(parsed.anomalies().contains(Anomaly::HeaderBlockLimit));
    assert!(parsed.body_is_cut() && parsed.body().is_empty());
    assert_eq!(parsed.from_tag(), b"2");
    let late: Vec<_> = [long.as_str()].into_iter().chain(lines).collect();
    assert_eq!(parse(&message(BYE, &late, "")).map(|_| ()), Err(Defect::NoCallId));
}

#[test]
fn a_line_without_its_end_is_not_read() {
    let bytes = b"BYE sip:a SIP/2.0\r\ni: 1\r\nCSeq: 1 BYE\r\nf: <sip:a@b>;tag=1\r\nt: <sip:c@d>;tag=12";
    assert_eq!(parse(bytes).map(|_| ()), Err(Defect::NoTo));
    let ended = [bytes, &b"34\r\n"[..]].concat();
    assert_eq!(parse(&ended).unwrap().to_tag(), b"1234");
    // The capture may have cut off a fold, and a tag in it.
    assert_eq!(Message::parse(&ended, Carriage::CutDatagram).map(|_| ()), Err(Defect::NoTo));
    let more = [&ended[..], b"S"].concat();
    let cut = Message::parse(&more, Carriage::CutDatagram).unwrap();
    assert!(cut.body_is_cut() && cut.anomalies().contains(Anomaly::HeadersUnfinished));
}

#[test]
fn a_head_can_be_parsed_again_without_its_body() {
    let bytes = ims_invite();
    let whole = parse(&bytes).unwrap();
    let head = Message::parse(whole.head(), Carriage::Head).unwrap();
    assert_eq!((head.call_id(), head.from_tag(), head.cseq()), (whole.call_id(), whole.from_tag(), whole.cseq()));
    assert!(head.body_is_cut() && head.body().is_empty());
}

#[test]
fn what_is_no_sip_is_told() {
    for bytes in [&b""[..], b"\r\n\r\n", b"\0\0\0\0", b"GET / HTTP/1.1\r\n\r\n", b"BYE sip:a SIP/2.0", b"\n\n\x80\n"] {
        assert_eq!(parse(bytes).map(|_| ()), Err(Defect::NotSip), "{bytes:?}");
    }
}

#[test]
fn nothing_that_names_a_person_is_printed() {
    let bytes = ims_invite();
    let parsed = parse(&bytes).unwrap();
    let printed = format!("{parsed:?} {:?} {:?}", parsed.start(), parsed.sdp());
    for secret in ["alice", "bob", "192.0.2", "2015550"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
