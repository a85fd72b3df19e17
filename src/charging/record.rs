//! The StopRecord: one ended session, as reported on CH-1.
//!
//! Absent means unknown, never zero. Text is kept as the bytes of the wire; `ch1::wire` alone decides how bytes that are
//! not UTF-8 are written. Field sources are named by SIP header and by the Rf AVP they would fill (TS 32.299 §7.2).

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::charging::evidence::Evidence;
use crate::packet::Endpoint;
use crate::private::Private;
use crate::sip::sdp::Direction;
use crate::time::Timestamp;

/// Bytes of a header value, unfolded, as sent: its own, or borrowed where a [`PackedRecord`](super::PackedRecord) is read.
pub type Text<T = Box<[u8]>> = Private<T>;

/// What the bytes of a [`Text`] can be.
pub trait TextBytes<'a>: From<&'a [u8]> + AsRef<[u8]> + Default {}

impl<'a, T: From<&'a [u8]> + AsRef<[u8]> + Default> TextBytes<'a> for T {}

/// One ended session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopRecord<T = Box<[u8]>> {
    pub record_id: RecordId,
    /// 1 for the first report of this session; each later one replaces those before it.
    pub revision: u32,
    /// Why this revision exists.
    pub revised: Revised,
    /// The session was found to go on: the revisions before this one are void, and nothing is charged until the next.
    pub withdrawn: bool,

    pub identity: Identity<T>,
    pub times: Times,
    pub end: End<T>,
    pub parties: Parties<T>,
    pub service: Service<T>,
    pub network: Network<T>,
    pub correlation: Correlation<T>,
    /// Other legs of the same session, when legs are merged into one record (TS 32.260, OneChargingSession).
    pub legs: Vec<Leg<T>>,
    pub evidence: Evidence,
}

/// Idempotency key of a session: the first 128 bits of a SHA-256 over what identifies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub [u8; 16]);

/// What the session is known by on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity<T = Box<[u8]>> {
    /// Name of the IM Server that is the charging point; empty when none was named.
    pub server_name: String,
    /// Call-ID, byte for byte (User-Session-Id 830).
    pub call_id: Text<T>,
    /// From-tag of the initial INVITE; absent when it is not known which side called.
    pub caller_tag: Option<Text<T>>,
    /// To-tag of the answer; absent when it is not known which side called.
    pub callee_tag: Option<Text<T>>,
    /// From-tag of the BYE, or of the answer to it; absent for ends without either.
    pub bye_from_tag: Option<Text<T>>,
    /// To-tag of the BYE, or of the answer to it.
    pub bye_to_tag: Option<Text<T>>,
    /// Position among the answered branches of one forked INVITE, from 0, in the order of their answers.
    pub fork_index: u32,
}

/// Capture times. The duration is there only when both of its ends are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// INVITE that was answered (SIP-Request-Timestamp 834 of the start).
    pub invite: Option<Timestamp>,
    /// First 2xx to it (SIP-Response-Timestamp 835 of the start): charging starts here.
    pub answer: Option<Timestamp>,
    /// First ACK of that 2xx.
    pub ack: Option<Timestamp>,
    /// The first BYE (SIP-Request-Timestamp 834), or the last sign of life where there was none.
    pub stop: Timestamp,
    /// When an end without BYE was found out; absent where a BYE or its answer was the trigger.
    pub detected: Option<Timestamp>,
    /// From answer to stop; zero when the answer came after the BYE.
    pub duration: Option<Duration>,
}

/// How and why the session ended, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End<T = Box<[u8]>> {
    pub trigger: Trigger,
    /// Cause-Code 861, signed: 0 normal, 2 set-up not completed, 4xx to 6xx the SIP status that ended it.
    pub cause_code: i32,
    pub ended_by: Party,
    pub terminated_by: Role,
    /// Reason headers (RFC 3326) of the BYE, each value whole (Reason-Header 3401).
    pub reasons: Vec<Text<T>>,
    /// The body of the BYE, if it had one (Message-Body 889).
    pub bodies: Vec<MessageBody<T>>,
}

