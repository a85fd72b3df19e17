//! EDGE: where frames come from.
//!
//! [`CaptureFiles`] reads capture files: pcap and pcapng, as they are or compressed with gzip or zstd, from disk or
//! standard input, several merged by capture time. `LiveCapture` watches tap ports, on Linux. [`PcapWriter`] and [`PcapngWriter`] write them, for tests and benches.

mod ahead;
mod damage;
mod error;
mod file;
#[cfg(feature = "live")]
pub mod filter;
mod gzip;
mod interface;
mod item;
#[cfg(feature = "live")]
mod live;
mod merge;
mod order;
mod pcap;
mod pcapng;
mod raw;
mod record;
mod resolution;
mod source;
mod writer;
mod zstd;

pub use ahead::Stop;
pub use damage::{Compression, Damage, Fault};
pub use error::CaptureError;
pub use interface::{Interface, NAME_LIMIT};
pub use item::Item;
#[cfg(feature = "live")]
pub use live::{Lag, LiveCapture, LiveError, PortCounts, Ring, Wake};
pub use merge::{CaptureFiles, Position};
pub use order::ByteOrder;
pub use writer::{PcapWriter, PcapngInterface, PcapngWriter, Precision};

#[cfg(test)]
mod tests;
