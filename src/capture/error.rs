//! Why capture files could not be opened at all.

use std::{io, path::PathBuf};

use super::damage::Fault;

/// A file that gives no frame, found when the files are opened. Each prints as one line: file, what failed, what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    #[error("{}: cannot be opened ({reason}); check the name and the permissions", file.display())]
    Open {
        file: PathBuf,
        #[source]
        reason: io::Error,
    },
    #[error("{}: is a directory; name the capture files in it", file.display())]
    Directory { file: PathBuf },
    #[error("-: standard input can be read only once; name it once")]
    StandardInputTwice,
    #[error("{}: is empty; wait until its capture program has written something", file.display())]
    Empty { file: PathBuf },
    #[error("{}: is not a pcap or pcapng capture, nor gzip or zstd of one; convert other formats with editcap -F pcapng", file.display())]
    NotCapture { file: PathBuf },
    #[error("{}: is compressed with {format}; unpack it first, or give it on standard input", file.display())]
    OtherCompression { file: PathBuf, format: &'static str },
    /// It begins as a capture does, but its file header cannot be read.
    #[error("{}: its file header cannot be read: {fault}", file.display())]
    Header {
        file: PathBuf,
        #[source]
        fault: Fault,
    },
}
