//! Delivery of the outbox: connect, keep a window of reports under way, connect again when that is lost.

use core::time::Duration;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use tonic::{Status, Streaming};

use super::options::{Acknowledgements, Answers, Ch1Error, ClientOptions, Parked};
use super::v1::charging_enabler_service_client::ChargingEnablerServiceClient;
use super::v1::{ProbeIdentity, ReportRequest, ReportResponse, Result as Class, report_request};
use super::wire;
use crate::charging::Trigger;
use crate::outbox::{Outbox, Parcel, Report};
use crate::time::Timestamp;

/// Most reports converted before the answers are looked at again.
const CHUNK: usize = 128;

/// The client's task.
///
/// Invariant: at most `window` reports are under way, and the channel to the stream has as many places, so it never
/// refuses one and nothing is kept between the outbox and the stream.
pub(super) struct Delivery {
    address: String,
    endpoint: Endpoint,
    options: ClientOptions,
    outbox: Arc<Outbox>,
    answers: Answers,
    /// Since when reports wait without any of them being settled; nothing waits when absent.
    waiting_since: Option<Instant>,
    /// It is known that nothing more will come.
    closing: bool,
    /// When what was deferred may leave again, and how long the wait was.
    retry: Option<Instant>,
    retry_backoff: Backoff,
    /// What the last attempt failed with.
    last: String,
}

/// How a connection, or the delivery, ended.
enum Ending {
    Drained,
    Lost(String),
    GiveUp,
}

impl Delivery {
    pub(super) fn new(
        url: &str,
        endpoint: Endpoint,
        options: ClientOptions,
        outbox: Arc<Outbox>,
        answers: Answers,
    ) -> Self {
        let retry_backoff = Backoff::new(&options);
        let last = "not connected yet".to_owned();
        let address = url.to_owned();
        Self {
            address,
            endpoint,
            options,
            outbox,
            answers,
            waiting_since: None,
            closing: false,
            retry: None,
            retry_backoff,
            last,
        }
    }

    /// Delivers until the outbox is drained or the patience is at its end.
    pub(super) async fn run(mut self) -> Result<(), Ch1Error> {
        self.deliver().await?;
        self.answers.change(|answers| answers.complete = Some(Instant::now().into_std()));
        Ok(())
    }

    async fn deliver(&mut self) -> Result<(), Ch1Error> {
        let mut backoff = Backoff::new(&self.options);
        loop {
            let settled = self.outbox.counts().settled;
            let ending = self.converse().await;
            self.answers.change(|answers| answers.connected = false);
            match ending {
                Ending::Drained => return Ok(()),
                Ending::GiveUp => return Err(self.gave_up()),
                Ending::Lost(why) => {
                    // Once for each reason: an Enabler that stays away is tried again and again.
                    if self.last == why {
                        tracing::debug!(address = self.address, why, "still no connection to the Charging Enabler");
                    } else {
                        tracing::warn!(address = self.address, why, "no connection to the Charging Enabler");
                    }
                    self.last = why;
                }
            }
            self.outbox.disconnected();
            self.outbox.release();
            self.retry = None;
            self.answers.change(|answers| answers.disconnects += 1);
            if self.outbox.counts().settled > settled {
                backoff.reset();
            }
            match self.pause(Instant::now() + backoff.next()).await {
                None => {}
                Some(Ending::GiveUp) => return Err(self.gave_up()),
                Some(_) => return Ok(()),
            }
        }
    }

    fn gave_up(&self) -> Ch1Error {
        Ch1Error::GaveUp {
            address: self.address.clone(),
            seconds: self.patience().unwrap_or_default().as_secs(),
            unacknowledged: self.outbox.counts().kept,
            last: self.last.clone(),
            acknowledgements: Box::new(self.answers.look(Clone::clone)),
        }
    }

    /// Waits until then, or until there is a reason not to wait any more.
    async fn pause(&mut self, until: Instant) -> Option<Ending> {
        loop {
            if self.outbox.is_drained() {
                return Some(Ending::Drained);
            }
            let give_up = self.give_up_at();
            tokio::select! {
                () = sleep_until(until) => return None,
                () = at(give_up) => return Some(Ending::GiveUp),
                () = self.outbox.changed() => {}
            }
            // What is left of the time is for trying.
            if self.outbox.is_closed() && !self.closing {
                return None;
            }
        }
    }

