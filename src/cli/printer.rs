//! Records on standard output while they leave.

use core::time::Duration;
use std::io::{self, BufWriter};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
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
///
/// Invariant: each record that it was given is in `given` or in `refused`; those in `given` that are not in `printed` either
/// wait, or were lost with the output.
pub(super) struct Printer {
    records: SyncSender<SealedRecord>,
    done: Receiver<Result<(), WriteError>>,
    given: u64,
    refused: u64,
    printed: Arc<AtomicU64>,
}

impl Printer {
    /// Begins with the header, where the format has one.
    pub(super) fn start(format: Format) -> io::Result<Self> {
        Self::on(io::stdout(), format)
    }

    fn on(out: impl io::Write + Send + 'static, format: Format) -> io::Result<Self> {
        let (records, waiting) = mpsc::sync_channel(ROOM);
        let (finished, done) = mpsc::sync_channel(1);
        let printed = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&printed);
        let run = move || {
            let result = print(BufWriter::new(out), format, &waiting, &count);
            if let Err(error) = &result {
                tracing::error!(%error, "no more records are printed; their delivery goes on");
            }
            // Nobody waits for a printer that was given up.
            let _ = finished.send(unless_broken_pipe(result));
        };
        thread::Builder::new().name("printer".into()).spawn(run)?;
        Ok(Self { records, done, given: 0, refused: 0, printed })
    }

    /// Prints a record, some time; `false` when it never will.
    pub(super) fn print(&mut self, record: &SealedRecord) -> bool {
        match self.records.try_send(record.clone()) {
            Ok(()) => {
                self.given += 1;
                return true;
            }
            Err(TrySendError::Full(_)) if self.refused == 0 => {
                tracing::warn!("records are not printed: nobody reads standard output");
            }
            // One that has ended has said so itself.
            Err(_) => {}
        }
        self.refused += 1;
        false
    }

    /// Waits a little for what is not printed yet. Gives how many records never were, and what was wrong with the output.
    pub(super) fn finish(self) -> (u64, io::Result<()>) {
        drop(self.records);
        let result = match self.done.recv_timeout(LAST_PRINTING) {
            Ok(Err(WriteError::Output(error))) => Err(error),
            Ok(Err(error)) => Err(io::Error::other(error)),
            Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("the thread that prints has died")),
            Ok(Ok(())) | Err(RecvTimeoutError::Timeout) => Ok(()),
        };
        let unprinted = self.refused + self.given.saturating_sub(self.printed.load(Ordering::Acquire));
        if unprinted > 0 {
            tracing::warn!(records = unprinted, "not printed on standard output");
        }
        (unprinted, result)
    }
}

fn print(
    out: impl io::Write,
    format: Format,
    waiting: &Receiver<SealedRecord>,
    printed: &AtomicU64,
) -> Result<(), WriteError> {
    let mut writer = RecordWriter::new(format, out)?;
    writer.flush()?;
    let mut together: usize = 0;
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
        printed.fetch_add(together as u64, Ordering::Release);
    }
    writer.finish()?.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;

    use super::*;
    use crate::ch1::samples;

    fn record() -> SealedRecord {
        crate::ch1::wire::seal(&samples::full())
    }

    #[test]
    fn what_is_printed_is_not_missing() {
        let (mut reader, out) = io::pipe().unwrap();
        let mut printer = Printer::on(out, Format::Json).unwrap();
        assert!((0..3).all(|_| printer.print(&record())));
        let (unprinted, result) = printer.finish();
        assert!(result.is_ok());
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!((unprinted, text.lines().count()), (0, 3));
    }

    #[test]
    fn a_full_disk_is_an_error_and_what_it_took_is_counted() {
        let mut printer = Printer::on(File::options().write(true).open("/dev/full").unwrap(), Format::Json).unwrap();
        // Until it has ended, and then one more.
        let mut given = 1;
        while printer.print(&record()) {
            given += 1;
        }
        let (unprinted, result) = printer.finish();
        assert_eq!(unprinted, given);
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn who_does_not_read_is_not_waited_for_and_what_waits_is_counted() {
        let (reader, out) = io::pipe().unwrap();
        let mut printer = Printer::on(out, Format::Json).unwrap();
        // More than a pipe and the queue hold.
        let refused = (0..ROOM + 4_096).filter(|_| !printer.print(&record())).count() as u64;
        let (unprinted, result) = printer.finish();
        assert!(result.is_ok());
        assert!(refused > 0 && unprinted > refused, "{refused} of {unprinted}");
        drop(reader);
    }
}