/// What the body of a message was; what stood in it is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageBody<T = Box<[u8]>> {
    /// Content-Type (826).
    pub content_type: Option<Text<T>>,
    /// Bytes of the body (Content-Length 827).
    pub length: u32,
    /// Content-Disposition (828).
    pub disposition: Option<Text<T>>,
    /// Whose message it was (Originator 864).
    pub originator: Party,
}

/// What showed that the session had ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Trigger {
    /// A BYE.
    Bye,
    /// The final answer of a BYE that was not seen itself.
    ByeAnswer,
    /// No session refresh in time (RFC 4028 §10).
    SessionTimer,
    /// A request inside the dialog was answered with a status that ends the dialog (RFC 5057).
    DialogFailure,
    /// No message of the dialog for `--max-session`.
    MaxSession,
}

/// A side of the session, by who sent the initial INVITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Party {
    #[default]
    Unspecified,
    Caller,
    Callee,
}

/// A side of the session, by the flows of OMA SIMPLE IM 6.2.3.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Role {
    #[default]
    Unspecified,
    ImClient,
    ImServer,
}

/// Why a revision exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Revised {
    /// It is the first.
    #[default]
    First,
    /// A BYE was seen after the session had been ended without one.
    LaterBye,
    /// An earlier BYE, an INVITE, an answer or an ACK of the session came to light late.
    MoreComplete,
    /// The copy at the IM Server, or the BYE it relays, changed who ended the session.
    OtherHop,
    /// The session went on after a BYE that was challenged or rejected.
    WentOn,
}

/// Who took part. Every value is a whole header value, or one element of a list header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parties<T = Box<[u8]>> {
    /// From of the initial INVITE, without its tag (From-Address 2708).
    pub from: Option<Text<T>>,
    /// To of the initial INVITE, without a tag (Requested-Party-Address 1251 when it differs from the called party).
    pub to: Option<Text<T>>,
    /// P-Asserted-Identity of the initial INVITE (Calling-Party-Address 831), at most 4.
    pub calling: Vec<Text<T>>,
    /// Request-URI of the initial INVITE (Called-Party-Address 832).
    pub called: Option<Text<T>>,
    /// P-Asserted-Identity of the 2xx (Called-Asserted-Identity 1250), at most 4.
    pub called_asserted: Vec<Text<T>>,
    /// A later P-Asserted-Identity of the callee, in a 2xx inside the dialog (Called-Identity-Change 3917).
    pub called_change: Option<CalledChange<T>>,
    /// History-Info of the INVITE, at most 4: whom it was meant for before it was sent on (Requested-Party-Address 1251).
    pub history: Vec<Text<T>>,
    /// P-Served-User of the INVITE (Subscription-Id 443).
    pub served_user: Option<Text<T>>,
    /// `sescase` of P-Served-User, else `orig` of the top Route that was received (Role-Of-Node 829).
    pub role_of_node: NodeRole,
    /// User-Agent of the INVITE, Server or User-Agent of the 2xx, as product tokens.
    pub caller_agent: Option<Text<T>>,
    pub callee_agent: Option<Text<T>>,
    /// `+sip.instance` of the caller's and callee's Contact (Instance-Id 3402).
    pub caller_instance: Option<Text<T>>,
    pub callee_instance: Option<Text<T>>,
}

/// The callee asserts another identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalledChange<T = Box<[u8]>> {
    /// P-Asserted-Identity (Called-Identity 3916).
    pub identity: Text<T>,
    /// Of the 2xx that had it (Change-Time 2038).
    pub time: Timestamp,
}

/// For which side of the session the charging point serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum NodeRole {
    #[default]
    Unspecified,
    Originating,
    Terminating,
}

/// Which service the session was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service<T = Box<[u8]>> {
    pub kind: ServiceKind,
    /// P-Asserted-Service, or the ICSI of a Contact or Accept-Contact (IMS-Communication-Service-Identifier 1281).
    pub communication_service: Option<Text<T>>,
    /// IM feature tags found, such as `+g.oma.sip-im`.
    pub feature_tags: Vec<Text<T>>,
    /// The media of the latest answered SDP, at most 8 (SDP-Media-Component 843).
    pub media: Vec<Media<T>>,
    /// Priority or Resource-Priority of the INVITE (Session-Priority 650).
    pub priority: Option<Text<T>>,
    /// The Request-URI is an emergency service, `urn:service:sos` (IMS-Emergency-Indicator 2322).
    pub emergency: bool,
}

