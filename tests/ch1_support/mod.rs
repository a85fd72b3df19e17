//! StopRecords and scratch files for the tests of CH-1.
#![allow(dead_code, unreachable_pub)]

use std::time::Duration;

use tolltap::ch1::wire;
use tolltap::charging::{
    Confirmation, Correlation, End, Evidence, Identity, Media, Network, Parties, Party, RecordId, Revised, Role,
    Service, ServiceKind, Sight, StopRecord, Text, Times, Trigger,
};
use tolltap::outbox::Report;
use tolltap::time::Timestamp;

pub fn text(text: impl AsRef<str>) -> Text {
    text.as_ref().as_bytes().to_vec().into_boxed_slice().into()
}

/// This many milliseconds after 2026-11-23T20:05:00Z.
pub fn at(millis: i64) -> Timestamp {
    Timestamp::from_nanos(1_795_464_300_000_000_000 + millis * 1_000_000)
}

/// The id of the `n`th session: spread like a hash, as real ids are.
pub fn id(n: u64) -> RecordId {
    let spread = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&spread.to_be_bytes());
    id[8..].copy_from_slice(&n.to_be_bytes());
    RecordId(id)
}

/// The `n`th of many ordinary IM sessions: answered a second after its INVITE, ended by the caller after a minute.
pub fn record(n: u64) -> StopRecord {
    let start = i64::try_from(n).unwrap();
    StopRecord {
        record_id: id(n),
        revision: 1,
        revised: Revised::First,
        withdrawn: false,
        identity: Identity {
            server_name: String::new(),
            call_id: text(format!("3848276298220188511-{n}@client{n}.example.com")),
            caller_tag: Some(text(format!("caller-{n}"))),
            callee_tag: Some(text(format!("callee-{n}"))),
            bye_from_tag: Some(text(format!("caller-{n}"))),
            bye_to_tag: Some(text(format!("callee-{n}"))),
            fork_index: 0,
        },
        times: Times {
            invite: Some(at(start)),
            answer: Some(at(start + 1_000)),
            ack: Some(at(start + 1_100)),
            stop: at(start + 61_000),
            detected: None,
            duration: Some(Duration::from_secs(60)),
        },
        end: End {
            trigger: Trigger::Bye,
            cause_code: 0,
            ended_by: Party::Caller,
            terminated_by: Role::ImClient,
            reasons: Vec::new(),
            bodies: Vec::new(),
        },
        parties: Parties {
            from: Some(text(format!("\"User {n}\" <sip:user{n}@example.com>"))),
            to: Some(text("<sip:room@conference.example.com>")),
            calling: vec![text(format!("<sip:user{n}@example.com>"))],
            called: Some(text("sip:room@conference.example.com")),
            caller_agent: Some(text("IM-client/OMA1.0")),
            callee_agent: Some(text("IM-serv/OMA1.0")),
            ..Parties::default()
        },
        service: Service {
            kind: ServiceKind::InstantMessaging,
            feature_tags: vec![text("+g.oma.sip-im")],
            media: vec![Media {
                kind: text("message"),
                port: 2855,
                protocol: text("TCP/MSRP"),
                accept_types: Some(text("message/cpim text/plain")),
                path: Some(text("msrp://10.0.0.5:2855/s1234;tcp")),
                file_selector: None,
                direction: tolltap::charging::Direction::SendReceive,
            }],
            ..Service::default()
        },
        network: Network { originating_ioi: Some(text("home1.example")), ..Network::default() },
        correlation: Correlation { icid: Some(text(format!("icid-{n}"))), ..Correlation::default() },
        legs: Vec::new(),
        evidence: Evidence {
            invite: Sight::Seen,
            answer: Sight::Seen,
            ack: Sight::Seen,
            bye: Sight::Seen,
            bye_answer: Sight::NotObservable,
            confirmed_by: Confirmation::Answer,
            ..Evidence::default()
        },
    }
}

pub fn report(record: StopRecord) -> Report {
    Report::Record(wire::seal(&record))
}

/// The same session in a later revision.
pub fn revision(n: u64, revision: u32) -> StopRecord {
    StopRecord { revision, revised: Revised::MoreComplete, ..record(n) }
}
