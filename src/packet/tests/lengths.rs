//! Length fields against each other, against padding, and against the snap length.

use super::*;

#[test]
fn ethernet_padding_is_no_payload() {
    let bytes = join(&[&ethernet(0x0800, &ipv4(17, &udp(5060, 5070, b"\r\n\r\n"))), &[0; 22]]);
    let mut peeler = peeler();
    let segment = segment(peel(&mut peeler, &bytes));
    assert!(matches!(segment.transport, Transport::Udp(b"\r\n\r\n")));
    assert!(!segment.cut);
}

#[test]
fn cut_inside_the_padding_is_no_cut() {
    let bytes = ethernet(0x0800, &ipv4(17, &udp(5060, 5070, b"\r\n\r\n")));
    let frame = Frame { wire_len: 64, ..frame_of(LinkType::Ethernet, &bytes) };
    let mut peeler = peeler();
    assert!(!segment(peeler.peel(Timestamp::default(), &frame)).cut);
}

#[test]
fn snap_length_cuts_the_payload_and_says_so() {
    let bytes = ethernet(0x0800, &ipv4(6, &tcp(5060, 40_000, 1, SIP)));
    let frame = Frame { bytes: &bytes[..bytes.len() - 10], ..frame_of(LinkType::Ethernet, &bytes) };
    let mut peeler = peeler();
    let segment = segment(peeler.peel(Timestamp::default(), &frame));
    let Transport::Tcp(tcp) = segment.transport else { panic!("no TCP") };
    assert!(segment.cut);
    assert_eq!((tcp.payload.len() + 10, tcp.wire_len as usize), (SIP.len(), SIP.len()));
    assert_eq!((peeler.counts().cut, peeler.counts().damage.ip_length), (1, 0));
}

#[test]
fn tcp_options_cut_off_still_give_sequence_and_length() {
    let mut header = etherparse::TcpHeader::new(5060, 40_000, 5, 1024);
    header.set_options_raw(&[1; 12]).unwrap();
    let bytes = ethernet(0x0800, &ipv4(6, &join(&[&header.to_bytes(), SIP])));
    let frame = Frame { bytes: &bytes[..14 + 20 + 24], ..frame_of(LinkType::Ethernet, &bytes) };
    let mut peeler = peeler();
    let segment = segment(peeler.peel(Timestamp::default(), &frame));
    assert!(segment.cut);
    assert!(
        matches!(segment.transport, Transport::Tcp(tcp) if tcp.payload.is_empty() && tcp.wire_len as usize == SIP.len())
    );
}

#[test]
fn header_cut_off_is_damage_of_its_own() {
    let bytes = ethernet(0x0800, &sip_in_ipv4());
    let frame = Frame { bytes: &bytes[..14 + 20 + 4], ..frame_of(LinkType::Ethernet, &bytes) };
    let mut peeler = peeler();
    assert!(matches!(peeler.peel(Timestamp::default(), &frame), Peeled::Damaged));
    assert!(matches!(peel(&mut peeler, &bytes[..14 + 10]), Peeled::Damaged));
    let damage = peeler.counts().damage;
    assert_eq!((damage.cut_header, damage.truncated, peeler.counts().damaged), (1, 1, 2));
}

#[test]
fn ip_length_zero_takes_what_is_there() {
    let mut bytes = ethernet(0x0800, &ipv4(6, &tcp(5060, 40_000, 1, SIP)));
    bytes[16..18].fill(0);
    let mut peeler = peeler();
    let Transport::Tcp(tcp) = segment(peel(&mut peeler, &bytes)).transport else { panic!("no TCP") };
    assert_eq!((tcp.payload, tcp.wire_len as usize), (SIP, SIP.len()));
    let mut bytes = ethernet(0x86DD, &sip_in_ipv6());
    bytes[18..20].fill(0);
    assert_eq!(domain_of_sip(&bytes), Domain(0));
}

#[test]
fn ip_length_beyond_the_frame_gives_a_cut_segment() {
    let mut bytes = ethernet(0x0800, &ipv4(6, &tcp(5060, 40_000, 1, SIP)));
    bytes[16..18].copy_from_slice(&1400u16.to_be_bytes());
    let mut peeler = peeler();
    let segment = segment(peel(&mut peeler, &bytes));
    assert!(segment.cut);
    assert!(matches!(segment.transport, Transport::Tcp(tcp) if tcp.wire_len == 1360 && tcp.payload == SIP));
    assert_eq!(peeler.counts().damage.ip_length, 1);
}

#[test]
fn udp_length_trims_or_cuts() {
    let mut shorter = ethernet(0x0800, &sip_in_ipv4());
    shorter[38..40].copy_from_slice(&12u16.to_be_bytes());
    let mut peeler = peeler();
    assert_eq!(datagram(peel(&mut peeler, &shorter)).0, b"BYE ");
    let mut longer = ethernet(0x0800, &sip_in_ipv4());
    longer[38..40].copy_from_slice(&1200u16.to_be_bytes());
    let segment = segment(peel(&mut peeler, &longer));
    assert!(segment.cut && matches!(segment.transport, Transport::Udp(payload) if payload == SIP));
    assert_eq!(peeler.counts().damage.udp_length, 1);
    let mut absurd = ethernet(0x0800, &sip_in_ipv4());
    absurd[38..40].copy_from_slice(&7u16.to_be_bytes());
    assert!(matches!(peel(&mut peeler, &absurd), Peeled::Damaged));
    assert_eq!(peeler.counts().damage.bad_header, 1);
}

#[test]
fn udp_length_zero_takes_what_is_there() {
    let mut bytes = ethernet(0x0800, &sip_in_ipv4());
    bytes[38..40].fill(0);
    assert_eq!(domain_of_sip(&bytes), Domain(0));
}

#[test]
fn frame_that_a_mirror_tunnel_cut_is_entered() {
    let whole = ethernet(0x0800, &sip_in_ipv4());
    let bytes = ethernet(0x0800, &outer_udp(4789, &vxlan(7, &whole[..whole.len() - 20])));
    let mut peeler = peeler();
    let segment = segment(peel(&mut peeler, &bytes));
    assert!(segment.cut);
    assert_eq!(segment.hop.domain, domain(7, 0, 0));
}

#[test]
fn tunnel_cut_by_the_snap_length_gives_a_cut_segment() {
    let bytes = ethernet(0x0800, &outer_udp(2152, &gtp_u(&sip_in_ipv4())));
    let frame = Frame { bytes: &bytes[..bytes.len() - 30], ..frame_of(LinkType::Ethernet, &bytes) };
    let mut peeler = peeler();
    let segment = segment(peeler.peel(Timestamp::default(), &frame));
    assert!(segment.cut && matches!(segment.transport, Transport::Udp(payload) if payload == &SIP[..SIP.len() - 30]));
    assert_eq!(peeler.counts().damage.ip_length, 0);
}

#[test]
fn debug_shows_no_payload_and_no_address() {
    let bytes = ethernet(0x0800, &sip_in_ipv4());
    let mut peeler = peeler();
    let frame = format!("{:?}", frame_of(LinkType::Ethernet, &bytes));
    let peeled = format!("{:?}", peel(&mut peeler, &bytes));
    for text in [frame, peeled] {
        assert!(!text.contains("66, 89, 69") && !text.contains("10.0.0"), "{text}");
    }
}
