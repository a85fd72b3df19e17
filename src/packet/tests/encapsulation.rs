//! Every link layer, tag and tunnel, alone and inside others.

use super::*;

#[test]
fn plain_datagram_gives_addresses_ports_and_payload() {
    let builder =
        etherparse::PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 20).udp(5060, 5070);
    let mut bytes = Vec::new();
    builder.write(&mut bytes, SIP).unwrap();
    let mut peeler = peeler();
    let segment = segment(peel(&mut peeler, &bytes));
    assert_eq!(SocketAddr::from(segment.hop.source), socket([10, 0, 0, 1], 5060));
    assert_eq!(SocketAddr::from(segment.hop.destination), socket([10, 0, 0, 2], 5070));
    assert_eq!(segment.hop.domain, Domain(0));
    assert!(matches!(segment.transport, Transport::Udp(payload) if payload == SIP));
    assert!(!segment.cut);
    assert_eq!((peeler.counts().frames, peeler.counts().udp), (1, 1));
}

#[test]
fn tcp_segment_gives_sequence_flags_and_payload() {
    let bytes = ethernet(0x0800, &ipv4(6, &tcp(5060, 40_000, 0xFFFF_FFFE, SIP)));
    let mut peeler = peeler();
    let Transport::Tcp(tcp) = segment(peel(&mut peeler, &bytes)).transport else { panic!("no TCP") };
    assert_eq!((tcp.sequence, tcp.acknowledgement), (0xFFFF_FFFE, 77));
    assert_eq!((tcp.syn, tcp.ack, tcp.fin, tcp.rst), (false, true, false, false));
    assert_eq!((tcp.payload, tcp.wire_len as usize), (SIP, SIP.len()));
}

#[test]
fn sctp_gives_its_chunks() {
    let chunk = [0, 3, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, b'B', b'Y', b'E', b' '];
    let sctp = join(&[&5060u16.to_be_bytes(), &5061u16.to_be_bytes(), &[0; 8], &chunk]);
    let bytes = ethernet(0x0800, &ipv4(132, &sctp));
    let mut peeler = peeler();
    let segment = segment(peel(&mut peeler, &bytes));
    assert!(matches!(segment.transport, Transport::Sctp(chunks) if chunks == chunk));
    assert_eq!((segment.hop.source.port, segment.hop.destination.port), (5060, 5061));
}

#[test]
fn every_link_layer_leads_to_ip() {
    let ip = sip_in_ipv4();
    let cooked = join(&[&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0], &ip]);
    let cooked2 = join(&[&[8, 0, 0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0], &ip]);
    let snap_length = u16::try_from(ip.len() + 8).unwrap();
    let snap = ethernet(snap_length, &join(&[&[0xAA, 0xAA, 3, 0, 0, 0, 8, 0], &ip]));
    let frames = [
        (LinkType::Ethernet, ethernet(0x0800, &ip)),
        (LinkType::Ethernet, snap),
        (LinkType::LinuxCooked, cooked),
        (LinkType::LinuxCooked2, cooked2),
        (LinkType::RawIp, ip.clone()),
        (LinkType::Ipv4, ip.clone()),
        (LinkType::Ipv6, sip_in_ipv6()),
        (LinkType::RawIp, sip_in_ipv6()),
        (LinkType::BsdLoopback, join(&[&[2, 0, 0, 0], &ip])),
        (LinkType::BsdLoopback, join(&[&[0, 0, 0, 2], &ip])),
        (LinkType::BsdLoopback, join(&[&[30, 0, 0, 0], &sip_in_ipv6()])),
        (LinkType::OpenBsdLoopback, join(&[&[0, 0, 0, 24], &sip_in_ipv6()])),
    ];
    for (link, bytes) in frames {
        let mut peeler = peeler();
        let (payload, _) = datagram(peeler.peel(Timestamp::default(), &frame_of(link, &bytes)));
        assert_eq!(payload, SIP, "{link:?}");
    }
}