    /// When patience ends: counted from the last progress, and only while something waits. That of the end begins with the end:
    /// an Enabler that was away until then may come back within it.
    fn give_up_at(&mut self) -> Option<Instant> {
        if self.outbox.is_closed()
            && !core::mem::replace(&mut self.closing, true)
            && self.options.give_up_at_the_end.is_some()
        {
            self.waiting_since = None;
        }
        if self.outbox.counts().kept == 0 {
            self.waiting_since = None;
            return None;
        }
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        self.patience().map(|patience| since + patience)
    }

    fn patience(&self) -> Option<Duration> {
        let at_the_end = self.options.give_up_at_the_end.filter(|_| self.outbox.is_closed());
        at_the_end.or(self.options.give_up_after)
    }

    /// One connection, from its making to its loss.
    async fn converse(&mut self) -> Ending {
        let (requests, stream) = mpsc::channel(self.options.window.max(1));
        let endpoint = self.endpoint.clone();
        let opening = tokio::spawn(async move {
            let channel = endpoint.connect().await.map_err(|error| causes(&error))?;
            let mut client = ChargingEnablerServiceClient::new(channel);
            let answers = client.report(ReceiverStream::new(stream)).await.map_err(|status| reason(&status))?;
            Ok::<_, String>(answers.into_inner())
        });
        let mut opening = AbortOnDrop(opening);
        // A peer that accepts the connection and then says nothing is noticed by PING, or here.
        let overdue = Instant::now() + self.options.connect_timeout + self.options.answer_timeout;
        let responses = loop {
            if self.outbox.is_drained() {
                return Ending::Drained;
            }
            let give_up = self.give_up_at();
            tokio::select! {
                opened = &mut opening.0 => match opened {
                    Ok(Ok(responses)) => break responses,
                    Ok(Err(why)) => return Ending::Lost(why),
                    Err(_) => return Ending::Lost("the attempt was aborted".to_owned()),
                },
                () = sleep_until(overdue) => return Ending::Lost("no answer to the call".to_owned()),
                () = at(give_up) => return Ending::GiveUp,
                () = self.outbox.changed() => {}
            }
        };
        tracing::info!(address = self.address, "connected to the Charging Enabler");
        self.answers.change(|answers| {
            answers.connections += 1;
            answers.connected = true;
        });
        self.last = "connected, and then no answer".to_owned();
        self.exchange(&requests, responses).await
    }

    /// Sends and settles on one stream.
    async fn exchange(
        &mut self,
        requests: &mpsc::Sender<ReportRequest>,
        mut responses: Streaming<ReportResponse>,
    ) -> Ending {
        let mut parcels = Vec::new();
        let mut last_answer = Instant::now();
        loop {
            let before = self.outbox.counts();
            if before.kept == 0 && self.outbox.is_drained() {
                return Ending::Drained;
            }
            if before.under_way == 0 {
                last_answer = Instant::now();
            }
            let room = self.options.window.max(1).saturating_sub(before.under_way);
            self.outbox.take(room.min(CHUNK), &mut parcels);
            let more = parcels.len() == CHUNK;
            for parcel in parcels.drain(..) {
                if requests.try_send(self.request(parcel)).is_err() {
                    return Ending::Lost("the stream ended".to_owned());
                }
            }
            let give_up = self.give_up_at();
            let silent = (self.outbox.counts().under_way > 0).then(|| last_answer + self.options.answer_timeout);
            tokio::select! {
                biased;
                response = responses.message() => {
                    match response {
                        Ok(Some(response)) => self.answer(response),
                        Ok(None) => return Ending::Lost("the Charging Enabler ended the stream".to_owned()),
                        Err(status) => return Ending::Lost(reason(&status)),
                    }
                    last_answer = Instant::now();
                    // The answers of one commit come together; their room is filled at once.
                    if let Some(ending) = self.answers_at_hand(&mut responses).await {
                        return ending;
                    }
                }
                () = tokio::task::yield_now(), if more => {}
                () = self.outbox.changed(), if !more => {}
                () = at(self.retry) => {
                    self.retry = None;
                    self.outbox.release();
                }
                () = at(silent) => return Ending::Lost("reports were left unanswered".to_owned()),
                () = at(give_up) => return Ending::GiveUp,
            }
        }
    }

    /// Settles what was answered already, without waiting; at most a window of it.
    async fn answers_at_hand(&mut self, responses: &mut Streaming<ReportResponse>) -> Option<Ending> {
        for _ in 0..self.options.window {
            let next = tokio::select! {
                biased;
                response = responses.message() => response,
                () = core::future::ready(()) => return None,
            };
            match next {
                Ok(Some(response)) => self.answer(response),
                Ok(None) => return Some(Ending::Lost("the Charging Enabler ended the stream".to_owned())),
                Err(status) => return Some(Ending::Lost(reason(&status))),
            }
        }
        None
    }

