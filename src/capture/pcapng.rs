//! pcapng: blocks, in sections of one byte order each, with several interfaces
//! (draft-ietf-opsawg-pcapng, "PCAP Next Generation Capture File Format").
//!
//! `pcap-parser` takes the section, interface and statistics blocks apart. Packet blocks are read here: the library
//! allocates for each one that carries options, and does not know the obsolete kind. So are option values: the library
//! reads them little-endian in big-endian sections too, and refuses binary time resolutions.

use pcap_parser::pcapng::{
    PcapNGOption, parse_interfacedescriptionblock_be, parse_interfacedescriptionblock_le,
    parse_interfacestatisticsblock_be, parse_interfacestatisticsblock_le, parse_sectionheaderblock,
};

use super::{
    damage::Fault,
    interface::{Interface, Interfaces, NAME_LIMIT},
    order::{ByteOrder, field},
    record::{Record, packet_limit},
    resolution::Resolution,
    source::Source,
};
use crate::{
    packet::{InterfaceId, LinkType},
    probe::Loss,
    time::Timestamp,
};

/// Block types.
pub(super) mod block {
    pub(in crate::capture) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
    pub(in crate::capture) const INTERFACE_DESCRIPTION: u32 = 1;
    /// Obsolete since 2010 and still found in archives.
    pub(in crate::capture) const PACKET: u32 = 2;
    pub(in crate::capture) const SIMPLE_PACKET: u32 = 3;
    pub(in crate::capture) const INTERFACE_STATISTICS: u32 = 5;
    pub(in crate::capture) const ENHANCED_PACKET: u32 = 6;
}

/// Option codes; each belongs to the block it is named after.
pub(super) mod option {
    pub(in crate::capture) const IF_NAME: u16 = 2;
    pub(in crate::capture) const IF_TSRESOL: u16 = 9;
    pub(in crate::capture) const IF_TSOFFSET: u16 = 14;
    pub(in crate::capture) const ISB_IFDROP: u16 = 5;
    pub(in crate::capture) const ISB_OSDROP: u16 = 7;
    pub(in crate::capture) const EPB_DROPCOUNT: u16 = 4;
}

/// Type and both lengths.
const BLOCK_OVERHEAD: u32 = 12;

/// Longest section, interface or statistics block. Their options are taken apart into a list, so that without a limit a
/// hostile block of empty options could buy many times its own length in memory.
const STRUCTURE_LIMIT: u32 = 1024 * 1024;

/// Room for the options of one packet block beside its packet.
const OPTIONS_LIMIT: u32 = 1024 * 1024;

/// One pcapng file.
///
/// Invariant: `described` are the interfaces of the section at hand, in the order of their blocks; a packet's interface
/// number is an index into it.
#[derive(Debug)]
pub(super) struct Pcapng {
    order: ByteOrder,
    described: Vec<Described>,
    /// Stamps simple packets, which carry no time.
    latest: Timestamp,
    /// Where the block at hand begins.
    at: u64,
}

/// One interface of the section at hand.
#[derive(Clone, Copy, Debug)]
struct Described {
    id: InterfaceId,
    link: LinkType,
    resolution: Resolution,
    snaplen: u32,
    /// Losses told so far, so that a counter and the packets' own counts are not added up.
    lost: u64,
    /// Time of the latest packet.
    latest: Option<Timestamp>,
    /// What the next counter tells has happened since: the counter before it, or the first packet.
    counted: Option<Timestamp>,
}

/// What a step through the file found.
#[derive(Debug)]
pub(super) enum Found {
    Packet(Record),
    /// A packet whose record tells of a loss before it.
    LossThenPacket(Loss, Record),
    Loss(Loss),
    End,
}

impl Pcapng {
    /// Reads the first section header.
    pub(super) fn open(source: &mut Source) -> Result<Self, Fault> {
        let mut pcapng = Self { order: ByteOrder::Little, described: Vec::new(), latest: Timestamp::default(), at: 0 };
        pcapng.section(source)?;
        Ok(pcapng)
    }

    /// Where the block that failed begins.
    pub(super) fn offset(&self) -> u64 {
        self.at
    }

