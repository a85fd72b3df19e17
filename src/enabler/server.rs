//! The Enabler as a whole: listens, serves, stops.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::committer::{Committer, Group, Tally};
use super::service::Service;
use super::{Place, Store, StoreError};
use crate::ch1::DESCRIPTOR_SET;
use crate::ch1::v1::charging_enabler_service_server::ChargingEnablerServiceServer;

/// Largest report that is read; a header block is 64 KiB at most on any stack we know.
const LARGEST_REPORT: usize = 1024 * 1024;
/// Bytes a probe may send ahead of our reading.
const STREAM_WINDOW: u32 = 1024 * 1024;
/// Largest piece in which a probe may send them: each is a write there and a read here.
const FRAME: u32 = 64 * 1024;
const STREAMS_PER_CONNECTION: u32 = 16;
const KEEPALIVE: Duration = Duration::from_secs(30);

/// How long open streams may take to end once the Enabler stops.
const GRACE: Duration = Duration::from_secs(2);

/// Why the Enabler cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum EnablerError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    #[error("server: {0}")]
    Serve(#[from] tonic::transport::Error),
    #[error("the server panicked; this is a bug")]
    Panicked,
}

/// What came in since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Received {
    pub accepted: u64,
    pub duplicates: u64,
    pub rejected: u64,
    /// Told to come back later because the store failed.
    pub failed: u64,
}

/// A running Charging Enabler. It stops when told to, or when it is dropped.
pub struct Enabler {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    /// Its other end goes with the server's thread.
    running: watch::Receiver<()>,
    tally: Arc<Tally>,
    server: Option<JoinHandle<Result<Store, EnablerError>>>,
}

impl Enabler {
    /// Opens the store, listens on `address` (port 0: any free one), and serves from a thread of its own.
    ///
    /// # Errors
    /// When the store cannot be opened or the address is taken.
    pub fn start(address: SocketAddr, store: &Place) -> Result<Self, EnablerError> {
        let listen = |source| EnablerError::Listen { address, source };
        let listener = std::net::TcpListener::bind(address).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let bound = listener.local_addr().map_err(listen)?;
        // Only now: an address that is taken leaves no empty store behind.
        let store = Store::open(store)?;
        let (stop, stopping) = watch::channel(false);
        let (ended, running) = watch::channel(());
        let tally = Arc::new(Tally::default());
        let committer = Committer::start(store, Arc::clone(&tally))?;
        // One thread serves: reading and answering cost less than storing, which has its own.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let server = std::thread::Builder::new().name("enabler".into()).spawn(move || {
            let _ended = ended;
            let Committer { groups, thread } = committer;
            let served = runtime.block_on(serve(listener, groups, stopping));
            // With the runtime go the connections that did not end in time, and with them the last senders to the
            // committer, which ends when it has stored what it was given.
            drop(runtime);
            let store = thread.join().map_err(|_| EnablerError::Panicked)?;
            served.map(|()| store)
        })?;
        Ok(Self { address: bound, stop, running, tally, server: Some(server) })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// As a URL for a client.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    #[must_use]
    pub fn received(&self) -> Received {
        Received {
            accepted: self.tally.accepted.load(Relaxed),
            duplicates: self.tally.duplicates.load(Relaxed),
            rejected: self.tally.rejected.load(Relaxed),
            failed: self.tally.failed.load(Relaxed),
        }
    }

    /// Waits until the server has ended by itself, which only a failure can make it do; [`Self::stop`] tells which.
    pub async fn ended(&mut self) {
        while self.running.changed().await.is_ok() {}
    }

    /// Answers what was read, ends the streams, and gives the store back.
    ///
    /// # Errors
    /// When the server failed in the meantime.
    pub fn stop(mut self) -> Result<Store, EnablerError> {
        let _ = self.stop.send(true);
        let Some(server) = self.server.take() else { return Err(EnablerError::Panicked) };
        server.join().unwrap_or(Err(EnablerError::Panicked))
    }
}

impl Drop for Enabler {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

/// Connections on which an answer does not wait for the probe's delayed acknowledgement of the one before it (40 ms).
fn incoming(listener: std::net::TcpListener) -> std::io::Result<TcpIncoming> {
    Ok(TcpIncoming::from(TcpListener::from_std(listener)?).with_nodelay(Some(true)))
}

async fn serve(
    listener: std::net::TcpListener,
    groups: mpsc::Sender<Group>,
    stopping: watch::Receiver<bool>,
) -> Result<(), EnablerError> {
    let incoming = incoming(listener)?;
    let service = ChargingEnablerServiceServer::new(Service { groups, stopping: stopping.clone() })
        .max_decoding_message_size(LARGEST_REPORT);
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<ChargingEnablerServiceServer<Service>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .inspect_err(|error| tracing::error!(%error, "no reflection"))
        .ok();
    let mut stop = stopping.clone();
    let mut overdue = stopping;
    let overdue = async move {
        let _ = overdue.wait_for(|stopping| *stopping).await;
        tokio::time::sleep(GRACE).await;
    };
    let stopped = async move {
        // An error means that the handle is gone: stop as well.
        let _ = stop.wait_for(|stopping| *stopping).await;
        health.set_not_serving::<ChargingEnablerServiceServer<Service>>().await;
    };
    let serving = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(STREAM_WINDOW)
        .max_frame_size(FRAME)
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        // A probe that vanished without a FIN would hold its stream for ever.
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .add_service(service)
        .add_service(health_service)
        .add_optional_service(reflection)
        .serve_with_incoming_shutdown(incoming, stopped);
    // A client that neither reads nor leaves is cut off; what it was not told it will ask again.
    tokio::select! {
        served = serving => Ok(served?),
        () = overdue => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use tokio_stream::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn an_answer_waits_for_no_acknowledgement() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let _probe = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let accepted = incoming(listener).unwrap().next().await.unwrap().unwrap();
        assert!(accepted.nodelay().unwrap());
    }
}
