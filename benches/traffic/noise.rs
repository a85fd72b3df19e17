//! What else a tap sees: RTP mostly, and some RTCP, MSRP, DNS and bare acknowledgements.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::ethernet::{self, Sender};
use super::rng::Rng;

const CALLS: u64 = 400;
const CHATS: u64 = 100;

/// Media of a few hundred calls and chats at a time.
pub struct Noise {
    rng: Rng,
    rtp_sequence: Vec<u16>,
    chats: Vec<Sender>,
    samples: Vec<u8>,
    payload: Vec<u8>,
}

fn host(network: u32, number: u64) -> Ipv4Addr {
    Ipv4Addr::from(network + number as u32 * 3 + 2)
}

impl Noise {
    pub fn new() -> Self {
        let mut rng = Rng::new(0x006e_6f69_7365);
        let chats = (0..CHATS)
            .map(|chat| Sender {
                source: SocketAddrV4::new(host(0x0a50_0000, chat), 30_000 + chat as u16),
                destination: SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 20), 2855),
                sequence: rng.next() as u32,
            })
            .collect();
        let samples = (0..512).flat_map(|_| rng.next().to_le_bytes()).collect();
        Self { rng, rtp_sequence: vec![0; CALLS as usize], chats, samples, payload: Vec::new() }
    }

    /// Replaces the contents of `frame` by the next frame of noise.
    pub fn frame(&mut self, frame: &mut Vec<u8>) {
        match self.rng.within(0, 100) {
            0..88 => self.rtp(frame),
            88..92 => self.rtcp(frame),
            92..97 => self.msrp(frame),
            97..99 => self.acknowledgement(frame),
            _ => self.dns(frame),
        }
    }

    fn call(&mut self) -> (u64, SocketAddrV4, SocketAddrV4) {
        let call = self.rng.within(0, CALLS);
        let client = SocketAddrV4::new(host(0x0a48_0000, call), 16_384 + call as u16 * 2);
        let gateway = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 30), 40_000 + call as u16 * 2);
        if self.rng.one_in(2) { (call, client, gateway) } else { (call, gateway, client) }
    }

    fn samples(&mut self, len: usize) {
        let at = self.rng.within(0, (self.samples.len() - len) as u64) as usize;
        self.payload.extend_from_slice(&self.samples[at..at + len]);
    }

    /// RFC 3550 §5.1, 20 ms of G.711: 172 bytes.
    fn rtp(&mut self, frame: &mut Vec<u8>) {
        let (call, source, destination) = self.call();
        let sequence = &mut self.rtp_sequence[call as usize];
        *sequence = sequence.wrapping_add(1);
        let sequence = *sequence;
        self.payload.clear();
        self.payload.extend([0x80, 0x08]);
        self.payload.extend(sequence.to_be_bytes());
        self.payload.extend((u32::from(sequence) * 160).to_be_bytes());
        self.payload.extend((call as u32).to_be_bytes());
        self.samples(160);
        ethernet::udp(frame, source, destination, &self.payload);
    }

    /// A sender report and a source description.
    fn rtcp(&mut self, frame: &mut Vec<u8>) {
        let (call, mut source, mut destination) = self.call();
        source.set_port(source.port() + 1);
        destination.set_port(destination.port() + 1);
        self.payload.clear();
        self.payload.extend([0x81, 0xc8, 0, 12]);
        self.payload.extend((call as u32).to_be_bytes());
        self.samples(44);
        self.payload.extend([0x81, 0xca, 0, 7]);
        self.samples(28);
        ethernet::udp(frame, source, destination, &self.payload);
    }

    /// RFC 4975: one SEND with a CPIM message.
    fn msrp(&mut self, frame: &mut Vec<u8>) {
        let chat = self.rng.within(0, CHATS) as usize;
        let id = self.rng.next() as u32;
        let words = self.rng.within(1, 60) as usize;
        let mut text = b"From: <sip:+31600000001@im.example.net>\r\nTo: <sip:+31600000002@im.example.net>\r\n\
            DateTime: 2026-01-01T00:00:00Z\r\n\r\nContent-Type: text/plain;charset=utf-8\r\n\r\n"
            .to_vec();
        text.extend_from_slice("see you at nine ".repeat(words).as_bytes());
        let Some(sender) = self.chats.get_mut(chat) else { return };
        self.payload.clear();
        let _ = write!(
            self.payload,
            "MSRP {id:08x} SEND\r\nTo-Path: msrp://192.0.2.20:2855/s{chat:06};tcp\r\n\
             From-Path: msrp://{}:{}/c{chat:06};tcp\r\nMessage-ID: {id:08x}.1\r\nByte-Range: 1-{1}/{1}\r\n\
             Content-Type: message/cpim\r\n\r\n",
            sender.source.ip(),
            text.len(),
        );
        self.payload.extend_from_slice(&text);
        let _ = write!(self.payload, "\r\n-------{id:08x}$\r\n");
        sender.segment(frame, 1, &self.payload);
    }

    fn acknowledgement(&mut self, frame: &mut Vec<u8>) {
        let chat = self.rng.within(0, CHATS) as usize;
        let Some(sender) = self.chats.get(chat) else { return };
        let (source, destination) = (sender.destination, sender.source);
        Sender { source, destination, sequence: 1 }.segment(frame, sender.sequence, &[]);
    }

    /// A NAPTR question, as a proxy asks them.
    fn dns(&mut self, frame: &mut Vec<u8>) {
        let id = self.rng.next() as u16;
        self.payload.clear();
        self.payload.extend(id.to_be_bytes());
        self.payload.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        self.payload.extend(b"\x02im\x07example\x03net\x00\x00\x23\x00\x01");
        let resolver = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 53), 53);
        let asker = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 10), 32_768 + id % 20_000);
        ethernet::udp(frame, asker, resolver, &self.payload);
    }
}