    /// Walks to the next packet or loss. A packet is left in the source's buffer.
    ///
    /// Each turn of the loop consumes a block, so it ends with the file.
    pub(super) fn next(&mut self, source: &mut Source, interfaces: &mut Interfaces) -> Result<Found, Fault> {
        loop {
            self.at = source.offset();
            if !source.fill(8)? {
                return if source.bytes().is_empty() { Ok(Found::End) } else { Err(truncated(source, 8)) };
            }
            let kind = self.long(source.bytes(), 0);
            if kind == block::SECTION_HEADER {
                self.section(source)?;
                continue;
            }
            let length = self.long(source.bytes(), 4);
            if kind == 0 && length == 0 {
                return Err(Fault::Unwritten);
            }
            if length < BLOCK_OVERHEAD || !length.is_multiple_of(4) {
                return Err(Fault::BlockLength { kind, length });
            }
            match kind {
                block::ENHANCED_PACKET | block::PACKET | block::SIMPLE_PACKET => {
                    self.whole(source, kind, length, packet_limit(u32::MAX) + OPTIONS_LIMIT)?;
                    let (record, loss) = match kind {
                        block::SIMPLE_PACKET => (self.simple_packet(source.bytes(), length)?, None),
                        _ => self.packet(source.bytes(), kind, length)?,
                    };
                    self.latest = record.time;
                    return Ok(loss.map_or(Found::Packet(record), |loss| Found::LossThenPacket(loss, record)));
                }
                block::INTERFACE_DESCRIPTION => {
                    self.whole(source, kind, length, STRUCTURE_LIMIT)?;
                    self.interface(source, interfaces)?;
                    source.consume(length as usize);
                }
                block::INTERFACE_STATISTICS => {
                    self.whole(source, kind, length, STRUCTURE_LIMIT)?;
                    let loss = self.statistics(source.bytes())?;
                    source.consume(length as usize);
                    if let Some(loss) = loss {
                        return Ok(Found::Loss(loss));
                    }
                }
                _ => self.pass(source, kind, length)?,
            }
        }
    }

    /// Section header block: from here on perhaps another byte order, and other interfaces.
    fn section(&mut self, source: &mut Source) -> Result<(), Fault> {
        const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
        let malformed = Fault::Block { kind: block::SECTION_HEADER };
        if !source.fill(12)? {
            return Err(truncated(source, 12));
        }
        let magic = field(source.bytes(), 8).unwrap_or_default();
        let orders = [ByteOrder::Little, ByteOrder::Big];
        let order = orders.into_iter().find(|order| order.u32(magic) == BYTE_ORDER_MAGIC).ok_or(malformed)?;
        self.order = order;
        let length = self.long(source.bytes(), 4);
        if length < BLOCK_OVERHEAD || !length.is_multiple_of(4) {
            return Err(Fault::BlockLength { kind: block::SECTION_HEADER, length });
        }
        self.whole(source, block::SECTION_HEADER, length, STRUCTURE_LIMIT)?;
        let Ok((_, header)) = parse_sectionheaderblock(source.bytes()) else {
            return Err(Fault::Block { kind: block::SECTION_HEADER });
        };
        let (major, minor) = (header.major_version, header.minor_version);
        // 1.2 was written by mistake for 1.0 and means the same.
        if major != 1 || !matches!(minor, 0 | 2) {
            return Err(Fault::Version { major, minor });
        }
        self.described.clear();
        source.consume(length as usize);
        Ok(())
    }

    /// Interface description block.
    fn interface(&mut self, source: &Source, interfaces: &mut Interfaces) -> Result<(), Fault> {
        let parse = match self.order {
            ByteOrder::Little => parse_interfacedescriptionblock_le,
            ByteOrder::Big => parse_interfacedescriptionblock_be,
        };
        let malformed = Fault::Block { kind: block::INTERFACE_DESCRIPTION };
        let Ok((_, parsed)) = parse(source.bytes()) else { return Err(malformed) };
        // The field has 16 bits in this format, whatever the library's type.
        let link = LinkType::from(parsed.linktype.0 as u16);
        let offset = value(&parsed.options, option::IF_TSOFFSET).map_or(0, |bytes| self.order.u64(bytes) as i64);
        let resolution = match value(&parsed.options, option::IF_TSRESOL) {
            Some([tsresol]) => Resolution::new(tsresol, offset),
            None => Resolution::new(6, offset),
        };
        let name = text(&parsed.options, option::IF_NAME);
        let id = interfaces.add(Interface { file: source.path().to_owned(), name, link })?;
        let snaplen = parsed.snaplen;
        self.described.push(Described { id, link, resolution, snaplen, lost: 0, latest: None, counted: None });
        Ok(())
    }

