//! Sessions through every tunnel: all of their records, and no others, whatever is around the packets.

mod common;

use std::path::PathBuf;
use std::time::Duration;

use tolltap::charging::Party;
use tolltap::packet::LinkType;
use tolltap::time::Timestamp;

use common::pcap;
use common::replay::{TestInput, run};
use common::scenario::{Carrier, EPOCH, Scenario};
use common::transports::Transports;
use common::tunnels::{Encapsulation, Layer};

const SESSIONS: usize = 3;

/// One session on addresses of one family; the INVITE is longer than a small MTU.
fn session(number: usize, ipv6: bool) -> Scenario {
    let hosts =
        if ipv6 { "alice=[2001:db8::1]:5060 bob=[2001:db8::2]:5080" } else { "alice=10.1.0.1:5060 bob=10.1.0.2:5080" };
    let padding = "x".repeat(700);
    let (one, other) = if number.is_multiple_of(2) { ("alice", "bob") } else { ("bob", "alice") };
    let text = format!(
        "hosts: {hosts}\n\
         call: id=tunnel-{number}@example.net caller=alice;tag=a{number} callee=bob;tag=b{number}\n\
         0.000 alice -> bob INVITE\n + Subject: {padding}\n\
         0.100 bob -> alice 180\n\
         0.500 bob -> alice 200\n + Subject: {padding}\n\
         0.520 alice -> bob ACK\n\
         9.000 {one} -> {other} BYE\n\
         9.010 {other} -> {one} 200 to=BYE\n\
         expect none\n"
    );
    Scenario::parse("session", &text).expect("readable").later(Duration::from_millis(number as u64 * 1500))
}

/// Name and layers from the innermost outwards.
fn recipes() -> Vec<(&'static str, Encapsulation)> {
    use Layer::*;
    let ethernet = |layers: Vec<Layer>| Encapsulation::new(LinkType::Ethernet, layers);
    let esp = |icv, tunnel, udp| EspNull { spi: 0x1234_5678, icv, tunnel, udp };
    vec![
        ("ethernet", ethernet(vec![])),
        ("sll", Encapsulation::new(LinkType::LinuxCooked, vec![])),
        ("sll2", Encapsulation::new(LinkType::LinuxCooked2, vec![])),
        ("raw", Encapsulation::new(LinkType::RawIp, vec![])),
        ("bsd-loopback", Encapsulation::new(LinkType::BsdLoopback, vec![])),
        ("openbsd-loopback", Encapsulation::new(LinkType::OpenBsdLoopback, vec![])),
        ("vlan", ethernet(vec![Vlan(100)])),
        ("sll-vlan", Encapsulation::new(LinkType::LinuxCooked, vec![Vlan(100)])),
        ("qinq", ethernet(vec![QinQ(200, 100)])),
        ("mpls", ethernet(vec![Mpls(vec![100])])),
        ("mpls-three-labels", ethernet(vec![Mpls(vec![100, 200, 300])])),
        ("pseudowire", ethernet(vec![Pseudowire { label: 500, control_word: false }])),
        ("pseudowire-control-word", ethernet(vec![Pseudowire { label: 500, control_word: true }])),
        ("pppoe", ethernet(vec![Pppoe(7)])),
        ("gre", ethernet(vec![Gre { checksum: false, key: None, sequence: false }])),
        ("gre-every-field", ethernet(vec![Gre { checksum: true, key: Some(42), sequence: true }])),
        ("gre-over-ipv6", ethernet(vec![Gre { checksum: false, key: Some(42), sequence: false }]).over_ipv6()),
        ("gre-ethernet", ethernet(vec![GreEthernet])),
        ("gre-mpls", ethernet(vec![Mpls(vec![100]), Gre { checksum: false, key: None, sequence: false }])),
        ("erspan-1", ethernet(vec![Erspan1])),
        ("erspan-2", ethernet(vec![Erspan2(101)])),
        ("erspan-3", ethernet(vec![Erspan3(101, false)])),
        ("erspan-3-sub-header", ethernet(vec![Erspan3(101, true)])),
        ("vxlan", ethernet(vec![Vxlan(4096)])),
        ("vxlan-over-ipv6", ethernet(vec![Vxlan(4096)]).over_ipv6()),
        ("geneve-ethernet", ethernet(vec![Geneve { vni: 77, option_words: 0, ethernet: true }])),
        ("geneve-options", ethernet(vec![Geneve { vni: 77, option_words: 3, ethernet: true }])),
        ("geneve-ip", ethernet(vec![Geneve { vni: 77, option_words: 2, ethernet: false }])),
        ("gtp-u", ethernet(vec![GtpU { teid: 0x1000, sequence: false, extension: false }])),
        ("gtp-u-sequence", ethernet(vec![GtpU { teid: 0x1000, sequence: true, extension: false }])),
        ("gtp-u-5g", ethernet(vec![GtpU { teid: 0x1000, sequence: false, extension: true }])),
        ("gtp-u-over-ipv6", ethernet(vec![GtpU { teid: 0x1000, sequence: true, extension: true }]).over_ipv6()),
        ("ip-in-ip", ethernet(vec![IpInIp])),
        ("ip-in-ipv6", ethernet(vec![IpInIp]).over_ipv6()),
        ("ip-in-ip-raw", Encapsulation::new(LinkType::RawIp, vec![IpInIp])),
        ("esp-null-transport-12", ethernet(vec![esp(12, false, false)])),
        ("esp-null-transport-16", ethernet(vec![esp(16, false, false)])),
        ("esp-null-tunnel", ethernet(vec![esp(12, true, false)])),
        ("esp-null-udp", ethernet(vec![esp(12, false, true)])),
        ("esp-null-udp-tunnel", ethernet(vec![esp(12, true, true)])),
        ("vlan-in-vxlan-in-vlan", ethernet(vec![Vlan(10), Vxlan(9), Vlan(20)])),
        ("vlan-in-erspan-2", ethernet(vec![Vlan(10), Erspan2(5), Vlan(20)])),
        (
            "gtp-u-in-mpls-in-qinq",
            ethernet(vec![GtpU { teid: 1, sequence: false, extension: true }, Mpls(vec![9, 8]), QinQ(2, 3)]),
        ),
        (
            "esp-null-in-gtp-u",
            ethernet(vec![esp(12, false, false), GtpU { teid: 1, sequence: false, extension: false }]),
        ),
        ("gre-in-pppoe", ethernet(vec![Gre { checksum: false, key: None, sequence: false }, Pppoe(9)])),
        (
            "mirror-of-a-core-network",
            ethernet(vec![GtpU { teid: 1, sequence: false, extension: true }, Vlan(30), Erspan3(2, false), Vlan(40)]),
        ),
        (
            "five-deep",
            ethernet(vec![
                IpInIp,
                Vxlan(1),
                Gre { checksum: false, key: None, sequence: false },
                Mpls(vec![1]),
                Vlan(2),
            ]),
        ),
    ]
}

