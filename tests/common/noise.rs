//! What else runs on a tapped network: frames that must never change a record.

use std::net::{Ipv4Addr, SocketAddr};

use super::frames::{self, TcpFlags};
use super::rng::Rng;

/// A kind of traffic that is not SIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    Rtp,
    Rtcp,
    Stun,
    Dns,
    Msrp,
    Http,
    TlsHello,
    KeepAlive,
    RandomUdp,
    RandomTcp,
    /// An IP packet with random bytes after its header.
    RandomIp,
    /// Not even a frame.
    RandomBytes,
}

pub const EVERY: [Noise; 12] = [
    Noise::Rtp,
    Noise::Rtcp,
    Noise::Stun,
    Noise::Dns,
    Noise::Msrp,
    Noise::Http,
    Noise::TlsHello,
    Noise::KeepAlive,
    Noise::RandomUdp,
    Noise::RandomTcp,
    Noise::RandomIp,
    Noise::RandomBytes,
];

/// An IP packet of this kind between hosts of a network of their own; for [`Noise::RandomBytes`] any bytes at all.
pub fn packet(kind: Noise, rng: &mut Rng) -> Vec<u8> {
    let client =
        SocketAddr::from((Ipv4Addr::new(10, 9, 0, rng.below(250) as u8 + 1), 20_000 + rng.below(20_000) as u16));
    let server = |port: u16| SocketAddr::from((Ipv4Addr::new(10, 9, 1, 1), port));
    let data = TcpFlags { push: true, acknowledge: Some(1), ..Default::default() };
    match kind {
        Noise::Rtp => {
            let mut bytes = vec![0x80, 0];
            bytes.extend(rng.bytes(10));
            bytes.extend(rng.bytes(160));
            frames::udp(client, server(49_170), &bytes)
        }
        Noise::Rtcp => {
            let mut bytes = vec![0x80, 200, 0, 6];
            bytes.extend(rng.bytes(24));
            frames::udp(client, server(49_171), &bytes)
        }
        Noise::Stun => {
            let mut bytes = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
            bytes.extend(rng.bytes(12));
            frames::udp(client, server(5060), &bytes)
        }
        Noise::Dns => {
            let mut bytes = rng.bytes(2);
            bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
            bytes.extend(b"\x04_sip\x04_udp\x07example\x03net\x00\x00\x21\x00\x01");
            frames::udp(client, server(53), &bytes)
        }
        Noise::Msrp => {
            // A chat message that quotes a BYE: bodies and media are never read as SIP of their own.
            let text = "MSRP d93kswow SEND\r\nTo-Path: msrp://10.9.1.1:2855/9di4eae923wzd;tcp\r\n\
                        From-Path: msrp://10.9.0.1:7654/iau39soe2843z;tcp\r\nMessage-ID: 12339sdqwer\r\n\
                        Byte-Range: 1-61/61\r\nContent-Type: text/plain\r\n\r\n\
                        BYE sip:bob@example.net SIP/2.0\r\nCall-ID: quoted@example.net\r\n\r\n-------d93kswow$\r\n";
            frames::tcp(client, server(2855), rng.next() as u32, data, text.as_bytes())
        }
        Noise::Http => {
            let text = "GET /sip HTTP/1.1\r\nHost: www.example.net\r\nCall-ID: no\r\n\r\n";
            frames::tcp(client, server(80), rng.next() as u32, data, text.as_bytes())
        }
        Noise::TlsHello => {
            let mut bytes = vec![0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3];
            bytes.extend(rng.bytes(194));
            frames::tcp(client, server(5061), rng.next() as u32, data, &bytes)
        }
        Noise::KeepAlive => {
            let pings: [&[u8]; 4] = [b"\r\n\r\n", b"\r\n", b"\0\0\0\0", b""];
            frames::udp(client, server(5060), pings[rng.below(pings.len())])
        }
        Noise::RandomUdp => {
            let len = rng.below(1200);
            frames::udp(client, server(rng.next() as u16), &rng.bytes(len))
        }
        Noise::RandomTcp => {
            let len = rng.below(1200);
            let flags = TcpFlags { syn: rng.below(8) == 0, fin: rng.below(8) == 0, rst: rng.below(8) == 0, ..data };
            frames::tcp(client, server(5060), rng.next() as u32, flags, &rng.bytes(len))
        }
        Noise::RandomIp => {
            let protocols = [0, 4, 41, 43, 44, 47, 50, 51, 58, 60, 89, 132];
            let len = rng.below(200);
            frames::ip(client.ip(), server(0).ip(), protocols[rng.below(protocols.len())], &rng.bytes(len))
        }
        Noise::RandomBytes => {
            let len = rng.below(300);
            rng.bytes(len)
        }
    }
}

/// An Ethernet frame of this kind.
pub fn frame(kind: Noise, rng: &mut Rng) -> Vec<u8> {
    match kind {
        Noise::RandomBytes => packet(kind, rng),
        kind => super::tunnels::Encapsulation::plain().frames(&packet(kind, rng), 0, false).remove(0),
    }
}