    /// Interface statistics block: its drop counters count from the start of the capture.
    fn statistics(&mut self, bytes: &[u8]) -> Result<Option<Loss>, Fault> {
        let parse = match self.order {
            ByteOrder::Little => parse_interfacestatisticsblock_le,
            ByteOrder::Big => parse_interfacestatisticsblock_be,
        };
        let Ok((_, parsed)) = parse(bytes) else { return Err(Fault::Block { kind: block::INTERFACE_STATISTICS }) };
        let Some(described) = self.described.get_mut(parsed.if_id as usize) else { return Ok(None) };
        // All ones is written where a counter is not kept.
        let counter = |code| match value(&parsed.options, code).map(|bytes| self.order.u64(bytes)) {
            None | Some(u64::MAX) => 0,
            Some(count) => count,
        };
        // What the interface dropped never reached the system that counts the other, so they add up.
        let total = counter(option::ISB_IFDROP).saturating_add(counter(option::ISB_OSDROP));
        let time = described.resolution.time(u64::from(parsed.ts_high) << 32 | u64::from(parsed.ts_low));
        let to = time.max(described.latest.unwrap_or(time));
        let from = described.counted.replace(to).unwrap_or(to);
        Ok(described.tell(total.saturating_sub(described.lost), from, to))
    }

    /// Enhanced packet block, or the obsolete packet block, which differs in its first word.
    #[inline]
    fn packet(&mut self, bytes: &[u8], kind: u32, length: u32) -> Result<(Record, Option<Loss>), Fault> {
        const HEADER: usize = 28;
        let malformed = || Fault::Block { kind };
        let body_end = length as usize - 4;
        let header = bytes.first_chunk::<HEADER>().filter(|_| body_end >= HEADER).ok_or_else(malformed)?;
        let (number, dropped) = match kind {
            block::PACKET => {
                let halves = field(header, 8).zip(field(header, 10));
                let (number, dropped) =
                    halves.map_or((0, 0), |(number, dropped)| (self.order.u16(number), self.order.u16(dropped)));
                // All ones: not counted.
                (u32::from(number), u64::from(if dropped == u16::MAX { 0 } else { dropped }))
            }
            _ => (self.long(header, 8), 0),
        };
        let (high, low) = (self.long(header, 12), self.long(header, 16));
        let (captured, original) = (self.long(header, 20), self.long(header, 24));
        let known = self.described.len();
        let order = self.order;
        let Some(described) = self.described.get_mut(number as usize) else {
            return Err(Fault::UnknownInterface { interface: number, known });
        };
        let limit = packet_limit(described.snaplen);
        if captured > limit {
            return Err(Fault::PacketLength { length: captured.into(), limit: limit.into() });
        }
        let captured = captured as usize;
        let packet_end = HEADER + captured;
        if packet_end > body_end {
            return Err(malformed());
        }
        let time = described.resolution.time(u64::from(high) << 32 | u64::from(low));
        let options_start = packet_end.next_multiple_of(4);
        let dropped = match bytes.get(options_start..body_end) {
            Some(options) if kind == block::ENHANCED_PACKET && !options.is_empty() => {
                drop_count(order, options).unwrap_or(0)
            }
            _ => dropped,
        };
        let before = described.latest.replace(time).unwrap_or(time);
        let loss = described.tell(dropped, before, time);
        if described.counted.is_none() {
            described.counted = Some(time);
        }
        let record = Record {
            time,
            link: described.link,
            interface: described.id,
            wire_len: original.max(captured as u32),
            start: HEADER,
            captured,
            len: length as usize,
        };
        Ok((record, loss))
    }

