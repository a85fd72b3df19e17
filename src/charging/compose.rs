//! The parts of a StopRecord that come straight from what a dialog kept.

use super::fact::Fact;
use super::packer::MAX_VALUE;
use super::party::PartyAddress;
use super::record::{
    CalledChange, Correlation, Media, MessageBody, Network, NodeRole, Parties, Party, Service, ServiceKind, Text,
    TextBytes,
};
use crate::packet::Endpoint;
use crate::private::Private;
use crate::sip::{NameAddr, parameter};
use crate::time::Timestamp;

/// What facts tell.
pub(super) struct Told<'a, T> {
    pub(super) call_id: &'a [u8],
    pub(super) first: &'a [u8],
    pub(super) second: &'a [u8],
    pub(super) bodies: Vec<MessageBody<T>>,
    pub(super) parties: Parties<T>,
    pub(super) service: Service<T>,
    pub(super) network: Network<T>,
    pub(super) correlation: Correlation<T>,
}

fn text<'a, T: TextBytes<'a>>(value: &'a [u8]) -> Text<T> {
    Private::new(value.into())
}

/// The parts of a record that come from facts, in one pass over them.
///
/// Of a fact that stands there several times and has room for one value, the first counts.
pub(super) fn told<'a, T: TextBytes<'a>>(
    facts: impl Iterator<Item = (Fact, &'a [u8])>,
    kind: ServiceKind,
    bye_party: Party,
) -> Told<'a, T> {
    let (mut parties, mut service) = (Parties::<T>::default(), Service::<T> { kind, ..Service::default() });
    let (mut network, mut correlation) = (Network::default(), Correlation::default());
    let (mut call_id, mut first, mut second) = Default::default();
    let mut bodies = Vec::new();
    let mut asserted_service = None;
    for (fact, value) in facts {
        let only = match fact {
            // What the dialog itself is known by.
            Fact::CallId => {
                call_id = value;
                continue;
            }
            Fact::FirstTag => {
                first = value;
                continue;
            }
            Fact::SecondTag => {
                second = value;
                continue;
            }
            Fact::ByeBody => {
                bodies.extend(MessageBody::unpack(value, bye_party));
                continue;
            }
            // These never leave: `Fact::is_for_a_record`.
            Fact::InviteHop
            | Fact::EarlyTag
            | Fact::EarlyMedia
            | Fact::EarlyMediaEnd
            | Fact::Answered
            | Fact::LateOffer
            | Fact::Supposed => continue,

            Fact::CallerAsserted => {
                add_identity(&mut parties.calling, value);
                continue;
            }
            Fact::CalleeAsserted => {
                add_identity(&mut parties.called_asserted, value);
                continue;
            }
            Fact::CalledChange => {
                parties.called_change = read_change(value).map(|(time, identity)| {
                    let identity = Private::new(identity.into());
                    CalledChange { identity, time }
                });
                continue;
            }
            Fact::HistoryInfo => {
                parties.history.push(text(value));
                continue;
            }
            Fact::FeatureTag => {
                service.feature_tags.push(text(value));
                continue;
            }
            Fact::Media => {
                service.media.extend(Media::unpack(value));
                continue;
            }
            Fact::MediaEnd => {
                if let Some(media) = service.media.last_mut() {
                    media.unpack_end(value);
                }
                continue;
            }
            Fact::CallerAccess => {
                network.caller_access.push(text(value));
                continue;
            }
            Fact::CalleeAccess => {
                network.callee_access.push(text(value));
                continue;
            }
            Fact::AssertedService => {
                asserted_service = asserted_service.or_else(|| Some(text(value)));
                continue;
            }
            Fact::Node => {
                network.node = network.node.or_else(|| unpack_node(value).map(Private::new));
                continue;
            }

            Fact::From => &mut parties.from,
            Fact::To => &mut parties.to,
            Fact::RequestUri => &mut parties.called,
            Fact::ServedUser => &mut parties.served_user,
            Fact::CallerAgent => &mut parties.caller_agent,
            Fact::CalleeAgent => &mut parties.callee_agent,
            Fact::CallerInstance => &mut parties.caller_instance,
            Fact::CalleeInstance => &mut parties.callee_instance,

            Fact::CommunicationService => &mut service.communication_service,
            Fact::Priority => &mut service.priority,

            Fact::Cellular => &mut network.cellular,
            Fact::OriginatingIoi => &mut network.originating_ioi,
            Fact::TerminatingIoi => &mut network.terminating_ioi,
            Fact::TransitIoi => &mut network.transit_ioi,
            Fact::Visited => &mut network.visited,
            Fact::RouteReceived => &mut network.route_received,
            Fact::RouteTransmitted => &mut network.route_transmitted,
            Fact::ChargingFunctions => &mut network.charging_functions,

            Fact::Icid => &mut correlation.icid,
            Fact::IcidGeneratedAt => &mut correlation.icid_generated_at,
            Fact::RelatedIcid => &mut correlation.related_icid,
            Fact::RelatedGeneratedAt => &mut correlation.related_generated_at,
            Fact::FeIdentifier => &mut correlation.fe_identifiers,
            Fact::SessionId => &mut correlation.session_id,
            Fact::ContributionId => &mut correlation.contribution_id,
            Fact::ConversationId => &mut correlation.conversation_id,
            Fact::InReplyToContributionId => &mut correlation.in_reply_to_contribution_id,
            Fact::Configured => &mut correlation.configured,
        };
        if only.is_none() {
            *only = Some(text(value));
        }
    }
    service.communication_service = asserted_service.or(service.communication_service);
    service.emergency = parties.called.as_ref().is_some_and(|called| is_emergency(called.reveal().as_ref()));
    parties.role_of_node = role_of_node(&parties, &network);
    Told { call_id, first, second, bodies, parties, service, network, correlation }
}

