//! What is kept of an INVITE and of its answer.

use super::compose::pack_node;
use super::fact::Fact;
use super::packer::{MAX_VALUES, Packer};
use super::record::{Media, Role};
use super::server::Crossing;
use crate::packet::Endpoint;
use crate::sip::sdp::{MediaSection, Sdp};
use crate::sip::{
    ChargingVector, FeatureTag, Header, Message, StartLine, communication_service, each_parameter, instance_in,
    tags_in, without_tag,
};

/// Most m= sections kept.
const MAX_MEDIA: usize = 8;

/// What a message told of the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gathered {
    /// It has a session description.
    pub(crate) sdp: bool,
    /// Its session description has MSRP with a port, or it shows an IM feature tag.
    pub(crate) messaging: bool,
}

/// Adds what an INVITE tells and the packer does not have yet. Its SDP is an offer and is not kept.
pub(crate) fn gather_invite(
    packer: &mut Packer,
    invite: &Message<'_>,
    node: Option<Endpoint>,
    crossing: Crossing,
    correlation_header: Option<&str>,
) -> Gathered {
    for (fact, header) in [(Fact::From, Header::From), (Fact::To, Header::To)] {
        if !packer.has(fact)
            && let Some(value) = invite.first(header)
        {
            packer.push_new(fact, [&*without_tag(value.raw())]);
        }
    }
    if let StartLine::Request { uri, .. } = invite.start() {
        packer.push_new(Fact::RequestUri, [uri]);
    }
    list(packer, Fact::CallerAsserted, invite, Header::PAssertedIdentity);
    keep(packer, Fact::ServedUser, invite, Header::PServedUser);
    list(packer, Fact::HistoryInfo, invite, Header::HistoryInfo);
    // Whoever gets the INVITE received it, unless that is the next one after the server.
    let fact = if crossing == Crossing::Leaving { Fact::RouteTransmitted } else { Fact::RouteReceived };
    if !packer.has(fact)
        && let Some(route) = invite.first(Header::Route).and_then(|value| value.elements().next())
    {
        packer.push_new(fact, [&*route.unfold()]);
    }
    keep(packer, Fact::CallerAgent, invite, Header::UserAgent);
    keep(packer, Fact::Priority, invite, Header::ResourcePriority);
    keep(packer, Fact::Priority, invite, Header::Priority);
    list(packer, Fact::CallerAccess, invite, Header::PAccessNetworkInfo);
    keep(packer, Fact::Cellular, invite, Header::CellularNetworkInfo);
    keep(packer, Fact::Visited, invite, Header::PVisitedNetworkId);
    keep(packer, Fact::ChargingFunctions, invite, Header::PChargingFunctionAddresses);
    charging_vector(packer, invite);
    keys(packer, invite, correlation_header);
    if let Some(node) = node.filter(|_| !packer.has(Fact::Node)) {
        let (bytes, len) = pack_node(node);
        packer.push_new(Fact::Node, bytes.get(..len));
    }
    Gathered { sdp: invite.sdp().is_some(), messaging: contact(packer, Fact::CallerInstance, invite) }
}

/// Adds what a 2xx to an INVITE tells and the packer does not have yet. `sdp` is its SDP if that is the answer of an
/// offer, and is kept.
pub(crate) fn gather_answer(
    packer: &mut Packer,
    answer: &Message<'_>,
    sdp: Option<Sdp<'_>>,
    correlation_header: Option<&str>,
) -> Gathered {
    list(packer, Fact::CalleeAsserted, answer, Header::PAssertedIdentity);
    let agent = if answer.first(Header::Server).is_some() { Header::Server } else { Header::UserAgent };
    keep(packer, Fact::CalleeAgent, answer, agent);
    list(packer, Fact::CalleeAccess, answer, Header::PAccessNetworkInfo);
    charging_vector(packer, answer);
    keys(packer, answer, correlation_header);
    let mut gathered = Gathered { sdp: false, messaging: contact(packer, Fact::CalleeInstance, answer) };
    if let Some(sdp) = sdp {
        let media = gather_media(packer, sdp);
        gathered.sdp = media.sdp;
        gathered.messaging |= media.messaging;
    }
    gathered
}

