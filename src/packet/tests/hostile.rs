//! Packets made to break a parser: cut at every byte, flipped in every bit, nested without end.

use proptest::prelude::*;

use super::*;

/// One frame of every kind that the peeler knows, several layers deep.
fn specimens() -> Vec<(LinkType, Vec<u8>)> {
    let frame = ethernet(0x8100, &vlan(21, 0x0800, &sip_in_ipv4()));
    let esp = |next: u8, payload: &[u8]| join(&[&[0, 0, 0, 9, 0, 0, 0, 1], payload, &[1, 2, 2, next], &[0x5A; 12]]);
    let ppp = join(&[&[0xFF, 0x03, 0x00, 0x21], &sip_in_ipv4()]);
    let mut odd = sip_in_ipv4();
    odd.truncate(odd.len() / 4 * 4);
    let fragment = {
        let mut packet = ipv4(17, &udp(5060, 5070, &SIP[..56]));
        packet[6] = 0x20;
        packet
    };
    let fragment6 = ipv6(44, &join(&[&[17, 0, 0, 9, 0, 0, 0, 1], &[7; 64]]));
    let route = join(&[&[44, 2, 4, 1, 0, 0, 0, 0], &[0x99; 16], &[17, 0, 0, 0, 0, 0, 0, 1], &udp(1, 2, SIP)]);
    let erspan = [0x20, 0x64, 0, 5, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8];
    let gtp = [0x34, 255, 0, 200, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0x10, 9, 0];
    let cooked = join(&[&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0], &sip_in_ipv4()]);
    let cooked2 = join(&[&[8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0], &sip_in_ipv4()]);
    let sctp = join(&[&[0x13, 0xC4, 0x13, 0xC4], &[0; 8], &[0, 3, 0, 20], &[0; 16]]);
    let on_ethernet = vec![
        frame.clone(),
        ethernet(0x0800, &ipv4(6, &tcp(5060, 5061, 1, SIP))),
        ethernet(0x0800, &ipv4(132, &sctp)),
        ethernet(0x0800, &fragment),
        ethernet(0x86DD, &fragment6),
        ethernet(0x86DD, &ipv6(43, &route)),
        ethernet(0x86DD, &ipv6(0, &join(&[&[17, 0, 0, 0, 0, 0, 0, 0], &udp(1, 2, SIP)]))),
        ethernet(100, &join(&[&[0xAA, 0xAA, 3, 0, 0, 0, 8, 0], &sip_in_ipv4()])),
        ethernet(0x8847, &mpls(&[1, 2, 3], &join(&[&[0, 0, 0, 0], &frame]))),
        ethernet(0x8864, &join(&[&[0x11, 0, 0, 1], &be16(ppp.len()), &ppp])),
        ethernet(0x88E7, &join(&[&[0, 1, 2, 3], &frame])),
        ethernet(0x88E5, &join(&[&[0x20, 0, 0, 0, 0, 1], &[9; 8], &[8, 0], &sip_in_ipv4(), &[0xEE; 16]])),
        ethernet(0x894F, &join(&[&[0, 2, 2, 3, 0, 0, 1, 255], &frame])),
        ethernet(0x8926, &join(&[&[0, 1, 0, 2, 8, 0], &sip_in_ipv4()])),
        ethernet(0x0800, &outer(47, &join(&[&[0xF0, 0, 8, 0], &[0; 12], &[0; 4], &sip_in_ipv4()]))),
        ethernet(0x0800, &outer(47, &join(&[&[0x30, 0x81, 0x88, 0x0B], &[0; 12], &ppp]))),
        ethernet(0x0800, &outer(47, &join(&[&[0x10, 0, 0x22, 0xEB, 0, 0, 0, 1], &erspan, &frame]))),
        ethernet(0x0800, &outer(47, &join(&[&[0x10, 0, 0x88, 0xBE, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0, 0], &frame]))),
        ethernet(0x0800, &outer_udp(4789, &vxlan(5, &frame))),
        ethernet(0x0800, &outer_udp(4790, &join(&[&[0x0C, 0, 0, 5, 0, 0, 6, 0], &mpls(&[7], &sip_in_ipv4())]))),
        ethernet(0x0800, &outer_udp(6081, &join(&[&[1, 0, 0x65, 0x58, 0, 0, 9, 0, 0, 0, 0, 0], &frame]))),
        ethernet(0x0800, &outer_udp(2152, &join(&[&gtp, &sip_in_ipv6(), &[0; 200]]))),
        ethernet(0x0800, &outer_udp(1701, &join(&[&[0x4A, 0x02, 0, 90, 0, 1, 0, 2, 0, 0, 0, 0, 0, 2, 0, 0], &ppp]))),
        ethernet(0x0800, &outer_udp(6635, &mpls(&[7], &frame))),
        ethernet(0x0800, &outer_udp(4500, &esp(4, &odd))),
        ethernet(0x0800, &ipv4(50, &esp(17, &udp(5060, 5070, SIP)))),
        ethernet(0x0800, &ipv4(50, &esp(6, &tcp(5060, 5070, 1, SIP)))),
        ethernet(0x0800, &ipv4(50, &esp(132, &sctp))),
        ethernet(0x0800, &ipv4(51, &join(&[&[17, 4], &[0; 22], &udp(5060, 5070, SIP)]))),
        ethernet(0x0800, &ipv4(141, &join(&[&[17, 12, 12, 0], &esp(17, &udp(5060, 5070, SIP))]))),
        ethernet(0x0800, &outer(97, &join(&[&[0x30, 0], &frame]))),
        ethernet(0x0800, &outer(41, &ipv6(4, &sip_in_ipv4()))),
    ];
    let mut specimens: Vec<_> = on_ethernet.into_iter().map(|bytes| (LinkType::Ethernet, bytes)).collect();
    specimens.push((LinkType::LinuxCooked, cooked));
    specimens.push((LinkType::LinuxCooked2, cooked2));
    specimens.push((LinkType::RawIp, sip_in_ipv6()));
    specimens.push((LinkType::BsdLoopback, join(&[&[0, 0, 0, 2], &sip_in_ipv4()])));
    specimens
}

