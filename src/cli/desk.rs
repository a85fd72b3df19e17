//! Where the records of a replay are received.

use core::ops::ControlFlow;

use super::format::Format;
use super::gap;
use super::listing::{Listing, ListingError};
use crate::ch1::wire;
use crate::charging::PackedRecord;
use crate::outbox::{Gap, Outbox, Refused, Report, SealedRecord};
use crate::pipeline::{Reading, Receiver};
use crate::probe::{Loss, Note};
use crate::telemetry::{Progress, log};

/// Takes records from the core: one copy goes to the outbox, and what is to be printed of it waits. What may have cost
/// records goes to the outbox too, as a gap.
pub(super) struct Desk<'a> {
    outbox: &'a Outbox,
    format: Format,
    /// Room to write a record in, used again and again.
    room: Vec<u8>,
    pub(super) listing: Listing,
    /// Why the records could not be kept.
    pub(super) fault: Option<ListingError>,
    records: u64,
    pub(super) gaps: u64,
    pub(super) progress: Progress,
}

impl<'a> Desk<'a> {
    pub(super) fn new(outbox: &'a Outbox, format: Format) -> Self {
        Self {
            outbox,
            format,
            room: Vec::new(),
            listing: Listing::default(),
            fault: None,
            records: 0,
            gaps: 0,
            progress: Progress::new(),
        }
    }

    /// Waits while the outbox is full: a replay can, and so never drops. It is closed only once the client gave up.
    fn send(&self, report: Report) -> ControlFlow<()> {
        let sent = match self.outbox.try_push(report) {
            Err(Refused::Full(report)) => {
                tracing::info!("reading waits: as many records as may wait are without an answer");
                self.outbox.push(report)
            }
            sent => sent,
        };
        if sent.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn keep(&mut self, record: &SealedRecord) -> Result<(), ListingError> {
        self.listing.add(SealedRecord { body: self.format.keep(&record.body, &mut self.room)?, ..record.clone() })
    }

    fn send_gap(&mut self, gap: Gap) -> ControlFlow<()> {
        self.gaps += 1;
        self.send(Report::Gap(gap))
    }
}

impl Receiver for Desk<'_> {
    type Progress = Reading;

    fn record(&mut self, record: Box<PackedRecord>) -> ControlFlow<()> {
        let record = wire::seal_in(&mut self.room, &record.read::<&[u8]>());
        self.records += 1;
        if let Err(fault) = self.keep(&record) {
            self.fault = Some(fault);
            return ControlFlow::Break(());
        }
        self.send(Report::Record(record))
    }

    fn loss(&mut self, loss: Loss) -> ControlFlow<()> {
        self.send_gap(gap::of_loss(loss))
    }

    fn note(&mut self, note: Note) -> ControlFlow<()> {
        log::note(note);
        gap::of_note(note).map_or(ControlFlow::Continue(()), |gap| self.send_gap(gap))
    }

    fn progress(&mut self, reading: Reading) {
        self.progress.update(reading.position, reading.frames, self.records);
    }
}
