//! StopRecords to test with: one with everything, one with nothing, and a strategy for all between.

use core::net::IpAddr;
use core::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::charging::{
    CalledChange, Confirmation, Correlation, Direction, End, Evidence, Identity, Leg, Media, MessageBody, Network,
    NodeRole, Parties, Party, RecordId, Revised, Role, Service, ServiceKind, Sight, StopRecord, Text, Times, Trigger,
};
use crate::packet::Endpoint;
use crate::time::Timestamp;

pub(crate) fn text(text: &str) -> Text {
    text.as_bytes().to_vec().into_boxed_slice().into()
}

fn some(value: &str) -> Option<Text> {
    Some(text(value))
}

/// 2026-11-23T20:05:00Z and these nanoseconds.
pub(crate) fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(1_795_464_300_000_000_000 + nanos)
}

/// A record in which every field is known.
pub(crate) fn full() -> StopRecord {
    StopRecord {
        record_id: RecordId([0xab; 16]),
        revision: 2,
        revised: Revised::LaterBye,
        withdrawn: true,
        identity: Identity {
            server_name: "im1".into(),
            call_id: text(r"a84b4c76e66710@\pc33"),
            caller_tag: some("1928301774"),
            callee_tag: some("a6c85cf"),
            bye_from_tag: some("a6c85cf"),
            bye_to_tag: some("1928301774"),
            fork_index: 1,
        },
        times: Times {
            invite: Some(at(0)),
            answer: Some(at(1_000_000_001)),
            ack: Some(at(1_100_000_000)),
            stop: Timestamp::from_nanos(-1),
            detected: Some(at(90_000_000_000)),
            duration: Some(Duration::new(60, 5)),
        },
        end: End {
            trigger: Trigger::SessionTimer,
            cause_code: -408,
            ended_by: Party::Callee,
            terminated_by: Role::ImServer,
            reasons: vec![text("SIP;cause=408"), text("Q.850;cause=16;text=\"bye\"")],
            bodies: vec![MessageBody {
                content_type: some("application/vnd.etsi.sci+xml"),
                length: 300,
                disposition: some("render;handling=optional"),
                originator: Party::Callee,
            }],
        },
        parties: Parties {
            from: some("\"Alice\" <sip:alice@example.com>"),
            to: some("<sip:room.7@conf.example.com;user=phone>"),
            calling: vec![text("<sip:alice@example.com>"), text("<tel:+491701234567>")],
            called: some("sip:room.7@conf.example.com;lr"),
            called_asserted: vec![text("<sip:room@conf.example.com>")],
            called_change: Some(CalledChange { identity: text("<sip:desk@example.com>"), time: at(70) }),
            history: vec![text("<sip:hall@example.com>;index=1"), text("<sip:room.7@conf.example.com>;index=1.1")],
            served_user: some("<sip:alice@example.com>;sescase=orig"),
            role_of_node: NodeRole::Originating,
            caller_agent: some("IM-client/OMA1.0"),
            callee_agent: some("IM-serv/OMA1.0"),
            caller_instance: some("\"<urn:gsma:imei:90420156-025763-0>\""),
            callee_instance: some("\"<urn:uuid:f81d4fae>\""),
        },
        service: Service {
            kind: ServiceKind::InstantMessaging,
            communication_service: some("urn:urn-7:3gpp-service.ims.icsi.oma.cpm.session"),
            feature_tags: vec![text("+g.oma.sip-im")],
            media: vec![Media {
                kind: text("message"),
                port: 2855,
                protocol: text("TCP/MSRP"),
                accept_types: some("message/cpim text/plain"),
                path: some("msrp://bob.example.com:8493/si438dsaodes;tcp"),
                file_selector: some("name:\"a.jpg\" size:1"),
                direction: Direction::ReceiveOnly,
            }],
            priority: some("urgent"),
            emergency: true,
        },
        network: Network {
            caller_access: vec![text("3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=2620100112345678")],
            callee_access: vec![text("IEEE-802.11")],
            cellular: some("3GPP-E-UTRAN-FDD;cell-info-age=10"),
            originating_ioi: some("home1.net"),
            terminating_ioi: some("home2.net"),
            transit_ioi: some("\"transit.net,void\""),
            visited: some("visited.net"),
            charging_functions: some("ccf=10.0.0.1"),
            node: Some(Endpoint { address: IpAddr::from([10, 0, 0, 5]), port: 5060 }.into()),
            route_received: some("<sip:im.example.com;lr;orig>"),
            route_transmitted: some("<sip:scscf.example.com;lr>"),
        },
        correlation: Correlation {
            icid: some("AyretyU0dm+6O2IrT5tAFrbHLso=023551024"),
            icid_generated_at: some("192.0.6.8"),
            related_icid: some("other"),
            related_generated_at: some("192.0.6.9"),
            fe_identifiers: some("as.example.com,ibcf.example.com"),
            session_id: some("ab30317f1a784dc48ff824d0d3715d86"),
            contribution_id: some("c1"),
            conversation_id: some("c2"),
            in_reply_to_contribution_id: some("c3"),
            configured: some("x-cid"),
        },
        legs: vec![Leg {
            record_id: RecordId([0x01; 16]),
            call_id: text("leg@b2bua"),
            caller_tag: some("t1"),
            callee_tag: some("t2"),
        }],
        evidence: Evidence {
            invite: Sight::Seen,
            answer: Sight::Seen,
            ack: Sight::NotSeen,
            bye: Sight::NotObservable,
            bye_answer: Sight::NotObservable,
            confirmed_by: Confirmation::Answer,
            not_at_server: true,
            bye_challenged: true,
            frames_lost: u64::MAX,
            stream_gaps: 2,
            evictions: 3,
            clock_stepped_back: true,
            clock_gap: true,
            session_expires: Some(1800),
        },
    }
}

