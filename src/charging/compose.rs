//! The parts of a StopRecord that come straight from what a dialog kept.

use super::block::{Block, Fact};
use super::record::{Correlation, Media, Network, Parties, Service, ServiceKind, Text};
use crate::packet::Endpoint;
use crate::private::Private;

fn text(value: &[u8]) -> Text {
    Private::new(value.into())
}

fn one(block: &Block, fact: Fact) -> Option<Text> {
    block.first(fact).map(text)
}

fn every(block: &Block, fact: Fact) -> Vec<Text> {
    block.all(fact).map(text).collect()
}

pub(crate) fn parties(block: &Block) -> Parties {
    Parties {
        from: one(block, Fact::From),
        to: one(block, Fact::To),
        calling: every(block, Fact::CallerAsserted),
        called: one(block, Fact::RequestUri),
        called_asserted: every(block, Fact::CalleeAsserted),
        served_user: one(block, Fact::ServedUser),
        caller_agent: one(block, Fact::CallerAgent),
        callee_agent: one(block, Fact::CalleeAgent),
        caller_instance: one(block, Fact::CallerInstance),
        callee_instance: one(block, Fact::CalleeInstance),
    }
}

pub(crate) fn service(block: &Block, kind: ServiceKind) -> Service {
    Service {
        kind,
        communication_service: one(block, Fact::CommunicationService),
        feature_tags: every(block, Fact::FeatureTag),
        media: block.all(Fact::Media).filter_map(Media::unpack).collect(),
        priority: one(block, Fact::Priority),
    }
}

pub(crate) fn network(block: &Block) -> Network {
    Network {
        caller_access: every(block, Fact::CallerAccess),
        callee_access: every(block, Fact::CalleeAccess),
        cellular: one(block, Fact::Cellular),
        originating_ioi: one(block, Fact::OriginatingIoi),
        terminating_ioi: one(block, Fact::TerminatingIoi),
        transit_ioi: one(block, Fact::TransitIoi),
        visited: one(block, Fact::Visited),
        charging_functions: one(block, Fact::ChargingFunctions),
        node: block.first(Fact::Node).and_then(unpack_node).map(Private::new),
    }
}

pub(crate) fn correlation(block: &Block) -> Correlation {
    Correlation {
        icid: one(block, Fact::Icid),
        icid_generated_at: one(block, Fact::IcidGeneratedAt),
        related_icid: one(block, Fact::RelatedIcid),
        session_id: one(block, Fact::SessionId),
        contribution_id: one(block, Fact::ContributionId),
        conversation_id: one(block, Fact::ConversationId),
        in_reply_to_contribution_id: one(block, Fact::InReplyToContributionId),
        configured: one(block, Fact::Configured),
    }
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
