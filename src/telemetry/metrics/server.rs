//! The port on which metrics and health are asked for.
//!
//! Nobody who asks is known, so that everything is bounded: connections, the size of a request, the time it may take. One
//! connection is good for one request. Nothing that is asked changes anything.

use core::convert::Infallible;
use core::net::SocketAddr;
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::vitals::Vitals;

/// Connections at a time. One more ends the oldest: who asks honestly is done within milliseconds.
const CONNECTIONS: usize = 16;
/// Bytes of a request's head.
const HEAD: usize = 8192;
/// How long a request may take to come, and all of it with its answer.
const REQUEST: Duration = Duration::from_secs(2);
const CONVERSATION: Duration = Duration::from_secs(5);
/// How long to wait where no connection can be accepted, for want of descriptors.
const BREATH: Duration = Duration::from_millis(100);

/// Version 0.0.4 of the text format.
const TEXT_FORMAT: HeaderValue = HeaderValue::from_static(prometheus::TEXT_FORMAT);
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Why metrics cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    #[error("--metrics {address}: cannot listen there: {reason}")]
    Listen { address: SocketAddr, reason: io::Error },
    #[error("cannot start a thread for metrics: {0}")]
    Start(io::Error),
}

/// A port that listens and is not served yet.
#[derive(Debug)]
pub struct MetricsPort {
    listener: TcpListener,
    address: SocketAddr,
}

impl MetricsPort {
    /// Listens, which may need rights that the process gives up later.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn listen(address: SocketAddr) -> Result<Self, MetricsError> {
        let listen = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        };
        listen().map_err(|reason| MetricsError::Listen { address, reason })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers, from a thread of its own, for as long as the process runs.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn serve(self, vitals: Arc<Vitals>) -> Result<(), MetricsError> {
        let start = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let listener = {
                let _entered = runtime.enter();
                tokio::net::TcpListener::from_std(self.listener)?
            };
            let run = move || runtime.block_on(accept(listener, vitals));
            thread::Builder::new().name("metrics".into()).spawn(run).map(drop)
        };
        start().map_err(MetricsError::Start)
    }
}

async fn accept(listener: tokio::net::TcpListener, vitals: Arc<Vitals>) {
    let mut open = VecDeque::<AbortHandle>::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        open.retain(|connection| !connection.is_finished());
        if open.len() >= CONNECTIONS
            && let Some(oldest) = open.pop_front()
        {
            oldest.abort();
        }
        let conversation = timeout(CONVERSATION, converse(stream, Arc::clone(&vitals)));
        open.push_back(tokio::spawn(conversation).abort_handle());
    }
}

async fn converse(stream: TcpStream, vitals: Arc<Vitals>) {
    let answer = service_fn(|request: Request<Incoming>| {
        let response = respond(request.method(), request.uri().path(), &vitals);
        async { Ok::<_, Infallible>(response) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(REQUEST).max_buf_size(HEAD).keep_alive(false);
    // Who says first that it has said all still wants its answer.
    http.half_close(true);
    // A peer that breaks off, or speaks something else, concerns nobody but itself.
    let _ = http.serve_connection(TokioIo::new(stream), answer).await;
}

fn respond(method: &Method, path: &str, vitals: &Vitals) -> Response<Full<Bytes>> {
    let (status, format, text) = match (path, method) {
        ("/metrics" | "/health" | "/ready", method) if method != Method::GET && method != Method::HEAD => {
            (StatusCode::METHOD_NOT_ALLOWED, PLAIN, "GET and HEAD are answered\n".to_owned())
        }
        ("/metrics", _) => (StatusCode::OK, TEXT_FORMAT, vitals.metrics()),
        ("/health", _) => verdict(vitals.alive()),
        ("/ready", _) => verdict(vitals.ready()),
        _ => (StatusCode::NOT_FOUND, PLAIN, "there is /metrics, /health and /ready\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, format);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

fn verdict(verdict: Result<(), &str>) -> (StatusCode, HeaderValue, String) {
    match verdict {
        Ok(()) => (StatusCode::OK, PLAIN, "ok\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("{why}\n")),
    }
}