/// Adds the media of an answered session description, unless the packer has some.
pub(crate) fn gather_media(packer: &mut Packer, sdp: Sdp<'_>) -> Gathered {
    let messaging =
        if packer.has(Fact::Media) { has_messaging(sdp) } else { push_media(packer, sdp, Fact::Media, Fact::MediaEnd) };
    Gathered { sdp: true, messaging }
}

/// Adds the media of a session description, as these two kinds; says whether it has MSRP with a port.
pub(super) fn push_media(packer: &mut Packer, sdp: Sdp<'_>, what: Fact, end: Fact) -> bool {
    let mut messaging = false;
    for section in sdp.media().take(MAX_MEDIA) {
        messaging |= is_messaging(&section);
        packer.push_written(what, |bytes| Media::pack(&section, bytes));
        packer.push_written(end, |bytes| Media::pack_end(&section, bytes));
    }
    messaging
}

/// Whether a session description has MSRP with a port.
pub(crate) fn has_messaging(sdp: Sdp<'_>) -> bool {
    sdp.media().take(MAX_MEDIA).any(|section| is_messaging(&section))
}

fn is_messaging(section: &MediaSection<'_>) -> bool {
    section.port != 0 && section.kind.eq_ignore_ascii_case(b"message")
}

/// What the product tokens of a sender say it is: OMA SIMPLE IM names them `IM-serv/` and `IM-client/`.
///
/// Tokens only, not any text that contains them: what stands in a comment (RFC 3261 §20.41) is about something else.
pub(crate) fn product_role(agent: &[u8]) -> Role {
    let mut depth = 0_u32;
    let outside = agent.split(|byte| {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > 0 || byte.is_ascii_whitespace() || *byte == b')'
    });
    let starts = |token: &[u8], product: &[u8]| {
        token.get(..product.len()).is_some_and(|head| head.eq_ignore_ascii_case(product))
    };
    for token in outside {
        if starts(token, b"IM-serv/") {
            return Role::ImServer;
        }
        if starts(token, b"IM-client/") {
            return Role::ImClient;
        }
    }
    Role::Unspecified
}

/// Adds the first value of a header, unless the packer has one.
fn keep(packer: &mut Packer, fact: Fact, message: &Message<'_>, header: Header) {
    if !packer.has(fact)
        && let Some(value) = message.first(header)
    {
        packer.push_new(fact, [&*value.unfold()]);
    }
}

/// Adds the values of a list header that the packer does not have.
fn list(packer: &mut Packer, fact: Fact, message: &Message<'_>, header: Header) {
    if message.first(header).is_none() {
        return;
    }
    let mut left = MAX_VALUES;
    for value in message.all(header) {
        for element in value.elements().take(left) {
            left -= 1;
            packer.push_list(fact, &element.unfold());
        }
    }
}

/// RFC 7315 §5.6, TS 24.229: `term-ioi` stands in responses, and in requests of transit networks.
fn charging_vector(packer: &mut Packer, message: &Message<'_>) {
    let Some(value) = message.first(Header::PChargingVector) else { return };
    let vector = ChargingVector::read(value.raw());
    packer
        .push_new(Fact::Icid, vector.icid)
        .push_new(Fact::IcidGeneratedAt, vector.generated_at)
        .push_new(Fact::OriginatingIoi, vector.originating_ioi)
        .push_new(Fact::TerminatingIoi, vector.terminating_ioi)
        .push_new(Fact::TransitIoi, vector.transit_ioi)
        .push_new(Fact::RelatedIcid, vector.related_icid)
        .push_new(Fact::RelatedGeneratedAt, vector.related_generated_at)
        .push_new(Fact::FeIdentifier, vector.fe_identifier);
}

fn keys(packer: &mut Packer, message: &Message<'_>, correlation_header: Option<&str>) {
    keep(packer, Fact::SessionId, message, Header::SessionId);
    keep(packer, Fact::ContributionId, message, Header::ContributionId);
    keep(packer, Fact::ConversationId, message, Header::ConversationId);
    keep(packer, Fact::InReplyToContributionId, message, Header::InReplyToContributionId);
    if let Some(name) = correlation_header.filter(|_| !packer.has(Fact::Configured))
        && let Some(value) = message.custom(name.as_bytes())
    {
        packer.push_new(Fact::Configured, [&*value.unfold()]);
    }
}

