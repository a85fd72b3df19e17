//! Writers of both capture formats, for tests and benches: they write what the readers must understand, odd forms too.

use std::io::{self, Write};

use super::{
    order::ByteOrder,
    pcapng::{block, option},
};
use crate::time::Timestamp;

/// Unit of a pcap file's time stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    Micro,
    Nano,
}

/// Writes a pcap file.
///
/// ```
/// # use tolltap::{capture::PcapWriter, time::Timestamp};
/// # fn main() -> std::io::Result<()> {
/// let mut capture = PcapWriter::new(Vec::new(), 1)?; // LINKTYPE_ETHERNET
/// capture.packet(Timestamp::from_nanos(1_000_000_007), b"a frame")?;
/// let bytes: Vec<u8> = capture.into_inner();
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct PcapWriter<W: Write> {
    out: W,
    order: ByteOrder,
    precision: Precision,
}

impl<W: Write> PcapWriter<W> {
    /// Nanoseconds, little-endian. `link` is a LINKTYPE_ number, in its upper half the frame check sequence bits.
    ///
    /// # Errors
    /// What writing the file header gives.
    pub fn new(out: W, link: u32) -> io::Result<Self> {
        Self::with(out, link, ByteOrder::Little, Precision::Nano)
    }

    /// Any layout.
    ///
    /// # Errors
    /// What writing the file header gives.
    pub fn with(mut out: W, link: u32, order: ByteOrder, precision: Precision) -> io::Result<Self> {
        let magic = match precision {
            Precision::Micro => 0xa1b2_c3d4,
            Precision::Nano => 0xa1b2_3c4d,
        };
        out.write_all(&order.bytes32(magic))?;
        out.write_all(&order.bytes16(2))?;
        out.write_all(&order.bytes16(4))?;
        for field in [0, 0, 262_144, link] {
            out.write_all(&order.bytes32(field))?;
        }
        Ok(Self { out, order, precision })
    }

    /// Writes a packet captured whole.
    ///
    /// # Errors
    /// See [`PcapWriter::cut_packet`].
    pub fn packet(&mut self, time: Timestamp, bytes: &[u8]) -> io::Result<()> {
        self.cut_packet(time, bytes, bytes.len() as u32)
    }

    /// Writes a packet of which `bytes` were captured out of `wire_len`.
    ///
    /// # Errors
    /// `InvalidInput` for a time outside 1970 to 2106, which the format cannot hold; else what writing gives.
    pub fn cut_packet(&mut self, time: Timestamp, bytes: &[u8], wire_len: u32) -> io::Result<()> {
        let (seconds, nanos) = time.parts();
        let seconds = u32::try_from(seconds).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let fraction = match self.precision {
            Precision::Micro => nanos / 1_000,
            Precision::Nano => nanos,
        };
        for field in [seconds, fraction, bytes.len() as u32, wire_len] {
            self.out.write_all(&self.order.bytes32(field))?;
        }
        self.out.write_all(bytes)
    }

    /// The output, with everything written; a buffered one is for the caller to flush.
    pub fn into_inner(self) -> W {
        self.out
    }
}

/// One interface of a pcapng section.
#[derive(Clone, Debug)]
pub struct PcapngInterface {
    /// LINKTYPE_ number.
    pub link: u16,
    /// `if_name`; left out when empty.
    pub name: String,
    /// `if_tsresol` as the option has it: n for 10^-n s, 0x80 + n for 2^-n s. Left out when 6, the default.
    pub tsresol: u8,
    /// `if_tsoffset` in seconds; left out when 0.
    pub tsoffset: i64,
    /// Snap length; 0 is none.
    pub snaplen: u32,
}

impl PcapngInterface {
    /// Nanoseconds, no offset, no name.
    #[must_use]
    pub fn new(link: u16) -> Self {
        Self { link, name: String::new(), tsresol: 9, tsoffset: 0, snaplen: 0 }
    }

    /// A named one.
    #[must_use]
    pub fn named(link: u16, name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::new(link) }
    }
}

/// Writes a pcapng file: sections, interfaces of any link types, and packets in every kind of block.
///
/// The time of a packet is given in the units of its interface, so that a test can write any of the 64-bit counts; for the
/// interfaces of [`PcapngInterface::new`] that is [`Timestamp::nanos`].
#[derive(Debug)]
pub struct PcapngWriter<W: Write> {
    out: W,
    order: ByteOrder,
    /// Interfaces of the section at hand.
    interfaces: u32,
}

impl<W: Write> PcapngWriter<W> {
    /// Begins a little-endian section.
    ///
    /// # Errors
    /// What writing gives.
    pub fn new(out: W) -> io::Result<Self> {
        let mut writer = Self { out, order: ByteOrder::Little, interfaces: 0 };
        writer.section(ByteOrder::Little)?;
        Ok(writer)
    }

    /// Begins a section; interfaces are numbered from 0 again.
    ///
    /// # Errors
    /// What writing gives.
    pub fn section(&mut self, order: ByteOrder) -> io::Result<()> {
        self.order = order;
        self.interfaces = 0;
        let mut body = Vec::new();
        body.extend(order.bytes32(0x1a2b_3c4d));
        body.extend(order.bytes16(1));
        body.extend(order.bytes16(0));
        body.extend(order.bytes64(u64::MAX)); // section length not given
        self.block(block::SECTION_HEADER, &body)
    }