/// Every frame has exactly one outcome, and a segment lies within what was given.
fn check(peeler: &mut Peeler, frame: &Frame<'_>) {
    if let Peeled::Segment(segment) = peeler.peel(Timestamp::default(), frame) {
        let length = match segment.transport {
            Transport::Udp(payload) | Transport::Sctp(payload) => payload.len(),
            Transport::Tcp(tcp) => {
                assert!(tcp.payload.len() <= tcp.wire_len as usize);
                assert_eq!(segment.cut, tcp.payload.len() < tcp.wire_len as usize);
                tcp.payload.len()
            }
        };
        assert!(length <= 65_535);
    }
    let counts = peeler.counts();
    let transports = counts.udp + counts.tcp + counts.sctp + counts.icmp + counts.other_protocol;
    let others = counts.not_ip + counts.undecodable_link + counts.opaque_esp + counts.opaque_macsec;
    assert_eq!(counts.frames, transports + others + counts.damaged + counts.held);
}

#[test]
fn unharmed_specimens_are_all_read() {
    for (index, (link, bytes)) in specimens().into_iter().enumerate() {
        let mut peeler = peeler();
        let peeled = peeler.peel(Timestamp::default(), &frame_of(link, &bytes));
        assert!(matches!(peeled, Peeled::Segment(_) | Peeled::Held), "{index}: {peeled:?}");
    }
}

#[test]
fn truncation_at_every_byte_is_survived() {
    for (link, bytes) in specimens() {
        for length in 0..=bytes.len() {
            let mut peeler = peeler();
            check(&mut peeler, &frame_of(link, &bytes[..length]));
            check(&mut peeler, &Frame { bytes: &bytes[..length], ..frame_of(link, &bytes) });
        }
    }
}

