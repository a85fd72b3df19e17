//! `tolltap live` and `tolltap doctor` on a tap port, in network namespaces that each test makes for itself.
//!
//! They need root, `ip` and `tc`, and for some of them Kamailio, SIPp, tcpdump and tcpreplay (`tools/setup test` installs
//! those). A test that cannot run says why.
#![cfg(feature = "cli")]

#[path = "../cli_support/mod.rs"]
mod cli_support;
#[path = "../common/mod.rs"]
mod common;
mod cut_off;
mod doctor;
#[path = "../metrics/exposition.rs"]
mod exposition;
mod kamailio;
mod lab;
mod lossy;
mod metrics;
mod network;
#[path = "../metrics/packets.rs"]
mod packets;
mod ports;
mod privileges;
mod probe;
mod reconciliation;
mod supervisor;
mod wire;
