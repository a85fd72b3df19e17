use proptest::prelude::*;

use super::*;

const BYE: &[u8] = b"BYE sip:a@example.com SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 0\r\n\r\n";

fn framed(head: &str, body: &[u8]) -> Framing {
    let bytes = [head.as_bytes(), body].concat();
    frame(&bytes)
}

proptest! {
    #[test]
    fn the_usual_start_line_is_judged_as_any_other(
        words in prop::collection::vec(prop::sample::select(vec![
            " ", "SIP/2.0", "\r\n", "\n", "\r", "\t", "INVITE", "BYE", "X", "sip:a@b", "/", "*", "a", "200", "20", " OK", " SIP/2.0\r\n", "sip/2.0",
            "INVITE sip:a@b SIP/2.0\r\n", "SIP/2.0 200 ",
        ]), 0..9),
    ) {
        let bytes = words.concat().into_bytes();
        if let Some(length) = usual_line(&bytes) {
            prop_assert_eq!(judge_line(&bytes, 0), StartLine::Whole(length));
        }
    }
}

#[test]
fn usual_start_lines_take_the_short_way() {
    for line in ["INVITE sip:a@b;x=y SIP/2.0\r\n", "PUBLISH urn:a SIP/2.0\r\n", "SIP/2.0 200 OK\r\n", "SIP/2.0 180 \n"]
    {
        assert_eq!(usual_line(line.as_bytes()), Some(line.len()), "{line}");
    }
    // As long as one may be, and longer.
    for length in [START_LINE_LIMIT - 1, START_LINE_LIMIT, START_LINE_LIMIT + 1] {
        let line = format!("SIP/2.0 200 {}\r\n", "x".repeat(length - 14));
        assert_eq!(usual_line(line.as_bytes()).is_some(), line.len() <= START_LINE_LIMIT);
        assert_eq!(judge_line(line.as_bytes(), 0) == StartLine::No, line.len() > START_LINE_LIMIT);
    }
}

#[test]
fn frames_by_its_own_content_length() {
    assert_eq!(frame(BYE), Framing::Message(BYE.len()));
    assert_eq!(frame(&[BYE, BYE].concat()), Framing::Message(BYE.len()));
    let head = "MESSAGE sip:a SIP/2.0\r\nContent-Length: 5\r\n\r\n";
    assert_eq!(framed(head, b"hello, and more"), Framing::Message(head.len() + 5));
    assert_eq!(framed(head, b"he"), Framing::Need(3));
    assert_eq!(framed("SIP/2.0 200 OK\r\nl:0\r\n\r\n", b""), Framing::Message(23));
}

#[test]
fn knows_content_length_in_every_spelling() {
    for header in [
        "Content-Length: 3",
        "CONTENT-LENGTH:3",
        "content-length \t : 3 \t",
        "l: 3",
        "L : 0003",
        "l:\r\n 3",
        "l:\r\n\t3\r\n ",
    ] {
        for end in ["\r\n", "\n"] {
            let head = format!("BYE sip:a SIP/2.0\r\nv: x\r\n{header}\r\nt: b\r\n\r\n").replace("\r\n", end);
            assert_eq!(framed(&head, b"xyz!"), Framing::Message(head.len() + 3), "{head:?}");
        }
    }
}

#[test]
fn names_that_only_resemble_content_length_frame_nothing() {
    for header in ["Content-Lengths: 3", "X-Content-Length: 3", "la: 3", " l: 3", "Subject: \r\n l: 3", "l 3"] {
        let bytes = format!("BYE sip:a SIP/2.0\r\nv: x\r\n{header}\r\n\r\nxyz");
        let mut scan = Scan::default();
        assert_eq!(frame_on(bytes.as_bytes(), &mut scan), Framing::Resync, "{header:?}");
        assert_eq!(scan.fault(), Some(Fault::NoLength), "{header:?}");
    }
}

