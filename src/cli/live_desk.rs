//! Where the records of tap ports are received.

use core::ops::ControlFlow;
use std::collections::VecDeque;

use super::gap;
use super::printer::Printer;
use crate::ch1::wire;
use crate::charging::PackedRecord;
use crate::outbox::{Gap, GapCause, Outbox, Refused, Report, SealedRecord};
use crate::pipeline::{Receiver, Standing};
use crate::probe::{Loss, Note};
use crate::telemetry::{DeskCounts, Status, Supervisor, Vitals, log};
use crate::time::Timestamp;

/// Takes records from the core while it watches: each goes to the outbox, and is printed.
///
/// It never waits. A record that finds the outbox full is lost, which a gap notice tells; a gap notice that does waits here
/// until there is room.
///
/// Invariant: `untold` has at most one notice for each port and cause, so that it stays short however long the outbox is full.
pub(super) struct LiveDesk<'a> {
    outbox: &'a Outbox,
    printer: Printer,
    /// Room to write a record in, used again and again.
    room: Vec<u8>,
    status: Option<Status>,
    /// Where it is shown how things stand.
    vitals: &'a Vitals,
    supervisor: Supervisor,
    /// Gap notices that found no room yet.
    untold: VecDeque<Gap>,
    /// Records that were lost between the core and here, as told so far.
    lost_before: u64,
    counts: DeskCounts,
}

impl<'a> LiveDesk<'a> {
    pub(super) fn new(
        outbox: &'a Outbox,
        printer: Printer,
        vitals: &'a Vitals,
        supervisor: Supervisor,
        status: bool,
    ) -> Self {
        let status = status.then(Status::new);
        let (room, untold, counts) = (Vec::new(), VecDeque::new(), DeskCounts::default());
        Self { outbox, printer, room, status, vitals, supervisor, untold, lost_before: 0, counts }
    }

    /// Gives what it counted, and the printer.
    pub(super) fn finish(mut self) -> (DeskCounts, Printer) {
        let _ = self.tell_untold();
        if !self.untold.is_empty() {
            tracing::error!(notices = self.untold.len(), "the Charging Enabler was not told of all that was lost");
        }
        self.vitals.stop(self.counts);
        (self.counts, self.printer)
    }

    /// `Break` once the outbox takes nothing any more.
    fn send_record(&mut self, record: SealedRecord) -> ControlFlow<()> {
        let stop = record.stop;
        match self.outbox.try_push(Report::Record(record)) {
            Ok(_) => ControlFlow::Continue(()),
            Err(Refused::Closed(_)) => ControlFlow::Break(()),
            Err(Refused::Full(_)) => {
                self.lose(stop, 1);
                ControlFlow::Continue(())
            }
        }
    }

    fn tell(&mut self, gap: Gap) -> ControlFlow<()> {
        self.put_down(gap);
        self.tell_untold()
    }

    /// Puts a gap down, to be told as soon as there is room. Others of its kind that wait become one with it: a notice may say
    /// too much, never too little.
    fn put_down(&mut self, gap: Gap) {
        let alike = |waiting: &&mut Gap| (waiting.cause, &waiting.interface) == (gap.cause, &gap.interface);
        match self.untold.iter_mut().find(alike) {
            Some(waiting) => {
                waiting.from = waiting.from.min(gap.from);
                waiting.to = waiting.to.max(gap.to);
                waiting.count = waiting.count.saturating_add(gap.count);
            }
            None => self.untold.push_back(gap),
        }
    }

    fn lose(&mut self, stop: Timestamp, count: u64) {
        if !self.untold.iter().any(|gap| gap.cause == GapCause::RecordsDropped) {
            tracing::error!("records are lost: as many as may wait are without an answer");
        }
        self.counts.records_lost += count;
        let interface = String::new();
        self.put_down(Gap { interface, from: stop, to: stop, count, cause: GapCause::RecordsDropped });
    }

    fn tell_untold(&mut self) -> ControlFlow<()> {
        while let Some(gap) = self.untold.pop_front() {
            let cause = gap.cause;
            match self.outbox.try_push(Report::Gap(gap)) {
                Ok(_) => self.counts.gap_notices.add(cause),
                Err(Refused::Full(Report::Gap(gap))) => {
                    self.untold.push_front(gap);
                    break;
                }
                Err(_) => return ControlFlow::Break(()),
            }
        }
        self.counts.untold = self.untold.len();
        ControlFlow::Continue(())
    }
}

