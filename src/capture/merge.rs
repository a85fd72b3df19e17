//! Several capture files as one, in the order of their capture times.

use core::fmt;
use std::{cmp::Reverse, collections::BinaryHeap, io::Read, path::PathBuf};

use super::{
    ahead::Stop,
    damage::Damage,
    error::CaptureError,
    file::CaptureFile,
    interface::{Interface, Interfaces},
    item::Item,
};
use crate::time::Timestamp;

/// With more files than this, each is closed after its first packet is known and opened again when its turn comes: the
/// files of a rotated capture follow one another, and a day of them has more than a process may hold open.
const OPEN_FILES: usize = 32;

/// How far the reading has come, for a progress bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Bytes consumed of the files as stored, compressed or not.
    pub consumed: u64,
    /// Bytes of all files; `None` when one is a pipe. Never less than `consumed`, though files may grow.
    pub total: Option<u64>,
}

/// Capture files read as one, ordered by (time, argument position, frame number).
///
/// Each file keeps its own order: one whose clock steps back gives its frames as it has them. A damaged file ends at its
/// damage, which is kept in [`CaptureFiles::damages`], and the others go on.
///
/// Invariant: `heads` has one entry for each file with a current item, keyed by the time of that item, unless it is the
/// only one left; the item given last is that of its greatest entry, and is moved past on the next call, when nobody borrows it any more.
pub struct CaptureFiles {
    files: Vec<CaptureFile>,
    heads: BinaryHeap<Reverse<Head>>,
    given: bool,
    interfaces: Interfaces,
    damages: Vec<Damage>,
    stop: Stop,
}

/// How far, not what: packets are personal data.
impl fmt::Debug for CaptureFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaptureFiles")
            .field("files", &self.files.len())
            .field("position", &self.position())
            .field("damages", &self.damages)
            .finish_non_exhaustive()
    }
}

/// The current item of one file. Two items never come from one file at a time, so the frame number decides nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    time: Timestamp,
    position: usize,
}

impl CaptureFiles {
    /// Opens files in argument order; `-` is standard input. All of them are looked into before anything is read, so that
    /// a mistyped name fails at once and not after an hour.
    ///
    /// # Errors
    /// The first file that cannot be opened or is no capture.
    pub fn open(paths: &[PathBuf]) -> Result<Self, CaptureError> {
        if paths.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
            return Err(CaptureError::StandardInputTwice);
        }
        let mut merged = Self::empty();
        for path in paths {
            let mut file = CaptureFile::open(path, &mut merged.interfaces)?;
            merged.begin(&mut file);
            if paths.len() > OPEN_FILES {
                file.park();
            }
            merged.files.push(file);
        }
        Ok(merged)
    }

    /// The same for readers that are no files, each with a name for messages.
    ///
    /// # Errors
    /// The first reader that gives no capture.
    pub fn from_readers(
        readers: impl IntoIterator<Item = (PathBuf, Box<dyn Read + Send>)>,
    ) -> Result<Self, CaptureError> {
        let mut merged = Self::empty();
        for (name, input) in readers {
            let mut file = CaptureFile::from_reader(&name, input, &mut merged.interfaces)?;
            merged.begin(&mut file);
            merged.files.push(file);
        }
        Ok(merged)
    }

    fn empty() -> Self {
        Self {
            files: Vec::new(),
            heads: BinaryHeap::new(),
            given: false,
            interfaces: Interfaces::default(),
            damages: Vec::new(),
            stop: Stop::default(),
        }
    }

    /// Reads up to the first item of the file that is pushed next.
    fn begin(&mut self, file: &mut CaptureFile) {
        file.stop_with(&self.stop);
        match file.advance(&mut self.interfaces) {
            Ok(Some(time)) => self.heads.push(Reverse(Head { time, position: self.files.len() })),
            Ok(None) => {}
            Err(damage) => self.damages.push(*damage),
        }
    }

    /// The next item of all files; it borrows the buffer of its file until the next call. `None` when all have ended.
    #[allow(clippy::should_implement_trait, reason = "it lends, which Iterator cannot")]
    pub fn next(&mut self) -> Option<Item<'_>> {
        if self.given {
            self.given = false;
            self.move_past();
        }
        // Ends, because each turn takes a file out.
        loop {
            let position = self.heads.peek()?.0.position;
            match self.files.get_mut(position)?.unpark() {
                Ok(()) => {
                    self.given = true;
                    return self.files.get(position)?.item();
                }
                Err(damage) => {
                    self.heads.pop();
                    self.damaged(damage);
                }
            }
        }
    }

    /// Moves the file of the first head to its next item.
    #[inline]
    fn move_past(&mut self) {
        let Some(Reverse(head)) = self.heads.peek() else { return };
        let Some(file) = self.files.get_mut(head.position) else { return };
        match file.advance(&mut self.interfaces) {
            // One that is alone has nobody to be ordered with, now or later.
            Ok(Some(_)) if self.heads.len() == 1 => {}
            Ok(Some(time)) => {
                if let Some(mut head) = self.heads.peek_mut() {
                    // Dropping the guard puts the entry where it now belongs.
                    head.0.time = time;
                }
            }
            Ok(None) => {
                self.heads.pop();
            }
            Err(damage) => {
                self.heads.pop();
                self.damaged(*damage);
            }
        }
    }

    /// What ends, from another thread, a [`CaptureFiles::next`] that waits for a pipe.
    #[must_use]
    pub fn stopper(&self) -> Stop {
        self.stop.clone()
    }

    /// Keeps a damage. What a stop cut off is none.
    fn damaged(&mut self, damage: Damage) {
        if !self.stop.is_stopped() {
            self.damages.push(damage);
        }
    }

    /// How far the reading has come. Costs a few nanoseconds a file.
    #[must_use]
    pub fn position(&self) -> Position {
        let mut position = Position { consumed: 0, total: Some(0) };
        for (consumed, length) in self.files.iter().map(CaptureFile::position) {
            position.consumed += consumed;
            position.total = position.total.zip(length).map(|(total, length)| total + length.max(consumed));
        }
        position
    }

    /// Whether one of them is a pipe, which may say nothing for a while.
    #[must_use]
    pub fn may_wait(&self) -> bool {
        self.position().total.is_none()
    }

    /// The files that ended before their time, in the order in which that was found: at most one entry a file.
    #[must_use]
    pub fn damages(&self) -> &[Damage] {
        &self.damages
    }

    /// The same, to keep when the reading is over.
    #[must_use]
    pub fn into_damages(self) -> Vec<Damage> {
        self.damages
    }

    /// What is known of each interface; the index is the number in [`InterfaceId`](crate::packet::InterfaceId). Grows while
    /// a pcapng file describes more.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        self.interfaces.as_slice()
    }
}
