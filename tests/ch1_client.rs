//! The CH-1 client against a Charging Enabler that follows a script: it loses connections, answers late, twice, wrongly
//! or not at all. Nothing waits by sleeping: every step is a message from one side to the other.
#![cfg(feature = "enabler")]

mod ch1_support;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use ch1_support::{record, report, revision};
use tokio::sync::mpsc as tokio_mpsc;
use tokio_stream::wrappers::{TcpListenerStream, UnboundedReceiverStream};
use tolltap::ch1::v1::charging_enabler_service_server::{ChargingEnablerService, ChargingEnablerServiceServer};
use tolltap::ch1::v1::report_request::Report as Body;
use tolltap::ch1::v1::{ReportRequest, ReportResponse, Result as Class};
use tolltap::ch1::{Acknowledgements, Ch1Client, Ch1Error, ClientOptions};
use tolltap::charging::{End, StopRecord, Times, Trigger};
use tolltap::outbox::{Gap, GapCause, Limits, Outbox, Refused, Report};
use tolltap::time::Timestamp;
use tonic::{Request, Response, Status, Streaming};

/// Longest that any step of a test may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

type Answer = Result<ReportResponse, Status>;

/// One stream as the script sees it.
struct Conversation {
    requests: Receiver<ReportRequest>,
    answers: tokio_mpsc::UnboundedSender<Answer>,
}

impl Conversation {
    /// The next request.
    fn next(&self) -> ReportRequest {
        self.requests.recv_timeout(PATIENCE).expect("a request")
    }

    fn sequences(&self, count: usize) -> Vec<u64> {
        (0..count).map(|_| self.next().sequence).collect()
    }

    fn answer(&self, request: &ReportRequest, class: Class) {
        self.send(response(request, class));
    }

    fn send(&self, response: ReportResponse) {
        self.answers.send(Ok(response)).unwrap();
    }

    /// Answers all that comes until the client ends the stream.
    fn accept_the_rest(&self) -> Vec<(u64, bool)> {
        let mut seen = Vec::new();
        while let Ok(request) = self.requests.recv_timeout(PATIENCE) {
            seen.push((request.sequence, request.possible_duplicate));
            self.answer(&request, Class::Accepted);
        }
        seen
    }
}

fn response(request: &ReportRequest, class: Class) -> ReportResponse {
    let (record_id, revision) = match &request.report {
        Some(Body::StopRecord(body)) => {
            let (record_id, revision) = tolltap::ch1::wire::name(body);
            (record_id.to_owned(), revision)
        }
        _ => (String::new(), 0),
    };
    ReportResponse {
        sequence: request.sequence,
        record_id,
        revision,
        result: class.into(),
        reason: Some("as the script says".into()),
        field: (class == Class::Rejected).then(|| "call_id".into()),
    }
}

/// The fake Enabler's service: hands each stream to the script.
struct Fake(Sender<Conversation>);

#[tonic::async_trait]
impl ChargingEnablerService for Fake {
    type ReportStream = UnboundedReceiverStream<Answer>;

    async fn report(&self, request: Request<Streaming<ReportRequest>>) -> Result<Response<Self::ReportStream>, Status> {
        let mut stream = request.into_inner();
        let (sender, requests) = channel();
        let (answers, outgoing) = tokio_mpsc::unbounded_channel();
        self.0.send(Conversation { requests, answers }).map_err(|_| Status::unavailable("script over"))?;
        tokio::spawn(async move {
            while let Ok(Some(request)) = stream.message().await {
                if sender.send(request).is_err() {
                    break;
                }
            }
        });
        Ok(Response::new(UnboundedReceiverStream::new(outgoing)))
    }
}

struct Stage {
    address: SocketAddr,
    streams: Receiver<Conversation>,
}

impl Stage {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, streams) = channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        thread::spawn(move || {
            runtime.block_on(async {
                let incoming = TcpListenerStream::new(tokio::net::TcpListener::from_std(listener).unwrap());
                let service = ChargingEnablerServiceServer::new(Fake(sender));
                tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming).await
            })
        });
        Self { address, streams }
    }

    fn stream(&self) -> Conversation {
        self.streams.recv_timeout(PATIENCE).expect("a stream")
    }

    fn client(&self, outbox: &Arc<Outbox>) -> Ch1Client {
        Ch1Client::start(&format!("http://{}", self.address), quick(), Arc::clone(outbox)).unwrap()
    }
}

/// Short waits, so that no test takes long; long patience, so that a slow machine fails none.
fn quick() -> ClientOptions {
    ClientOptions {
        backoff: Duration::from_millis(1),
        longest_backoff: Duration::from_millis(5),
        give_up_after: Some(PATIENCE),
        ..ClientOptions::default()
    }
}

