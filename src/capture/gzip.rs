//! Streaming gzip (RFC 1952), one member or many.
//!
//! The members are walked here and only the deflate data inside is left to the library: its own reader throws away
//! what it had unpacked in the call that met a corrupt block, and those may be the last frames before the damage.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::{
    damage::{Compression, Fault},
    raw::Raw,
};

/// First bytes of a member.
pub(super) const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// FLG bits (RFC 1952 §2.3.1).
const FHCRC: u8 = 1 << 1;
const FEXTRA: u8 = 1 << 2;
const FNAME: u8 = 1 << 3;
const FCOMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0xe0;

/// A gzip file being unpacked. `inflate` and `crc` belong to the member at hand.
pub(super) struct Gzip {
    raw: Raw,
    inflate: Decompress,
    crc: Crc,
    place: Place,
    /// Found in a call that still had bytes to give; returned by the next.
    fault: Option<Fault>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    FirstHeader,
    LaterHeader,
    Deflate,
    Trailer,
    End,
}

impl Gzip {
    pub(super) fn new(raw: Raw) -> Self {
        Self { raw, inflate: Decompress::new(false), crc: Crc::new(), place: Place::FirstHeader, fault: None }
    }

    pub(super) fn raw(&self) -> &Raw {
        &self.raw
    }

    /// Unpacks into `out`; 0 only at a clean end.
    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<usize, Fault> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        // Each turn consumes input, gives output or returns, so the loop ends with the file.
        loop {
            match self.place {
                Place::FirstHeader => self.header()?,
                Place::LaterHeader => self.next_member()?,
                Place::Deflate => {
                    let count = self.deflate(out)?;
                    if count > 0 {
                        return Ok(count);
                    }
                }
                Place::Trailer => self.trailer()?,
                Place::End => return Ok(0),
            }
        }
    }

    fn deflate(&mut self, out: &mut [u8]) -> Result<usize, Fault> {
        let input = self.raw.fill()?;
        let at_end = input.is_empty();
        let (consumed, given) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, out, FlushDecompress::None);
        let consumed = usize::try_from(self.inflate.total_in() - consumed).unwrap_or(usize::MAX);
        let given = usize::try_from(self.inflate.total_out() - given).unwrap_or(0);
        self.raw.take(consumed);
        self.crc.update(out.get(..given).unwrap_or_default());
        let fault = match status {
            Ok(Status::StreamEnd) => {
                self.place = Place::Trailer;
                return Ok(given);
            }
            Ok(_) if given == 0 && at_end => Fault::CompressedEnd(Compression::Gzip),
            Ok(_) if given == 0 && consumed == 0 => corrupt("it makes no progress"),
            Ok(_) => return Ok(given),
            Err(_) => corrupt("a block does not decode"),
        };
        if given == 0 {
            return Err(fault);
        }
        self.fault = Some(fault);
        Ok(given)
    }

    /// CRC32 and ISIZE (RFC 1952 §2.3.1).
    fn trailer(&mut self) -> Result<(), Fault> {
        let crc = u32::from_le_bytes(self.bytes()?);
        let size = u32::from_le_bytes(self.bytes()?);
        if crc != self.crc.sum() || size != self.crc.amount() {
            return Err(corrupt("the checksum differs"));
        }
        self.place = Place::LaterHeader;
        Ok(())
    }

    /// After a member: another one, zero padding up to the end (tapes, block devices), or the end.
    fn next_member(&mut self) -> Result<(), Fault> {
        match self.raw.fill()?.first() {
            None => self.place = Place::End,
            Some(0) => {
                while let Some(byte) = self.raw.byte()? {
                    if byte != 0 {
                        return Err(corrupt("other bytes follow it"));
                    }
                }
                self.place = Place::End;
            }
            Some(_) => {
                self.inflate.reset(false);
                self.crc.reset();
                self.header()?;
            }
        }
        Ok(())
    }

    /// The member header (RFC 1952 §2.3); nothing in it matters here but where it ends.
    fn header(&mut self) -> Result<(), Fault> {
        if self.bytes()? != MAGIC {
            return Err(corrupt("other bytes follow it"));
        }
        let [method, flags, ..] = self.bytes::<8>()?;
        if method != 8 || flags & RESERVED != 0 {
            return Err(corrupt("a member header is malformed"));
        }
        if flags & FEXTRA != 0 {
            for _ in 0..u16::from_le_bytes(self.bytes()?) {
                self.bytes::<1>()?;
            }
        }
        for text in [FNAME, FCOMMENT] {
            while flags & text != 0 && self.bytes()? != [0] {}
        }
        if flags & FHCRC != 0 {
            self.bytes::<2>()?;
        }
        self.place = Place::Deflate;
        Ok(())
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = self.raw.byte()?.ok_or(Fault::CompressedEnd(Compression::Gzip))?;
        }
        Ok(bytes)
    }
}

fn corrupt(how: &'static str) -> Fault {
    Fault::Corrupt(Compression::Gzip, how.to_owned())
}