#[test]
fn what_is_no_ip_is_counted_apart() {
    let mut peeler = peeler();
    assert!(matches!(peel(&mut peeler, &ethernet(0x0806, &[0, 1, 8, 0])), Peeled::Other));
    assert!(matches!(peel(&mut peeler, &ethernet(0x88CC, &[2, 7])), Peeled::Other));
    assert!(matches!(peel(&mut peeler, &ethernet(38, &[0x42, 0x42, 3, 0])), Peeled::Other));
    assert!(matches!(peel(&mut peeler, &ethernet(0x0800, &ipv4(2, &[0x16, 0]))), Peeled::Other));
    let radio = frame_of(LinkType::Other(127), &[0; 60]);
    assert!(matches!(peeler.peel(Timestamp::default(), &radio), Peeled::Other));
    let counts = peeler.counts();
    assert_eq!((counts.not_ip, counts.other_protocol, counts.undecodable_link), (3, 1, 1));
}

#[test]
fn icmp_error_that_quotes_sip_is_no_sip() {
    let icmp = join(&[&[3, 3, 0, 0, 0, 0, 0, 0], &sip_in_ipv4()]);
    let icmp6 = join(&[&[1, 4, 0, 0, 0, 0, 0, 0], &sip_in_ipv6()]);
    let mut peeler = peeler();
    assert!(matches!(peel(&mut peeler, &ethernet(0x0800, &ipv4(1, &icmp))), Peeled::Other));
    assert!(matches!(peel(&mut peeler, &ethernet(0x86DD, &ipv6(58, &icmp6))), Peeled::Other));
    assert_eq!(peeler.counts().icmp, 2);
}

#[test]
fn two_innermost_vlans_make_the_domain() {
    let ip = sip_in_ipv4();
    assert_eq!(domain_of_sip(&ethernet(0x8100, &vlan(142, 0x0800, &ip))), domain(0, 0, 142));
    let double = vlan(7, 0x8100, &vlan(8, 0x0800, &ip));
    for tag in [0x88A8, 0x9100, 0x9200, 0x8100] {
        assert_eq!(domain_of_sip(&ethernet(tag, &double)), domain(0, 7, 8));
    }
    let triple = vlan(6, 0x88A8, &double);
    assert_eq!(domain_of_sip(&ethernet(0x9100, &triple)), domain(0, 7, 8));
}

#[test]
fn priority_tag_does_not_change_the_domain() {
    let ip = sip_in_ipv4();
    assert_eq!(domain_of_sip(&ethernet(0x8100, &vlan(0xE000, 0x0800, &ip))), Domain(0));
    let inside = vlan(5, 0x8100, &vlan(0, 0x0800, &ip));
    assert_eq!(domain_of_sip(&ethernet(0x8100, &inside)), domain(0, 0, 5));
    // Priority bits around an id are not part of it.
    assert_eq!(domain_of_sip(&ethernet(0x8100, &vlan(0xA005, 0x0800, &ip))), domain(0, 0, 5));
}

#[test]
fn mac_in_mac_counts_its_service_and_the_inner_vlan() {
    let customer = ethernet(0x8100, &vlan(33, 0x0800, &sip_in_ipv4()));
    let tag = join(&[&[0, 0x01, 0x02, 0x03], &customer]);
    let backbone = ethernet(0x88A8, &vlan(9, 0x88E7, &tag));
    assert_eq!(domain_of_sip(&backbone), domain(0x0001_0203, 0, 33));
}

#[test]
fn macsec_is_read_where_it_only_protects_integrity() {
    let readable = join(&[&[0x20, 0, 0, 0, 0, 1], &[9; 8], &[8, 0], &sip_in_ipv4(), &[0xEE; 16]]);
    assert_eq!(domain_of_sip(&ethernet(0x88E5, &readable)), Domain(0));
    let encrypted = join(&[&[0x2C, 0, 0, 0, 0, 1], &[9; 8], &[0x5A; 60]]);
    let mut peeler = peeler();
    assert!(matches!(peel(&mut peeler, &ethernet(0x88E5, &encrypted)), Peeled::Opaque));
    assert_eq!(peeler.counts().opaque_macsec, 1);
}