fn outbox() -> Arc<Outbox> {
    Arc::new(Outbox::new(Limits::default()))
}

fn filled(count: u64) -> Arc<Outbox> {
    let outbox = outbox();
    (0..count).for_each(|n| _ = outbox.push(report(record(n))).unwrap());
    outbox
}

/// Runs the script beside `finish`, which blocks.
fn finish_beside<T: Send + 'static>(
    client: Ch1Client,
    script: impl FnOnce() -> T + Send + 'static,
) -> (Result<Acknowledgements, Ch1Error>, T) {
    let script = thread::spawn(script);
    let finished = client.finish();
    (finished, script.join().unwrap())
}

#[test]
fn sends_in_order_with_its_identity_and_ends_when_all_is_answered() {
    let stage = Stage::open();
    let client = stage.client(&filled(3));
    let stream = stage.stream();
    let first = stream.next();
    let probe = first.probe.clone().unwrap();
    assert_eq!((probe.probe_id.as_str(), first.sequence, first.possible_duplicate), ("tolltap", 1, false));
    stream.answer(&first, Class::Accepted);
    let (finished, rest) = finish_beside(client, move || stream.accept_the_rest());
    assert_eq!(rest, [(2, false), (3, false)]);
    assert_eq!(finished.unwrap().accepted, 3);
}

#[test]
fn sends_again_what_was_not_answered_when_the_connection_was_lost() {
    let stage = Stage::open();
    let client = stage.client(&filled(4));
    let stream = stage.stream();
    let requests: Vec<_> = (0..4).map(|_| stream.next()).collect();
    stream.answer(&requests[1], Class::Accepted);
    stream.answers.send(Err(Status::unavailable("restarting"))).unwrap();
    let second = stage.stream();
    let (finished, again) = finish_beside(client, move || second.accept_the_rest());
    assert_eq!(again, [(1, true), (3, true), (4, true)]);
    let answers = finished.unwrap();
    assert_eq!((answers.accepted, answers.disconnects), (4, 1));
}

#[test]
fn the_time_from_a_bye_to_its_response_is_that_of_first_revisions_alone() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let stop = Timestamp::from_nanos(0).plus(now).minus(Duration::from_millis(100));
    let ended = |record: StopRecord, trigger| {
        let (times, end) = (Times { stop, ..record.times }, End { trigger, ..record.end.clone() });
        report(StopRecord { times, end, ..record })
    };
    let reports = [
        ended(record(1), Trigger::Bye),
        ended(revision(2, 2), Trigger::Bye),
        ended(record(3), Trigger::SessionTimer),
        ended(record(4), Trigger::ByeAnswer),
    ];
    for live in [true, false] {
        let stage = Stage::open();
        let outbox = outbox();
        reports.iter().for_each(|report| _ = outbox.push(report.clone()).unwrap());
        let options = ClientOptions { live, ..quick() };
        let client = Ch1Client::start(&format!("http://{}", stage.address), options, outbox).unwrap();
        let stream = stage.stream();
        let (finished, _) = finish_beside(client, move || stream.accept_the_rest());
        let latencies = finished.unwrap().latencies;
        assert_eq!(latencies.buckets().count(), u64::from(live));
        if live {
            let within = Duration::from_millis(99)..PATIENCE;
            assert!(within.contains(&latencies.longest()), "{:?}", latencies.longest());
        }
    }
}

#[test]
fn whoever_looks_sees_whether_there_is_a_connection() {
    let stage = Stage::open();
    let outbox = outbox();
    let client = stage.client(&outbox);
    let answers = client.answers();
    let until = |what: &str, so: fn(&Acknowledgements) -> bool| {
        let start = Instant::now();
        while !answers.look(so) {
            assert!(start.elapsed() < PATIENCE, "{what}");
            thread::yield_now();
        }
    };
    let first = stage.stream();
    until("it is connected", |answers| answers.connected && answers.connections == 1);
    drop(first);
    let second = stage.stream();
    until("it is connected again", |answers| answers.connected && answers.connections == 2);
    assert!(answers.look(|answers| answers.disconnects) >= 1);
    drop(stage);
    let (finished, _) = finish_beside(client, move || second.accept_the_rest());
    finished.unwrap();
    assert!(!answers.look(|answers| answers.connected));
}