    fn request(&self, parcel: Parcel) -> ReportRequest {
        let report = match &parcel.report {
            Report::Record(record) => report_request::Report::StopRecord(record.body.clone()),
            Report::Gap(gap) => report_request::Report::GapNotice(wire::gap(gap)),
        };
        ReportRequest {
            probe: Some(ProbeIdentity {
                probe_id: self.options.probe_id.clone(),
                origin_state_id: self.options.origin_state_id,
            }),
            sequence: parcel.sequence,
            possible_duplicate: parcel.possible_duplicate,
            report: Some(report),
        }
    }

    fn answer(&mut self, response: ReportResponse) {
        let class = response.result();
        let ReportResponse { sequence, record_id, revision, result: _, reason, field } = response;
        if matches!(class, Class::RetryLater | Class::Unspecified) {
            if self.outbox.defer(sequence) {
                if self.retry.is_none() {
                    self.retry = Some(Instant::now() + self.retry_backoff.next());
                }
                if let Some(reason) = reason {
                    self.last = reason;
                }
                self.answers.change(|answers| answers.retries += 1);
            } else {
                self.answers.change(|answers| answers.unexpected += 1);
            }
            return;
        }
        let fits = |report: &Report| match report {
            Report::Record(record) => wire::is_hex(record.record_id, &record_id) && record.revision == revision,
            Report::Gap(_) => true,
        };
        let report = match self.outbox.settle(sequence, fits) {
            Ok(report) => report,
            Err(why) => {
                tracing::debug!(sequence, %why, "answer ignored");
                self.answers.change(|answers| answers.unexpected += 1);
                return;
            }
        };
        self.waiting_since = Some(Instant::now());
        self.retry_backoff.reset();
        if let Some(latency) = self.latency(&report) {
            self.answers.change(|answers| answers.latencies.add(latency));
        }
        match class {
            Class::Accepted => self.answers.change(|answers| answers.accepted += 1),
            Class::Duplicate => self.answers.change(|answers| answers.duplicates += 1),
            _ => {
                let reason = reason.unwrap_or_default();
                tracing::warn!(record_id, revision, reason, field, "record rejected");
                self.answers.change(|answers| {
                    answers.rejected += 1;
                    if answers.parked.len() < Acknowledgements::PARKED {
                        answers.parked.push(Parked { report, reason, field });
                    }
                });
            }
        }
    }

    /// How long it took from the BYE that this record tells of to now, when its Response is here; absent where no BYE
    /// triggered it, and where that is not news.
    fn latency(&self, report: &Report) -> Option<Duration> {
        let Report::Record(record) = report else { return None };
        if !self.options.live || record.revision != 1 || record.trigger != Trigger::Bye {
            return None;
        }
        // Frames are stamped by the clock of this machine.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(Timestamp::from_nanos(0).plus(now).since(record.stop))
    }
}

/// Ends the attempt to connect when nobody waits for it any more.
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits until then; for ever when there is no such time.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => core::future::pending().await,
    }
}

/// The innermost cause: "Connection refused" says more than "transport error".
fn causes(error: &dyn core::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn reason(status: &Status) -> String {
    match core::error::Error::source(status) {
        Some(source) => causes(source),
        None => format!("{}: {}", status.code(), status.message()),
    }
}

/// Waits that double, each cut short by chance by up to half, so that the probes of a network do not come back to a
/// restarted Enabler all at once.
struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
    chance: RandomState,
    turn: u64,
}

impl Backoff {
    fn new(options: &ClientOptions) -> Self {
        let (first, longest) = (options.backoff, options.longest_backoff);
        Self { first, longest, next: first, chance: RandomState::new(), turn: 0 }
    }

    fn reset(&mut self) {
        self.next = self.first;
    }

    fn next(&mut self) -> Duration {
        let wait = self.next.min(self.longest);
        self.next = wait.saturating_mul(2);
        self.turn = self.turn.wrapping_add(1);
        // 0 to 1023 of 2048 parts, taken off.
        let cut = u32::try_from(self.chance.hash_one(self.turn) % 1024).unwrap_or(0);
        wait - wait.saturating_mul(cut) / 2048
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew() {
        let options = ClientOptions {
            backoff: Duration::from_millis(100),
            longest_backoff: Duration::from_millis(300),
            ..ClientOptions::default()
        };
        let mut backoff = Backoff::new(&options);
        for full in [100, 200, 300, 300] {
            let wait = backoff.next();
            let full = Duration::from_millis(full);
            assert!(wait > full / 2 && wait <= full, "{wait:?} of {full:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(100));
    }
}
