//! ESP with NULL encryption, AH and WESP.

use super::*;

/// An ESP packet around a payload, aligned and padded as RFC 4303 asks, with a check value of `check` bytes.
fn esp(spi: u32, next: u8, payload: &[u8], check: usize) -> Vec<u8> {
    let pad = (4 - (payload.len() + 2) % 4) % 4;
    let padding: Vec<u8> = (1..=pad as u8).collect();
    let value: Vec<u8> = (0..check).map(|index| (index * 37 + 11) as u8).collect();
    join(&[&spi.to_be_bytes(), &[0, 0, 0, 1], payload, &padding, &[pad as u8, next], &value])
}

/// Bytes without a pattern, as a cipher leaves them.
fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(next).collect()
}

#[test]
fn null_encryption_is_seen_through_whatever_the_check_value() {
    for check in [0, 12, 16, 24, 32] {
        for extra in 0..4 {
            let text = join(&[SIP, &b"   "[..extra]]);
            let bytes = ethernet(0x0800, &ipv4(50, &esp(0x1001, 17, &udp(5060, 5070, &text), check)));
            let mut peeler = peeler();
            assert_eq!(datagram(peel(&mut peeler, &bytes)).0, text, "{check}");
            assert_eq!(peeler.counts().tunnels.esp_null, 1);
        }
    }
}

#[test]
fn gmac_puts_a_vector_before_the_payload() {
    let protected = esp(0x1001, 17, &udp(5060, 5070, SIP), 16);
    let with_vector = join(&[&protected[..8], &[0xA5; 8], &protected[8..]]);
    assert_eq!(domain_of_sip(&ethernet(0x0800, &ipv4(50, &with_vector))), Domain(0));
}

#[test]
fn null_encrypted_tcp_keeps_its_exact_length() {
    for size in 0..8 {
        let text = &SIP[..size];
        let bytes = ethernet(0x0800, &ipv4(50, &esp(7, 6, &tcp(5060, 5061, 9, text), 12)));
        let mut peeler = peeler();
        let Transport::Tcp(tcp) = segment(peel(&mut peeler, &bytes)).transport else { panic!("no TCP") };
        assert_eq!((tcp.payload, tcp.wire_len as usize), (text, size));
    }
}

#[test]
fn null_encrypted_tunnel_mode_and_sctp_are_read() {
    assert_eq!(domain_of_sip(&ethernet(0x0800, &outer(50, &esp(7, 4, &sip_in_ipv4(), 12)))), Domain(0));
    assert_eq!(domain_of_sip(&ethernet(0x86DD, &ipv6(50, &esp(7, 41, &sip_in_ipv6(), 16)))), Domain(0));
    let chunk = [0, 3, 0, 18, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, b'B', b'Y', 0, 0];
    let sctp = join(&[&5060u16.to_be_bytes(), &5061u16.to_be_bytes(), &[0; 8], &chunk]);
    let bytes = ethernet(0x0800, &ipv4(50, &esp(7, 132, &sctp, 12)));
    let mut peeler = peeler();
    assert!(matches!(segment(peel(&mut peeler, &bytes)).transport, Transport::Sctp(chunks) if chunks == chunk));
}

#[test]
fn esp_in_udp_is_told_from_key_exchange_and_keep_alives() {
    let protected = esp(0x2002, 17, &udp(5060, 5070, SIP), 12);
    for (source, destination) in [(4500, 61_000), (61_000, 4500), (4500, 4500)] {
        let bytes = ethernet(0x0800, &outer(17, &udp(source, destination, &protected)));
        assert_eq!(domain_of_sip(&bytes), Domain(0));
    }
    let mut peeler = peeler();
    let key_exchange = join(&[&[0; 4], &noise(80, 1)]);
    for payload in [&key_exchange[..], &[0xFF]] {
        assert!(matches!(peel(&mut peeler, &ethernet(0x0800, &outer_udp(4500, payload))), Peeled::Other));
    }
}