fn is_link_tag(layer: &Layer) -> bool {
    matches!(layer, Layer::Vlan(_) | Layer::QinQ(..) | Layer::Mpls(_) | Layer::Pseudowire { .. } | Layer::Pppoe(_))
}

/// The same with the outermost IP packet in fragments.
fn fragmented_outside(recipe: &Encapsulation) -> Encapsulation {
    let mut recipe = recipe.clone();
    let tags = recipe.layers.iter().rev().take_while(|layer| is_link_tag(layer)).count();
    recipe.layers.insert(recipe.layers.len() - tags, Layer::Fragment(600));
    recipe
}

/// Whether every message can be in fragments before it enters the first layer.
fn can_fragment_inside(recipe: &Encapsulation) -> bool {
    !matches!(recipe.layers.first(), Some(Layer::EspNull { tunnel: false, .. }))
}

/// Every recipe, family, fragmentation and carrier, with a name.
fn cases() -> Vec<(String, Vec<TestInput>)> {
    let mut cases = Vec::new();
    for (name, recipe) in recipes() {
        for ipv6 in [false, true] {
            let family = if ipv6 { "ipv6" } else { "ipv4" };
            let mut add =
                |what: &str, recipe: &Encapsulation, carrier: Carrier, mtu: Option<usize>, piece: Option<usize>| {
                    let mut frames: Vec<TestInput> = Vec::new();
                    for number in 0..SESSIONS {
                        let mut transports = Transports::new(mtu, piece, [u32::MAX - 900, 1]);
                        transports.first_fragments = what.ends_with("first-fragments");
                        let mut scenario = session(number, ipv6).over(carrier);
                        // A connection of its own for each session.
                        for step in &mut scenario.steps {
                            if let common::scenario::Step::Message(sent) = step {
                                for end in [&mut sent.source, &mut sent.destination] {
                                    end.set_port(end.port() + 10 * number as u16);
                                }
                            }
                        }
                        frames.extend(scenario.inputs_in(recipe, transports));
                    }
                    frames.sort_by_key(TestInput::time);
                    cases.push((format!("{name}-{family}-{what}"), frames));
                };
            add("udp", &recipe, Carrier::Udp, None, None);
            add("udp-outer-fragments", &fragmented_outside(&recipe), Carrier::Udp, None, None);
            if can_fragment_inside(&recipe) {
                add("udp-inner-fragments", &recipe, Carrier::Udp, Some(600), None);
            }
            if can_fragment_inside(&recipe) {
                add("udp-first-fragments", &recipe, Carrier::Udp, Some(1000), None);
            }
            add("tcp", &recipe, Carrier::Tcp, None, Some(500));
            add("websocket", &recipe, Carrier::WebSocket, None, Some(500));
            add("sctp", &recipe, Carrier::Sctp, None, Some(500));
        }
    }
    cases
}

