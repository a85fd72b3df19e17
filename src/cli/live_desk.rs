//! Where the records of tap ports are received.

use core::ops::ControlFlow;

use super::gap;
use super::printer::Printer;
use crate::ch1::wire;
use crate::charging::PackedRecord;
use crate::outbox::{Gap, GapCause, Outbox, Refused, Report};
use crate::pipeline::{Receiver, Standing};
use crate::probe::{Loss, Note};
use crate::telemetry::{Status, Supervisor, log};
use crate::time::Timestamp;

/// Takes records from the core while it watches: each goes to the outbox, and is printed.
///
/// It never waits. A report that finds the outbox full is lost, and told as a gap as soon as there is room.
pub(super) struct LiveDesk<'a> {
    outbox: &'a Outbox,
    printer: Printer,
    /// Room to write a record in, used again and again.
    room: Vec<u8>,
    status: Option<Status>,
    supervisor: Supervisor,
    /// What was lost here and is not told yet.
    untold: Option<Gap>,
    /// Records that were lost between the core and here, as told so far.
    lost_before: u64,
    records: u64,
    gaps: u64,
}

impl<'a> LiveDesk<'a> {
    pub(super) fn new(outbox: &'a Outbox, printer: Printer, supervisor: Supervisor, status: bool) -> Self {
        let status = status.then(Status::new);
        Self {
            outbox,
            printer,
            room: Vec::new(),
            status,
            supervisor,
            untold: None,
            lost_before: 0,
            records: 0,
            gaps: 0,
        }
    }

    /// Gives how many gap notices left, and the printer.
    pub(super) fn finish(mut self) -> (u64, Printer) {
        let _ = self.tell_loss();
        (self.gaps, self.printer)
    }

    /// `Break` once the outbox takes nothing any more.
    fn send(&mut self, report: Report, time: Timestamp) -> ControlFlow<()> {
        match self.outbox.try_push(report) {
            Ok(_) => ControlFlow::Continue(()),
            Err(Refused::Closed(_)) => ControlFlow::Break(()),
            Err(Refused::Full(_)) => {
                self.lose(time, time, 1);
                ControlFlow::Continue(())
            }
        }
    }

    fn send_gap(&mut self, gap: Gap) -> ControlFlow<()> {
        self.gaps += 1;
        let time = gap.to;
        self.send(Report::Gap(gap), time)
    }

    fn lose(&mut self, from: Timestamp, to: Timestamp, count: u64) {
        let cause = GapCause::SessionsDropped;
        let untold = self.untold.get_or_insert_with(|| {
            tracing::error!("records are lost: as many as may wait are without an answer");
            Gap { interface: String::new(), from, to, count: 0, cause }
        });
        *untold =
            Gap { from: untold.from.min(from), to: untold.to.max(to), count: untold.count + count, ..untold.clone() };
    }

    fn tell_loss(&mut self) -> ControlFlow<()> {
        let Some(gap) = self.untold.take() else { return ControlFlow::Continue(()) };
        match self.outbox.try_push(Report::Gap(gap)) {
            Ok(_) => {
                self.gaps += 1;
                ControlFlow::Continue(())
            }
            Err(Refused::Full(Report::Gap(gap))) => {
                self.untold = Some(gap);
                ControlFlow::Continue(())
            }
            Err(_) => ControlFlow::Break(()),
        }
    }
}

impl Receiver for LiveDesk<'_> {
    type Progress = Standing;

    fn record(&mut self, record: Box<PackedRecord>) -> ControlFlow<()> {
        self.tell_loss()?;
        self.records += 1;
        let record = record.read::<&[u8]>();
        let stop = record.times.stop;
        let record = wire::seal_in(&mut self.room, &record);
        self.printer.print(&record);
        self.send(Report::Record(record), stop)
    }

    fn loss(&mut self, loss: Loss) -> ControlFlow<()> {
        self.send_gap(gap::of_loss(loss))
    }

    fn note(&mut self, note: Note) -> ControlFlow<()> {
        log::note(note);
        gap::of_note(note).map_or(ControlFlow::Continue(()), |gap| self.send_gap(gap))
    }

    fn progress(&mut self, standing: Standing) {
        let lost = standing.records_lost - self.lost_before;
        if lost > 0
            && let Some(now) = standing.now
        {
            self.lose(now, now, lost);
            self.lost_before = standing.records_lost;
        }
        let _ = self.tell_loss();
        self.supervisor.alive(&standing, self.records);
        if let Some(status) = &mut self.status {
            status.show(&standing, self.records);
        }
    }
}
