//! IPv6 literals in their places, good and bad: the cases of RFC 5118 §4.

use super::*;
use crate::sip::StartLine;

const REGISTER: &str = "REGISTER sip:[2001:db8::10] SIP/2.0";

#[test]
fn references_in_brackets_are_kept_whole() {
    let lines = [
        "To: sip:user@example.com",
        "From: sip:user@example.com;tag=81x2",
        "Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111",
        "Call-ID: SSG9559905523997077@hlau_4100",
        "Contact: \"Caller\" <sip:caller@[2001:db8::1]>",
    ];
    let bytes = message(REGISTER, &lines, "");
    let parsed = parse(&bytes).unwrap();
    assert!(matches!(parsed.start(), StartLine::Request { uri: b"sip:[2001:db8::10]", .. }));
    assert_eq!((parsed.from_tag(), parsed.branch()), (&b"81x2"[..], &b"z9hG4bKas3-111"[..]));
    let contact = NameAddr::read(parsed.first(Header::Contact).unwrap().raw()).unwrap();
    assert_eq!(contact.uri, b"sip:caller@[2001:db8::1]");
    assert!(parsed.anomalies().is_empty());
}

#[test]
fn references_without_brackets_cost_nothing_that_is_charged_by() {
    let lines = [
        "Via: SIP/2.0/UDP 2001:db8::9:1:5060;received=2001:db8::9:255;branch=z9hG4bKas3-111",
        "To: <sip:user@2001:db8::10:5070>;tag=2",
        "From: sip:user@2001:db8::10;tag=1",
    ];
    let bytes = message("BYE sip:2001:db8::10:5070 SIP/2.0", &lines, "");
    let parsed = parse(&bytes).unwrap();
    assert_eq!((parsed.from_tag(), parsed.to_tag()), (&b"1"[..], &b"2"[..]));
    assert_eq!(parsed.branch(), b"z9hG4bKas3-111");
}

#[test]
fn mapped_and_misspelt_addresses_pass() {
    for host in ["[::ffff:192.0.2.10]", "[2001:db8:::192.0.2.1]", "[::ffff:192.0.2.2]:19823"] {
        let line = format!("v: SIP/2.0/UDP {host};branch=z9hG4bKb");
        let bytes = message(REGISTER, &[&line, &format!("m: <sip:user@{host}>")], "");
        let parsed = parse(&bytes).unwrap();
        assert_eq!(parsed.branch(), b"z9hG4bKb", "{host}");
        let via = parsed.first(Header::Via).unwrap();
        assert_eq!(Via::read(via.raw()).unwrap().sent_by, host.as_bytes());
    }
}

#[test]
fn several_addresses_of_both_kinds_stand_in_one_list() {
    let lines =
        ["Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=b1, SIP/2.0/UDP 192.0.2.1;received=[2001:db8:9::1];branch=b2"];
    let bytes = message(REGISTER, &lines, "");
    let parsed = parse(&bytes).unwrap();
    assert_eq!((parsed.via_count(), parsed.branch()), (2, &b"b1"[..]));
    let received: Vec<_> = parsed
        .all(Header::Via)
        .flat_map(|value| value.elements())
        .filter_map(|element| Via::read(element.raw())?.received().map(<[u8]>::to_vec))
        .collect();
    assert_eq!(received, [b"2001:db8:9::1"]);
}

#[test]
fn addresses_in_sdp_are_not_bracketed() {
    let sdp = "v=0\r\no=assistant 971731711378798081 0 IN IP6 2001:db8::20\r\ns=-\r\nc=IN IP6 2001:db8::20\r\n\
        m=message 6000 TCP/MSRP *\r\na=path:msrp://[2001:db8::20]:6000/x;tcp\r\n";
    let bytes = message("INVITE sip:user@[2001:db8::10] SIP/2.0", &["c: application/sdp"], sdp);
    let description = parse(&bytes).unwrap().sdp().unwrap();
    assert_eq!(description.connection(), Some(&b"IN IP6 2001:db8::20"[..]));
    assert_eq!(description.media().next().unwrap().path(), Some(&b"msrp://[2001:db8::20]:6000/x;tcp"[..]));
}
