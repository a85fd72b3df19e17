//! From messages on their way to IP packets: datagrams, and the connections that messages share.

use std::net::SocketAddr;
use std::time::Duration;

use tolltap::time::Timestamp;

use super::frames;
use super::scenario::{Carrier, Sent};
use super::tcp::{Association, Conversation, websocket_upgrade};
use super::websocket::frame as websocket_frame;

/// Open connections between hosts.
#[derive(Default)]
pub struct Transports {
    /// Largest piece of a TCP segment or SCTP chunk; the whole message in one when absent.
    pub piece: Option<usize>,
    /// Largest IP packet inside every tunnel.
    pub mtu: Option<usize>,
    /// Of a datagram in fragments, only the first is captured.
    pub first_fragments: bool,
    /// Sequence number of the first byte of a connection.
    pub isn: [u32; 2],
    tcp: Vec<((SocketAddr, SocketAddr), Conversation)>,
    sctp: Vec<((SocketAddr, SocketAddr), Association)>,
    serial: u32,
}

impl Transports {
    pub fn new(mtu: Option<usize>, piece: Option<usize>, isn: [u32; 2]) -> Self {
        Self { piece, mtu, isn, ..Self::default() }
    }

    /// The IP packets of one message, with their times; a connection is opened where there was none.
    pub fn packets(&mut self, sent: &Sent) -> Vec<(Timestamp, Vec<u8>)> {
        let (source, destination) = (sent.source, sent.destination);
        let pair = if source < destination { (source, destination) } else { (destination, source) };
        let mut packets = Vec::new();
        self.serial += 1;
        let head = head_len(&sent.text).filter(|_| sent.body_lost);
        let mut pieces = match sent.carrier {
            Carrier::Udp => {
                let packet = frames::udp(source, destination, &sent.text);
                let half = sent.split.map(|_| 48 + (packet.len() / 2).next_multiple_of(8));
                let body = head.map(|head| packet.len() - sent.text.len() + head.next_multiple_of(8) + 8);
                let mtu = body.or(half).or(self.mtu).unwrap_or(65_535);
                frames::fragment(&packet, mtu, self.serial)
            }
            Carrier::Sctp => {
                let half = sent.split.map(|_| sent.text.len().div_ceil(2));
                let half = head.or(half).or(self.piece).unwrap_or(60_000);
                let found = self.sctp.iter().position(|(have, _)| *have == pair).unwrap_or_else(|| {
                    self.sctp.push((pair, Association::new(source, destination, [1000, 2000])));
                    self.sctp.len() - 1
                });
                self.sctp[found].1.send(source, &sent.text, half)
            }
            Carrier::Tcp | Carrier::WebSocket => {
                let web = sent.carrier == Carrier::WebSocket;
                let found = self.tcp.iter().position(|(have, _)| *have == pair).unwrap_or_else(|| {
                    let mut conversation = Conversation::new(source, destination, self.isn);
                    packets.extend(conversation.open());
                    if web {
                        let (request, response) = websocket_upgrade();
                        packets.extend(conversation.send(source, request, &[]));
                        packets.extend(conversation.send(destination, response, &[]));
                    }
                    self.tcp.push((pair, conversation));
                    self.tcp.len() - 1
                });
                let conversation = &mut self.tcp[found].1;
                let mask = (conversation.client() == source).then_some([0x37, 0xfa, 0x21, 0x3d]);
                let bytes = if web { websocket_frame(0x81, mask, &sent.text) } else { sent.text.clone() };
                let cuts = match (sent.split, self.piece) {
                    _ if head.is_some() => vec![bytes.len() - sent.text.len() + head.unwrap_or_default()],
                    (Some(_), _) => vec![bytes.len() / 2],
                    (None, Some(piece)) => (piece..bytes.len()).step_by(piece).collect(),
                    (None, None) => vec![],
                };
                conversation.send(source, &bytes, &cuts)
            }
        };
        if head.is_some() || (self.first_fragments && sent.carrier == Carrier::Udp) {
            pieces.truncate(1);
        }
        let opening = packets.len();
        let last = pieces.len() - 1;
        let mut timed: Vec<_> = packets.into_iter().map(|packet| (sent.time, packet)).collect();
        timed.extend(pieces.into_iter().enumerate().map(|(index, packet)| {
            let late = if index == last { sent.split.unwrap_or_default() } else { Duration::ZERO };
            (sent.time.plus(late), packet)
        }));
        debug_assert!(timed.len() > opening);
        timed
    }
}

/// Length of the header block of a message that has a body.
fn head_len(text: &[u8]) -> Option<usize> {
    let head = text.windows(4).position(|part| part == b"\r\n\r\n")? + 4;
    (head < text.len()).then_some(head)
}