#[test]
fn vn_tag_and_service_header_are_skipped() {
    let ip = sip_in_ipv4();
    assert_eq!(domain_of_sip(&ethernet(0x8926, &join(&[&[0, 1, 0, 2, 8, 0], &ip]))), Domain(0));
    let nsh = join(&[&[0, 2, 2, 1, 0, 0, 1, 255], &ip]);
    assert_eq!(domain_of_sip(&ethernet(0x894F, &nsh)), Domain(0));
}

#[test]
fn mpls_carries_ip_and_keeps_the_vlan_of_its_link() {
    assert_eq!(domain_of_sip(&ethernet(0x8847, &mpls(&[16], &sip_in_ipv4()))), Domain(0));
    assert_eq!(domain_of_sip(&ethernet(0x8848, &mpls(&[16, 17, 18], &sip_in_ipv6()))), Domain(0));
    let tagged = vlan(40, 0x8847, &mpls(&[99], &sip_in_ipv4()));
    assert_eq!(domain_of_sip(&ethernet(0x8100, &tagged)), domain(0, 0, 40));
}

#[test]
fn mpls_pseudowire_is_read_with_and_without_control_word() {
    let inner = ethernet(0x8100, &vlan(21, 0x0800, &sip_in_ipv4()));
    let with = mpls(&[100, 200], &join(&[&[0, 0, 0, 5], &inner]));
    // The inner destination address begins with a zero nibble, as a control word does.
    let without = mpls(&[100, 200], &inner);
    for labelled in [with, without] {
        assert_eq!(domain_of_sip(&ethernet(0x8100, &vlan(4, 0x8847, &labelled))), domain(0, 0, 21));
    }
}

#[test]
fn mpls_runs_over_udp_gre_and_ip() {
    let labelled = mpls(&[300], &sip_in_ipv4());
    assert_eq!(domain_of_sip(&ethernet(0x0800, &outer_udp(6635, &labelled))), Domain(0));
    assert_eq!(domain_of_sip(&ethernet(0x0800, &outer(47, &gre(0x8847, &labelled)))), Domain(0));
    assert_eq!(domain_of_sip(&ethernet(0x0800, &outer(137, &labelled))), Domain(0));
}

fn pppoe(ppp: &[u8]) -> Vec<u8> {
    ethernet(0x8864, &join(&[&[0x11, 0, 0, 1], &be16(ppp.len()), ppp]))
}

#[test]
fn pppoe_carries_both_ips_with_long_and_short_protocol() {
    for (protocol, ip) in [
        (&[0x00, 0x21][..], sip_in_ipv4()),
        (&[0x00, 0x57], sip_in_ipv6()),
        (&[0x21], sip_in_ipv4()),
        (&[0xFF, 0x03, 0x00, 0x21], sip_in_ipv4()),
        (&[0xFF, 0x03, 0x57], sip_in_ipv6()),
    ] {
        let padded = join(&[&pppoe(&join(&[protocol, &ip])), &[0; 9]]);
        assert_eq!(domain_of_sip(&padded), Domain(0));
    }
    let mut peeler = peeler();
    assert!(matches!(peel(&mut peeler, &pppoe(&[0xC0, 0x21, 9, 1])), Peeled::Other), "LCP echo");
    assert_eq!((peeler.counts().tunnels.pppoe, peeler.counts().not_ip), (1, 1));
}

#[test]
fn gre_skips_what_its_flags_announce() {
    let ip = sip_in_ipv4();
    for (flags, optional) in [(0x0000u16, 0), (0x8000, 4), (0x2000, 4), (0x1000, 4), (0xB000, 12), (0x3000, 8)] {
        let header = join(&[&flags.to_be_bytes(), &[8, 0], &vec![0x55; optional], &ip]);
        assert_eq!(domain_of_sip(&ethernet(0x0800, &outer(47, &header))), Domain(0), "{flags:#06x}");
    }
    let routed = join(&[&[0x40, 0, 8, 0], &[0; 4], &[8, 0, 0, 4, 1, 1, 1, 1], &[0; 4], &ip]);
    assert_eq!(domain_of_sip(&ethernet(0x0800, &outer(47, &routed))), Domain(0));
    assert_eq!(domain_of_sip(&ethernet(0x86DD, &ipv6(47, &gre(0x86DD, &sip_in_ipv6())))), Domain(0));
}

