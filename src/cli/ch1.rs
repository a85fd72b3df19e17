//! Where records go: the options about the Charging Enabler, and what they start.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use clap::Args;

use crate::ch1::{Acknowledgements, Answers, Ch1Client, Ch1Error, ClientOptions};
use crate::enabler::{Enabler, EnablerError, Place};
use crate::outbox::{Limits, Outbox};
use crate::privilege::Files;

/// Where records go.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Charging Enabler")]
pub(super) struct Ch1Args {
    /// The Charging Enabler; without it one is started in this process
    #[arg(long, value_name = "URL")]
    enabler: Option<String>,

    /// Store of the Enabler in this process; without it a temporary one, removed at exit
    #[arg(long, value_name = "PATH", conflicts_with = "enabler")]
    store: Option<PathBuf>,

    /// Name of this probe in its reports
    #[arg(long, value_name = "NAME", default_value = "tolltap")]
    probe_id: String,
}

impl Ch1Args {
    /// Adds the files that delivering needs: those of the store, or of the look-up of the Enabler's name.
    pub(super) fn reach(&self, files: &mut Files) {
        match &self.enabler {
            Some(url) if is_at_an_address(url) => {}
            Some(_) => files.read_names(),
            None => {
                if let Some(store) = &self.store {
                    files.write_beside(store);
                }
                files.write_temporary();
            }
        }
    }
}

/// Whether the host of a URL needs no looking up. In doubt it does.
fn is_at_an_address(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).trim_end_matches('/');
    let bare = authority.trim_start_matches('[').trim_end_matches(']');
    authority.parse::<SocketAddr>().is_ok() || bare.parse::<IpAddr>().is_ok()
}

impl Ch1Args {
    /// Whether records are kept no longer than this process lives.
    pub(super) fn is_temporary(&self) -> bool {
        self.enabler.is_none() && self.store.is_none()
    }
}

/// How long an Enabler may say nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    /// While there is input; for ever when absent.
    pub(super) meanwhile: Option<Duration>,
    /// Once there is none any more.
    pub(super) at_the_end: Option<Duration>,
}

/// Why nothing can be delivered, or was not.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeliveryError {
    #[error(transparent)]
    Ch1(#[from] Ch1Error),
    #[error(transparent)]
    Enabler(#[from] EnablerError),
    #[error("the Charging Enabler rejected {count} records; the first: {reason}")]
    Rejected { count: u64, reason: String },
}

/// An outbox that is being delivered, to an Enabler elsewhere or in this process.
pub(super) struct Delivery {
    pub(super) outbox: Arc<Outbox>,
    client: Ch1Client,
    embedded: Option<Enabler>,
}

/// What came of a delivery.
pub(super) struct Delivered {
    /// What was acknowledged, also where the client gave up; absent where it could not even say that.
    pub(super) acknowledgements: Option<Acknowledgements>,
    pub(super) unacknowledged: u64,
    result: Result<(), Ch1Error>,
    embedded: Option<Enabler>,
}

impl Delivery {
    /// Starts an Enabler where none is named, and the client. `live`: sessions end while it is watched.
    pub(super) fn start(args: &Ch1Args, patience: Patience, limits: Limits, live: bool) -> Result<Self, DeliveryError> {
        let (url, embedded) = match &args.enabler {
            Some(url) => (url.clone(), None),
            None => {
                let embedded = embedded(args.store.clone())?;
                (embedded.url(), Some(embedded))
            }
        };
        let outbox = Arc::new(Outbox::new(limits));
        let options = ClientOptions {
            probe_id: args.probe_id.clone(),
            // Gap notices are numbered from each start anew; records have ids of their own.
            origin_state_id: since_the_epoch(),
            give_up_after: patience.meanwhile,
            give_up_at_the_end: patience.at_the_end,
            live,
            ..ClientOptions::default()
        };
        let client = Ch1Client::start(&url, options, Arc::clone(&outbox))?;
        Ok(Self { outbox, client, embedded })
    }

    /// What the Enabler answered so far, to look at.
    pub(super) fn answers(&self) -> Answers {
        self.client.answers()
    }

    /// Nothing more comes: waits for the last answers.
    pub(super) fn finish(self) -> Delivered {
        let finished = self.client.finish();
        let unacknowledged = self.outbox.counts().kept as u64;
        let (acknowledgements, result) = match finished {
            Ok(acknowledgements) => (Some(acknowledgements), Ok(())),
            Err(Ch1Error::GaveUp { ref acknowledgements, .. }) => {
                (Some((**acknowledgements).clone()), finished.map(drop))
            }
            Err(error) => (None, Err(error)),
        };
        Delivered { acknowledgements, unacknowledged, result, embedded: self.embedded }
    }
}

impl Delivered {
    /// Whether all of it was, and taken. Stops the Enabler of this process.
    pub(super) fn check(self) -> Result<(), DeliveryError> {
        self.result?;
        if let Some(acknowledgements) = self.acknowledgements
            && let Some(parked) = acknowledgements.parked.first()
        {
            return Err(DeliveryError::Rejected { count: acknowledgements.rejected, reason: parked.reason.clone() });
        }
        if let Some(embedded) = self.embedded {
            embedded.stop()?;
        }
        Ok(())
    }
}

/// Nanoseconds of the wall clock: it tells starts of the probe apart, and decides nothing about a session.
fn since_the_epoch() -> u64 {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Starts an Enabler in this process, over real gRPC on loopback.
fn embedded(store: Option<PathBuf>) -> Result<Enabler, EnablerError> {
    let place = store.map_or(Place::Temporary, Place::File);
    Enabler::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_no_looking_up() {
        for url in ["http://127.0.0.1:50051", "http://192.0.2.1/", "http://[::1]:50051", "http://[2001:db8::1]"] {
            assert!(is_at_an_address(url), "{url}");
        }
        for url in ["http://localhost:50051", "http://charging.example.net", "http://1.2.3.4.example:1", "charging"] {
            assert!(!is_at_an_address(url), "{url}");
        }
    }
}
