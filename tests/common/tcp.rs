//! Stream transports: TCP conversations, the handshake of WebSocket on them, SCTP associations.

use std::net::SocketAddr;

use super::frames::{self, TcpFlags};

/// One TCP connection, seen from outside: gives the IP packets of what its ends send.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// Client and server.
    ends: [SocketAddr; 2],
    /// Next sequence number of each.
    next: [u32; 2],
}

impl Conversation {
    /// A connection about to open, with the initial sequence numbers of client and server.
    pub fn new(client: SocketAddr, server: SocketAddr, isn: [u32; 2]) -> Self {
        Self { ends: [client, server], next: isn }
    }

    pub fn client(&self) -> SocketAddr {
        self.ends[0]
    }

    /// The three-way handshake.
    pub fn open(&mut self) -> Vec<Vec<u8>> {
        let [client, server] = self.ends;
        let syn = frames::tcp(client, server, self.next[0], TcpFlags { syn: true, ..Default::default() }, &[]);
        self.next[0] = self.next[0].wrapping_add(1);
        let flags = TcpFlags { syn: true, acknowledge: Some(self.next[0]), ..Default::default() };
        let syn_ack = frames::tcp(server, client, self.next[1], flags, &[]);
        self.next[1] = self.next[1].wrapping_add(1);
        let ack = frames::tcp(client, server, self.next[0], self.acknowledging(0), &[]);
        vec![syn, syn_ack, ack]
    }

    /// Bytes from `source`, in one segment per piece between the `cuts` (offsets, ascending).
    pub fn send(&mut self, source: SocketAddr, bytes: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
        let from = usize::from(source != self.ends[0]);
        let mut packets = Vec::new();
        let mut start = 0;
        for end in cuts.iter().copied().filter(|cut| *cut > 0 && *cut < bytes.len()).chain([bytes.len()]) {
            if end <= start {
                continue;
            }
            let flags = TcpFlags { push: end == bytes.len(), ..self.acknowledging(from) };
            packets.push(frames::tcp(self.ends[from], self.ends[1 - from], self.next[from], flags, &bytes[start..end]));
            self.next[from] = self.next[from].wrapping_add((end - start) as u32);
            start = end;
        }
        packets
    }

    /// FIN from both ends, the client's first.
    pub fn close(&mut self) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        for from in [0, 1] {
            let flags = TcpFlags { fin: true, ..self.acknowledging(from) };
            packets.push(frames::tcp(self.ends[from], self.ends[1 - from], self.next[from], flags, &[]));
            self.next[from] = self.next[from].wrapping_add(1);
        }
        packets
    }

    /// RST from the client.
    pub fn reset(&mut self) -> Vec<u8> {
        frames::tcp(self.ends[0], self.ends[1], self.next[0], TcpFlags { rst: true, ..Default::default() }, &[])
    }

    /// Bytes that are sent and never captured.
    pub fn skip(&mut self, source: SocketAddr, len: usize) {
        let from = usize::from(source != self.ends[0]);
        self.next[from] = self.next[from].wrapping_add(len as u32);
    }

    fn acknowledging(&self, from: usize) -> TcpFlags {
        TcpFlags { acknowledge: Some(self.next[1 - from]), ..Default::default() }
    }
}

/// The HTTP exchange that turns a TCP connection into SIP over WebSocket (RFC 7118 §4).
pub fn websocket_upgrade() -> (&'static [u8], &'static [u8]) {
    (
        b"GET / HTTP/1.1\r\nHost: im.example.net\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: sip\r\n\r\n",
    )
}

/// One SCTP association, seen from outside, with one stream each way.
#[derive(Clone, Debug)]
pub struct Association {
    ends: [SocketAddr; 2],
    tsn: [u32; 2],
    ssn: [u16; 2],
}

impl Association {
    pub fn new(client: SocketAddr, server: SocketAddr, tsn: [u32; 2]) -> Self {
        Self { ends: [client, server], tsn, ssn: [0; 2] }
    }

    /// One user message, in DATA chunks of at most `piece` bytes, one packet each.
    pub fn send(&mut self, source: SocketAddr, bytes: &[u8], piece: usize) -> Vec<Vec<u8>> {
        let from = usize::from(source != self.ends[0]);
        let last = bytes.len().div_ceil(piece).max(1) - 1;
        let mut packets = Vec::new();
        for (index, part) in bytes.chunks(piece).enumerate() {
            let chunk = frames::sctp_data(self.tsn[from], 0, self.ssn[from], index == 0, index == last, part);
            packets.push(frames::sctp(self.ends[from], self.ends[1 - from], 0x5150 + from as u32, &chunk));
            self.tsn[from] = self.tsn[from].wrapping_add(1);
        }
        self.ssn[from] = self.ssn[from].wrapping_add(1);
        packets
    }
}
