//! Reading ahead: a thread that reads and unpacks the next blocks of a file while the last one is looked at.

use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
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

/// How often who waits for a block looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(100);

/// Ends, from another thread, a read that waits for a pipe that says nothing. Whoever reads a file looks by itself whether
/// that is still wanted.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// A read that waits ends within a tenth of a second; what was read already may still be given.
    pub fn stop(&self) {
        self.0.store(true, Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.0.load(Relaxed)
    }
}

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
/// Invariant: the thread owns the stream and ends with it, or when this is dropped; at most [`WAITING`] blocks wait,
/// beside the one that it fills. A read of a pipe that never returns keeps the thread and nothing else.
pub(super) struct Ahead {
    blocks: Receiver<Result<Block, Fault>>,
    used: SyncSender<Vec<u8>>,
    stop: Stop,
}

impl Ahead {
    /// Reads on from where the stream is.
    ///
    /// # Errors
    /// The stream, where no thread can be had.
    pub(super) fn start(stream: Stream, stop: Stop) -> Result<Self, Stream> {
        let (filled, blocks) = sync_channel(WAITING);
        let (used, empty) = sync_channel(WAITING + 2);
        let (given, taken) = sync_channel::<Stream>(1);
        let reader = move || taken.recv().into_iter().for_each(|stream| read(stream, &filled, &empty));
        // The stream follows the thread, so that it is still here if there is none.
        match thread::Builder::new().name("reader".into()).spawn(reader) {
            Ok(_) => given.send(stream).map_err(|unsent| unsent.0)?,
            Err(_) => return Err(stream),
        }
        Ok(Self { blocks, used, stop })
    }

    /// The next block; not to be asked for after the last, which is empty. `used` is a buffer that is not needed any more.
    pub(super) fn next(&mut self, used: Vec<u8>) -> Result<Block, Fault> {
        // One that has grown for a large packet would stay as large; and one that finds no room, or nobody who would fill
        // it, is let go.
        if used.capacity() <= HEADROOM + BLOCK {
            let _ = self.used.try_send(used);
        }
        loop {
            match self.blocks.recv_timeout(LOOK) {
                Ok(block) => return block,
                Err(RecvTimeoutError::Timeout) if self.stop.is_stopped() => return Err(ended("reading was stopped")),
                Err(RecvTimeoutError::Timeout) => {}
                // Without a last block the thread has not ended in order.
                Err(RecvTimeoutError::Disconnected) => return Err(ended("the thread that reads it has ended")),
            }
        }
    }
}

fn ended(why: &'static str) -> Fault {
    Fault::Read(io::Error::other(why))
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
