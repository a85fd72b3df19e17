//! SIP as it really is on the wire: framing, lexer, the headers that charging needs, SDP.
//!
//! [`Message::parse`] makes one pass over a message and keeps where things are, never copies: strict on framing and on
//! the headers a dialog is known by (Call-ID, From and To tags, CSeq, start line), lenient on everything else. What a
//! record does not need can never make a message fail; it is noted in [`Anomalies`]. The rest is read from single header
//! values, on demand.

mod anomaly;
mod call_id;
mod charging_vector;
mod cseq;
mod defect;
mod expires;
mod feature_tag;
mod find;
pub mod framing;
mod header;
mod index;
mod lines;
mod mask;
mod message;
mod method;
mod multipart;
mod name_addr;
mod parameter;
mod reason;
mod scan;
pub mod sdp;
mod session_expires;
mod start_line;
mod value;
mod via;

#[cfg(test)]
mod tests;

pub use anomaly::{Anomalies, Anomaly};
pub(crate) use call_id::call_id_of;
pub use charging_vector::ChargingVector;
pub use cseq::CSeq;
pub use defect::Defect;
pub use expires::expires;
pub use feature_tag::{FeatureTag, communication_service, feature_tags, im_feature_tags, instance};
pub(crate) use feature_tag::{each_parameter, instance_in, tags_in};
pub use framing::{Framing, find_start, frame, is_start, keep_alive};
pub use header::Header;
pub use message::{Carriage, Message};
pub use method::Method;
pub use name_addr::{NameAddr, without_tag};
pub use parameter::{Parameter, Parameters, parameter};
pub use reason::Reason;
pub use session_expires::{Refresher, SessionExpires};
pub use start_line::StartLine;
pub use value::{Elements, Value};
pub use via::Via;
