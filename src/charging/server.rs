//! The operator's IM Servers, and which side of them a hop is on (rule 15).

use core::net::IpAddr;

use super::options::ImServer;
use crate::packet::{Endpoint, Hop};

/// Where a session is charged: a NAME given to one or more server addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Point(pub(crate) u8);

impl Point {
    /// Hops that touch none of the servers, where servers are named: their sessions are counted, not charged.
    pub const ELSEWHERE: Self = Self(u8::MAX);
}

/// Which way a message crosses a charging point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Crossing {
    /// From outside to the server.
    Entering,
    /// From the server to outside.
    Leaving,
    /// Both ends are this server, or there is no server to be at: no role follows.
    Neither,
}

/// The operator's IM Servers.
///
/// Invariant: points are numbered by the first appearance of their name, and there are at most 255 of them.
#[derive(Clone, Debug, Default)]
pub struct Servers {
    names: Vec<String>,
    addresses: Vec<(ImServer, Point)>,
    /// Servers given with a port that no message was seen at yet; and whether one was at another port of theirs.
    unseen: PortsSeen,
}

/// Of the servers that were given with a port: those that no message was seen at, and whether one was at another port of
/// theirs.
#[derive(Clone, Debug, Default)]
pub(crate) struct PortsSeen(Vec<(ImServer, bool)>);

impl PortsSeen {
    /// What two have seen together, of the same list of servers.
    pub(crate) fn and(self, other: &Self) -> Self {
        let both = |(server, elsewhere): (ImServer, bool)| {
            let (_, there) = other.0.iter().find(|(same, _)| *same == server)?;
            Some((server, elsewhere || *there))
        };
        Self(self.0.into_iter().filter_map(both).collect())
    }

    /// The servers that are in the traffic with other ports alone, such as those of TCP connections that the server opens
    /// itself: with the port that was given nothing is charged there.
    pub(crate) fn on_other_ports(&self) -> impl Iterator<Item = &ImServer> {
        self.0.iter().filter(|(_, elsewhere)| *elsewhere).map(|(server, _)| server)
    }
}

/// At most two points are touched by a hop: one at each end.
pub(crate) type Touched = [Option<(Point, Crossing)>; 2];

impl Servers {
    /// Most names: points are numbered by a byte, and one number is [`Point::ELSEWHERE`].
    pub const MAX_NAMES: usize = 255;

    /// Takes the operator's list. Names past [`Servers::MAX_NAMES`] share the last point; the command line refuses them.
    #[must_use]
    pub fn new(list: &[ImServer]) -> Self {
        let mut servers = Self::default();
        for server in list {
            let known = servers.names.iter().position(|name| *name == server.name);
            let index = known.unwrap_or_else(|| {
                if servers.names.len() < usize::from(u8::MAX) {
                    servers.names.push(server.name.clone());
                }
                servers.names.len() - 1
            });
            servers.addresses.push((server.clone(), Point(index as u8)));
        }
        let with_port = list.iter().filter(|server| server.port.is_some());
        servers.unseen = PortsSeen(with_port.map(|server| (server.clone(), false)).collect());
        servers
    }

    /// Whether the operator named no server: every hop then counts, at one nameless point.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// Whether there is more than one charging point.
    #[must_use]
    pub fn has_several(&self) -> bool {
        self.names.len() > 1
    }

    /// Every charging point.
    pub fn points(&self) -> impl Iterator<Item = Point> + use<> {
        (0..self.names.len() as u8).map(Point)
    }

    /// The NAME of a point, part of the identity of its sessions.
    #[must_use]
    pub fn name(&self, point: Point) -> &str {
        self.names.get(usize::from(point.0)).map_or("", String::as_str)
    }

    /// The point of that name, if the operator still names it.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Point> {
        if self.is_empty() {
            return name.is_empty().then_some(Point(0));
        }
        self.points().find(|point| self.name(*point) == name)
    }

    /// The points that a hop touches, and which way. Of two servers in a row, each is a charging point of its own.
    #[must_use]
    pub fn touched(&self, hop: &Hop) -> Touched {
        if self.is_empty() {
            return [Some((Point(0), Crossing::Neither)), None];
        }
        match (self.point_of(hop.source), self.point_of(hop.destination)) {
            (None, None) => [Some((Point::ELSEWHERE, Crossing::Neither)), None],
            (Some(point), None) => [Some((point, Crossing::Leaving)), None],
            (None, Some(point)) => [Some((point, Crossing::Entering)), None],
            (Some(source), Some(destination)) if source == destination => [Some((source, Crossing::Neither)), None],
            // Between two points a message leaves one server for another: neither end is an IM Client, no role follows.
            (Some(source), Some(destination)) => {
                [Some((source, Crossing::Neither)), Some((destination, Crossing::Neither))]
            }
        }
    }

    /// Notes the ports at which a message was seen.
    pub(crate) fn look(&mut self, hop: &Hop) {
        for end in [hop.source, hop.destination] {
            if self.unseen.0.is_empty() {
                return;
            }
            // Another entry of the list may name that port.
            let known = self.point_of(end).is_some();
            self.unseen.0.retain_mut(|(server, elsewhere)| {
                *elsewhere |= !known && server.has_address(end);
                !server.matches(end)
            });
        }
    }

    /// At which ports the servers were seen so far.
    pub(crate) fn ports_seen(&self) -> &PortsSeen {
        &self.unseen
    }

    /// The end of a hop that is the charging point; the next hop, where no server was named.
    #[must_use]
    pub fn node(&self, hop: &Hop, point: Point) -> Option<Endpoint> {
        if self.is_empty() {
            return Some(hop.destination);
        }
        [hop.destination, hop.source].into_iter().find(|end| self.point_of(*end) == Some(point))
    }

    fn point_of(&self, end: Endpoint) -> Option<Point> {
        self.addresses.iter().find(|(server, _)| server.matches(end)).map(|(_, point)| *point)
    }
}