#[test]
fn pptp_carries_ppp_and_a_bare_acknowledgement_is_no_damage() {
    let ppp = join(&[&[0xFF, 0x03, 0x00, 0x21], &sip_in_ipv4()]);
    let data = join(&[&[0x30, 0x81, 0x88, 0x0B], &be16(ppp.len()), &[0, 1], &[0; 8], &ppp]);
    assert_eq!(domain_of_sip(&ethernet(0x0800, &outer(47, &data))), Domain(0));
    let ack = [0x20, 0x81, 0x88, 0x0B, 0, 0, 0, 1, 0, 0, 0, 7];
    let mut peeler = peeler();
    assert!(matches!(peel(&mut peeler, &ethernet(0x0800, &outer(47, &ack))), Peeled::Other));
    assert_eq!(peeler.counts().damaged, 0);
}

#[test]
fn bridged_gre_counts_the_inner_vlan_and_not_the_outer() {
    let inner = ethernet(0x8100, &vlan(55, 0x0800, &sip_in_ipv4()));
    let bytes = ethernet(0x8100, &vlan(900, 0x0800, &outer(47, &gre(0x6558, &inner))));
    assert_eq!(domain_of_sip(&bytes), domain(0, 0, 55));
}

#[test]
fn vlan_around_a_tunnel_does_not_count() {
    let bytes = ethernet(0x8100, &vlan(900, 0x0800, &outer(47, &gre(0x0800, &sip_in_ipv4()))));
    assert_eq!(domain_of_sip(&bytes), Domain(0));
}

fn erspan_three(options: u8, frame_type: u8, inside: &[u8]) -> Vec<u8> {
    let subheader: &[u8] = if options & 1 == 1 { &[0x77; 8] } else { &[] };
    let header = [0x20, 0x64, 0, 5, 0, 0, 0, 1, 0, 0, frame_type << 2, options];
    join(&[&[0x10, 0, 0x22, 0xEB, 0, 0, 0, 1], &header, subheader, inside])
}

#[test]
fn erspan_one_two_and_three_are_read() {
    let inner = ethernet(0x8100, &vlan(12, 0x0800, &sip_in_ipv4()));
    let one = gre(0x88BE, &inner);
    let two = join(&[&[0x10, 0, 0x88, 0xBE, 0, 0, 0, 1], &[0x10, 0x64, 0, 5, 0, 0, 0, 9], &inner]);
    for tunnel in [one, two, erspan_three(0, 0, &inner), erspan_three(1, 0, &inner)] {
        assert_eq!(domain_of_sip(&ethernet(0x0800, &outer(47, &tunnel))), domain(0, 0, 12));
    }
    for tunnel in [erspan_three(0, 2, &sip_in_ipv4()), erspan_three(1, 2, &sip_in_ipv6())] {
        assert_eq!(domain_of_sip(&ethernet(0x0800, &outer(47, &tunnel))), Domain(0));
    }
}

#[test]
fn vxlan_counts_its_network() {
    let inner = ethernet(0x0800, &sip_in_ipv4());
    for port in [4789, 8472] {
        assert_eq!(
            domain_of_sip(&ethernet(0x0800, &outer_udp(port, &vxlan(0x00AB_CDEF, &inner)))),
            domain(0x00AB_CDEF, 0, 0)
        );
    }
    let tagged = ethernet(0x8100, &vlan(3, 0x0800, &sip_in_ipv4()));
    assert_eq!(domain_of_sip(&ethernet(0x0800, &outer_udp(4789, &vxlan(5, &tagged)))), domain(5, 0, 3));
}

#[test]
fn vxlan_gpe_names_what_it_carries() {
    let ethernet_inside = ethernet(0x0800, &sip_in_ipv4());
    for (protocol, inside) in [
        (1, sip_in_ipv4()),
        (2, sip_in_ipv6()),
        (3, ethernet_inside.clone()),
        (4, join(&[&[0, 2, 2, 3, 0, 0, 1, 255], &ethernet_inside])),
        (5, mpls(&[70], &sip_in_ipv4())),
    ] {
        let gpe = join(&[&[0x0C, 0, 0, protocol, 0, 0, 6, 0], &inside]);
        assert_eq!(domain_of_sip(&ethernet(0x0800, &outer_udp(4790, &gpe))), domain(6, 0, 0), "{protocol}");
    }
}

