//! What a running probe shows: the page of metrics, and the port on which it is asked for.
#![cfg(feature = "cli")]

mod exposition;
mod http;
mod interfaces;
mod packets;
mod page;