#[test]
fn survives_a_stream_that_ends_without_a_word_again_and_again() {
    let stage = Stage::open();
    let client = stage.client(&filled(5));
    for _ in 0..4 {
        let stream = stage.stream();
        let request = stream.next();
        stream.answer(&request, Class::Accepted);
        // Dropping it ends the stream.
    }
    let last = stage.stream();
    let (finished, rest) = finish_beside(client, move || last.accept_the_rest());
    assert_eq!(rest, [(5, true)]);
    assert_eq!(finished.unwrap().accepted, 5);
}

#[test]
fn comes_back_later_when_told_to_and_holds_later_revisions_meanwhile() {
    let stage = Stage::open();
    let outbox = outbox();
    outbox.push(report(record(1))).unwrap();
    outbox.push(report(revision(1, 2))).unwrap();
    outbox.push(report(record(2))).unwrap();
    let client = stage.client(&outbox);
    let stream = stage.stream();
    let first = stream.next();
    let other = stream.next();
    assert_eq!((first.sequence, other.sequence), (1, 3), "the revision waits, another session does not");
    stream.answer(&first, Class::RetryLater);
    let again = stream.next();
    assert_eq!((again.sequence, again.possible_duplicate), (1, false), "an answered report was not stored");
    stream.answer(&again, Class::Unspecified);
    let third = stream.next();
    assert_eq!(third.sequence, 1, "an unknown class means later too");
    stream.answer(&third, Class::Accepted);
    let later = stream.next();
    assert_eq!(later.sequence, 2);
    stream.answer(&later, Class::Accepted);
    stream.answer(&other, Class::Accepted);
    let answers = client.finish().unwrap();
    assert_eq!((answers.accepted, answers.retries), (3, 2));
}

#[test]
fn parks_what_is_rejected_with_the_reason() {
    let stage = Stage::open();
    let client = stage.client(&filled(2));
    let stream = stage.stream();
    let (bad, good) = (stream.next(), stream.next());
    stream.answer(&bad, Class::Rejected);
    stream.answer(&good, Class::Duplicate);
    let answers = client.finish().unwrap();
    assert_eq!((answers.rejected, answers.duplicates, answers.accepted), (1, 1, 0));
    let parked = &answers.parked[0];
    assert_eq!((parked.reason.as_str(), parked.field.as_deref()), ("as the script says", Some("call_id")));
    assert_eq!(parked.report, report(record(0)));
}

#[test]
fn ignores_answers_twice_out_of_order_and_about_nothing() {
    let stage = Stage::open();
    let client = stage.client(&filled(2));
    let stream = stage.stream();
    let (first, second) = (stream.next(), stream.next());
    stream.answer(&second, Class::Accepted);
    stream.answer(&second, Class::Accepted);
    stream.send(ReportResponse { sequence: 99, ..response(&first, Class::Accepted) });
    stream.send(ReportResponse { record_id: "0".repeat(32), ..response(&first, Class::Accepted) });
    stream.send(ReportResponse { revision: 7, ..response(&first, Class::Accepted) });
    stream.send(ReportResponse { sequence: 99, ..response(&first, Class::RetryLater) });
    stream.answer(&first, Class::Accepted);
    let answers = client.finish().unwrap();
    assert_eq!((answers.accepted, answers.unexpected), (2, 5));
}

#[test]
fn an_answer_after_the_reconnection_counts_once() {
    let stage = Stage::open();
    let client = stage.client(&filled(1));
    let first = stage.stream();
    let request = first.next();
    first.answers.send(Err(Status::internal("lost"))).unwrap();
    let second = stage.stream();
    let again = second.next();
    assert!(again.possible_duplicate);
    // The old answer comes on the new stream, as through a proxy; then the new one.
    second.answer(&request, Class::Accepted);
    let answers = client.finish().unwrap();
    assert_eq!((answers.accepted, answers.unexpected), (1, 0));
}

#[test]
fn keeps_no_more_than_its_window_under_way() {
    let stage = Stage::open();
    let outbox = filled(10);
    let options = ClientOptions { window: 3, ..quick() };
    let client = Ch1Client::start(&format!("http://{}", stage.address), options, Arc::clone(&outbox)).unwrap();
    let stream = stage.stream();
    let requests: Vec<_> = (0..3).map(|_| stream.next()).collect();
    assert_eq!(outbox.counts().under_way, 3);
    assert!(stream.requests.try_recv().is_err());
    stream.answer(&requests[2], Class::Accepted);
    assert_eq!(stream.sequences(1), [4], "one answer makes room for one report");
    requests[..2].iter().for_each(|request| stream.answer(request, Class::Accepted));
    stream.send(ReportResponse { sequence: 4, ..response(&request_for(3), Class::Accepted) });
    let (finished, _) = finish_beside(client, move || stream.accept_the_rest());
    assert_eq!(finished.unwrap().accepted, 10);
}