impl Receiver for LiveDesk<'_> {
    type Progress = Standing;

    fn record(&mut self, record: Box<PackedRecord>) -> ControlFlow<()> {
        self.tell_untold()?;
        self.counts.records += 1;
        let record = wire::seal_in(&mut self.room, &record.read::<&[u8]>());
        self.counts.unprinted += u64::from(!self.printer.print(&record));
        self.send_record(record)
    }

    fn loss(&mut self, loss: Loss) -> ControlFlow<()> {
        self.tell(gap::of_loss(loss))
    }

    fn note(&mut self, note: Note) -> ControlFlow<()> {
        log::note(note);
        gap::of_note(note).map_or(ControlFlow::Continue(()), |gap| self.tell(gap))
    }

    fn progress(&mut self, standing: Standing) {
        let lost = standing.records_lost - self.lost_before;
        if lost > 0
            && let Some(now) = standing.now
        {
            self.lose(now, lost);
            self.lost_before = standing.records_lost;
        }
        let _ = self.tell_untold();
        self.supervisor.alive(&standing, self.counts.records);
        if let Some(status) = &mut self.status {
            status.show(&standing, self.counts.records);
        }
        self.vitals.stand(standing, self.counts);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ch1::{Answers, samples};
    use crate::cli::format::Format;
    use crate::outbox::Limits;
    use crate::packet::InterfaceId;
    use crate::telemetry::metrics::Process;

    /// An outbox with room for so many reports, and what shows it.
    fn outbox(items: usize) -> (Arc<Outbox>, Vitals) {
        let outbox = Arc::new(Outbox::new(Limits { items, bytes: usize::MAX }));
        (Arc::clone(&outbox), Vitals::new(&[], outbox, Answers::default(), Process::started()))
    }

    fn desk<'a>(outbox: &'a Outbox, vitals: &'a Vitals) -> LiveDesk<'a> {
        LiveDesk::new(outbox, Printer::start(Format::Json).unwrap(), vitals, Supervisor::default(), false)
    }

    fn loss(interface: u16, second: i64, count: u64) -> Loss {
        Loss { interface: InterfaceId(interface), from: samples::at(second), to: samples::at(second + 1), count }
    }

    /// Answers what waits, and gives it.
    fn answered(outbox: &Outbox) -> Vec<Report> {
        let mut parcels = Vec::new();
        outbox.take(usize::MAX, &mut parcels);
        parcels.iter().map(|parcel| outbox.settle(parcel.sequence, |_| true).unwrap()).collect()
    }

    fn gap(interface: &str, (from, to): (i64, i64), count: u64, cause: GapCause) -> Report {
        Report::Gap(Gap { interface: interface.into(), from: samples::at(from), to: samples::at(to), count, cause })
    }

    #[test]
    fn a_gap_notice_that_finds_no_room_is_told_later_and_is_no_lost_record() {
        let (outbox, vitals) = outbox(1);
        let mut desk = desk(&outbox, &vitals);
        for (interface, second) in [(0, 10), (0, 20), (1, 30)] {
            assert!(desk.loss(loss(interface, second, 5)).is_continue());
        }
        assert_eq!(answered(&outbox), [gap("0", (10, 11), 5, GapCause::FramesLost)]);
        assert!(desk.tell_untold().is_continue());
        assert_eq!(answered(&outbox), [gap("0", (20, 21), 5, GapCause::FramesLost)]);
        assert_eq!(desk.counts.records_lost, 0);
        assert_eq!(desk.finish().0.gap_notices.sum(), 3);
        assert_eq!(answered(&outbox), [gap("1", (30, 31), 5, GapCause::FramesLost)]);
    }

    #[test]
    fn gap_notices_of_one_port_that_wait_become_one() {
        let (outbox, vitals) = outbox(1);
        let mut desk = desk(&outbox, &vitals);
        for second in [10, 20, 40, 30] {
            assert!(desk.loss(loss(0, second, 5)).is_continue());
        }
        assert_eq!(answered(&outbox).len(), 1);
        assert!(desk.tell_untold().is_continue());
        assert_eq!(answered(&outbox), [gap("0", (20, 41), 15, GapCause::FramesLost)]);
        assert_eq!(desk.finish().0.gap_notices.sum(), 2, "those that left");
    }

    #[test]
    fn a_notice_that_never_found_room_did_not_leave() {
        let (outbox, vitals) = outbox(1);
        let mut desk = desk(&outbox, &vitals);
        assert!(desk.loss(loss(0, 10, 5)).is_continue());
        assert!(desk.loss(loss(0, 20, 5)).is_continue());
        assert_eq!(desk.finish().0.gap_notices.sum(), 1);
    }

    #[test]
    fn records_that_find_no_room_are_counted_and_told() {
        let (outbox, vitals) = outbox(1);
        let mut desk = desk(&outbox, &vitals);
        let record = wire::seal(&samples::bare());
        for _ in 0..3 {
            assert!(desk.send_record(record.clone()).is_continue());
        }
        assert_eq!(desk.counts.records_lost, 2);
        assert_eq!(answered(&outbox).len(), 1);
        assert!(desk.tell_untold().is_continue());
        let lost = Gap {
            interface: String::new(),
            from: record.stop,
            to: record.stop,
            count: 2,
            cause: GapCause::RecordsDropped,
        };
        assert_eq!(answered(&outbox), [Report::Gap(lost)]);
    }

    #[test]
    fn records_lost_before_the_desk_are_told_once() {
        let (outbox, vitals) = outbox(9);
        let mut desk = desk(&outbox, &vitals);
        let standing = Standing { records_lost: 7, now: Some(samples::at(50)), ..Standing::default() };
        desk.progress(standing.clone());
        desk.progress(standing);
        assert_eq!(desk.counts.records_lost, 7);
        assert_eq!(answered(&outbox), [gap("", (50, 50), 7, GapCause::RecordsDropped)]);
    }
}