impl ImServer {
    /// Whether an endpoint is this server.
    #[must_use]
    pub fn matches(&self, end: Endpoint) -> bool {
        self.port.is_none_or(|port| port == end.port) && self.has_address(end)
    }

    /// Whether an endpoint has the address of this server, at any port.
    fn has_address(&self, end: Endpoint) -> bool {
        match (self.address, end.address) {
            (IpAddr::V4(server), IpAddr::V4(end)) => {
                shares_prefix(u128::from(server.to_bits()), u128::from(end.to_bits()), self.prefix, 32)
            }
            (IpAddr::V6(server), IpAddr::V6(end)) => shares_prefix(server.to_bits(), end.to_bits(), self.prefix, 128),
            _ => false,
        }
    }
}

/// Whether the leading `prefix` of `width` bits agree.
fn shares_prefix(one: u128, other: u128, prefix: u8, width: u32) -> bool {
    let ignored = width.saturating_sub(u32::from(prefix));
    // A shift by the whole width is not defined: a prefix of 0 agrees with everything.
    (one ^ other).checked_shr(ignored).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Domain;

    fn end(text: &str) -> Endpoint {
        let socket: core::net::SocketAddr = text.parse().unwrap();
        Endpoint { address: socket.ip(), port: socket.port() }
    }

    fn hop(source: &str, destination: &str) -> Hop {
        Hop { source: end(source), destination: end(destination), domain: Domain::default() }
    }

    fn server(name: &str, address: &str, prefix: u8, port: Option<u16>) -> ImServer {
        ImServer { name: name.into(), address: address.parse().unwrap(), prefix, port }
    }

    #[test]
    fn tells_the_side_of_a_hop() {
        let servers = Servers::new(&[server("", "10.0.0.0", 24, Some(5060))]);
        let touched = |source, destination| servers.touched(&hop(source, destination))[0];
        assert_eq!(touched("10.0.0.9:5060", "192.0.2.1:5060"), Some((Point(0), Crossing::Leaving)));
        assert_eq!(touched("192.0.2.1:5060", "10.0.0.9:5060"), Some((Point(0), Crossing::Entering)));
        assert_eq!(touched("10.0.0.9:5060", "10.0.0.8:5060"), Some((Point(0), Crossing::Neither)));
        assert_eq!(touched("10.0.0.9:5061", "192.0.2.1:5060"), Some((Point::ELSEWHERE, Crossing::Neither)));
    }

    #[test]
    fn makes_a_point_of_each_name() {
        let servers = Servers::new(&[
            server("a", "10.0.0.1", 32, None),
            server("b", "2001:db8::", 32, None),
            server("a", "10.0.0.2", 32, None),
        ]);
        let touched = servers.touched(&hop("10.0.0.2:1", "[2001:db8::7]:2"));
        assert_eq!(touched, [Some((Point(0), Crossing::Neither)), Some((Point(1), Crossing::Neither))]);
        assert_eq!((servers.name(Point(0)), servers.name(Point(1))), ("a", "b"));
    }

    #[test]
    fn a_server_at_other_ports_alone_is_told() {
        let list = [
            server("", "10.0.0.1", 32, Some(5060)),
            server("", "10.0.0.2", 32, Some(5060)),
            server("", "10.0.0.2", 32, Some(5061)),
            server("", "10.0.0.3", 32, Some(5060)),
            server("", "10.0.0.4", 32, None),
        ];
        let mut servers = Servers::new(&list);
        servers.look(&hop("10.0.0.1:49152", "192.0.2.1:5060"));
        servers.look(&hop("192.0.2.1:5060", "10.0.0.2:5061"));
        servers.look(&hop("10.0.0.3:49152", "192.0.2.1:5060"));
        servers.look(&hop("192.0.2.1:5060", "10.0.0.3:5060"));
        servers.look(&hop("192.0.2.1:5060", "10.0.0.4:7"));
        let told =
            |seen: &PortsSeen| seen.on_other_ports().map(|server| server.address.to_string()).collect::<Vec<_>>();
        let seen = servers.ports_seen();
        assert_eq!(told(seen), ["10.0.0.1"], "the second is named with its other port too, the third was at its own");

        let mut elsewhere = Servers::new(&list);
        elsewhere.look(&hop("192.0.2.1:5060", "10.0.0.1:5060"));
        assert!(told(&seen.clone().and(elsewhere.ports_seen())).is_empty(), "somebody else has seen it at its own");
        assert_eq!(told(&seen.clone().and(Servers::new(&list).ports_seen())), ["10.0.0.1"]);
    }

    #[test]
    fn a_prefix_of_zero_is_everyone() {
        assert!(server("", "0.0.0.0", 0, None).matches(end("203.0.113.5:9")));
        assert!(!server("", "0.0.0.0", 0, None).matches(end("[::1]:9")));
    }
}
