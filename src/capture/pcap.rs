//! The classic capture format: one file header, then a header and the bytes of each packet.
//!
//! Its two headers are fixed and short, so they are read here, without a parser between.

use super::{
    damage::Fault,
    order::{ByteOrder, field},
    record::{Record, packet_limit},
    source::Source,
};
use crate::{
    packet::{InterfaceId, LinkType},
    time::Timestamp,
};

/// Byte layout of the file header.
mod file_header {
    pub(super) const VERSION_MAJOR: usize = 4;
    pub(super) const VERSION_MINOR: usize = 6;
    pub(super) const SNAPLEN: usize = 16;
    pub(super) const LINK: usize = 20;
    pub(super) const LEN: usize = 24;
}

/// Byte layout of a packet's header.
mod packet_header {
    pub(super) const SECONDS: usize = 0;
    pub(super) const FRACTION: usize = 4;
    pub(super) const CAPTURED: usize = 8;
    pub(super) const ORIGINAL: usize = 12;
    pub(super) const LEN: usize = 16;
    /// With interface index, protocol and packet type behind: the format of Alexey Kuznetzov's libpcap patches.
    pub(super) const MODIFIED_LEN: usize = 24;
}

/// What the magic number of a pcap file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Magic {
    order: ByteOrder,
    /// Nanoseconds in one unit of the fraction.
    unit: u32,
    packet_header: usize,
}

impl Magic {
    /// The magic number in the first four bytes, if they are one.
    pub(super) fn recognise(first: [u8; 4]) -> Option<Self> {
        [ByteOrder::Little, ByteOrder::Big].into_iter().find_map(|order| {
            let (unit, packet_header) = match order.u32(first) {
                0xa1b2_c3d4 => (1_000, packet_header::LEN),
                0xa1b2_3c4d => (1, packet_header::LEN),
                0xa1b2_cd34 => (1_000, packet_header::MODIFIED_LEN),
                _ => return None,
            };
            Some(Self { order, unit, packet_header })
        })
    }
}

/// A pcap file after its header.
#[derive(Debug)]
pub(super) struct Pcap {
    magic: Magic,
    link: LinkType,
    interface: InterfaceId,
    /// Magic number and version, by which another file header is known in a place where a packet should be.
    opening: [u8; 8],
    /// More captured bytes than this make a header damage.
    limit: u32,
}

impl Pcap {
    /// Reads the file header.
    pub(super) fn open(source: &mut Source, magic: Magic) -> Result<Self, Fault> {
        if !source.fill(file_header::LEN)? {
            return Err(truncated(source, file_header::LEN));
        }
        let header = source.bytes();
        let short = |at| field(header, at).map_or(0, |bytes| magic.order.u16(bytes));
        let long = |at| field(header, at).map_or(0, |bytes| magic.order.u32(bytes));
        let (major, minor) = (short(file_header::VERSION_MAJOR), short(file_header::VERSION_MINOR));
        // Before 2.3 the two lengths of a packet stood the other way round; no such file has carried SIP.
        if major != 2 || minor < 3 {
            return Err(Fault::Version { major, minor });
        }
        // The upper half tells the length of the frame check sequence (bits 28-31, when bit 26 is set). It follows the
        // packet as padding does, so it needs no further care: the IP length says where the packet ends.
        let [.., high, low] = long(file_header::LINK).to_be_bytes();
        let link = LinkType::from(u16::from_be_bytes([high, low]));
        let limit = packet_limit(long(file_header::SNAPLEN));
        let opening = field(header, 0).unwrap_or_default();
        source.consume(file_header::LEN);
        Ok(Self { magic, link, interface: InterfaceId::default(), opening, limit })
    }

    pub(super) fn link(&self) -> LinkType {
        self.link
    }

    /// The number its frames carry, known once the file has been registered.
    pub(super) fn set_interface(&mut self, interface: InterfaceId) {
        self.interface = interface;
    }

    /// The next packet, left in the source's buffer; `None` at a clean end.
    #[inline]
    pub(super) fn next(&mut self, source: &mut Source) -> Result<Option<Record>, Fault> {
        let Magic { order, unit, packet_header } = self.magic;
        if !source.fill(packet_header)? {
            return if source.bytes().is_empty() { Ok(None) } else { Err(truncated(source, packet_header)) };
        }
        let Some(header) = source.bytes().first_chunk::<{ packet_header::LEN }>() else {
            return Err(truncated(source, packet_header));
        };
        let long = |at| field(header, at).map_or(0, |bytes| order.u32(bytes));
        let (seconds, fraction) = (long(packet_header::SECONDS), long(packet_header::FRACTION));
        let (captured, original) = (long(packet_header::CAPTURED), long(packet_header::ORIGINAL));
        // Before the length, which in a file header is a time zone of 0: it would pass for an empty packet of 2055.
        if header.starts_with(&self.opening) {
            return Err(Fault::SecondFile);
        }
        if captured > self.limit {
            return Err(Fault::PacketLength { length: captured.into(), limit: self.limit.into() });
        }
        if header == &[0; packet_header::LEN] {
            return Err(Fault::Unwritten);
        }
        let nanos = u64::from(fraction) * u64::from(unit);
        // Writers that round up to a whole second exist; a fraction of two seconds and more is no time stamp.
        if nanos >= 2_000_000_000 {
            return Err(Fault::TimeFraction { fraction, unit: 1_000_000_000 / unit });
        }
        let captured = captured as usize;
        let len = packet_header + captured;
        if !source.fill(len)? {
            return Err(truncated(source, len));
        }
        let nanos = i64::from(seconds) * 1_000_000_000 + nanos as i64;
        Ok(Some(Record {
            time: Timestamp::from_nanos(nanos),
            link: self.link,
            interface: self.interface,
            // Some writers leave the original length 0; it is never less than what was captured.
            wire_len: original.max(captured as u32),
            start: packet_header,
            captured,
            len,
        }))
    }
}

fn truncated(source: &Source, needed: usize) -> Fault {
    Fault::Truncated { present: source.bytes().len() as u64, needed: needed as u64 }
}
