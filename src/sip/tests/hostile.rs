//! No input ends or hangs the lexer: truncations, flipped bytes, and values made to cost.

use proptest::prelude::*;

use super::*;

const CARRIAGES: [Carriage; 3] = [Carriage::Datagram, Carriage::CutDatagram, Carriage::Stream];

fn samples() -> Vec<Vec<u8>> {
    let multipart = message(
        "SIP/2.0 200 OK",
        &[
            "Content-Type: multipart/mixed;boundary=\"x\"",
            "Reason: SIP;cause=200;text=\"a, b\", Q.850;cause=16",
            "x: 90",
        ],
        "--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\nm=message 1 TCP/MSRP *\r\na=path:y\r\n--x--",
    );
    vec![ims_invite(), multipart, message("BYE sip:a SIP/2.0", &["v: SIP/2.0/UDP (c (d)) h;b=\"\\\"\" , x"], "")]
}

#[test]
fn every_truncation_is_survived() {
    for sample in samples() {
        for length in 0..=sample.len() {
            for carriage in CARRIAGES {
                if let Ok(message) = Message::parse(&sample[..length], carriage) {
                    read_all(&message);
                }
            }
        }
    }
}

#[test]
fn a_cut_message_never_gives_other_keys() {
    for sample in samples() {
        let whole = parse(&sample).unwrap();
        let mut used = 0;
        for length in 0..sample.len() {
            let Ok(cut) = Message::parse(&sample[..length], Carriage::CutDatagram) else { continue };
            used += 1;
            assert_eq!(cut.start(), whole.start());
            assert_eq!((cut.call_id(), cut.cseq()), (whole.call_id(), whole.cseq()));
            assert_eq!((cut.from_tag(), cut.to_tag()), (whole.from_tag(), whole.to_tag()));
            assert!(whole.body().starts_with(cut.body()));
            assert!(cut.body_is_cut() || cut.body() == whole.body());
        }
        assert!(used > 0);
    }
}

#[test]
fn a_head_parsed_again_gives_the_same_keys() {
    let headers = |message: &Message<'_>| -> Vec<Vec<u8>> {
        Header::ALL.iter().flat_map(|header| message.all(*header)).map(|value| value.raw().to_vec()).collect()
    };
    let mut used = 0;
    for sample in samples() {
        for length in 0..=sample.len() {
            for carriage in CARRIAGES {
                let Ok(whole) = Message::parse(&sample[..length], carriage) else { continue };
                used += 1;
                let head = Message::parse(whole.head(), Carriage::Head).unwrap();
                assert_eq!((head.start(), head.call_id(), head.cseq()), (whole.start(), whole.call_id(), whole.cseq()));
                assert_eq!((head.from_tag(), head.to_tag()), (whole.from_tag(), whole.to_tag()));
                assert_eq!((head.branch(), head.via_count()), (whole.branch(), whole.via_count()));
                assert_eq!(headers(&head), headers(&whole));
                assert_eq!(head.head(), whole.head());
                assert!(head.body().is_empty());
            }
        }
    }
    assert!(used > 0);
}

#[test]
fn every_flipped_byte_is_survived() {
    for sample in samples() {
        for place in 0..sample.len() {
            for other in [0, b'\n', b'\r', b' ', b':', b';', b',', b'"', b'<', b'>', b'(', b'\\', b'%', b'=', 0xff] {
                let mut bytes = sample.clone();
                bytes[place] = other;
                for carriage in CARRIAGES {
                    if let Ok(message) = Message::parse(&bytes, carriage) {
                        read_all(&message);
                    }
                }
            }
        }
    }
}

#[test]
fn values_of_one_byte_repeated_do_not_cost_more_than_their_length() {
    // Each of these would take minutes if a bracket that is never closed were searched for at every separator.
    for unit in
        ["<", "(", "\"", "\\", ";", ",", "<;", "(,", "(;", "<,\"", "\\\"", "=", "%2C", "\r\n ", "();", "<>,", "((;))"]
    {
        let value = unit.repeat(50_000 / unit.len());
        for name in ["v", "m", "a", "P-Asserted-Identity", "P-Charging-Vector", "c", "f"] {
            let bytes = message("BYE sip:a SIP/2.0", &[&format!("{name}: {value}").replace("\r\n", "\n")], "x");
            if let Ok(message) = Message::parse(&bytes, Carriage::Datagram) {
                read_all(&message);
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400), start in 0usize..3) {
        let start = [&b""[..], b"BYE sip:a SIP/2.0\r\n", b"SIP/2.0 200 OK\r\ni:1\r\nf:a\r\nt:b\r\nCSeq:1 BYE\r\n"][start];
        for carriage in CARRIAGES {
            if let Ok(message) = Message::parse(&[start, &bytes].concat(), carriage) {
                read_all(&message);
            }
        }
    }

    #[test]
    fn text_made_of_what_means_something_is_survived(
        words in prop::collection::vec(prop::sample::select(vec![
            "\r\n", "\n", "\r\n ", " ", ":", ";", ",", "\"", "\\", "<", ">", "(", ")", "=", "%3A", "tag", "branch", "v", "Via",
            "From", "t", "Contact", "a", "*", "+g.3gpp.icsi-ref", "+g.oma.sip-im", "sip:a@b", "SIP/2.0/UDP", "--x", "m=message",
            "\r\n\r\n", "c", "multipart/mixed;boundary=x", "l", "1", "P-Charging-Vector", "icid-value", "\0", "é",
        ]), 0..120),
    ) {
        let text = format!("SIP/2.0 200 OK\r\ni:1\r\nf:a;tag=1\r\nt:b\r\nCSeq:1 BYE\r\n{}", words.concat());
        for carriage in CARRIAGES {
            if let Ok(message) = Message::parse(text.as_bytes(), carriage) {
                prop_assert_eq!(message.call_id(), b"1");
                read_all(&message);
            }
        }
    }
}
