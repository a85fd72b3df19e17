//! IPv4 and IPv6 fragments: order, copies, overlap, age, limits, nesting.

use core::time::Duration;

use proptest::prelude::*;

use super::*;

/// One fragment of an IPv4 datagram as an Ethernet frame.
pub(super) fn part4(id: u16, protocol: u8, offset: usize, more: bool, payload: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &bare4(id, protocol, offset, more, payload))
}

pub(super) fn bare4(id: u16, protocol: u8, offset: usize, more: bool, payload: &[u8]) -> Vec<u8> {
    let mut packet = ipv4(protocol, payload);
    packet[4..6].copy_from_slice(&id.to_be_bytes());
    packet[6..8].copy_from_slice(&be16((offset / 8) | (usize::from(more) << 13)));
    packet
}

/// One fragment of an IPv6 datagram as an Ethernet frame.
pub(super) fn part6(id: u32, next: u8, offset: usize, more: bool, payload: &[u8]) -> Vec<u8> {
    let header = join(&[&[next, 0], &be16(offset | usize::from(more)), &id.to_be_bytes()]);
    ethernet(0x86DD, &ipv6(44, &join(&[&header, payload])))
}

/// A datagram cut every `step` bytes.
fn split(whole: &[u8], step: usize) -> Vec<(usize, bool, &[u8])> {
    let last = (whole.len() - 1) / step * step;
    whole.chunks(step).enumerate().map(|(index, part)| (index * step, index * step != last, part)).collect()
}

pub(super) fn message(length: usize) -> Vec<u8> {
    let mut text = SIP.to_vec();
    text.extend((0..length.saturating_sub(SIP.len())).map(|index| b'a' + (index * 7 % 26) as u8));
    text
}

fn at(peeler: &mut Peeler, seconds: i64, bytes: &[u8]) -> Option<Vec<u8>> {
    let now = Timestamp::from_nanos(seconds * 1_000_000_000);
    match peeler.peel(now, &frame_of(LinkType::Ethernet, bytes)) {
        Peeled::Held => None,
        peeled => Some(datagram(peeled).0.to_vec()),
    }
}