/// A request for the `n`th record, to answer one whose own was not kept.
fn request_for(n: u64) -> ReportRequest {
    let stop_record = tolltap::ch1::wire::encode(&record(n)).into();
    ReportRequest { report: Some(Body::StopRecord(stop_record)), ..ReportRequest::default() }
}

#[test]
fn connects_anew_when_reports_are_left_unanswered() {
    let stage = Stage::open();
    let options = ClientOptions { answer_timeout: Duration::from_millis(50), ..quick() };
    let client = Ch1Client::start(&format!("http://{}", stage.address), options, filled(1)).unwrap();
    let silent = stage.stream();
    silent.next();
    let second = stage.stream();
    let (finished, rest) = finish_beside(client, move || second.accept_the_rest());
    // A slow machine may need more than one more attempt; what counts is that the report got through.
    let answers = finished.unwrap();
    assert_eq!(answers.accepted, 1);
    assert!(answers.disconnects >= 1);
    assert!(rest.first().is_none_or(|first| *first == (1, true)));
    drop(silent);
}

#[test]
fn a_peer_that_takes_the_connection_and_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let options = ClientOptions {
        keepalive_interval: Duration::from_millis(20),
        keepalive_timeout: Duration::from_millis(20),
        answer_timeout: Duration::from_secs(60),
        give_up_after: Some(Duration::from_millis(300)),
        ..quick()
    };
    let outbox = filled(2);
    let client = Ch1Client::start(&url, options, Arc::clone(&outbox)).unwrap();
    let Err(error) = client.finish() else { panic!("nobody answered") };
    let Ch1Error::GaveUp { unacknowledged, acknowledgements, .. } = &error else { panic!("{error}") };
    assert_eq!(*unacknowledged, 2);
    assert!(acknowledgements.disconnects >= 1, "the PING found it out");
    assert_eq!(outbox.counts().kept, 2);
}

#[test]
fn gives_up_with_one_line_and_frees_the_producer() {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let outbox = Arc::new(Outbox::new(Limits { items: 1, bytes: usize::MAX }));
    let options = ClientOptions { give_up_after: Some(Duration::from_millis(50)), ..quick() };
    let client = Ch1Client::start(&format!("http://{address}"), options, Arc::clone(&outbox)).unwrap();
    outbox.push(report(record(0))).unwrap();
    assert!(matches!(outbox.push(report(record(1))), Err(Refused::Closed(_))), "a full outbox without a reader");
    let error = client.finish().unwrap_err().to_string();
    assert!(error.starts_with(&format!("Charging Enabler http://{address}: gave up")), "{error}");
    assert!(error.contains("1 unacknowledged") && error.contains("refused") && !error.contains('\n'), "{error}");
}

#[test]
fn being_told_to_come_back_later_for_ever_is_no_progress() {
    let stage = Stage::open();
    let options = ClientOptions { give_up_after: Some(Duration::from_millis(200)), ..quick() };
    let client = Ch1Client::start(&format!("http://{}", stage.address), options, filled(1)).unwrap();
    let stream = stage.stream();
    let (finished, _) = finish_beside(client, move || {
        while let Ok(request) = stream.requests.recv_timeout(PATIENCE) {
            let _ = stream.answers.send(Ok(response(&request, Class::RetryLater)));
        }
    });
    assert!(finished.unwrap_err().to_string().contains("as the script says"));
}

#[test]
fn an_empty_outbox_needs_no_enabler() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Ch1Client::start(&format!("http://{address}"), quick(), outbox()).unwrap();
    assert_eq!(client.finish().unwrap().accepted, 0);
}

#[test]
fn gaps_travel_between_the_records() {
    let stage = Stage::open();
    let outbox = filled(1);
    let (from, to) = (ch1_support::at(0), ch1_support::at(5));
    let gap = Gap { interface: "eth0".into(), from, to, count: 3, cause: GapCause::FramesLost };
    outbox.push(Report::Gap(gap)).unwrap();
    outbox.push(report(record(1))).unwrap();
    let client = stage.client(&outbox);
    let stream = stage.stream();
    let requests: Vec<_> = (0..3).map(|_| stream.next()).collect();
    let Some(Body::GapNotice(notice)) = &requests[1].report else { panic!("a gap") };
    assert_eq!((notice.interface.as_str(), notice.count), ("eth0", 3));
    requests.iter().for_each(|request| stream.answer(request, Class::Accepted));
    assert_eq!(client.finish().unwrap().accepted, 3);
}
