//! What is wrong inside a capture file, and what a person reads about it.

use core::fmt;
use std::{io, path::PathBuf};

/// The point at which a file stopped being readable.
///
/// Every frame before it was delivered; nothing after it is guessed at, because neither format has a mark by which a
/// reader could find the next record with certainty, and a frame made of another's middle could be charged for.
#[derive(Debug)]
pub struct Damage {
    /// As it was named on the command line; `-` is standard input.
    pub file: PathBuf,
    /// Where the record that could not be read begins, in bytes from the start of the capture.
    pub offset: u64,
    /// How the file is compressed: then `offset` counts decompressed bytes.
    pub compression: Option<Compression>,
    /// Frames delivered before it.
    pub frames: u64,
    /// What is wrong there.
    pub fault: Fault,
}

/// One line: file, place, what, how far the reading came, what to do.
impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: damaged at byte {}", self.file.display(), self.offset)?;
        if let Some(compression) = self.compression {
            write!(f, " of what {compression} unpacks")?;
        }
        let plural = if self.frames == 1 { "" } else { "s" };
        write!(f, ": {}; {} frame{plural} before it used; {}", self.fault, self.frames, self.fault.advice())
    }
}

impl std::error::Error for Damage {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.fault)
    }
}

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The capture ends inside a record: the writer was killed, is still writing, or the copy is short.
    #[error("the file ends inside a record ({present} of {needed} bytes are there)")]
    Truncated { present: u64, needed: u64 },
    /// A record of nothing but zero bytes: a file system that lost its last writes leaves such tails.
    #[error("a record holds only zero bytes, as in a part that was never written")]
    Unwritten,
    /// The header of another pcap file, where a packet should be: two files joined end to end, perhaps inside gzip.
    #[error("another pcap file begins here")]
    SecondFile,
    /// A length no packet has; believing it would read the next packets as the bytes of this one.
    #[error("a packet claims {length} captured bytes, and no more than {limit} can be right")]
    PacketLength { length: u64, limit: u64 },
    /// The time stamp of a pcap record has two seconds or more in its fraction.
    #[error("a time stamp has {fraction} as its fraction of a second, which holds {unit} units")]
    TimeFraction { fraction: u32, unit: u32 },
    /// A pcapng block with a length that its kind cannot have.
    #[error("a block of type {kind:#x} claims a length of {length} bytes")]
    BlockLength { kind: u32, length: u32 },
    /// A pcapng block whose second length field contradicts its first.
    #[error("a block of type {kind:#x} begins with length {length} and ends with length {trailer}")]
    BlockTrailer { kind: u32, length: u32, trailer: u32 },
    /// A pcapng block that does not parse.
    #[error("a block of type {kind:#x} is malformed")]
    Block { kind: u32 },
    /// A format version nobody has defined.
    #[error("format version {major}.{minor} is not known")]
    Version { major: u16, minor: u16 },
    /// A packet of an interface that no block before it describes.
    #[error("a packet names interface {interface}, and only {known} are described before it")]
    UnknownInterface { interface: u32, known: usize },
    /// More interfaces over all files than an [`InterfaceId`](crate::packet::InterfaceId) can number.
    #[error("there are more than 65536 interfaces in all")]
    TooManyInterfaces,
    /// The compressed data ends early.
    #[error("the {0} data ends too early")]
    CompressedEnd(Compression),
    /// The compressed data contradicts itself.
    #[error("the {0} data is corrupt ({1})")]
    Corrupt(Compression, String),
    /// The operating system failed to read.
    #[error("reading failed ({0})")]
    Read(#[source] io::Error),
}

impl Fault {
    /// What the person at the terminal can do about it.
    fn advice(&self) -> &'static str {
        match self {
            Self::Truncated { .. } | Self::CompressedEnd(_) => {
                "if it is still being written or copied, read it again afterwards"
            }
            Self::SecondFile => "name the files one by one, or join them with mergecap",
            Self::Read(_) => "check the disk or the pipe that it comes from",
            Self::Version { .. } | Self::TooManyInterfaces => "rewrite it with editcap -F pcapng",
            _ => "compare it with its original",
        }
    }
}

/// Compression of a whole file, recognised by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952, one member or several in a row.
    Gzip,
    /// RFC 8878, one frame or several in a row.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}