/// A record of which nothing is known but that a BYE was answered.
pub(crate) fn bare() -> StopRecord {
    StopRecord {
        record_id: RecordId([0; 16]),
        revision: 1,
        revised: Revised::First,
        withdrawn: false,
        identity: Identity {
            server_name: String::new(),
            call_id: text("c"),
            caller_tag: None,
            callee_tag: None,
            bye_from_tag: None,
            bye_to_tag: None,
            fork_index: 0,
        },
        times: Times { invite: None, answer: None, ack: None, stop: at(0), detected: None, duration: None },
        end: End {
            trigger: Trigger::Bye,
            cause_code: 0,
            ended_by: Party::Unspecified,
            terminated_by: Role::Unspecified,
            reasons: Vec::new(),
            bodies: Vec::new(),
        },
        parties: Parties::default(),
        service: Service::default(),
        network: Network::default(),
        correlation: Correlation::default(),
        legs: Vec::new(),
        evidence: Evidence::default(),
    }
}

fn any_text() -> impl Strategy<Value = Text> {
    let byte = prop_oneof![4 => 0x20..0x7f_u8, 1 => any::<u8>(), 1 => Just(b'\\')];
    vec(byte, 0..12).prop_map(|bytes| bytes.into_boxed_slice().into())
}

fn any_texts() -> impl Strategy<Value = Vec<Text>> {
    vec(any_text(), 0..3)
}

fn maybe() -> impl Strategy<Value = Option<Text>> {
    option::of(any_text())
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_nanos)
}

fn id() -> impl Strategy<Value = RecordId> {
    any::<[u8; 16]>().prop_map(RecordId)
}

fn one_of<T: Clone + core::fmt::Debug + 'static>(values: &[T]) -> impl Strategy<Value = T> + use<T> {
    prop::sample::select(values.to_vec())
}

fn sight() -> impl Strategy<Value = Sight> {
    one_of(&[Sight::NotSeen, Sight::Seen, Sight::NotObservable])
}

fn media() -> impl Strategy<Value = Media> {
    let directions = [Direction::SendReceive, Direction::SendOnly, Direction::ReceiveOnly, Direction::Inactive];
    (any_text(), any::<u16>(), any_text(), maybe(), maybe(), maybe(), one_of(&directions)).prop_map(
        |(kind, port, protocol, accept_types, path, file_selector, direction)| Media {
            kind,
            port,
            protocol,
            accept_types,
            path,
            file_selector,
            direction,
        },
    )
}

fn identity() -> impl Strategy<Value = Identity> {
    let call_id = any_text().prop_filter("a Call-ID is never empty", |text| !text.reveal().is_empty());
    ("[a-z]{0,3}", call_id, maybe(), maybe(), maybe(), maybe(), any::<u32>()).prop_map(
        |(server_name, call_id, caller_tag, callee_tag, bye_from_tag, bye_to_tag, fork_index)| Identity {
            server_name,
            call_id,
            caller_tag,
            callee_tag,
            bye_from_tag,
            bye_to_tag,
            fork_index,
        },
    )
}

fn times() -> impl Strategy<Value = Times> {
    let duration = option::of((0..i64::MAX as u64, 0..1_000_000_000_u32).prop_map(|(s, n)| Duration::new(s, n)));
    (option::of(time()), option::of(time()), option::of(time()), time(), option::of(time()), duration).prop_map(
        |(invite, answer, ack, stop, detected, duration)| Times { invite, answer, ack, stop, detected, duration },
    )
}

fn end() -> impl Strategy<Value = End> {
    use Trigger::{Bye, ByeAnswer, DialogFailure, MaxSession, SessionTimer};
    (
        one_of(&[Bye, ByeAnswer, DialogFailure, MaxSession, SessionTimer]),
        any::<i32>(),
        one_of(&[Party::Unspecified, Party::Caller, Party::Callee]),
        one_of(&[Role::Unspecified, Role::ImClient, Role::ImServer]),
        any_texts(),
        vec(body(), 0..2),
    )
        .prop_map(|(trigger, cause_code, ended_by, terminated_by, reasons, bodies)| End {
            trigger,
            cause_code,
            ended_by,
            terminated_by,
            reasons,
            bodies,
        })
}

