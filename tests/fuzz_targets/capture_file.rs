//! Capture files of every format and compression.

use std::io::{Cursor, Read};
use std::path::PathBuf;

use tolltap::capture::{CaptureFiles, Item};

/// Items read of one input: a few bytes can be unpacked to as many as there is time for.
const MOST_ITEMS: usize = 2_000;
/// The longest packet a reader hands on, and the room a reader may need around one.
const MOST_PACKET: usize = 16 << 20;

/// A pipe that gives a few bytes at a time.
struct Trickle(Cursor<Vec<u8>>);

impl Read for Trickle {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let few = room.len().min(7);
        self.0.read(&mut room[..few])
    }
}

/// The bytes are a file, read whole and as from a slow pipe: both must give the same.
pub fn capture_file(bytes: &[u8]) {
    let whole = read(Box::new(Cursor::new(bytes.to_vec())), bytes.len());
    let pieces = read(Box::new(Trickle(Cursor::new(bytes.to_vec()))), bytes.len());
    // Of a corrupt zstd block the library gives more, or less, by how the bytes come; of anything else it may not.
    let corrupt = |read: &[String]| read.iter().any(|line| line.contains("zstd data is corrupt"));
    if !corrupt(&whole) && !corrupt(&pieces) {
        assert_eq!(whole, pieces, "how the bytes come decides what is read");
    }
}

/// What was read, in words.
fn read(input: Box<dyn Read + Send>, stored: usize) -> Vec<String> {
    let mut files = match CaptureFiles::from_readers([(PathBuf::from("capture"), input)]) {
        Ok(files) => files,
        Err(error) => return vec![error.to_string()],
    };
    let mut read = Vec::new();
    let mut frames = 0;
    while let Some(item) = files.next() {
        match item {
            Item::Frame(frame) => {
                frames += 1;
                assert_eq!(frame.number, frames, "frames are numbered without a gap");
                assert!(frame.bytes.len() <= MOST_PACKET);
                let sum = frame.bytes.iter().fold(0_u32, |sum, byte| sum.rotate_left(5) ^ u32::from(*byte));
                read.push(format!("{frame:?} {sum}"));
            }
            Item::Loss(loss) => {
                assert!(loss.from <= loss.to, "{loss:?}");
                read.push(format!("{loss:?}"));
            }
        }
        if read.len() == MOST_ITEMS {
            return read;
        }
    }
    assert!(files.position().consumed <= stored as u64, "more was read than there is");
    assert!(files.damages().len() <= 1, "a file is damaged once");
    read.extend(files.damages().iter().map(|damage| format!("{damage:?} {damage}")));
    read.push(format!("{} interfaces", files.interfaces().len()));
    read
}
