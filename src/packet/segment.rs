//! What is left of a frame when every layer below the transport payload has been peeled off.

use super::address::Hop;

/// The innermost transport unit of a frame, borrowed from it or from the fragment buffer.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    pub hop: Hop,
    pub transport: Transport<'a>,
    /// The snap length cut bytes off the end of the payload.
    pub cut: bool,
}

/// The transport header's say, and the payload behind it.
#[derive(Clone, Copy, Debug)]
pub enum Transport<'a> {
    Udp(&'a [u8]),
    Tcp(TcpSegment<'a>),
    /// The SCTP chunks after the common header (RFC 9260 §3).
    Sctp(&'a [u8]),
}

/// One TCP segment (RFC 9293 §3.1).
#[derive(Clone, Copy, Debug)]
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
