//! One opened capture: bytes in order, decompressed, in one reusable buffer.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::{
    ahead::{Ahead, Block, Stop},
    damage::{Compression, Fault},
    error::CaptureError,
    gzip::{self, Gzip},
    raw::Raw,
    zstd::{self, Zstd},
};

/// Buffer of one file: large enough that a read costs little a packet, small enough to stay in the second-level cache,
/// where the packet is then still found when it is decoded.
const BUFFER: usize = 128 * 1024;

/// The name that means standard input.
const STANDARD_INPUT: &str = "-";

/// A capture's bytes, read plainly (a mapped file counts as resident memory, and kills the process when it is cut short
/// while it is read), unpacked when compressed.
///
/// Invariants: `start <= end <= buffer.len()`; `buffer[start..end]` are the bytes read and not consumed; `offset` is the
/// place of `buffer[start]` in the decompressed capture. The buffer grows to the largest record asked for, which the
/// readers cap.
pub(super) struct Source {
    path: PathBuf,
    /// The file can be opened again at the same place.
    reopens: bool,
    /// Length of a regular file when it was opened.
    length: Option<u64>,
    compression: Option<Compression>,
    /// `None` when closed or parked, or while a thread has it.
    stream: Option<Stream>,
    /// Reads for us, where that is worth a thread.
    ahead: Option<Ahead>,
    stop: Stop,
    buffer: Vec<u8>,
    /// One that was used up, for the next block.
    spare: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
    /// The stream has said that nothing follows.
    ended: bool,
    /// Stored bytes consumed when there is no stream to ask.
    stored: u64,
}

/// The bytes of a capture in order, unpacked.
pub(super) enum Stream {
    Plain(Raw),
    Gzip(Box<Gzip>),
    Zstd(Box<Zstd>),
}

impl Source {
    /// Opens a path, or standard input for `-`.
    pub(super) fn open(path: &Path) -> Result<Self, CaptureError> {
        if path.as_os_str() == STANDARD_INPUT {
            return Self::from_reader(path, Box::new(io::stdin()));
        }
        let reason = |reason| CaptureError::Open { file: path.to_owned(), reason };
        let file = File::open(path).map_err(reason)?;
        let metadata = file.metadata().map_err(reason)?;
        if metadata.is_dir() {
            return Err(CaptureError::Directory { file: path.to_owned() });
        }
        let mut source = Self::from_reader(path, Box::new(file))?;
        if metadata.is_file() {
            source.reopens = true;
            source.length = Some(metadata.len());
        }
        Ok(source)
    }

    /// Reads from anything; `name` stands for it in messages.
    pub(super) fn from_reader(name: &Path, input: Box<dyn Read + Send>) -> Result<Self, CaptureError> {
        let mut raw = Raw::new(input, 0);
        let first = raw.peek(6).map_err(|fault| match fault {
            Fault::Read(reason) => CaptureError::Open { file: name.to_owned(), reason },
            fault => CaptureError::Header { file: name.to_owned(), fault },
        })?;
        if first.is_empty() {
            return Err(CaptureError::Empty { file: name.to_owned() });
        }
        if let Some(format) = other_compression(first) {
            return Err(CaptureError::OtherCompression { file: name.to_owned(), format });
        }
        let compression = compression(first);
        let stream =
            Stream::new(compression, raw).map_err(|fault| CaptureError::Header { file: name.to_owned(), fault })?;
        Ok(Self {
            path: name.to_owned(),
            reopens: false,
            length: None,
            compression,
            stream: Some(stream),
            ahead: None,
            stop: Stop::default(),
            buffer: Vec::new(),
            spare: Vec::new(),
            start: 0,
            end: 0,
            offset: 0,
            ended: false,
            stored: 0,
        })
    }

    /// Lets another thread end the reading.
    pub(super) fn stop_with(&mut self, stop: &Stop) {
        self.stop = stop.clone();
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// Place of the first byte not consumed, in the decompressed capture.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Length of the file as stored, when it has one.
    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    /// Bytes consumed of the file as stored.
    pub(super) fn stored(&self) -> u64 {
        match &self.stream {
            _ if self.compression.is_none() => self.offset,
            Some(stream) => stream.stored(),
            None => self.stored,
        }
    }

    /// The bytes read and not consumed; [`Source::fill`] says how many there must be.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Whether `wanted` bytes are there, after reading what that takes. `false` at the end of the capture.
    #[inline]
    pub(super) fn fill(&mut self, wanted: usize) -> Result<bool, Fault> {
        if self.end - self.start >= wanted { Ok(true) } else { self.refill(wanted) }
    }

    /// Consumes bytes that [`Source::fill`] has said are there.
    #[inline]
    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.offset += count as u64;
    }

    /// Consumes `count` bytes without keeping them; gives how many there were.
    pub(super) fn skip(&mut self, count: u64) -> Result<u64, Fault> {
        let mut left = count;
        while left > 0 && self.fill(1)? {
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(self.end - self.start);
            self.consume(here);
            left -= here as u64;
        }
        Ok(count - left)
    }

    #[cold]
    fn refill(&mut self, wanted: usize) -> Result<bool, Fault> {
        self.read_ahead();
        while self.end - self.start < wanted && !self.ended {
            self.ended = match &mut self.ahead {
                Some(ahead) => {
                    let block = ahead.next(core::mem::take(&mut self.spare))?;
                    let last = block.start == block.end;
                    self.stored = block.stored;
                    self.append(block);
                    last
                }
                None => self.read_on(wanted)? == 0,
            };
        }
        Ok(self.end - self.start >= wanted)
    }