#[test]
fn every_value_of_every_header_byte_is_survived() {
    let mut peeler = peeler();
    for (link, bytes) in specimens() {
        for index in 0..bytes.len().min(140) {
            let mut changed = bytes.clone();
            for value in 0..=u8::MAX {
                changed[index] = value;
                check(&mut peeler, &frame_of(link, &changed));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn several_changes_at_once_are_survived(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        captured in any::<prop::sample::Index>(),
        wire_len in any::<u32>(),
    ) {
        let all = specimens();
        let (link, mut bytes) = which.get(&all).clone();
        for (index, value) in changes {
            *index.get_mut(&mut bytes) = value;
        }
        let length = captured.index(bytes.len() + 1);
        let mut peeler = peeler();
        check(&mut peeler, &Frame { bytes: &bytes[..length], wire_len, ..frame_of(link, &bytes) });
    }

    #[test]
    fn noise_is_survived(link in 0u16..300, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut peeler = peeler();
        check(&mut peeler, &frame_of(LinkType::from(link), &bytes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// The short way and the long way give the same.
    #[test]
    fn plain_frames_lose_nothing_on_the_short_way(
        tagged in any::<bool>(),
        over_tcp in any::<bool>(),
        changes in prop::collection::vec((0usize..64, any::<u8>()), 0..3),
        missing in 0usize..80,
        padding in 0usize..20,
        cut in 0u32..3,
    ) {
        let ip = if over_tcp { ipv4(6, &tcp(5060, 5061, 1, SIP)) } else { sip_in_ipv4() };
        let mut bytes = if tagged { ethernet(0x8100, &vlan(21, 0x0800, &ip)) } else { ethernet(0x0800, &ip) };
        for (index, value) in changes {
            bytes[index] = value;
        }
        bytes.extend(vec![0; padding]);
        bytes.truncate(bytes.len().saturating_sub(missing / 8 * (missing % 8)));
        let wire_len = u32::try_from(bytes.len()).unwrap() + cut * 10;
        let frame = Frame { wire_len, ..frame_of(LinkType::Ethernet, &bytes) };
        let (mut one, mut other) = (peeler(), peeler());
        let short = show(one.peel(Timestamp::default(), &frame));
        let long = show(other.descend(Timestamp::default(), &frame));
        prop_assert_eq!(short, long);
        let mut counts = *other.counts();
        counts.frames = 1;
        prop_assert_eq!(*one.counts(), counts);
    }
}

/// Everything about an outcome, payload and addresses too.
fn show(peeled: Peeled<'_>) -> String {
    match peeled {
        Peeled::Segment(segment) => {
            let (source, destination) =
                (SocketAddr::from(segment.hop.source), SocketAddr::from(segment.hop.destination));
            let payload = match segment.transport {
                Transport::Udp(payload) | Transport::Sctp(payload) => payload,
                Transport::Tcp(tcp) => tcp.payload,
            };
            format!("{source} {destination} {segment:?} {payload:?}")
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn eight_ip_headers_are_read_and_nine_are_not() {
    let nested = |count: usize| (1..count).fold(sip_in_ipv4(), |inside, _| outer(4, &inside));
    assert_eq!(domain_of_sip(&ethernet(0x0800, &nested(8))), Domain(0));
    let bytes = ethernet(0x0800, &nested(9));
    let mut peeler = peeler();
    assert!(matches!(peel(&mut peeler, &bytes), Peeled::Damaged));
    assert_eq!(peeler.counts().damage.too_deep, 1);
}

#[test]
fn endless_tags_labels_and_extension_headers_are_given_up() {
    let tags = ethernet(0x8100, &[0, 1, 0x81, 0].repeat(10_000));
    let labels = ethernet(0x8847, &[0, 1, 0, 64].repeat(10_000));
    let extensions = ethernet(0x86DD, &ipv6(0, &[0; 60_000]));
    let frames = [0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x88, 0x47, 0, 1, 1, 64, 0, 0, 0, 0].repeat(2_000);
    let routes = ethernet(0x0800, &outer(47, &join(&[&[0x40, 0, 8, 0, 0, 0, 0, 0], &[1; 60_000]])));
    let mut peeler = peeler();
    for bytes in [tags, labels, extensions, routes] {
        assert!(matches!(peel(&mut peeler, &bytes), Peeled::Damaged));
    }
    assert_eq!(peeler.counts().damage.too_deep, 4);
    let _ = peel(&mut peeler, &frames);
}

#[test]
fn reassembly_inside_reassembly_ends() {
    // Each datagram is two fragments; the inner pair sits in the first fragment of the outer one.
    let mut inside = sip_in_ipv4();
    let mut frames = Vec::new();
    for id in 1..=6u16 {
        let whole = join(&[&inside, &[0; 16]]);
        let at = (whole.len() / 2).next_multiple_of(8);
        let build = |offset: usize, more: bool, part: &[u8]| {
            let mut packet = outer(4, part);
            packet[4..6].copy_from_slice(&id.to_be_bytes());
            packet[6..8].copy_from_slice(&be16((offset / 8) | (usize::from(more) << 13)));
            packet
        };
        frames.push(ethernet(0x0800, &build(at, false, &whole[at..])));
        inside = build(0, true, &whole[..at]);
    }
    frames.push(ethernet(0x0800, &inside));
    let mut peeler = peeler();
    for bytes in &frames {
        check(&mut peeler, &frame_of(LinkType::Ethernet, bytes));
    }
}