    /// Describes an interface and gives its number within the section.
    ///
    /// # Errors
    /// What writing gives.
    pub fn interface(&mut self, interface: &PcapngInterface) -> io::Result<u32> {
        let mut body = Vec::new();
        body.extend(self.order.bytes16(interface.link));
        body.extend([0; 2]);
        body.extend(self.order.bytes32(interface.snaplen));
        let mut options = Vec::new();
        if !interface.name.is_empty() {
            self.push_option(&mut options, option::IF_NAME, interface.name.as_bytes());
        }
        if interface.tsresol != 6 {
            self.push_option(&mut options, option::IF_TSRESOL, &[interface.tsresol]);
        }
        if interface.tsoffset != 0 {
            self.push_option(&mut options, option::IF_TSOFFSET, &self.order.bytes64(interface.tsoffset as u64));
        }
        self.end_options(&mut options);
        body.extend(options);
        self.block(block::INTERFACE_DESCRIPTION, &body)?;
        self.interfaces += 1;
        Ok(self.interfaces - 1)
    }

    /// Enhanced packet block without options.
    ///
    /// # Errors
    /// What writing gives.
    pub fn packet(&mut self, interface: u32, units: u64, bytes: &[u8]) -> io::Result<()> {
        self.cut_packet(interface, units, bytes, bytes.len() as u32, 0)
    }

    /// Enhanced packet block; `dropped` packets are said to be lost before it, and 0 leaves that option out.
    ///
    /// # Errors
    /// What writing gives.
    pub fn cut_packet(
        &mut self,
        interface: u32,
        units: u64,
        bytes: &[u8],
        wire_len: u32,
        dropped: u64,
    ) -> io::Result<()> {
        let mut body = Vec::with_capacity(bytes.len() + 48);
        body.extend(self.order.bytes32(interface));
        self.push_packet(&mut body, units, bytes, wire_len);
        let mut options = Vec::new();
        if dropped > 0 {
            self.push_option(&mut options, 1, b"a comment");
            self.push_option(&mut options, option::EPB_DROPCOUNT, &self.order.bytes64(dropped));
        }
        self.end_options(&mut options);
        body.extend(options);
        self.block(block::ENHANCED_PACKET, &body)
    }

    /// Obsolete packet block; `dropped` 0xffff is "not counted".
    ///
    /// # Errors
    /// What writing gives.
    pub fn obsolete_packet(&mut self, interface: u16, units: u64, bytes: &[u8], dropped: u16) -> io::Result<()> {
        let mut body = Vec::new();
        body.extend(self.order.bytes16(interface));
        body.extend(self.order.bytes16(dropped));
        self.push_packet(&mut body, units, bytes, bytes.len() as u32);
        self.block(block::PACKET, &body)
    }

    /// Simple packet block: of interface 0, without a time.
    ///
    /// # Errors
    /// What writing gives.
    pub fn simple_packet(&mut self, bytes: &[u8], wire_len: u32) -> io::Result<()> {
        let mut body = self.order.bytes32(wire_len).to_vec();
        body.extend(bytes);
        pad(&mut body);
        self.block(block::SIMPLE_PACKET, &body)
    }

    /// Interface statistics block with its two drop counters, which count from the start of the capture.
    ///
    /// # Errors
    /// What writing gives.
    pub fn statistics(&mut self, interface: u32, units: u64, ifdrop: u64, osdrop: u64) -> io::Result<()> {
        let mut body = self.order.bytes32(interface).to_vec();
        self.push_units(&mut body, units);
        let mut options = Vec::new();
        self.push_option(&mut options, option::ISB_IFDROP, &self.order.bytes64(ifdrop));
        self.push_option(&mut options, option::ISB_OSDROP, &self.order.bytes64(osdrop));
        self.end_options(&mut options);
        body.extend(options);
        self.block(block::INTERFACE_STATISTICS, &body)
    }

    /// Any block; the body is padded to 32 bits.
    ///
    /// # Errors
    /// What writing gives.
    pub fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let padded = body.len().next_multiple_of(4);
        let length = self.order.bytes32(padded as u32 + 12);
        self.out.write_all(&self.order.bytes32(kind))?;
        self.out.write_all(&length)?;
        self.out.write_all(body)?;
        self.out.write_all([0; 3].get(..padded - body.len()).unwrap_or_default())?;
        self.out.write_all(&length)
    }

    /// The output, with everything written; a buffered one is for the caller to flush.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// What both numbered packet blocks share: time, lengths, bytes.
    fn push_packet(&self, body: &mut Vec<u8>, units: u64, bytes: &[u8], wire_len: u32) {
        self.push_units(body, units);
        body.extend(self.order.bytes32(bytes.len() as u32));
        body.extend(self.order.bytes32(wire_len));
        body.extend(bytes);
        pad(body);
    }

    fn push_units(&self, body: &mut Vec<u8>, units: u64) {
        body.extend(self.order.bytes32((units >> 32) as u32));
        body.extend(self.order.bytes32(units as u32));
    }

    fn push_option(&self, options: &mut Vec<u8>, code: u16, value: &[u8]) {
        options.extend(self.order.bytes16(code));
        options.extend(self.order.bytes16(value.len() as u16));
        options.extend(value);
        pad(options);
    }

    /// `opt_endofopt`, when there are options to end.
    fn end_options(&self, options: &mut Vec<u8>) {
        if !options.is_empty() {
            options.extend([0; 4]);
        }
    }
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}