/// The service a session is charged as (rule 16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum ServiceKind {
    /// No SDP answer and no feature tag was seen.
    #[default]
    Unknown,
    /// MSRP was agreed, or an IM feature tag was shown.
    InstantMessaging,
    /// Other media were agreed.
    Other,
}

/// One m= section of an answered SDP (RFC 4566 §5.14, RFC 4975 §8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media<T = Box<[u8]>> {
    /// `message`, `audio`, …
    pub kind: Text<T>,
    /// Port in the answer; 0 means refused.
    pub port: u16,
    /// `TCP/MSRP`, `RTP/AVP`, …
    pub protocol: Text<T>,
    /// `a=accept-types` of MSRP.
    pub accept_types: Option<Text<T>>,
    /// `a=path` of the answerer.
    pub path: Option<Text<T>>,
    /// `a=file-selector` (RFC 5547) of a file transfer.
    pub file_selector: Option<Text<T>>,
    pub direction: Direction,
}

/// Access and interconnection, as the signalling told it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network<T = Box<[u8]>> {
    /// P-Access-Network-Info, every value, of the INVITE (Access-Network-Information 1263), at most 4.
    pub caller_access: Vec<Text<T>>,
    /// The same of the 2xx.
    pub callee_access: Vec<Text<T>>,
    /// Cellular-Network-Info of the INVITE (3924).
    pub cellular: Option<Text<T>>,
    /// P-Charging-Vector `orig-ioi` (Originating-IOI 839).
    pub originating_ioi: Option<Text<T>>,
    /// P-Charging-Vector `term-ioi`, of requests or responses (Terminating-IOI 840).
    pub terminating_ioi: Option<Text<T>>,
    /// P-Charging-Vector `transit-ioi`, the list as sent (Transit-IOI-List 2701).
    pub transit_ioi: Option<Text<T>>,
    /// P-Visited-Network-ID (2713).
    pub visited: Option<Text<T>>,
    /// P-Charging-Function-Addresses, as sent.
    pub charging_functions: Option<Text<T>>,
    /// Address of the IM Server the session was charged at, or of the INVITE's next hop where none was named.
    pub node: Option<Private<Endpoint>>,
    /// Top Route of the INVITE as it came to that address (Route-Header-Received 3403).
    pub route_received: Option<Text<T>>,
    /// Top Route of the INVITE as it left the IM Server (Route-Header-Transmitted 3404).
    pub route_transmitted: Option<Text<T>>,
}

/// Keys that link this leg with the others of the same communication (rule 17).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Correlation<T = Box<[u8]>> {
    /// P-Charging-Vector `icid-value` (IMS-Charging-Identifier 841).
    pub icid: Option<Text<T>>,
    /// P-Charging-Vector `icid-generated-at`.
    pub icid_generated_at: Option<Text<T>>,
    /// P-Charging-Vector `related-icid` (2711).
    pub related_icid: Option<Text<T>>,
    /// P-Charging-Vector `related-icid-gen-addr` (2712).
    pub related_generated_at: Option<Text<T>>,
    /// P-Charging-Vector `fe-identifier`, the list as sent (FE-Identifier-List 4413).
    pub fe_identifiers: Option<Text<T>>,
    /// Session-ID (RFC 7989, RFC 7329), as sent.
    pub session_id: Option<Text<T>>,
    pub contribution_id: Option<Text<T>>,
    pub conversation_id: Option<Text<T>>,
    pub in_reply_to_contribution_id: Option<Text<T>>,
    /// The operator's own header, where one was configured.
    pub configured: Option<Text<T>>,
}

/// Another leg of a merged session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg<T = Box<[u8]>> {
    pub record_id: RecordId,
    /// Call-ID of the leg (Outgoing-Session-Id 2320).
    pub call_id: Text<T>,
    pub caller_tag: Option<Text<T>>,
    pub callee_tag: Option<Text<T>>,
}