#[test]
fn equal_lengths_agree_and_different_ones_do_not() {
    let fault = |headers: &str| {
        let mut scan = Scan::default();
        let bytes = format!("BYE sip:a SIP/2.0\r\n{headers}\r\n\r\nxyz");
        (frame_on(bytes.as_bytes(), &mut scan), scan.fault())
    };
    assert_eq!(fault("l: 3\r\nContent-Length: 03").1, None);
    for headers in ["l: 3\r\nl: 4", "l: -1", "l: 3 3", "l: 3, 3", "l:", "l: 0x3", "l: 3\r\nl: x"] {
        assert_eq!(fault(headers), (Framing::Resync, Some(Fault::BadLength)), "{headers}");
    }
    for headers in ["l: 1048577", "l: 4294967296", "l: 99999999999999999999999"] {
        assert_eq!(fault(headers), (Framing::Resync, Some(Fault::BodyTooLong)), "{headers}");
    }
}

#[test]
fn a_header_block_is_bounded() {
    let bytes = format!("BYE sip:a SIP/2.0\r\nX: {}", "y".repeat(HEAD_LIMIT));
    assert_eq!(frame(bytes.as_bytes()), Framing::Resync);
    let bytes = format!("BYE sip:a SIP/2.0\r\n{}", "X: y\r\n".repeat(HEAD_LIMIT / 6));
    assert_eq!(frame(bytes.as_bytes()), Framing::Resync);
    assert_eq!(frame(&bytes.as_bytes()[..HEAD_LIMIT - 64]), Framing::Need(1));
}

#[test]
fn a_start_line_among_the_headers_matters_only_where_the_start_is_unsure() {
    let bytes = b"SIP/2.0 200 OK\r\nBYE sip:a SIP/2.0\r\nl: 0\r\n\r\n";
    assert_eq!(frame(bytes), Framing::Message(bytes.len()));
    let mut scan = Scan::unsure();
    assert_eq!(frame_on(bytes, &mut scan), Framing::Resync);
    assert_eq!(scan.fault(), Some(Fault::StartLineInside));
    assert_eq!(find_start(bytes, 1), Some(16));
}

#[test]
fn start_lines_as_they_really_are() {
    for line in [
        "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n",
        "!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure) SIP/2.0\r\n",
        "RE%47IST%45R sip:registrar.example.com SIP/2.0\r\n",
        "INVITE  sip:user@example.com  SIP/2.0\r\n",
        "OPTIONS sip:remote-target@example.com SIP/2.0  \r\n",
        "INVITE <sip:user@example.com> SIP/2.0\n",
        "INVITE tel:+12025551212 sip/2.0\r\n",
        "OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0\r\n",
        "SIP/2.0 200 OK\r\n",
        "sip/2.0 100 \r\n",
        "SIP/2.0 100\n",
        "SUBSCRIBE sip:a SIP/2.0\r\n",
        "S sip:a SIP/2.0\r\n",
        "\r\n\r\nBYE sip:a SIP/2.0\r\n",
    ] {
        assert!(is_start(line.as_bytes()), "{line:?}");
        let line = line.trim_start();
        for end in 0..line.len() {
            assert!(!is_start(&line.as_bytes()[..end]));
            assert_eq!(start_line(&line.as_bytes()[..end]), StartLine::Partial, "{:?}", &line[..end]);
        }
    }
}

