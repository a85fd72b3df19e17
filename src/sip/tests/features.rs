//! What tells the service of a session: feature tags and SDP, through a whole message.

use super::*;
use crate::sip::{FeatureTag, im_feature_tags};

const INVITE: &str = "INVITE sip:a@example.com SIP/2.0";

fn tags(lines: &[&str]) -> Vec<String> {
    let bytes = message(INVITE, lines, "");
    let parsed = parse(&bytes).unwrap();
    im_feature_tags(&parsed).map(|tag| str::from_utf8(tag.text()).unwrap().to_owned()).collect()
}

#[test]
fn simple_im_tags_are_found_in_contact_and_accept_contact() {
    assert_eq!(tags(&["m: <sip:a@b>;+g.oma.sip-im"]), ["+g.oma.sip-im"]);
    assert_eq!(
        tags(&["Accept-Contact: *;require;+G.OMA.SIP-IM.Large-Message;explicit"]),
        ["+g.oma.sip-im.large-message"]
    );
    assert_eq!(tags(&["a: *;x", "a: *;y, *;+g.oma.sip-im=\"TRUE\""]), ["+g.oma.sip-im"]);
}

#[test]
fn a_tag_that_is_denied_or_hidden_is_not_there() {
    assert_eq!(tags(&["m: <sip:a@b;+g.oma.sip-im>;x=\";+g.oma.sip-im\""]), [""; 0]);
    assert_eq!(tags(&["m: \";+g.oma.sip-im\" <sip:a@b>;+g.oma.sip-im=\"FALSE\""]), [""; 0]);
    assert_eq!(tags(&["Subject: x;+g.oma.sip-im"]), [""; 0]);
}

#[test]
fn services_are_unescaped_split_and_compared_in_any_case() {
    let joined = "m: <sip:a@b>;+g.3gpp.icsi-ref=\"urn%3aurn-7%3A3gpp-service.ims.icsi.mmtel,\
        URN%3Aurn-7%3A3gpp-service.ims.icsi.OMA.cpm.session.group;urn:urn-7:3gpp-service.ims.icsi.oma.cpm.largemsg\
        %2Curn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.filetransfer\"";
    assert_eq!(
        tags(&[joined]),
        [
            "URN:urn-7:3gpp-service.ims.icsi.OMA.cpm.session.group",
            "urn:urn-7:3gpp-service.ims.icsi.oma.cpm.largemsg",
            "urn:urn-7:3gpp-service.ims.icsi.oma.cpm.filetransfer",
        ]
    );
}

#[test]
fn pager_mode_marks_no_session() {
    let pager = "m: <sip:a@b>;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.msg,\
        urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.systemmsg,urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.sessions\"";
    assert_eq!(tags(&[pager]), [""; 0]);
}

#[test]
fn rich_communication_applications_mark_one() {
    let line = "a: *;+g.3gpp.iari-ref=\"urn%3Aurn-7%3A3gpp-application.ims.iari.rcse.im\";require";
    assert_eq!(tags(&[line]), ["urn:urn-7:3gpp-application.ims.iari.rcse.im"]);
    assert!(!FeatureTag::Iari(b"urn:urn-7:3gpp-application.ims.iari.rcse.dp"[..].into()).is_im());
}

#[test]
fn a_bad_escape_stays_as_it_is() {
    let bytes = message(INVITE, &["m: <sip:a@b>;+g.3gpp.icsi-ref=\"urn%3,%zz%4\""], "");
    let parsed = parse(&bytes).unwrap();
    let texts: Vec<_> = feature_tags(&parsed).map(|tag| tag.text().to_vec()).collect();
    assert_eq!(texts, [&b"urn%3"[..], b"%zz%4"]);
}

#[test]
fn the_asserted_service_comes_before_what_a_client_shows() {
    let contact = "m: <sip:a@b>;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3Acontact\"";
    let caps = "Feature-Caps: *;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3Acaps\"";
    let asserted = "P-Asserted-Service: urn:urn-7:asserted";
    let preferred = "P-Preferred-Service: urn:urn-7:preferred";
    for (lines, service) in [
        (vec![preferred], None),
        (vec![preferred, contact], Some("urn:urn-7:contact")),
        (vec![contact, caps], Some("urn:urn-7:caps")),
        (vec![contact, caps, asserted], Some("urn:urn-7:asserted")),
    ] {
        let bytes = message(INVITE, &lines, "");
        let parsed = parse(&bytes).unwrap();
        assert_eq!(communication_service(&parsed).as_deref(), service.map(str::as_bytes));
    }
}

#[test]
fn an_instance_is_given_without_its_brackets() {
    let bytes = ims_invite();
    assert_eq!(instance(&parse(&bytes).unwrap()), Some(&b"urn:gsma:imei:1"[..]));
    let bare = message(INVITE, &["m: sip:a@b;+sip.instance=\"<urn:uuid:1>\""], "");
    assert_eq!(instance(&parse(&bare).unwrap()), Some(&b"urn:uuid:1"[..]));
}

#[test]
fn sdp_is_found_by_the_messages_content_type() {
    let bytes = ims_invite();
    assert!(parse(&bytes).unwrap().sdp().unwrap().media().next().unwrap().is_msrp());
    let encoded = message(INVITE, &["c: application/sdp", "e: gzip"], "v=0\r\n");
    assert_eq!(parse(&encoded).unwrap().sdp(), None);
    let multipart = message(
        INVITE,
        &["Content-Type: multipart/mixed;\n boundary=x"],
        "--x\r\nContent-Type: message/cpim\r\n\r\nhi\r\n--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\
         m=message 1 TCP/TLS/MSRP *\r\n--x--\r\n",
    );
    assert!(parse(&multipart).unwrap().sdp().unwrap().media().next().unwrap().is_msrp());
}