/// All of the records of the cases over one transport, and no others.
fn check(transport: &str) {
    let wanted = |name: &str| ["ipv4", "ipv6"].iter().any(|family| name.contains(&format!("-{family}-{transport}")));
    let mut wrong = Vec::new();
    for (name, mut inputs) in cases().into_iter().filter(|(name, _)| wanted(name)) {
        inputs.push(TestInput::End);
        let outcome = run(Default::default(), inputs);
        let mut got: Vec<String> = outcome
            .last
            .values()
            .map(|record| {
                let id = String::from_utf8_lossy(record.identity.call_id.reveal()).into_owned();
                format!("{id} answer {:?} stop {:?} {:?}", record.times.answer, record.times.stop, record.end.ended_by)
            })
            .collect();
        got.sort();
        let records: Vec<String> = (0..SESSIONS)
            .map(|number| {
                let at = |millis: i64| Timestamp::from_nanos(EPOCH + (millis + number as i64 * 1500) * 1_000_000);
                let by = if number.is_multiple_of(2) { Party::Caller } else { Party::Callee };
                format!("tunnel-{number}@example.net answer {:?} stop {:?} {by:?}", Some(at(500)), at(9000))
            })
            .collect();
        if got != records || outcome.records.len() != SESSIONS {
            wrong.push(format!(
                "{name}: {} of {SESSIONS} sessions in {} records: {got:?}",
                got.len(),
                outcome.records.len()
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{} cases\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_session_over_udp_has_its_record_through_every_tunnel() {
    check("udp");
}

#[test]
fn every_session_over_tcp_has_its_record_through_every_tunnel() {
    check("tcp");
}

#[test]
fn every_session_over_websocket_has_its_record_through_every_tunnel() {
    check("websocket");
}

#[test]
fn every_session_over_sctp_has_its_record_through_every_tunnel() {
    check("sctp");
}

/// The filters take all of these apart in the kernel, and lose nothing of them.
#[cfg(feature = "live")]
#[test]
fn every_session_is_the_same_behind_the_kernel_filter() {
    use common::filter::{KINDS, no_ports, passed, trial};

    for kind in KINDS {
        let mut wrong = Vec::new();
        let Some(mut filter) = trial(kind, &no_ports()) else { continue };
        for (name, mut inputs) in cases() {
            // Of streams of other cases, on the same addresses, a filter may not know.
            if !name.contains("-udp") {
                let Some(fresh) = trial(kind, &no_ports()) else { break };
                filter = fresh;
            }
            let mut filtered = passed(&mut filter, inputs.clone());
            inputs.push(TestInput::End);
            filtered.push(TestInput::End);
            if run(Default::default(), inputs).last != run(Default::default(), filtered).last {
                wrong.push(name);
            }
        }
        assert!(wrong.is_empty(), "{kind:?}, {} cases: {}", wrong.len(), wrong.join(" "));
    }
}

/// `TUNNEL_PCAPS=folder` writes every case as a capture file.
#[test]
fn every_case_is_a_capture_file() {
    let folder = std::env::var_os("TUNNEL_PCAPS").map(PathBuf::from);
    let cases = cases();
    assert!(cases.len() > 400);
    for (name, inputs) in cases {
        let file = pcap::write(&inputs);
        assert_eq!(pcap::read(&file).len(), inputs.len(), "{name}");
        if let Some(folder) = &folder {
            std::fs::write(folder.join(format!("{name}.pcap")), file).expect("the folder can be written");
        }
    }
}