/// Adds `+sip.instance` of the Contact, the IM feature tags, each once, and the communication service; says whether there
/// are any IM feature tags.
fn contact(packer: &mut Packer, device: Fact, message: &Message<'_>) -> bool {
    keep(packer, Fact::AssertedService, message, Header::PAssertedService);
    let asserted = message.first(Header::PAssertedService).is_some();
    let mut wants_service = !asserted && !packer.has(Fact::CommunicationService);
    if wants_service && message.first(Header::FeatureCaps).is_some() {
        packer.push_new(Fact::CommunicationService, communication_service(message).as_deref());
        wants_service = false;
    }
    let (mut found, mut last) = (0, None);
    let mut take = |packer: &mut Packer, tag| {
        if let FeatureTag::Icsi(urn) = &tag
            && wants_service
        {
            packer.push_new(Fact::CommunicationService, [&**urn]);
            wants_service = false;
        }
        if found < MAX_VALUES && tag.is_im() {
            found += 1;
            // What a Contact shows its Accept-Contact asks for.
            if last.as_ref() != Some(&tag) {
                packer.push_list(Fact::FeatureTag, tag.text());
                last = Some(tag);
            }
        }
    };
    let mut wants_instance = !packer.has(device);
    for header in [Header::Contact, Header::AcceptContact] {
        if message.first(header).is_none() {
            continue;
        }
        for value in message.all(header) {
            each_parameter(&value, |parameter| {
                tags_in(&parameter).for_each(|tag| take(packer, tag));
                if wants_instance
                    && header == Header::Contact
                    && let Some(instance) = instance_in(&parameter)
                {
                    packer.push_new(device, [instance]);
                    wants_instance = false;
                }
            });
        }
    }
    found > 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sip::{Carriage, feature_tags, instance};

    proptest! {
        #[test]
        fn one_look_at_the_contact_tells_what_each_reader_tells(
            headers in prop::collection::vec(
                "(Contact|m|Accept-Contact|P-Asserted-Service|Feature-Caps): ?(\\*|<sip:a@b>|urn:x|sip:\\+1)(, ?<sip:c>)?\
                 (; ?(\\+(g\\.oma\\.sip-im|G\\.3gpp\\.icsi-ref|g\\.3gpp\\.iari-ref|sip\\.Instance)|ob)\
                 (=\"(<urn:x>|urn%3Aurn-7%3A3gpp-service\\.ims\\.icsi\\.oma\\.cpm\\.session|)\")?){0,3}",
                0..4,
            ),
        ) {
            let text = format!(
                "INVITE sip:b SIP/2.0\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n{}\r\n\r\n",
                headers.join("\r\n")
            );
            let Ok(message) = Message::parse(text.as_bytes(), Carriage::Datagram) else { return Ok(()) };
            let mut plain = Packer::default();
            let asserted = message.first(Header::PAssertedService).is_some();
            let service = if asserted { Fact::AssertedService } else { Fact::CommunicationService };
            plain.push_new(service, communication_service(&message).as_deref());
            plain.push_new(Fact::CallerInstance, instance(&message));
            let im: Vec<_> = feature_tags(&message).filter(FeatureTag::is_im).take(MAX_VALUES).collect();
            for tag in &im {
                if !plain.holds(Fact::FeatureTag, tag.text()) {
                    plain.push(Fact::FeatureTag, tag.text());
                }
            }
            let mut packer = Packer::default();
            prop_assert_eq!(contact(&mut packer, Fact::CallerInstance, &message), !im.is_empty());
            let facts = |packer: &Packer| {
                let block = packer.pack();
                let mut facts: Vec<_> = block.values(packer).map(|(fact, value)| (fact, value.to_box())).collect();
                // One after the other, whatever stands between them.
                facts.sort_by_key(|fact| fact.0);
                facts
            };
            prop_assert_eq!(facts(&packer), facts(&plain));
        }
    }

    #[test]
    fn product_tokens_tell_the_role() {
        assert_eq!(product_role(b"IM-client/OMA1.0 Acme/3"), Role::ImClient);
        assert_eq!(product_role(b"Acme/3 im-serv/OMA2.0"), Role::ImServer);
        assert_eq!(product_role(b"Acme IM-server"), Role::Unspecified);
        assert_eq!(product_role(b"NotIM-client/1.0 (like IM-serv/1.0 (IM-client/2))"), Role::Unspecified);
        assert_eq!(product_role(b"Acme (x) IM-serv/1.0)"), Role::ImServer);
        assert_eq!(product_role(b""), Role::Unspecified);
    }
}
