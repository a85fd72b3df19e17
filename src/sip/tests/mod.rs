//! Messages through the public API. Tests of one header stand beside it.

mod features;
mod framing_rules;
mod hostile;
mod ipv6;
mod rewriting;
mod torture;

use crate::sip::{Anomaly, Defect, communication_service, feature_tags, instance, without_tag};
use crate::sip::{Carriage, ChargingVector, Header, Message, NameAddr, Parameters, Reason, SessionExpires, Via};

/// A message with CRLF line ends: the start line, these header lines, a default for each key header that is not among them,
/// and a body.
fn message(start: &str, lines: &[&str], body: &str) -> Vec<u8> {
    let method = match start.split_once(' ') {
        Some((version, _)) if version.eq_ignore_ascii_case("SIP/2.0") => "INVITE",
        Some((method, _)) => method,
        None => "",
    };
    let defaults = [
        ("via", "v", "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKdefault".to_owned()),
        ("from", "f", "From: \"Caller\" <sip:caller@example.net>;tag=from-tag".to_owned()),
        ("to", "t", "To: <sip:callee@example.com>;tag=to-tag".to_owned()),
        ("call-id", "i", "Call-ID: call@example.net".to_owned()),
        ("cseq", "cseq", format!("CSeq: 1 {method}")),
        ("content-length", "l", format!("Content-Length: {}", body.len())),
    ];
    let mut text = format!("{start}\r\n");
    for line in lines {
        text += &format!("{}\r\n", line.replace('\n', "\r\n"));
    }
    for (full, compact, default) in defaults {
        let given = lines.iter().filter_map(|line| line.split(':').next()).map(|name| name.trim().to_lowercase());
        if !given.into_iter().any(|name| name == full || name == compact) {
            text += &format!("{default}\r\n");
        }
    }
    format!("{text}\r\n{body}").into_bytes()
}

/// The same without the lines of these names.
fn without(message: &[u8], names: &[&str]) -> Vec<u8> {
    let text = str::from_utf8(message).unwrap();
    let dropped = |line: &str| names.iter().any(|name| line.split(':').next() == Some(name));
    text.split_inclusive("\r\n").filter(|line| !dropped(line)).collect::<String>().into_bytes()
}

fn parse(bytes: &[u8]) -> Result<Message<'_>, Defect> {
    Message::parse(bytes, Carriage::Datagram)
}

fn anomalies(bytes: &[u8]) -> Vec<Anomaly> {
    parse(bytes).unwrap().anomalies().iter().collect()
}

/// Asks a message for all there is, which is how a hostile one would be read.
fn read_all(message: &Message<'_>) -> usize {
    let mut read = message.body().len() + message.head().len() + usize::from(message.via_count());
    for header in Header::ALL.iter().copied() {
        read += message.first(header).map_or(0, |value| value.unfold().len());
        for value in message.all(header) {
            read += value.raw().len() + without_tag(value.raw()).len();
            read += usize::from(ChargingVector::read(value.raw()).icid.is_some());
            read += SessionExpires::read(value.raw()).map_or(0, |timer| timer.seconds as usize);
            for element in value.elements() {
                read += element.raw().len() + Parameters::new(element.raw()).count();
                read += NameAddr::read(element.raw()).map_or(0, |address| address.uri.len() + address.tag().len());
                read += Via::read(element.raw()).map_or(0, |via| via.branch().len());
                read += Reason::read(element.raw()).map_or(0, |reason| reason.protocol.len());
            }
        }
    }
    read += message.custom(b"X-Call-ID").map_or(0, |value| value.raw().len());
    read += feature_tags(message).count() + instance(message).map_or(0, <[u8]>::len);
    read += communication_service(message).map_or(0, |service| service.len());
    for section in message.sdp().iter().flat_map(|sdp| sdp.media()) {
        read += section.formats.len() + section.path().map_or(0, <[u8]>::len) + usize::from(section.msrp_cema());
    }
    read + format!("{message:?}").len()
}

/// An INVITE as an IMS client sends it to an IM Server.
fn ims_invite() -> Vec<u8> {
    let sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=message 2855 TCP/MSRP *\r\n\
        a=accept-types:message/cpim\r\na=path:msrp://192.0.2.1:2855/s1;tcp\r\n";
    let lines = [
        "Via: SIP/2.0/TCP 192.0.2.7;branch=z9hG4bKtop;rport, SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bKnext",
        "v: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKlast",
        "Max-Forwards: 70",
        "f: \"Alice;tag=no\" <sip:alice@example.net;tag=no>;x=\"a,b\";tag=a-1",
        "To: <tel:+12015550123>",
        "Call-ID : a84b4c76e66710@pc33.example.net",
        "CSeq: 314159\n INVITE",
        "m: <sip:alice@192.0.2.1;transport=tcp>;+g.oma.sip-im;+sip.instance=\"<urn:gsma:imei:1>\"",
        "a: *;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.session\"",
        "P-Asserted-Identity: \"A, B\" <sip:alice@example.net>, <tel:+12015550100>",
        "P-Charging-Vector: icid-value=\"x;y\";orig-ioi=home.net",
        "Session-Expires: 1800;refresher=uac",
        "X-Call-ID: other\n leg",
        "Content-Type: application/sdp",
    ];
    message("INVITE sip:bob@im.example.com SIP/2.0", &lines, sdp)
}
