//! Who looks like a SIP server: what an operator would name with `--im-server`.

use super::report::Server;
use super::seen::Sip;
use super::table::Table;
use crate::packet::Endpoint;
use crate::sip::StartLine;

/// Endpoints told apart; at the bound the oldest goes.
const ROOM: usize = 8_192;
/// Peers by which an endpoint is a server: a subscriber's has one or two, its proxy and its other proxy, and an address of
/// a subscriber must not be shown.
const PEERS: usize = 3;
/// Peers told apart.
const PEERS_KEPT: usize = 64;
/// Servers reported.
const SHOWN: usize = 10;

#[derive(Debug, Default)]
struct Answering {
    messages: u64,
    peers: Vec<Endpoint>,
}

/// Endpoints that requests go to and answers come from.
#[derive(Debug)]
pub(super) struct Servers {
    seen: Table<Endpoint, Answering>,
}

impl Servers {
    pub(super) fn new() -> Self {
        Self { seen: Table::with_room(ROOM) }
    }

    pub(super) fn message(&mut self, sip: &Sip<'_>) {
        let (server, peer) = match sip.message.start() {
            StartLine::Request { .. } => (sip.hop.destination, sip.hop.source),
            StartLine::Response { .. } => (sip.hop.source, sip.hop.destination),
        };
        if self.seen.get(&server).is_none() {
            self.seen.insert(server, Answering::default());
        }
        let Some(answering) = self.seen.get_mut(&server) else { return };
        answering.messages += 1;
        // By address: a client may come from many ports.
        if answering.peers.len() < PEERS_KEPT && answering.peers.iter().all(|known| known.address != peer.address) {
            answering.peers.push(peer);
        }
    }

    /// The busiest first.
    pub(super) fn list(&self) -> Vec<Server> {
        let mut servers: Vec<_> = self
            .seen
            .iter()
            .filter(|(_, answering)| answering.peers.len() >= PEERS)
            .map(|(endpoint, answering)| Server {
                address: (*endpoint).into(),
                messages: answering.messages,
                peers: answering.peers.len() as u64,
            })
            .collect();
        servers.sort_by_key(|server| (core::cmp::Reverse(server.messages), server.address));
        servers.truncate(SHOWN);
        servers
    }
}