#[test]
fn other_protocols_are_not_sip() {
    for bytes in [
        &b""[..],
        b"\r\n\r\n",
        b"\x80\x08\x00\x01",
        b"MSRP a786hjs2 SEND\r\nTo-Path: msrp://x\r\n",
        b"GET / HTTP/1.1\r\n",
        b"GET http://a/ HTTP/1.1\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"OPTIONS * RTSP/1.0\r\n",
        b"OPTIONS rtsp://a/ RTSP/1.0\r\n",
        b"\x16\x03\x01\x02\x00",
        b"INVITE SIP/2.0\r\n",
        b"INVITE  SIP/2.0\r\n",
        b"INVITE sip:aSIP/2.0\r\n",
        b"INVITE sip:a SIP/7.0\r\n",
        b"SIP/2.0 20\r\n",
        b"SIP/2.0\r\n",
        b"SIP/2.0200 OK\r\n",
        b"SIP/3.0 200 OK\r\n",
        b" INVITE sip:a SIP/2.0\r\n",
        b"INVITE\r\nsip:a SIP/2.0\r\n",
    ] {
        assert!(!is_start(bytes), "{:?}", String::from_utf8_lossy(bytes));
    }
    let long = format!("INVITE sip:{} SIP/2.0\r\n", "a".repeat(START_LINE_LIMIT));
    assert_eq!(frame(long.as_bytes()), Framing::NotSip);
    assert_eq!(frame(&[b'A'; METHOD_LIMIT + 1]), Framing::NotSip);
    assert_eq!(frame(format!("A{}", " ".repeat(BLANKS_LIMIT + 1)).as_bytes()), Framing::NotSip);
}

#[test]
fn finds_start_lines_only_at_the_beginning_of_a_line() {
    let bytes = b"tail of a body BYE sip:x SIP/2.0\r\nSIP/2.0 200 OK\r\nl: 0\r\n\r\nACK sip:x SIP/2.0\r\n";
    assert_eq!(find_start(bytes, 0), Some(34));
    assert_eq!(find_start(bytes, 34), Some(34));
    assert_eq!(find_start(bytes, 35), Some(58));
    assert_eq!(find_start(bytes, 59), None);
    assert_eq!(find_start(bytes, 15), Some(34), "offset 15 is inside a line");
    assert_eq!(find_start(bytes, 9999), None);
    assert_eq!(search_start(b"x\r\nBYE sip", true), Search::Nothing { keep: 3, begins_line: true });
    assert_eq!(search_start(b"x\r\nbody", true), Search::Nothing { keep: 3, begins_line: true });
    assert_eq!(search_start(b"x\r\nno start", true), Search::Nothing { keep: 3, begins_line: true });
    assert_eq!(search_start(b"x\r\n/no", true), Search::Nothing { keep: 6, begins_line: false });
    assert_eq!(search_start(b"BYE sip:x SIP/2.0\r\n", false), Search::Nothing { keep: 19, begins_line: true });
}

proptest! {
    #[test]
    fn a_growing_buffer_gets_the_same_verdict_as_the_whole(
        bytes in proptest::collection::vec(prop_oneof![
            Just(b"BYE sip:a SIP/2.0".to_vec()), Just(b"SIP/2.0 200 OK".to_vec()), Just(b"\r\n".to_vec()),
            Just(b"\n".to_vec()), Just(b"l: 12".to_vec()), Just(b"Content-Length : 7".to_vec()), Just(b" ".to_vec()),
            Just(b"Via: x".to_vec()), proptest::collection::vec(any::<u8>(), 0..6),
        ], 0..14).prop_map(|parts| parts.concat()),
        unsure in any::<bool>(),
    ) {
        let fresh = if unsure { Scan::unsure() } else { Scan::default() };
        let mut scan = fresh;
        for end in 0..=bytes.len() {
            let verdict = frame_on(&bytes[..end], &mut scan);
            prop_assert_eq!(verdict, frame_on(&bytes[..end], &mut fresh.clone()));
            match verdict {
                Framing::Need(more) => prop_assert!(more > 0),
                Framing::Message(length) => prop_assert!(length <= end),
                Framing::NotSip | Framing::Resync => break,
            }
        }
    }

    #[test]
    fn nothing_panics_and_what_is_found_is_a_start(bytes in proptest::collection::vec(any::<u8>(), 0..300), from in 0usize..310) {
        let _ = (frame(&bytes), is_start(&bytes), keep_alive(&bytes));
        if let Some(at) = find_start(&bytes, from) {
            prop_assert!(at >= from && is_start(&bytes[at..]));
        }
    }
}
