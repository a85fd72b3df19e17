//! What is left of a frame when every layer below the transport payload has been peeled off.

use core::fmt;

use super::address::Hop;

/// The innermost transport unit of a frame, borrowed from it or from the fragment buffer.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    pub hop: Hop,
    pub transport: Transport<'a>,
    /// The snap length cut bytes off the end of the payload.
    pub cut: bool,
}

impl<'a> Segment<'a> {
    /// The payload: captured bytes behind the transport header.
    pub(crate) fn payload(&self) -> &'a [u8] {
        match self.transport {
            Transport::Udp(payload) | Transport::Tcp(TcpSegment { payload, .. }) | Transport::Sctp(payload) => payload,
        }
    }

    /// The same segment over a copy of its payload; over no bytes, where that is kept apart.
    pub(crate) fn over<'b>(&self, payload: &'b [u8]) -> Segment<'b> {
        let transport = match self.transport {
            Transport::Udp(_) => Transport::Udp(payload),
            Transport::Tcp(tcp) => Transport::Tcp(TcpSegment { payload, ..tcp }),
            Transport::Sctp(_) => Transport::Sctp(payload),
        };
        Segment { hop: self.hop, transport, cut: self.cut }
    }
}

/// The transport header's say, and the payload behind it. Payloads print as their length: they are people's messages.
#[derive(Clone, Copy)]
pub enum Transport<'a> {
    Udp(&'a [u8]),
    Tcp(TcpSegment<'a>),
    /// The SCTP chunks after the common header (RFC 9260 §3).
    Sctp(&'a [u8]),
}

/// One TCP segment (RFC 9293 §3.1).
#[derive(Clone, Copy)]
pub struct TcpSegment<'a> {
    pub sequence: u32,
    /// Meaningful only when `ack` is set.
    pub acknowledgement: u32,
    pub syn: bool,
    pub ack: bool,
    pub fin: bool,
    pub rst: bool,
    /// The captured part of the payload.
    pub payload: &'a [u8],
    /// Length of the payload on the wire, from the IP length: more than `payload.len()` when the capture was cut.
    pub wire_len: u32,
}

impl fmt::Debug for Transport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(payload) => write!(f, "Udp({} bytes)", payload.len()),
            Self::Tcp(segment) => segment.fmt(f),
            Self::Sctp(chunks) => write!(f, "Sctp({} bytes)", chunks.len()),
        }
    }
}

impl fmt::Debug for TcpSegment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = |set, letter| if set { letter } else { "" };
        let (syn, ack, fin, rst) = (flag(self.syn, "S"), flag(self.ack, "A"), flag(self.fin, "F"), flag(self.rst, "R"));
        write!(f, "Tcp({syn}{ack}{fin}{rst} {}+{} of {} bytes)", self.sequence, self.payload.len(), self.wire_len)
    }
}
