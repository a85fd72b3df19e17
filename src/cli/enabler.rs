//! `tolltap enabler`: the reference Charging Enabler.

use core::net::SocketAddr;
use std::io;
use std::path::PathBuf;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::enabler::{Enabler, EnablerError, Place, Received, Totals};

/// The reference Charging Enabler: receives records over gRPC, stores them, acknowledges each one
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  tolltap enabler --store records.sqlite
  tolltap enabler --store records.sqlite --listen 0.0.0.0:50051
  tolltap replay trunk.pcapng --enabler http://127.0.0.1:50051

It says where it listens, and stops at SIGINT or SIGTERM. A record that was acknowledged is on disk.
--listen with port 0 takes any free port.

Exit status: 0 stopped when told to, 1 something failed, 2 wrong usage.")]
pub struct EnablerArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:50051")]
    listen: SocketAddr,

    /// The store, made when there is none
    #[arg(long, value_name = "PATH")]
    store: PathBuf,
}

/// Why the Enabler could not serve.
#[derive(Debug, thiserror::Error)]
pub enum EnablerCommandError {
    #[error(transparent)]
    Enabler(#[from] EnablerError),
    #[error("signals: {0}")]
    Signals(#[from] io::Error),
}

/// Serves until SIGINT or SIGTERM, then answers what was read and stops.
///
/// # Errors
/// When the store or the address cannot be had, or the server fails.
pub fn run(args: &EnablerArgs) -> Result<(), EnablerCommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut enabler = Enabler::start(args.listen, &Place::File(args.store.clone()))?;
    eprintln!("listening on {}, store {}", enabler.local_addr(), args.store.display());
    runtime.block_on(async {
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
            () = enabler.ended() => {}
        }
        Ok::<_, io::Error>(())
    })?;
    let Received { accepted, duplicates, rejected, failed } = enabler.received();
    let store = enabler.stop()?;
    let Totals { records, withdrawn, gaps } = store.totals().map_err(EnablerError::from)?;
    eprintln!("received: {accepted} accepted, {duplicates} duplicates, {rejected} rejected, {failed} put off");
    eprintln!("store: {records} records, {withdrawn} withdrawn, {gaps} gaps");
    Ok(())
}