    /// Unpacking is worth a thread, once a file is longer than the buffer. Reading a file is not: bytes that another
    /// processor has read cost as much to fetch from its cache as they cost to read. A pipe may say nothing for hours, and
    /// only a thread can wait for it and be left waiting.
    fn read_ahead(&mut self) {
        let worth = match self.reopens {
            true => self.compression.is_some() && self.offset + (self.end - self.start) as u64 >= BUFFER as u64,
            false => !self.buffer.is_empty(),
        };
        if !worth {
            return;
        }
        let Some(stream) = self.stream.take() else { return };
        self.stored = stream.stored();
        match Ahead::start(stream, self.stop.clone()) {
            Ok(ahead) => self.ahead = Some(ahead),
            // Without a thread it is read here, as a short file is.
            Err(stream) => self.stream = Some(stream),
        }
    }

    /// Reads once behind the bytes that are left, which move to the front of the buffer.
    fn read_on(&mut self, wanted: usize) -> Result<usize, Fault> {
        let Some(stream) = &mut self.stream else { return Ok(0) };
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() < wanted.max(BUFFER) {
            self.buffer.resize(wanted.next_power_of_two().max(BUFFER), 0);
        }
        let count = stream.read(self.buffer.get_mut(self.end..).unwrap_or_default())?;
        self.end += count;
        Ok(count)
    }

    /// Puts a block behind the bytes that are left: into the room in front of it where they fit, which spares copying it.
    fn append(&mut self, mut block: Block) {
        let left = self.buffer.get(self.start..self.end).unwrap_or_default();
        let room = block.start.checked_sub(left.len()).and_then(|start| block.bytes.get_mut(start..block.start));
        if let Some(room) = room {
            room.copy_from_slice(left);
            (self.start, self.end) = (block.start - left.len(), block.end);
            self.spare = core::mem::replace(&mut self.buffer, block.bytes);
            return;
        }
        self.buffer.truncate(self.end);
        self.buffer.drain(..self.start);
        self.buffer.extend_from_slice(block.bytes.get(block.start..block.end).unwrap_or_default());
        (self.start, self.end) = (0, self.buffer.len());
        self.spare = block.bytes;
    }

    /// Gives back the buffer and the file: nothing more is read from it.
    pub(super) fn close(&mut self) {
        self.stored = self.stored();
        (self.stream, self.ahead) = (None, None);
        (self.buffer, self.spare) = (Vec::new(), Vec::new());
        (self.start, self.end) = (0, 0);
    }

    /// Closes a file that is read again later, so that a thousand files do not need a thousand descriptors and buffers.
    pub(super) fn park(&mut self) {
        if self.reopens && !self.is_closed() {
            self.close();
        }
    }

    /// Opens a parked file again, where it was.
    pub(super) fn unpark(&mut self) -> Result<(), Fault> {
        let mut file = File::open(&self.path).map_err(Fault::Read)?;
        let plain = self.compression.is_none();
        let offset = self.offset;
        let skipped = if plain { offset } else { 0 };
        file.seek(SeekFrom::Start(skipped)).map_err(Fault::Read)?;
        self.stream = Some(Stream::new(self.compression, Raw::new(Box::new(file), skipped))?);
        self.ended = false;
        if !plain {
            self.offset = 0;
            let present = self.skip(offset)?;
            if present < offset {
                return Err(Fault::Truncated { present, needed: offset });
            }
        }
        Ok(())
    }

    /// Whether the file is parked or closed.
    pub(super) fn is_closed(&self) -> bool {
        self.stream.is_none() && self.ahead.is_none()
    }
}

impl Stream {
    fn new(compression: Option<Compression>, raw: Raw) -> Result<Self, Fault> {
        Ok(match compression {
            None => Self::Plain(raw),
            Some(Compression::Gzip) => Self::Gzip(Box::new(Gzip::new(raw))),
            Some(Compression::Zstd) => Self::Zstd(Box::new(Zstd::new(raw)?)),
        })
    }

    /// Bytes taken of the file as stored.
    pub(super) fn stored(&self) -> u64 {
        match self {
            Self::Plain(raw) => raw.taken(),
            Self::Gzip(gzip) => gzip.raw().taken(),
            Self::Zstd(zstd) => zstd.raw().taken(),
        }
    }

    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<usize, Fault> {
        match self {
            Self::Plain(raw) => raw.read(out),
            Self::Gzip(gzip) => gzip.read(out),
            Self::Zstd(zstd) => zstd.read(out),
        }
    }
}

/// What the first bytes say about compression. The name says nothing: rotated and piped captures have any.
fn compression(first: &[u8]) -> Option<Compression> {
    if first.starts_with(&gzip::MAGIC) {
        return Some(Compression::Gzip);
    }
    let [low, rest @ ..] = zstd::SKIPPABLE;
    let skippable = first.get(1..).is_some_and(|after| after.starts_with(&rest))
        && first.first().is_some_and(|&byte| byte & 0xf0 == low);
    (first.starts_with(&zstd::MAGIC) || skippable).then_some(Compression::Zstd)
}

/// Compressions that are not read here, so that the message can name them.
fn other_compression(first: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 5] = [
        (b"\xfd7zXZ\0", "xz"),
        (b"BZh", "bzip2"),
        (b"\x04\x22\x4d\x18", "lz4"),
        (b"PK\x03\x04", "zip"),
        (b"7z\xbc\xaf\x27\x1c", "7-zip"),
    ];
    KNOWN.iter().find(|(magic, _)| first.starts_with(magic)).map(|&(_, name)| name)
}