fn body() -> impl Strategy<Value = MessageBody> {
    let originator = one_of(&[Party::Unspecified, Party::Caller, Party::Callee]);
    (maybe(), any::<u32>(), maybe(), originator).prop_map(|(content_type, length, disposition, originator)| {
        MessageBody { content_type, length, disposition, originator }
    })
}

fn parties() -> impl Strategy<Value = Parties> {
    let change = (any_text(), time()).prop_map(|(identity, time)| CalledChange { identity, time });
    let roles = [NodeRole::Unspecified, NodeRole::Originating, NodeRole::Terminating];
    let asked = (maybe(), any_texts(), one_of(&roles));
    let reached = (maybe(), any_texts(), option::of(change), any_texts());
    let devices = (maybe(), maybe(), maybe(), maybe());
    (maybe(), maybe(), asked, reached, devices).prop_map(|(from, to, asked, reached, devices)| Parties {
        from,
        to,
        calling: asked.1,
        called: reached.0,
        called_asserted: reached.1,
        called_change: reached.2,
        history: reached.3,
        served_user: asked.0,
        role_of_node: asked.2,
        caller_agent: devices.0,
        callee_agent: devices.1,
        caller_instance: devices.2,
        callee_instance: devices.3,
    })
}

fn service() -> impl Strategy<Value = Service> {
    let kinds = [ServiceKind::Unknown, ServiceKind::InstantMessaging, ServiceKind::Other];
    (one_of(&kinds), maybe(), any_texts(), vec(media(), 0..3), maybe(), any::<bool>()).prop_map(
        |(kind, communication_service, feature_tags, media, priority, emergency)| Service {
            kind,
            communication_service,
            feature_tags,
            media,
            priority,
            emergency,
        },
    )
}

fn network() -> impl Strategy<Value = Network> {
    let node = option::of((any::<IpAddr>(), any::<u16>()).prop_map(|(address, port)| Endpoint { address, port }));
    let access = (any_texts(), any_texts(), maybe(), maybe(), maybe());
    (access, maybe(), maybe(), maybe(), node, (maybe(), maybe())).prop_map(
        |(access, originating_ioi, terminating_ioi, transit_ioi, node, routes)| Network {
            caller_access: access.0,
            callee_access: access.1,
            cellular: access.2,
            originating_ioi,
            terminating_ioi,
            transit_ioi,
            visited: access.3,
            charging_functions: access.4,
            node: node.map(Into::into),
            route_received: routes.0,
            route_transmitted: routes.1,
        },
    )
}

fn correlation() -> impl Strategy<Value = Correlation> {
    let related = (maybe(), maybe(), maybe());
    (maybe(), maybe(), related, maybe(), maybe(), maybe(), maybe(), maybe()).prop_map(
        |(icid, generated, related, session_id, contribution, conversation, in_reply_to, configured)| Correlation {
            icid,
            icid_generated_at: generated,
            related_icid: related.0,
            related_generated_at: related.1,
            fe_identifiers: related.2,
            session_id,
            contribution_id: contribution,
            conversation_id: conversation,
            in_reply_to_contribution_id: in_reply_to,
            configured,
        },
    )
}

fn evidence() -> impl Strategy<Value = Evidence> {
    use Confirmation::{Ack, Answer, ByeAnswer, InDialogRequest, None};
    let sights =
        (sight(), sight(), sight(), sight(), sight(), one_of(&[None, Answer, Ack, InDialogRequest, ByeAnswer]));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let counts = (any::<u64>(), any::<u64>(), any::<u64>(), option::of(any::<u32>()));
    (sights, flags, counts).prop_map(|(sights, flags, counts)| Evidence {
        invite: sights.0,
        answer: sights.1,
        ack: sights.2,
        bye: sights.3,
        bye_answer: sights.4,
        confirmed_by: sights.5,
        not_at_server: flags.0,
        bye_challenged: flags.1,
        clock_stepped_back: flags.2,
        clock_gap: flags.3,
        frames_lost: counts.0,
        stream_gaps: counts.1,
        evictions: counts.2,
        session_expires: counts.3,
    })
}

/// Any record at all.
pub(crate) fn any_record() -> impl Strategy<Value = StopRecord> {
    use Revised::{First, LaterBye, MoreComplete, OtherHop, WentOn};
    let head = (id(), 1..u32::MAX, one_of(&[First, LaterBye, MoreComplete, OtherHop, WentOn]), any::<bool>());
    let legs = vec(
        (id(), any_text(), maybe(), maybe()).prop_map(|(record_id, call_id, caller_tag, callee_tag)| Leg {
            record_id,
            call_id,
            caller_tag,
            callee_tag,
        }),
        0..2,
    );
    let body = (identity(), times(), end(), parties(), service(), network(), correlation(), legs, evidence());
    (head, body).prop_map(|((record_id, revision, revised, withdrawn), body)| StopRecord {
        record_id,
        revision,
        revised,
        withdrawn,
        identity: body.0,
        times: body.1,
        end: body.2,
        parties: body.3,
        service: body.4,
        network: body.5,
        correlation: body.6,
        legs: body.7,
        evidence: body.8,
    })
}