#[test]
fn geneve_skips_options() {
    let inner = ethernet(0x0800, &sip_in_ipv4());
    let bridged = join(&[&[2, 0x40, 0x65, 0x58, 0, 0, 9, 0], &[0xFF; 8], &inner]);
    assert_eq!(domain_of_sip(&ethernet(0x0800, &outer_udp(6081, &bridged))), domain(9, 0, 0));
    let routed = join(&[&[0, 0, 0x86, 0xDD, 0, 0, 9, 0], &sip_in_ipv6()]);
    assert_eq!(domain_of_sip(&ethernet(0x0800, &outer_udp(6081, &routed))), domain(9, 0, 0));
}

#[test]
fn gtp_skips_optional_fields_and_extension_headers() {
    let ip = sip_in_ipv4();
    let with =
        |flags: u8, extra: &[u8]| join(&[&[flags, 255], &be16(extra.len() + ip.len()), &[0, 0, 0, 1], extra, &ip]);
    let session_container = [0, 0, 0, 0x85, 1, 0x10, 9, 0];
    let two_extensions = [0, 0, 0, 0x85, 1, 0x10, 9, 0xC0, 2, 0, 0, 0, 0, 0, 0, 0];
    for packet in [
        gtp_u(&ip),
        with(0x32, &[0, 7, 0, 0]),
        with(0x31, &[0, 0, 3, 0]),
        with(0x34, &session_container),
        with(0x36, &two_extensions),
        // The extension type is there but its flag is not: it means nothing.
        with(0x32, &[0, 7, 0, 0x85]),
    ] {
        assert_eq!(domain_of_sip(&ethernet(0x0800, &outer_udp(2152, &packet))), Domain(0));
    }
    let session = gtp_u(&ethernet(0x8100, &vlan(77, 0x0800, &ip)));
    assert_eq!(domain_of_sip(&ethernet(0x0800, &outer_udp(2152, &session))), domain(0, 0, 77));
}

#[test]
fn ip_in_ip_goes_both_ways() {
    assert_eq!(domain_of_sip(&ethernet(0x0800, &outer(4, &sip_in_ipv4()))), Domain(0));
    assert_eq!(domain_of_sip(&ethernet(0x0800, &outer(41, &sip_in_ipv6()))), Domain(0));
    assert_eq!(domain_of_sip(&ethernet(0x86DD, &ipv6(4, &sip_in_ipv4()))), Domain(0));
    assert_eq!(domain_of_sip(&ethernet(0x86DD, &ipv6(41, &sip_in_ipv6()))), Domain(0));
}

#[test]
fn ethernet_in_ip_and_etherip_are_read() {
    let inner = ethernet(0x0800, &sip_in_ipv4());
    assert_eq!(domain_of_sip(&ethernet(0x86DD, &ipv6(143, &inner))), Domain(0));
    assert_eq!(domain_of_sip(&ethernet(0x0800, &outer(97, &join(&[&[0x30, 0], &inner])))), Domain(0));
}

#[test]
fn l2tp_data_carries_ppp() {
    let ppp = join(&[&[0xFF, 0x03, 0x00, 0x21], &sip_in_ipv4()]);
    let short = join(&[&[0x00, 0x02, 0, 1, 0, 2], &ppp]);
    let long = join(&[&[0x4A, 0x02], &be16(16 + ppp.len()), &[0, 1, 0, 2, 0, 0, 0, 0, 0, 2, 0, 0], &ppp]);
    for packet in [short, long] {
        assert_eq!(domain_of_sip(&ethernet(0x0800, &outer_udp(1701, &packet))), Domain(0));
    }
}

