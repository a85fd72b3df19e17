//! A packet record as it lies in a source's buffer.

use crate::{
    packet::{InterfaceId, LinkType},
    time::Timestamp,
};

/// The packet that a format reader found, not yet consumed: its bytes are `start..start + captured` of the source's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) time: Timestamp,
    pub(super) link: LinkType,
    pub(super) interface: InterfaceId,
    pub(super) wire_len: u32,
    pub(super) start: usize,
    pub(super) captured: usize,
    /// The whole record, to be consumed.
    pub(super) len: usize,
}

/// Captured bytes that every reader has always allowed, whatever the snap length of the file says.
const PACKET_LIMIT: u32 = 256 * 1024;

/// Captured bytes that no snap length can raise the limit above: a damaged or hostile header must not buy memory.
const PACKET_LIMIT_MOST: u32 = 16 * 1024 * 1024;

/// Longest packet to believe in, from the snap length, which often lies: too small, zero, or all ones.
pub(super) const fn packet_limit(snaplen: u32) -> u32 {
    match snaplen {
        0..PACKET_LIMIT => PACKET_LIMIT,
        PACKET_LIMIT_MOST.. => PACKET_LIMIT_MOST,
        snaplen => snaplen,
    }
}
