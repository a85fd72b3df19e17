//! One capture file of either format: its current item, its numbering, its end.

use std::{io::Read, path::Path};

use super::{
    ahead::Stop,
    damage::{Damage, Fault},
    error::CaptureError,
    interface::{Interface, Interfaces},
    item::Item,
    pcap::{Magic, Pcap},
    pcapng::{Found, Pcapng, block},
    record::Record,
    source::Source,
};
use crate::{packet::Frame, probe::Loss, time::Timestamp};

/// A file being read, stopped at its current item; the bytes of that item stay in the file's own buffer.
///
/// Invariant: a `Current::Frame` is not yet consumed from `source`, and unless that is parked its bytes are there.
pub(super) struct CaptureFile {
    source: Source,
    format: Format,
    current: Current,
    /// Packets up to and with the current one.
    number: u64,
    /// Time of the last packet: where losses are put among other files' packets, so that they are told at once.
    latest: Option<Timestamp>,
}

enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

#[derive(Clone, Copy)]
enum Current {
    /// Nothing yet, or nothing more.
    None,
    Loss(Loss),
    /// Told before the packet that stands behind it.
    LossThenFrame(Loss, Record),
    Frame(Record),
}

impl CaptureFile {
    /// Opens a path, or standard input for `-`, and reads the file header.
    pub(super) fn open(path: &Path, interfaces: &mut Interfaces) -> Result<Self, CaptureError> {
        Self::new(Source::open(path)?, interfaces)
    }

    /// The same for any reader; `name` stands for it in messages.
    pub(super) fn from_reader(
        name: &Path,
        input: Box<dyn Read + Send>,
        interfaces: &mut Interfaces,
    ) -> Result<Self, CaptureError> {
        Self::new(Source::from_reader(name, input)?, interfaces)
    }

    fn new(mut source: Source, interfaces: &mut Interfaces) -> Result<Self, CaptureError> {
        let format = match Format::open(&mut source, interfaces) {
            Ok(Some(format)) => format,
            Ok(None) => return Err(CaptureError::NotCapture { file: source.path().to_owned() }),
            Err(fault) => return Err(CaptureError::Header { file: source.path().to_owned(), fault }),
        };
        Ok(Self { source, format, current: Current::None, number: 0, latest: None })
    }

    /// Lets another thread end the reading.
    pub(super) fn stop_with(&mut self, stop: &Stop) {
        self.source.stop_with(stop);
    }

    /// Moves on to the next item and gives its place in time; `Ok(None)` at the end, clean or not.
    #[inline]
    pub(super) fn advance(&mut self, interfaces: &mut Interfaces) -> Result<Option<Timestamp>, Box<Damage>> {
        match &self.current {
            Current::LossThenFrame(_, record) => {
                let record = *record;
                self.current = Current::Frame(record);
                return Ok(Some(record.time));
            }
            Current::Frame(record) => self.source.consume(record.len),
            Current::None | Current::Loss(_) => {}
        }
        let found = match &mut self.format {
            Format::Pcap(pcap) => match pcap.next(&mut self.source) {
                Ok(Some(record)) => return Ok(Some(self.packet(record.time, Current::Frame(record)))),
                Ok(None) => Ok(Found::End),
                Err(fault) => Err(fault),
            },
            Format::Pcapng(pcapng) => pcapng.next(&mut self.source, interfaces),
        };
        self.found(found)
    }

    /// Stops at what was found, if that is an item.
    #[inline(never)]
    fn found(&mut self, found: Result<Found, Fault>) -> Result<Option<Timestamp>, Box<Damage>> {
        match found {
            Ok(Found::Packet(record)) => Ok(Some(self.packet(record.time, Current::Frame(record)))),
            Ok(Found::LossThenPacket(loss, record)) => {
                Ok(Some(self.packet(record.time, Current::LossThenFrame(loss, record))))
            }
            Ok(Found::Loss(loss)) => {
                self.current = Current::Loss(loss);
                Ok(Some(self.latest.unwrap_or(loss.from)))
            }
            Ok(Found::End) => {
                self.current = Current::None;
                self.source.close();
                Ok(None)
            }
            Err(fault) => Err(Box::new(self.damage(fault))),
        }
    }

    /// Stops at a packet, and gives its time.
    #[inline]
    fn packet(&mut self, time: Timestamp, current: Current) -> Timestamp {
        self.number += 1;
        self.latest = Some(time);
        self.current = current;
        time
    }

    /// The current item.
    #[inline]
    pub(super) fn item(&self) -> Option<Item<'_>> {
        match &self.current {
            Current::None => None,
            Current::Loss(loss) | Current::LossThenFrame(loss, _) => Some(Item::Loss(*loss)),
            Current::Frame(record) => {
                let bytes = self.source.bytes().get(record.start..)?.get(..record.captured)?;
                Some(Item::Frame(Frame {
                    time: record.time,
                    link: record.link,
                    bytes,
                    wire_len: record.wire_len,
                    interface: record.interface,
                    number: self.number,
                }))
            }
        }
    }

    /// Lets go of the file until [`CaptureFile::unpark`], unless it cannot be opened twice.
    pub(super) fn park(&mut self) {
        self.source.park();
    }

    /// Opens a parked file again and brings its current item back.
    #[inline]
    pub(super) fn unpark(&mut self) -> Result<(), Damage> {
        if self.source.is_closed() { self.reopen() } else { Ok(()) }
    }

    #[cold]
    fn reopen(&mut self) -> Result<(), Damage> {
        let len = match self.current {
            Current::Frame(record) | Current::LossThenFrame(_, record) => record.len,
            Current::None | Current::Loss(_) => 0,
        };
        let there = self.source.unpark().and_then(|()| self.source.fill(len));
        let fault = match there {
            Ok(true) => return Ok(()),
            Ok(false) => Fault::Truncated { present: self.source.bytes().len() as u64, needed: len as u64 },
            Err(fault) => fault,
        };
        if len > 0 {
            self.number -= 1;
        }
        Err(self.damage(fault))
    }

    /// Ends the file at a fault.
    #[cold]
    fn damage(&mut self, fault: Fault) -> Damage {
        let offset = match &self.format {
            Format::Pcap(_) => self.source.offset(),
            Format::Pcapng(pcapng) => pcapng.offset(),
        };
        self.current = Current::None;
        self.source.close();
        Damage {
            file: self.source.path().to_owned(),
            offset,
            compression: self.source.compression(),
            frames: self.number,
            fault,
        }
    }

    /// Bytes consumed of the file as stored, and its length when known.
    pub(super) fn position(&self) -> (u64, Option<u64>) {
        (self.source.stored(), self.source.length())
    }
}

impl Format {
    /// `None` when the file is no capture.
    fn open(source: &mut Source, interfaces: &mut Interfaces) -> Result<Option<Self>, Fault> {
        // A file shorter than a magic number is none, unless its decompression failed.
        if !source.fill(4)? {
            return Ok(None);
        }
        let Some(&first) = source.bytes().first_chunk::<4>() else { return Ok(None) };
        if u32::from_le_bytes(first) == block::SECTION_HEADER {
            return Pcapng::open(source).map(Self::Pcapng).map(Some);
        }
        let Some(magic) = Magic::recognise(first) else { return Ok(None) };
        let mut pcap = Pcap::open(source, magic)?;
        let interface = Interface { file: source.path().to_owned(), name: None, link: pcap.link() };
        pcap.set_interface(interfaces.add(interface)?);
        Ok(Some(Self::Pcap(pcap)))
    }
}
