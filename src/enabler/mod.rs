//! The reference Charging Enabler: a gRPC server that acknowledges a report once it is stored.

mod committer;
mod query;
mod schema;
mod server;
mod service;
mod store;

pub use query::{Filter, QueryError};
pub use schema::Place;
pub use server::{Enabler, EnablerError, Received};
pub use store::{Arrival, Outcome, Store, StoreError, Totals};

#[cfg(test)]
mod tests;
