//! Reading ahead: a thread that reads and unpacks the next blocks of a file while the last one is looked at.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::damage::Fault;
use super::source::Stream;

/// Bytes read at a time: large enough that handing a block over costs little a packet, small enough that the blocks of a
/// file stay in the second-level cache together.
const BLOCK: usize = 128 * 1024;
/// Room left free in front of what is read, for the piece of a packet with which the block before it ended.
const HEADROOM: usize = 8 * 1024;
/// Blocks that may wait. At the bound the thread waits: nothing is read that nobody asks for.
const WAITING: usize = 3;

/// One block.
///
/// Invariant: `start <= end <= bytes.len()`; `bytes[start..end]` was read, what comes before is free. Nothing was read only
/// at the end of the stream.
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Bytes of the file as stored that were taken to make it and all before it.
    pub(super) stored: u64,
}

/// The blocks of one stream, in order, the last of them empty, or its fault.
///
/// Invariant: the thread owns the stream and ends with it, or when this is dropped; it holds at most [`WAITING`] blocks
/// and the one that it fills. A read of a pipe that never returns keeps the thread and nothing else.
pub(super) struct Ahead {
    blocks: Receiver<Result<Block, Fault>>,
    used: SyncSender<Vec<u8>>,
}

impl Ahead {
    /// Reads on from where the stream is.
    pub(super) fn start(stream: Stream) -> io::Result<Self> {
        let (filled, blocks) = sync_channel(WAITING);
        let (used, empty) = sync_channel(WAITING + 2);
        thread::Builder::new().name("reader".into()).spawn(move || read(stream, &filled, &empty))?;
        Ok(Self { blocks, used })
    }

    /// The next block; `None` after the last, which is empty. `used` is a buffer that is not needed any more.
    pub(super) fn next(&mut self, used: Vec<u8>) -> Result<Option<Block>, Fault> {
        // One that finds no room, or nobody who would fill it, is let go.
        let _ = self.used.try_send(used);
        self.blocks.recv().ok().transpose()
    }
}

fn read(mut stream: Stream, filled: &SyncSender<Result<Block, Fault>>, empty: &Receiver<Vec<u8>>) {
    loop {
        let mut bytes = empty.try_recv().unwrap_or_default();
        // What a buffer held before costs nothing to leave there: `end` says how much of it is new.
        bytes.resize(HEADROOM + BLOCK, 0);
        let count = match stream.read(bytes.get_mut(HEADROOM..).unwrap_or_default()) {
            Ok(count) => count,
            Err(fault) => {
                // If nobody waits for it any more, nobody is interested in it either.
                let _ = filled.send(Err(fault));
                return;
            }
        };
        let block = Block { bytes, start: HEADROOM, end: HEADROOM + count, stored: stream.stored() };
        if filled.send(Ok(block)).is_err() || count == 0 {
            return;
        }
    }
}