    /// Simple packet block: interface 0, no time; the packet before it in the file lends its own.
    fn simple_packet(&self, bytes: &[u8], length: u32) -> Result<Record, Fault> {
        const HEADER: usize = 12;
        let body_end = length as usize - 4;
        if body_end < HEADER {
            return Err(Fault::Block { kind: block::SIMPLE_PACKET });
        }
        let Some(described) = self.described.first() else {
            return Err(Fault::UnknownInterface { interface: 0, known: 0 });
        };
        let original = self.long(bytes, 8);
        let snaplen = if described.snaplen == 0 { u32::MAX } else { described.snaplen };
        let captured = (original.min(snaplen) as usize).min(body_end - HEADER);
        let limit = packet_limit(described.snaplen);
        if captured > limit as usize {
            return Err(Fault::PacketLength { length: captured as u64, limit: limit.into() });
        }
        Ok(Record {
            time: self.latest,
            link: described.link,
            interface: described.id,
            wire_len: original.max(captured as u32),
            start: HEADER,
            captured,
            len: length as usize,
        })
    }

    /// Makes the whole block available, and compares its two lengths.
    #[inline]
    fn whole(&self, source: &mut Source, kind: u32, length: u32, limit: u32) -> Result<(), Fault> {
        if length > limit {
            return Err(Fault::BlockLength { kind, length });
        }
        if !source.fill(length as usize)? {
            return Err(truncated(source, length as usize));
        }
        let trailer = self.long(source.bytes(), length as usize - 4);
        if trailer == length { Ok(()) } else { Err(Fault::BlockTrailer { kind, length, trailer }) }
    }

    /// Passes a block that says nothing about packets (names, secrets, journal, custom, and kinds yet to come), of any
    /// length, without keeping it.
    fn pass(&self, source: &mut Source, kind: u32, length: u32) -> Result<(), Fault> {
        let body = u64::from(length) - 4;
        let present = source.skip(body)?;
        if present < body || !source.fill(4)? {
            let present = present + source.bytes().len() as u64;
            return Err(Fault::Truncated { present, needed: length.into() });
        }
        let trailer = self.long(source.bytes(), 0);
        source.consume(4);
        if trailer == length { Ok(()) } else { Err(Fault::BlockTrailer { kind, length, trailer }) }
    }

    #[inline]
    fn long(&self, bytes: &[u8], at: usize) -> u32 {
        field(bytes, at).map_or(0, |bytes| self.order.u32(bytes))
    }
}

impl Described {
    /// Tells a loss between two times; `None` when nothing was lost.
    #[inline]
    fn tell(&mut self, count: u64, from: Timestamp, to: Timestamp) -> Option<Loss> {
        if count == 0 {
            return None;
        }
        self.lost = self.lost.saturating_add(count);
        Some(Loss { interface: self.id, from: from.min(to), to, count })
    }
}

/// The value of the first option with this code, if it has the length that belongs to it.
fn value<const N: usize>(options: &[PcapNGOption<'_>], code: u16) -> Option<[u8; N]> {
    let option = options.iter().take_while(|option| option.code.0 != 0).find(|option| option.code.0 == code)?;
    option.as_bytes().ok()?.try_into().ok()
}

/// The same for text: not empty, at most [`NAME_LIMIT`] bytes of it.
fn text(options: &[PcapNGOption<'_>], code: u16) -> Option<String> {
    let option = options.iter().take_while(|option| option.code.0 != 0).find(|option| option.code.0 == code)?;
    let bytes = option.as_bytes().ok().filter(|bytes| !bytes.is_empty())?;
    Some(String::from_utf8_lossy(bytes.get(..NAME_LIMIT).unwrap_or(bytes)).into_owned())
}

/// `epb_dropcount` among the options of a packet block: packets lost between the packet before and this one.
fn drop_count(order: ByteOrder, mut options: &[u8]) -> Option<u64> {
    while let Some((header, rest)) = options.split_first_chunk::<4>() {
        let &[code_0, code_1, len_0, len_1] = header;
        let (code, len) = (order.u16([code_0, code_1]), usize::from(order.u16([len_0, len_1])));
        match code {
            0 => return None,
            option::EPB_DROPCOUNT if len == 8 => return field(rest, 0).map(|bytes| order.u64(bytes)),
            _ => options = rest.get(len.next_multiple_of(4)..)?,
        }
    }
    None
}

fn truncated(source: &Source, needed: usize) -> Fault {
    Fault::Truncated { present: source.bytes().len() as u64, needed: needed as u64 }
}
