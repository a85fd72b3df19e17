//! The SIP lexer and every reader of single header values.

use tolltap::sip::{
    Anomaly, Carriage, ChargingVector, Header, Message, NameAddr, Parameters, Reason, SessionExpires, Via,
    communication_service, feature_tags, im_feature_tags, instance, without_tag,
};

use super::script::is_inside;
use super::sdp::read_sdp;

/// The bytes are one message, as each transport may bring it.
pub fn sip_message(bytes: &[u8]) {
    for carriage in [Carriage::Datagram, Carriage::CutDatagram, Carriage::Stream, Carriage::Head] {
        match Message::parse(bytes, carriage) {
            Ok(message) => read(&message, bytes),
            Err(defect) => assert!(!defect.name().is_empty() && !defect.to_string().is_empty()),
        }
    }
}

fn read(message: &Message<'_>, bytes: &[u8]) {
    let range = bytes.as_ptr_range();
    let inside = |part: &[u8]| part.is_empty() || is_inside(&range, part);
    let keys = [message.call_id(), message.from_tag(), message.to_tag(), message.branch(), message.body()];
    assert!(keys.into_iter().all(inside), "a slice of something else");
    assert!(inside(message.head()) && message.head().len() + message.body().len() <= bytes.len());
    assert!(message.cseq().number < 1 << 31);
    assert_eq!(message.anomalies().iter().count() as u32, message.anomalies().len());
    assert!(Anomaly::ALL.into_iter().all(|anomaly| !anomaly.name().is_empty()));

    for header in Header::ALL.iter().copied() {
        assert_eq!(message.first(header).is_some(), message.all(header).next().is_some());
        for value in message.all(header) {
            assert!(inside(value.raw()));
            read_value(value.raw());
            _ = value.unfold();
            value.elements().for_each(|element| read_value(element.raw()));
        }
    }
    for name in [&b"X-CID"[..], b"Max-Forwards", b"t", b"", b" From "] {
        assert!(message.custom(name).is_none_or(|value| inside(value.raw())));
    }
    _ = (feature_tags(message).map(|tag| tag.text().len()).sum::<usize>(), im_feature_tags(message).count());
    _ = (communication_service(message), instance(message));
    if let Some(sdp) = message.sdp() {
        read_sdp(&sdp);
    }
    _ = format!("{message:?}");

    // What a record keeps of a message is its head, which must say the same.
    let head = Message::parse(message.head(), Carriage::Head).expect("a head that was parsed is parsed again");
    assert_eq!((head.start(), head.call_id(), head.cseq()), (message.start(), message.call_id(), message.cseq()));
    assert_eq!((head.from_tag(), head.to_tag()), (message.from_tag(), message.to_tag()));
    assert_eq!((head.branch(), head.via_count()), (message.branch(), message.via_count()));
    assert_eq!(head.head(), message.head());
    assert!(head.body().is_empty());
}

/// Any value may stand in any header, so every reader has to survive every value.
fn read_value(value: &[u8]) {
    assert!(without_tag(value).len() <= value.len());
    let address = NameAddr::read(value);
    assert!(address.is_none_or(|address| !address.uri.is_empty() && address.tag().len() < value.len()));
    assert!(Parameters::new(value).count() <= value.len());
    _ = ChargingVector::read(value);
    _ = SessionExpires::read(value);
    _ = Reason::read(value);
    if let Some(via) = Via::read(value) {
        _ = (via.branch(), via.received());
    }
}