#[test]
fn encrypted_packets_are_opaque() {
    let mut peeler = peeler();
    for seed in 0..20_000 {
        let body = noise(64 + seed as usize % 32 * 4, seed);
        let packet = join(&[&0x3003u32.to_be_bytes(), &seed.to_be_bytes(), &body]);
        let bytes = ethernet(0x0800, &ipv4(50, &packet));
        assert!(matches!(peel(&mut peeler, &bytes), Peeled::Opaque), "seed {seed}");
    }
    assert_eq!(peeler.counts().opaque_esp, 20_000);
}

#[test]
fn association_that_proved_readable_is_read_when_cut() {
    let whole = ethernet(0x0800, &ipv4(50, &esp(0x4004, 17, &udp(5060, 5070, SIP), 16)));
    let cut = Frame { bytes: &whole[..whole.len() - 30], ..frame_of(LinkType::Ethernet, &whole) };
    let mut peeler = peeler();
    assert!(matches!(peeler.peel(Timestamp::default(), &cut), Peeled::Opaque), "not known yet");
    assert_eq!(datagram(peel(&mut peeler, &whole)).0, SIP);
    let segment = segment(peeler.peel(Timestamp::default(), &cut));
    assert!(segment.cut);
    assert!(matches!(segment.transport, Transport::Udp(payload) if SIP.starts_with(payload) && payload.len() > 30));
}

#[test]
fn other_protocols_of_a_readable_association_are_no_ciphertext() {
    let mut peeler = peeler();
    let echo = ethernet(0x0800, &ipv4(50, &esp(0x5005, 1, &[8, 0, 0, 0, 0, 1, 0, 1], 12)));
    assert!(matches!(peel(&mut peeler, &echo), Peeled::Opaque), "not known yet");
    let sip = ethernet(0x0800, &ipv4(50, &esp(0x5005, 17, &udp(5060, 5070, SIP), 12)));
    assert_eq!(datagram(peel(&mut peeler, &sip)).0, SIP);
    assert!(matches!(peel(&mut peeler, &echo), Peeled::Other));
}

#[test]
fn association_that_changes_its_transform_is_learned_anew() {
    let mut peeler = peeler();
    for check in [12, 16, 12] {
        let bytes = ethernet(0x0800, &ipv4(50, &esp(0x6006, 17, &udp(5060, 5070, SIP), check)));
        assert_eq!(datagram(peel(&mut peeler, &bytes)).0, SIP);
    }
}

#[test]
fn esp_inside_a_mobile_tunnel_is_read() {
    let protected = ipv4(50, &esp(0x7007, 17, &udp(5060, 5070, SIP), 12));
    assert_eq!(domain_of_sip(&ethernet(0x0800, &outer_udp(2152, &gtp_u(&protected)))), Domain(0));
}

#[test]
fn authentication_header_is_skipped() {
    let header = |next: u8| join(&[&[next, 4, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1], &[0x5A; 12]]);
    let bytes = ethernet(0x0800, &ipv4(51, &join(&[&header(17), &udp(5060, 5070, SIP)])));
    assert_eq!(domain_of_sip(&bytes), Domain(0));
    let bytes = ethernet(0x86DD, &ipv6(51, &join(&[&header(17), &udp(5060, 5070, SIP)])));
    assert_eq!(domain_of_sip(&bytes), Domain(0));
}

#[test]
fn wrapped_esp_says_itself_whether_it_is_encrypted() {
    let readable = join(&[&[17, 12, 12, 0], &esp(8, 17, &udp(5060, 5070, SIP), 12)]);
    assert_eq!(domain_of_sip(&ethernet(0x0800, &ipv4(141, &readable))), Domain(0));
    let encrypted = join(&[&[0, 12, 12, 0x20], &esp(8, 17, &noise(64, 3), 12)]);
    let mut peeler = peeler();
    assert!(matches!(peel(&mut peeler, &ethernet(0x0800, &ipv4(141, &encrypted))), Peeled::Opaque));
}