/// Adds an asserted identity, unless its URI is there already: hops write one identity in different spellings.
fn add_identity<'a, T: TextBytes<'a>>(identities: &mut Vec<Text<T>>, identity: &'a [u8]) {
    let known = !identities.is_empty() && {
        let new = PartyAddress::read(identity).uri;
        new.is_some() && identities.iter().any(|known| PartyAddress::read(known.reveal().as_ref()).uri == new)
    };
    if !known {
        identities.push(text(identity));
    }
}

/// RFC 5031 §4.2: `urn:service:sos`, and the services below it.
fn is_emergency(uri: &[u8]) -> bool {
    const SOS: &[u8] = b"urn:service:sos";
    uri.split_at_checked(SOS.len())
        .is_some_and(|(head, rest)| head.eq_ignore_ascii_case(SOS) && matches!(rest.first(), None | Some(b'.')))
}

/// RFC 5502 §6: the session case of the served user; else TS 24.229 §5.4.3.2: `orig` in the Route says that the caller is
/// served. A Route without it says nothing.
fn role_of_node<T: AsRef<[u8]>>(parties: &Parties<T>, network: &Network<T>) -> NodeRole {
    let served = parties.served_user.as_ref().and_then(|user| NameAddr::read(user.reveal().as_ref()));
    let case = served.and_then(|user| parameter(user.params, b"sescase"));
    let is = |name: &[u8]| case.is_some_and(|case| case.eq_ignore_ascii_case(name));
    if is(b"orig") {
        return NodeRole::Originating;
    }
    if is(b"term") {
        return NodeRole::Terminating;
    }
    let route = network.route_received.as_ref().and_then(|route| NameAddr::read(route.reveal().as_ref()));
    let mut params = route.into_iter().flat_map(|route| route.uri.split(|byte| *byte == b';').skip(1));
    match params.any(|param| param.trim_ascii().eq_ignore_ascii_case(b"orig")) {
        true => NodeRole::Originating,
        false => NodeRole::Unspecified,
    }
}

/// Longest identity kept of a change: what there is room for behind its time.
pub(crate) const MAX_CHANGE: usize = MAX_VALUE - 8;

/// Time, and then the value.
pub(crate) fn pack_change(time: Timestamp, identity: &[u8], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&time.nanos().to_ne_bytes());
    bytes.extend_from_slice(identity);
}

pub(crate) fn read_change(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (time, identity) = bytes.split_first_chunk::<8>()?;
    Some((Timestamp::from_nanos(i64::from_ne_bytes(*time)), identity))
}

/// Port in network byte order, then the 4 or 16 bytes of the address.
pub(super) fn pack_node(node: Endpoint) -> ([u8; 18], usize) {
    let mut bytes = [0; 18];
    bytes[..2].copy_from_slice(&node.port.to_be_bytes());
    match node.address {
        core::net::IpAddr::V4(address) => {
            bytes[2..6].copy_from_slice(&address.octets());
            (bytes, 6)
        }
        core::net::IpAddr::V6(address) => {
            bytes[2..].copy_from_slice(&address.octets());
            (bytes, 18)
        }
    }
}

fn unpack_node(bytes: &[u8]) -> Option<Endpoint> {
    let (port, address) = bytes.split_first_chunk::<2>()?;
    let address = match address.len() {
        4 => <[u8; 4]>::try_from(address).ok()?.into(),
        16 => <[u8; 16]>::try_from(address).ok()?.into(),
        _ => return None,
    };
    Some(Endpoint { address, port: u16::from_be_bytes(*port) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_survives_packing() {
        for address in ["192.0.2.1", "2001:db8::1"] {
            let node = Endpoint { address: address.parse().unwrap(), port: 5060 };
            let (bytes, len) = pack_node(node);
            assert_eq!(unpack_node(&bytes[..len]), Some(node));
        }
    }
}