#[test]
fn mobile_core_inside_a_pseudowire() {
    // VLAN, MPLS, pseudowire, Ethernet, IPv4, GTP-U, IPv6, UDP.
    let mobile = outer_udp(2152, &gtp_u(&sip_in_ipv6()));
    let wire = mpls(&[500, 501], &join(&[&[0, 0, 0, 0], &ethernet(0x0800, &mobile)]));
    assert_eq!(domain_of_sip(&ethernet(0x8100, &vlan(100, 0x8847, &wire))), Domain(0));
}

#[test]
fn overlay_inside_a_mirror_tunnel() {
    let overlay = ethernet(0x0800, &outer_udp(4789, &vxlan(42, &ethernet(0x0800, &sip_in_ipv4()))));
    let mirror = join(&[&[0x10, 0, 0x88, 0xBE, 0, 0, 0, 1], &[0x10, 0x64, 0, 5, 0, 0, 0, 9], &overlay]);
    let bytes = ethernet(0x8100, &vlan(800, 0x0800, &outer(47, &mirror)));
    assert_eq!(domain_of_sip(&bytes), domain(42, 0, 0));
}

#[test]
fn labels_that_differ_by_direction_leave_the_domain_alone() {
    let inner = ethernet(0x8100, &vlan(60, 0x0800, &sip_in_ipv4()));
    let there = [[0x10, 0x64, 0, 5, 0, 0, 0, 9], [0x10, 0x65, 0, 6, 0, 0, 0, 7]];
    let domains = there.map(|header| {
        let mirror = join(&[&[0x10, 0, 0x88, 0xBE, 0, 0, 0, 1], &header, &inner]);
        domain_of_sip(&ethernet(0x0800, &outer(47, &mirror)))
    });
    assert_eq!(domains[0], domains[1]);
}

#[test]
fn sip_on_a_tunnel_port_stays_sip() {
    for port in [1701, 2152, 4500, 4789, 4790, 6081, 6635, 8472] {
        for text in [
            SIP,
            b"SIP/2.0 200 OK\r\n\r\n",
            b"\r\n\r\nOPTIONS sip:a SIP/2.0\r\n\r\n",
            b"MESSAGE tel:+1 SIP/2.0\r\n\r\n",
        ] {
            for (source, destination) in [(port, 5060), (5060, port), (port, port)] {
                let bytes = ethernet(0x0800, &ipv4(17, &udp(source, destination, text)));
                let mut peeler = peeler();
                assert_eq!(datagram(peel(&mut peeler, &bytes)).0, text, "{port}");
            }
        }
    }
}

#[test]
fn tunnel_port_without_a_tunnel_is_a_plain_datagram() {
    let media = join(&[&[0x80, 0, 0, 1], &[0x5A; 168]]);
    let end_marker = [0x30, 254, 0, 0, 0, 0, 0, 1];
    let empty_tunnel = vxlan(5, &[0xFF; 60]);
    for port in [1701, 2152, 4789, 4790, 6081, 6635, 8472] {
        for payload in [&media[..], &end_marker, &empty_tunnel, &[]] {
            let bytes = ethernet(0x0800, &ipv4(17, &udp(port, port, payload)));
            let mut peeler = peeler();
            assert_eq!(datagram(peel(&mut peeler, &bytes)).0, payload, "{port}");
        }
    }
}

#[test]
fn ipv6_extension_headers_are_skipped() {
    let hop_by_hop = |next: u8, inside: &[u8]| join(&[&[next, 0, 1, 4, 0, 0, 0, 0], inside]);
    let options = join(&[&[17, 1], &[0; 14], &udp(5060, 5070, SIP)]);
    let mobility = join(&[&[60, 0], &[0; 6], &options]);
    assert_eq!(domain_of_sip(&ethernet(0x86DD, &ipv6(0, &hop_by_hop(135, &mobility)))), Domain(0));
}

#[test]
fn segment_routing_gives_the_final_destination() {
    let route = join(&[&[17, 4, 4, 1, 1, 0, 0, 0], &[0x99; 16], &[0x21; 16], &udp(5060, 5070, SIP)]);
    let bytes = ethernet(0x86DD, &ipv6(43, &route));
    let mut peeler = peeler();
    let segment = segment(peel(&mut peeler, &bytes));
    assert_eq!(segment.hop.destination.address, IpAddr::from([0x99; 16]));
}
