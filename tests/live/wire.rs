//! What passed a tap, read without any part of the probe.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::common::pcap;
use crate::common::replay::TestInput;

/// Where the IM Server is.
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

/// The SIP messages in a capture, by Call-ID.
pub(crate) struct Wire {
    calls: BTreeMap<String, Call>,
}

/// The messages of one call, by what they are: `BYE`, `200 BYE`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call(BTreeMap<String, Crossing>);

/// When a message was first seen at the server, in nanoseconds of capture time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Crossing {
    pub(crate) entering: Option<i64>,
    pub(crate) leaving: Option<i64>,
}

impl Crossing {
    fn earliest(self) -> Option<i64> {
        self.entering.into_iter().chain(self.leaving).min()
    }

    /// How long the server took to relay it.
    fn held(self) -> i64 {
        self.leaving.zip(self.entering).map_or(0, |(leaving, entering)| leaving - entering)
    }
}

impl Call {
    pub(crate) fn crossing(&self, what: &str) -> Crossing {
        self.0.get(what).copied().unwrap_or_default()
    }

    /// When this was first seen; absent if it was not.
    pub(crate) fn at(&self, what: &str) -> Option<i64> {
        self.crossing(what).earliest()
    }

    pub(crate) fn held(&self, what: &str) -> i64 {
        self.crossing(what).held()
    }
}

/// A TCP direction as it was sent: bytes by their distance from the first.
type Stream = BTreeMap<i64, (i64, Vec<u8>)>;

impl Wire {
    /// Reads a capture file.
    pub(crate) fn read(capture: &[u8]) -> Self {
        let mut wire = Self { calls: BTreeMap::new() };
        let mut streams: BTreeMap<(SocketAddrV4, SocketAddrV4), (u32, Stream)> = BTreeMap::new();
        for input in pcap::read(capture) {
            let TestInput::Frame { time, bytes, .. } = input else { continue };
            let Some(Packet { source, destination, sequence, payload }) = Packet::of_frame(&bytes) else { continue };
            let (seconds, nanos) = time.parts();
            let time = seconds * 1_000_000_000 + i64::from(nanos);
            match sequence {
                None => wire.messages(*destination.ip(), &[(time, payload)]),
                Some(_) if payload.is_empty() => {}
                Some(sequence) => {
                    let (first, stream) = streams.entry((source, destination)).or_insert((sequence, Stream::new()));
                    // Sent again, it was there the first time; a sequence number wraps.
                    let at = i64::from(sequence.wrapping_sub(*first) as i32);
                    stream.entry(at).or_insert_with(|| (time, payload.to_vec()));
                }
            }
        }
        for ((_, destination), (_, stream)) in &streams {
            let (mut run, mut end): (Vec<(i64, &[u8])>, _) = (Vec::new(), None);
            for (at, (time, bytes)) in stream {
                if end.is_some_and(|end| end != *at) {
                    wire.messages(*destination.ip(), &core::mem::take(&mut run));
                }
                run.push((*time, bytes));
                end = Some(at + bytes.len() as i64);
            }
            wire.messages(*destination.ip(), &run);
        }
        wire
    }

    pub(crate) fn calls(&self) -> impl Iterator<Item = (&str, &Call)> {
        self.calls.iter().map(|(id, call)| (id.as_str(), call))
    }

    pub(crate) fn call(&self, id: &str) -> &Call {
        self.calls.get(id).unwrap_or_else(|| panic!("{id} was not on the wire"))
    }

    /// Takes the messages out of bytes without a hole, of which each part has its time.
    fn messages(&mut self, destination: Ipv4Addr, parts: &[(i64, &[u8])]) {
        let bytes: Vec<u8> = parts.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
        let text = String::from_utf8_lossy(&bytes);
        let mut from = 0;
        while let Some(start) = start_line(&text, from) {
            let Some(len) = text[start..].find("\r\n\r\n") else { return };
            let head = &text[start..start + len];
            let field = |name: &str| {
                head.lines().find_map(|line| Some(line.split_once(':').filter(|(of, _)| *of == name)?.1.trim()))
            };
            let body: usize = field("Content-Length").and_then(|length| length.parse().ok()).unwrap_or(0);
            from = (start + len + 4 + body).min(text.len());
            let (Some(call), Some((_, method))) =
                (field("Call-ID"), field("CSeq").and_then(|cseq| cseq.split_once(' ')))
            else {
                continue;
            };
            let what = match head.strip_prefix("SIP/2.0 ") {
                Some(status) => format!("{} {method}", &status[..3]),
                None => method.to_owned(),
            };
            let mut upto = 0;
            let last = parts.iter().find(|(_, bytes)| {
                upto += bytes.len();
                upto >= from
            });
            let time = last.expect("it ends in one of them").0;
            let crossing = self.calls.entry(call.to_owned()).or_default().0.entry(what).or_default();
            let seen = if destination == SERVER { &mut crossing.entering } else { &mut crossing.leaving };
            *seen = Some(seen.map_or(time, |seen| seen.min(time)));
        }
    }
}

/// Where the next start line begins.
fn start_line(text: &str, from: usize) -> Option<usize> {
    let begins = |at: &usize| {
        let line = &text[*at..];
        line.starts_with("SIP/2.0 ")
            || ["INVITE", "ACK", "BYE"]
                .iter()
                .any(|method| line.strip_prefix(method).is_some_and(|rest| rest.starts_with(" sip:")))
    };
    let after_line_ends = text[from..].match_indices('\n').map(|(at, _)| from + at + 1);
    core::iter::once(from).chain(after_line_ends).find(begins)
}

/// What a frame carries.
struct Packet<'a> {
    source: SocketAddrV4,
    destination: SocketAddrV4,
    /// Of TCP.
    sequence: Option<u32>,
    payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Ethernet, IPv4, TCP or UDP, also inside VXLAN; there is nothing else here.
    fn of_frame(frame: &'a [u8]) -> Option<Self> {
        let ip = frame.get(14..).filter(|_| frame[12..14] == [8, 0])?;
        let ip = ip.get(..usize::from(u16::from_be_bytes([*ip.get(2)?, *ip.get(3)?])))?;
        let transport = ip.get(usize::from(ip[0] & 15) * 4..)?;
        let port = |at: usize| Some(u16::from_be_bytes([*transport.get(at)?, *transport.get(at + 1)?]));
        let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(ip.get(at..at + 4)?).ok()?));
        let source = SocketAddrV4::new(address(12)?, port(0)?);
        let destination = SocketAddrV4::new(address(16)?, port(2)?);
        match ip[9] {
            17 if destination.port() == 4789 => Self::of_frame(transport.get(16..)?),
            17 => Some(Self { source, destination, sequence: None, payload: transport.get(8..)? }),
            6 => Some(Self {
                source,
                destination,
                sequence: Some(u32::from_be_bytes(transport.get(4..8)?.try_into().ok()?)),
                payload: transport.get(usize::from(transport.get(12)? >> 4) * 4..)?,
            }),
            _ => None,
        }
    }
}
