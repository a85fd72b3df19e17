//! Records on standard output while they leave.

use core::time::Duration;
use std::io::{self, BufWriter, Write as _};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread;

use super::format::{Format, RecordWriter, WriteError, unless_broken_pipe};
use crate::outbox::SealedRecord;

/// Records that may wait to be printed. At the bound the newest are not: whoever reads the output is no reason to keep one
/// from the Charging Enabler.
const ROOM: usize = 65_536;
/// Records printed together, from which on the next wait for company: more are on their way then, and a wake costs more than a
/// line does.
const BUSY: usize = 4;
/// How long they wait.
const COMPANY: Duration = Duration::from_millis(2);
/// How long the last records may take to be printed.
const LAST_PRINTING: Duration = Duration::from_secs(1);

/// Prints on a thread of its own: a reader that does not read must not hold up anything else.
pub(super) struct Printer {
    records: SyncSender<SealedRecord>,
    done: Receiver<Result<(), WriteError>>,
    /// Somebody has been told that records are not printed.
    said: bool,
}

impl Printer {
    /// Begins with the header, where the format has one.
    pub(super) fn start(format: Format) -> io::Result<Self> {
        let (records, waiting) = mpsc::sync_channel(ROOM);
        let (finished, done) = mpsc::sync_channel(1);
        let run = move || {
            // Nobody waits for a printer that was given up.
            let _ = finished.send(unless_broken_pipe(print(format, &waiting)));
        };
        thread::Builder::new().name("printer".into()).spawn(run)?;
        Ok(Self { records, done, said: false })
    }

    /// Prints a record, some time.
    pub(super) fn print(&mut self, record: &SealedRecord) {
        // A printer that has ended is known at the end: there is nobody to print for.
        if let Err(TrySendError::Full(_)) = self.records.try_send(record.clone())
            && !core::mem::replace(&mut self.said, true)
        {
            tracing::warn!("records are not printed: nobody reads standard output");
        }
    }

    /// Waits a little for what is not printed yet.
    pub(super) fn finish(self) -> io::Result<()> {
        drop(self.records);
        match self.done.recv_timeout(LAST_PRINTING) {
            Ok(Ok(())) | Err(_) => Ok(()),
            Ok(Err(WriteError::Output(error))) => Err(error),
            Ok(Err(error)) => Err(io::Error::other(error)),
        }
    }
}

fn print(format: Format, waiting: &Receiver<SealedRecord>) -> Result<(), WriteError> {
    let mut writer = RecordWriter::new(format, BufWriter::new(io::stdout()))?;
    writer.flush()?;
    let mut together = 0;
    while let Ok(record) = waiting.recv() {
        if together >= BUSY {
            thread::sleep(COMPANY);
        }
        writer.write(&record.body)?;
        together = 1;
        for record in waiting.try_iter() {
            writer.write(&record.body)?;
            together += 1;
        }
        // Whoever follows the output sees a record when it leaves.
        writer.flush()?;
    }
    writer.finish()?.flush()?;
    Ok(())
}