fn feed(peeler: &mut Peeler, bytes: &[u8]) -> Option<Vec<u8>> {
    at(peeler, 0, bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any order, with copies in between: the datagram comes out once, with the frame that brings the last missing byte.
    #[test]
    fn every_order_gives_the_datagram_once(
        length in 60usize..900,
        step in 1usize..12,
        v6 in any::<bool>(),
        shuffled in any::<u64>(),
        copies in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let text = message(length);
        let whole = udp(5060, 5070, &text);
        let mut parts: Vec<Vec<u8>> = split(&whole, step * 8)
            .into_iter()
            .map(|(offset, more, part)| {
                if v6 { part6(9, 17, offset, more, part) } else { part4(9, 17, offset, more, part) }
            })
            .collect();
        for copy in copies {
            parts.push(copy.get(&parts).clone());
        }
        let mut state = shuffled;
        for index in (1..parts.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            parts.swap(index, (state >> 33) as usize % (index + 1));
        }
        if parts.len() == 1 {
            return Ok(());
        }
        let distinct: std::collections::BTreeSet<_> = parts.iter().cloned().collect();
        let mut missing = distinct.clone();
        let mut peeler = peeler();
        for part in &parts {
            let was_last = missing.remove(part) && missing.is_empty();
            let given = if distinct.len() == 1 { None } else { feed(&mut peeler, part) };
            if distinct.len() > 1 {
                prop_assert_eq!(given.is_some(), was_last);
            }
            if let Some(given) = given {
                prop_assert_eq!(&given, &text);
            }
        }
    }

    /// Overlapping cuts of the same bytes are put together too.
    #[test]
    fn overlap_of_equal_bytes_is_harmless(
        cuts in prop::collection::vec((0usize..40, 1usize..40), 0..12),
        v6 in any::<bool>(),
    ) {
        let text = message(312);
        let whole = udp(5060, 5070, &text);
        let build = |offset: usize, more: bool, part: &[u8]| {
            if v6 { part6(4, 17, offset, more, part) } else { part4(4, 17, offset, more, part) }
        };
        let mut peeler = peeler();
        let mut given = None;
        let random = cuts.into_iter().map(|(from, units)| (from * 8, (from + units) * 8)).filter(|(_, to)| *to < 320);
        for (from, to) in random.chain([(0, 160), (160, 320)]) {
            let now = feed(&mut peeler, &build(from, to < 320, &whole[from..to]));
            given = given.or(now);
        }
        prop_assert_eq!(given, Some(text));
        prop_assert_eq!(peeler.counts().fragments.overlapping, 0);
    }
}

#[test]
fn every_permutation_of_four_fragments() {
    let text = message(300);
    let whole = udp(5060, 5070, &text);
    let parts: Vec<_> = split(&whole, 80).into_iter().map(|(o, more, part)| part4(1, 17, o, more, part)).collect();
    assert_eq!(parts.len(), 4);
    for order in 0..256usize {
        let order = [order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6];
        if (0..4).any(|index| !order.contains(&index)) {
            continue;
        }
        let mut peeler = peeler();
        let given: Vec<_> = order.iter().map(|index| feed(&mut peeler, &parts[*index])).collect();
        assert_eq!(given, [None, None, None, Some(text.clone())]);
        assert_eq!((peeler.counts().udp, peeler.counts().held), (1, 3));
    }
}

#[test]
fn copies_after_completion_are_absorbed() {
    let text = message(200);
    let whole = udp(5060, 5070, &text);
    let mut peeler = peeler();
    let parts: Vec<_> = split(&whole, 104).into_iter().map(|(o, more, part)| part4(1, 17, o, more, part)).collect();
    assert_eq!(feed(&mut peeler, &parts[0]), None);
    assert_eq!(feed(&mut peeler, &parts[0]), None);
    assert!(feed(&mut peeler, &parts[1]).is_some());
    assert_eq!(feed(&mut peeler, &parts[1]), None);
    assert_eq!(peeler.counts().fragments.duplicate, 2);
    assert_eq!(peeler.next_expiry(), None, "nothing waits");
    // Some time later the id is used again, by the same bytes.
    assert_eq!(at(&mut peeler, 3, &parts[0]), None);
    assert!(at(&mut peeler, 3, &parts[1]).is_some());
}

#[test]
fn id_used_again_at_once_by_another_datagram() {
    let (first, second) = (udp(5060, 5070, &message(200)), udp(5060, 5070, &message(208)));
    let mut peeler = peeler();
    for whole in [&first, &second] {
        let given = split(whole, 104).into_iter().find_map(|(o, more, p)| feed(&mut peeler, &part4(1, 17, o, more, p)));
        assert_eq!(given.as_deref(), Some(&whole[8..]));
    }
}

#[test]
fn datagrams_of_different_protocol_direction_or_vlan_do_not_mix() {
    let whole = udp(5060, 5070, &message(200));
    let (head, tail) = whole.split_at(104);
    let mut peeler = peeler();
    assert_eq!(feed(&mut peeler, &part4(1, 17, 0, true, head)), None);
    assert_eq!(feed(&mut peeler, &part4(1, 6, 104, false, tail)), None);
    assert_eq!(feed(&mut peeler, &part4(2, 17, 104, false, tail)), None);
    let tagged = ethernet(0x8100, &vlan(5, 0x0800, &bare4(1, 17, 104, false, tail)));
    assert_eq!(feed(&mut peeler, &tagged), None);
    let mut back = bare4(1, 17, 104, false, tail);
    back[12..20].rotate_left(4);
    assert_eq!(feed(&mut peeler, &ethernet(0x0800, &back)), None);
    assert!(feed(&mut peeler, &part4(1, 17, 104, false, tail)).is_some());
}

#[test]
fn ipv4_overlap_that_differs_keeps_the_first_bytes() {
    let text = message(200);
    let whole = udp(5060, 5070, &text);
    let mut peeler = peeler();
    assert_eq!(feed(&mut peeler, &part4(1, 17, 0, true, &whole[..104])), None);
    assert_eq!(feed(&mut peeler, &part4(1, 17, 0, true, &[0x58; 112])), None);
    let given = feed(&mut peeler, &part4(1, 17, 104, false, &whole[104..])).unwrap();
    assert_eq!(given[..96], text[..96]);
    assert_eq!(given[96..104], [0x58; 8], "the second fragment was first with these");
    assert_eq!(peeler.counts().fragments.overlapping, 2);
}

#[test]
fn ipv6_overlap_that_differs_drops_the_datagram_and_its_late_fragments() {
    let whole = udp(5060, 5070, &message(200));
    let mut peeler = peeler();
    assert_eq!(feed(&mut peeler, &part6(1, 17, 0, true, &whole[..104])), None);
    assert_eq!(feed(&mut peeler, &part6(1, 17, 96, true, &[0x58; 8])), None);
    assert_eq!(feed(&mut peeler, &part6(1, 17, 104, false, &whole[104..])), None);
    let counts = peeler.counts().fragments;
    assert_eq!((counts.overlapping, counts.condemned, counts.reassembled), (1, 1, 0));
}

#[test]
fn second_end_of_a_datagram_is_a_contradiction() {
    let whole = udp(5060, 5070, &message(200));
    let mut peeler = peeler();
    assert_eq!(feed(&mut peeler, &part4(1, 17, 104, false, &whole[104..])), None);
    assert_eq!(feed(&mut peeler, &part4(1, 17, 104, false, &whole[104..120])), None);
    assert_eq!(feed(&mut peeler, &part4(1, 17, 504, true, &[0; 8])), None);
    assert_eq!(peeler.counts().fragments.overlapping, 2);
    assert!(feed(&mut peeler, &part4(1, 17, 0, true, &whole[..104])).is_some());
}

#[test]
fn atomic_ipv6_fragment_is_a_whole_datagram() {
    let whole = udp(5060, 5070, SIP);
    let mut peeler = peeler();
    assert_eq!(feed(&mut peeler, &part6(1, 17, 0, true, &whole[..16])), None);
    assert_eq!(feed(&mut peeler, &part6(1, 17, 0, false, &whole)).as_deref(), Some(SIP));
    assert_eq!(peeler.counts().fragments.fragments, 1);
}

#[test]
fn ipv6_takes_the_protocol_of_the_first_fragment() {
    let whole = udp(5060, 5070, &message(200));
    let mut peeler = peeler();
    assert_eq!(feed(&mut peeler, &part6(1, 59, 104, false, &whole[104..])), None);
    assert!(feed(&mut peeler, &part6(1, 17, 0, true, &whole[..104])).is_some());
}

#[test]
fn fragments_age_out_in_capture_time() {
    let whole = udp(5060, 5070, &message(200));
    let mut peeler = peeler();
    assert_eq!(at(&mut peeler, 100, &part4(1, 17, 0, true, &whole[..104])), None);
    assert_eq!(peeler.next_expiry(), Some(Timestamp::from_nanos(130_000_000_000)));
    assert_eq!(at(&mut peeler, 130, &part4(1, 17, 104, false, &whole[104..])), None, "too late");
    assert_eq!(peeler.counts().fragments.expired, 1);
    peeler.expire(Timestamp::from_nanos(160_000_000_000));
    assert_eq!((peeler.counts().fragments.expired, peeler.held_bytes(), peeler.next_expiry()), (2, 0, None));
}

#[test]
fn oldest_goes_first_when_there_are_too_many() {
    let whole = udp(5060, 5070, &message(200));
    let (head, tail) = whole.split_at(104);
    let mut peeler = Peeler::new(PeelLimits { fragment_datagrams: 3, ..PeelLimits::default() });
    for id in 1..=4 {
        assert_eq!(feed(&mut peeler, &part4(id, 17, 0, true, head)), None);
    }
    assert_eq!(peeler.counts().fragments.evicted, 1);
    assert!(feed(&mut peeler, &part4(2, 17, 104, false, tail)).is_some(), "the second is still there");
    assert_eq!(feed(&mut peeler, &part4(1, 17, 104, false, tail)), None, "the first is gone");
    // What lingers gives way before what waits.
    assert_eq!(peeler.counts().fragments.evicted, 1);
}

#[test]
fn bytes_held_never_exceed_the_limit() {
    let limit = 100_000;
    let mut peeler = Peeler::new(PeelLimits { fragment_bytes: limit, ..PeelLimits::default() });
    for id in 0..2_000u16 {
        let offset = usize::from(id % 8) * 1_400;
        assert_eq!(feed(&mut peeler, &part4(id, 17, offset, true, &[7; 1_400])), None);
        assert!(peeler.held_bytes() <= limit, "{}", peeler.held_bytes());
    }
    assert!(peeler.counts().fragments.evicted > 1_800);
}

#[test]
fn far_fragment_costs_no_more_than_its_bytes() {
    let mut peeler = peeler();
    assert_eq!(feed(&mut peeler, &part4(1, 17, 65_000, true, &[7; 8])), None);
    assert!(peeler.held_bytes() < 1_000, "{}", peeler.held_bytes());
}

#[test]
fn impossible_fragments_are_damage() {
    let mut peeler = peeler();
    for (offset, more, length) in [(65_528, false, 16), (0, true, 13), (8, true, 0), (65_528, true, 8)] {
        let bytes = part4(1, 17, offset, more, &vec![7; length]);
        assert!(matches!(peel(&mut peeler, &bytes), Peeled::Damaged), "{offset} {length}");
    }
    assert_eq!((peeler.counts().damage.bad_fragment, peeler.held_bytes()), (4, 0));
    // The longest that is possible.
    assert!(matches!(peel(&mut peeler, &part4(1, 17, 65_528, false, &[7; 7])), Peeled::Held));
}

#[test]
fn thousands_of_tiny_pieces_are_refused() {
    let mut peeler = peeler();
    for index in 0..1_000 {
        assert_eq!(feed(&mut peeler, &part4(1, 17, index * 16, true, &[7; 8])), None);
    }
    let counts = peeler.counts().fragments;
    assert_eq!((counts.scattered, counts.condemned), (1, 1_000 - 129));
    assert!(peeler.held_bytes() < 1_000);
}

#[test]
fn cut_fragment_ends_the_payload_and_completes_the_datagram() {
    let text = message(300);
    let whole = udp(5060, 5070, &text);
    let parts: Vec<_> = split(&whole, 160).into_iter().map(|(o, more, part)| part4(1, 17, o, more, part)).collect();
    let mut peeler = peeler();
    let head = Frame { bytes: &parts[0][..14 + 20 + 100], ..frame_of(LinkType::Ethernet, &parts[0]) };
    assert!(matches!(peeler.peel(Timestamp::default(), &head), Peeled::Held));
    let segment = segment(peel(&mut peeler, &parts[1]));
    assert!(segment.cut);
    assert!(matches!(segment.transport, Transport::Udp(payload) if payload == &text[..92]));
}

#[test]
fn fragmented_tunnel_packet_is_entered_once_whole() {
    let text = message(400);
    let inside = gtp_u(&ipv4(17, &udp(5060, 5070, &text)));
    let whole = udp(2152, 2152, &inside);
    let mut peeler = peeler();
    let given: Vec<_> =
        split(&whole, 200).into_iter().map(|(o, more, part)| feed(&mut peeler, &part4(1, 17, o, more, part))).collect();
    assert_eq!(given, [None, None, Some(text)]);
}

#[test]
fn fragments_inside_a_tunnel_are_put_together() {
    let text = message(400);
    let whole = udp(5060, 5070, &text);
    let mut peeler = peeler();
    let mut given = None;
    for (offset, more, part) in split(&whole, 200) {
        let tunnel = ethernet(0x0800, &outer_udp(2152, &gtp_u(&bare4(3, 17, offset, more, part))));
        given = feed(&mut peeler, &tunnel);
    }
    assert_eq!(given, Some(text));
}

#[test]
fn fragments_inside_fragmented_tunnel_packets_are_put_together() {
    let text = message(600);
    let whole = udp(5060, 5070, &text);
    let mut peeler = peeler();
    let mut given = Vec::new();
    for (id, (offset, more, part)) in (1..).zip(split(&whole, 304)) {
        let tunnel = udp(2152, 2152, &gtp_u(&bare4(3, 17, offset, more, part)));
        for (offset, more, part) in split(&tunnel, 104).into_iter().rev() {
            let mut outer = outer(17, part);
            outer[4..6].copy_from_slice(&u16::to_be_bytes(id));
            outer[6..8].copy_from_slice(&be16((offset / 8) | (usize::from(more) << 13)));
            given.extend(feed(&mut peeler, &ethernet(0x0800, &outer)));
        }
    }
    assert_eq!(given, [text]);
}

#[test]
fn steady_fragmented_traffic_stays_within_its_age() {
    let whole = udp(5060, 5070, &message(1_500));
    let mut peeler = peeler();
    let limits = PeelLimits::default();
    for index in 0..20_000u32 {
        let now = Timestamp::default().plus(Duration::from_millis(10) * index);
        for (offset, more, part) in split(&whole, 1_400) {
            let bytes = part4(index as u16, 17, offset, more, part);
            let _ = peeler.peel(now, &frame_of(LinkType::Ethernet, &bytes));
        }
        assert!(peeler.held_bytes() < limits.fragment_bytes / 10);
    }
    assert_eq!(peeler.counts().udp, 20_000);
}
