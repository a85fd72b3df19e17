//! The gRPC service: reads a stream of reports, hands them to the store, answers what is stored.

use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use super::committer::{Committed, Group};
use super::store::{Arrival, Outcome};
use crate::ch1::v1::charging_enabler_service_server::ChargingEnablerService;
use crate::ch1::v1::report_request::Report;
use crate::ch1::v1::{ReportRequest, ReportResponse, Result as Class};
use crate::ch1::wire;

/// Reports of one stream that were read and not yet answered: at this bound the stream is not read any further, and
/// HTTP/2 flow control holds the probe back. So a probe that sends and never reads cannot fill our memory.
const WINDOW: usize = 8192;
/// Most reports handed over at a time.
const GROUP: usize = 512;

pub(super) struct Service {
    pub(super) groups: mpsc::Sender<Group>,
    /// Turns true when the Enabler stops: what was read is still answered, nothing more is read.
    pub(super) stopping: watch::Receiver<bool>,
}

#[tonic::async_trait]
impl ChargingEnablerService for Service {
    type ReportStream = Answers;

    async fn report(&self, request: Request<Streaming<ReportRequest>>) -> Result<Response<Self::ReportStream>, Status> {
        let (reply, committed) = mpsc::unbounded_channel();
        let window = Arc::new(Semaphore::new(WINDOW));
        let (groups, stopping) = (self.groups.clone(), self.stopping.clone());
        tokio::spawn(read(request.into_inner(), groups, stopping, Arc::clone(&window), reply));
        Ok(Response::new(Answers { committed, pending: Vec::new().into_iter(), window }))
    }
}

/// Reads one stream until its end, its failure, or the Enabler's stop.
async fn read(
    mut requests: Streaming<ReportRequest>,
    groups: mpsc::Sender<Group>,
    mut stopping: watch::Receiver<bool>,
    window: Arc<Semaphore>,
    reply: mpsc::UnboundedSender<Committed>,
) {
    let mut stop = pin!(async move { stopping.wait_for(|stopping| *stopping).await.is_ok() });
    loop {
        let room = tokio::select! {
            _ = &mut stop => return,
            // Closed when the probe stopped listening to the answers.
            room = window.acquire() => match room { Ok(room) => room, Err(_) => return },
        };
        room.forget();
        let first = tokio::select! {
            _ = &mut stop => return,
            first = requests.next() => first,
        };
        let Some(Ok(first)) = first else { return };
        let mut group = Vec::with_capacity(16);
        group.push(Arrival::from(first));
        // Whatever else is here already goes along, without waiting for more.
        let mut ended = false;
        while group.len() < GROUP && !ended {
            let Ok(room) = window.try_acquire() else { break };
            match core::future::poll_fn(|context| Poll::Ready(Pin::new(&mut requests).poll_next(context))).await {
                Poll::Ready(Some(Ok(request))) => {
                    room.forget();
                    group.push(Arrival::from(request));
                }
                Poll::Ready(_) => ended = true,
                Poll::Pending => break,
            }
        }
        let group = Group { arrivals: group, reply: reply.clone() };
        if groups.send(group).await.is_err() || ended {
            return;
        }
    }
}

impl From<ReportRequest> for Arrival {
    fn from(request: ReportRequest) -> Self {
        let ReportRequest { probe, sequence, possible_duplicate: _, report } = request;
        match report {
            Some(Report::StopRecord(body)) => Self::Record { sequence, body },
            Some(Report::GapNotice(gap)) => Self::Gap { probe: probe.unwrap_or_default(), sequence, gap },
            None => Self::Nothing { sequence },
        }
    }
}

/// The answers of one stream, in the order in which its reports were stored. It ends when the reader has, and
/// everything read is answered.
pub(super) struct Answers {
    committed: mpsc::UnboundedReceiver<Committed>,
    pending: std::vec::IntoIter<ReportResponse>,
    window: Arc<Semaphore>,
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.window.close();
    }
}

impl Stream for Answers {
    type Item = Result<ReportResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(answer) = self.pending.next() {
                self.window.add_permits(1);
                return Poll::Ready(Some(Ok(answer)));
            }
            match self.committed.poll_recv(context) {
                Poll::Ready(Some(committed)) => self.pending = answers(committed).into_iter(),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

fn answers(committed: Committed) -> Vec<ReportResponse> {
    let Committed { arrivals, outcomes } = committed;
    let mut outcomes = outcomes.map(Vec::into_iter);
    let answer = |arrival| answer(arrival, outcomes.as_mut().and_then(Iterator::next));
    arrivals.into_iter().map(answer).collect()
}

/// The Response to one report; without an outcome the store failed.
fn answer(arrival: Arrival, outcome: Option<Outcome>) -> ReportResponse {
    let (sequence, record_id, revision) = match arrival {
        Arrival::Record { sequence, body } => {
            let (record_id, revision) = wire::name(&body);
            (sequence, record_id.to_owned(), revision)
        }
        Arrival::Gap { sequence, .. } | Arrival::Nothing { sequence } => (sequence, String::new(), 0),
    };
    let (class, reason, field) = match outcome {
        Some(Outcome::Accepted) => (Class::Accepted, None, None),
        Some(Outcome::Duplicate) => (Class::Duplicate, None, None),
        Some(Outcome::Rejected(invalid)) => {
            (Class::Rejected, Some(invalid.to_string()), Some(invalid.field.to_owned()))
        }
        None => (Class::RetryLater, Some("the store failed".to_owned()), None),
    };
    ReportResponse { sequence, record_id, revision, result: class.into(), reason, field }
}
