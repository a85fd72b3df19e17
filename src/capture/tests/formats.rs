//! Both formats in every layout, written and read back.

use super::*;
use crate::capture::{ByteOrder, PcapngInterface, PcapngWriter, Precision};

const ORDERS: [ByteOrder; 2] = [ByteOrder::Little, ByteOrder::Big];

proptest! {
    #[test]
    fn pcap_reads_back_in_every_layout(packets in packets(12), big: bool, micro: bool, link: u16, cut in 0_u32..5000) {
        let order = ORDERS[usize::from(big)];
        let precision = if micro { Precision::Micro } else { Precision::Nano };
        let mut writer = PcapWriter::with(Vec::new(), link.into(), order, precision)?;
        for (time, bytes) in &packets {
            writer.cut_packet(Timestamp::from_nanos(*time), bytes, bytes.len() as u32 + cut)?;
        }
        let reading = read(writer.into_inner());
        let unit = if micro { 1_000 } else { 1 };
        let expected: Vec<Seen> = packets.into_iter().zip(1..).map(|((time, bytes), number)| Seen {
            time: time / unit * unit,
            link: LinkType::from(link),
            wire_len: bytes.len() as u32 + cut,
            bytes,
            interface: InterfaceId(0),
            number,
        }).collect();
        prop_assert_eq!(reading.frames, expected);
        prop_assert!(reading.damages.is_empty(), "{:?}", reading.damages);
    }

    #[test]
    fn pcapng_reads_back_in_both_orders(packets in packets(12), big: bool, links in prop::collection::vec(any::<u16>(), 1..4)) {
        let mut writer = PcapngWriter::new(Vec::new())?;
        writer.section(ORDERS[usize::from(big)])?;
        for (&link, name) in links.iter().zip(["", "eth1", "a longer name"]) {
            writer.interface(&PcapngInterface::named(link, name))?;
        }
        let of = |index: usize| index % links.len();
        for (index, (time, bytes)) in packets.iter().enumerate() {
            writer.block(0x0000_0bad, b"a block of a kind yet to come")?;
            writer.packet(of(index) as u32, *time as u64, bytes)?;
        }
        let mut files = open(vec![writer.into_inner()]).expect("it opens");
        let reading = drain(&mut files);
        let expected: Vec<Seen> = packets.into_iter().enumerate().map(|(index, (time, bytes))| Seen {
            time,
            link: LinkType::from(links[of(index)]),
            wire_len: bytes.len() as u32,
            bytes,
            interface: InterfaceId(of(index) as u16),
            number: index as u64 + 1,
        }).collect();
        prop_assert_eq!(reading.frames, expected);
        prop_assert!(reading.damages.is_empty(), "{:?}", reading.damages);
        let names: Vec<_> = files.interfaces().iter().map(|interface| interface.name.as_deref()).collect();
        prop_assert_eq!(&names, &[None, Some("eth1"), Some("a longer name")][..links.len()]);
    }

    #[test]
    fn compression_changes_nothing(packets in packets(40), cut in 0_usize..4000, step in 1_usize..70_000) {
        let plain = pcap(&packets);
        let (head, tail) = plain.split_at(cut.min(plain.len()));
        let expected = times_and_bytes(&read(plain.clone()));
        let skippable = b"\x53\x2a\x4d\x18\x04\0\0\0none";
        for stored in [
            gzip(&plain),
            [gzip(head), gzip(b""), gzip(tail)].concat(),
            [gzip(&plain), vec![0; 300]].concat(),
            zstd(&plain),
            [zstd(head), zstd(b""), zstd(tail)].concat(),
            [skippable.to_vec(), zstd(&plain), skippable.to_vec()].concat(),
        ] {
            let reading = drain(&mut CaptureFiles::from_readers([("-".into(), Trickle::boxed(stored, step))]).expect("it opens"));
            prop_assert!(reading.damages.is_empty(), "{:?}", reading.damages);
            prop_assert_eq!(times_and_bytes(&reading), expected.clone());
        }
    }
}

#[test]
fn standard_input_may_come_a_byte_at_a_time() {
    let packets = vec![(1, vec![7; 60]), (2, vec![]), (3, vec![9; 1500])];
    for step in [1, 2, 7, 4096] {
        let mut files =
            CaptureFiles::from_readers([("-".into(), Trickle::boxed(pcap(&packets), step))]).expect("it opens");
        assert_eq!(times_and_bytes(&drain(&mut files)), packets, "step {step}");
        assert_eq!(files.position().total, None, "a pipe has no length");
        assert_eq!(files.position().consumed, pcap(&packets).len() as u64);
    }
}

#[test]
fn compressed_captures_of_many_blocks_are_read_whole() {
    let packets = noise();
    let plain = pcap(&packets);
    // The last tells its length in its header, which the decoder treats in a way of its own.
    for stored in [gzip(&plain), zstd(&plain), ::zstd::bulk::compress(&plain, 1).expect("memory takes it")] {
        let mut files = CaptureFiles::from_readers([("-".into(), Trickle::boxed(stored, 50_000))]).expect("it opens");
        let reading = drain(&mut files);
        assert!(reading.damages.is_empty(), "{:?}", reading.damages);
        assert_eq!(times_and_bytes(&reading), packets);
    }
}

#[test]
fn gzip_headers_with_every_field_are_passed_over() {
    let packets = vec![(1, vec![7; 60])];
    let mut encoder = flate2::GzBuilder::new()
        .filename("calls.pcap")
        .comment("from the tap")
        .extra(vec![0; 300])
        .mtime(1)
        .write(Vec::new(), flate2::Compression::best());
    encoder.write_all(&pcap(&packets)).expect("memory takes it");
    let mut stored = encoder.finish().expect("memory takes it");
    // FHCRC, which that writer does not know: two bytes behind the comment.
    let end = stored.windows(13).position(|window| window == b"from the tap\0").expect("the comment") + 13;
    stored.splice(end..end, [0xaa, 0xbb]);
    stored[3] |= 2;
    let reading = read(stored);
    assert_eq!(times_and_bytes(&reading), packets);
    assert!(reading.damages.is_empty(), "{:?}", reading.damages);
}

#[test]
fn frame_check_sequence_bits_are_no_part_of_the_link_type() {
    let mut writer = PcapWriter::new(Vec::new(), 0x2400_0001).expect("memory takes it");
    writer.packet(Timestamp::default().plus(core::time::Duration::from_nanos(1)), b"x").expect("it fits");
    assert_eq!(read(writer.into_inner()).frames[0].link, LinkType::Ethernet);
}

#[test]
fn modified_format_has_longer_packet_headers() {
    for order in ORDERS {
        let mut file = order.bytes32(0xa1b2_cd34).to_vec();
        file.extend([order.bytes16(2), order.bytes16(4)].concat());
        file.extend([0, 0, 65_535, 1].map(|field| order.bytes32(field)).concat());
        for _ in 0..2 {
            file.extend([5, 6, 3, 3].map(|field| order.bytes32(field)).concat());
            file.extend([0xee; 8]);
            file.extend(b"abc");
        }
        let reading = read(file);
        assert_eq!(times_and_bytes(&reading), vec![(5_000_006_000, b"abc".to_vec()); 2]);
    }
}

#[test]
fn snap_length_that_lies_is_not_believed() {
    let mut file = pcap(&[(1, vec![1; 70_000])]);
    file[16..20].copy_from_slice(&68_u32.to_le_bytes());
    let reading = read(file);
    assert_eq!(reading.frames[0].bytes.len(), 70_000);
    assert!(reading.damages.is_empty());
}

#[test]
fn original_length_is_never_less_than_what_was_captured() {
    let mut writer = PcapWriter::new(Vec::new(), 1).expect("memory takes it");
    writer.cut_packet(Timestamp::from_nanos(1), b"abcd", 0).expect("it fits");
    assert_eq!(read(writer.into_inner()).frames[0].wire_len, 4);
}

#[test]
fn sections_have_their_own_byte_order_and_interfaces() {
    let mut writer = PcapngWriter::new(Vec::new()).expect("memory takes it");
    let write = |writer: &mut PcapngWriter<Vec<u8>>, link, name, time| -> io::Result<()> {
        let interface = writer.interface(&PcapngInterface::named(link, name))?;
        assert_eq!(interface, 0);
        writer.packet(interface, time, b"payload")
    };
    write(&mut writer, 1, "first", 10).expect("it fits");
    writer.section(ByteOrder::Big).expect("it fits");
    write(&mut writer, 113, "second", 20).expect("it fits");
    writer.section(ByteOrder::Little).expect("it fits");
    write(&mut writer, 101, "third", 30).expect("it fits");
    let reading = read(writer.into_inner());
    let seen: Vec<_> =
        reading.frames.iter().map(|frame| (frame.time, frame.link, frame.interface.0, frame.number)).collect();
    assert_eq!(seen, [(10, LinkType::Ethernet, 0, 1), (20, LinkType::LinuxCooked, 1, 2), (30, LinkType::RawIp, 2, 3)]);
}

#[test]
fn time_units_and_offsets_in_both_orders() {
    for order in ORDERS {
        let mut writer = PcapngWriter::new(Vec::new()).expect("memory takes it");
        writer.section(order).expect("it fits");
        let cases = [
            (6, 0, 1_500_000, 1_500_000_000),
            (9, -1, 1, -999_999_999),
            (0x80 | 4, 2, 8, 2_500_000_000_i64),
            (3, 0, 7, 7_000_000),
        ];
        for (number, (tsresol, tsoffset, units, _)) in (0..).zip(cases) {
            writer.interface(&PcapngInterface { tsresol, tsoffset, ..PcapngInterface::new(1) }).expect("it fits");
            writer.packet(number, units, b"").expect("it fits");
        }
        writer.packet(0, u64::MAX, b"").expect("it fits");
        let times: Vec<i64> = read(writer.into_inner()).frames.iter().map(|frame| frame.time).collect();
        assert_eq!(times, [1_500_000_000, -999_999_999, 2_500_000_000, 7_000_000, i64::MAX]);
    }
}

#[test]
fn simple_packets_have_the_snap_length_of_interface_0_and_the_time_before_them() {
    let mut writer = PcapngWriter::new(Vec::new()).expect("memory takes it");
    writer.interface(&PcapngInterface { snaplen: 5, ..PcapngInterface::new(1) }).expect("it fits");
    writer.packet(0, 77, b"abc").expect("it fits");
    writer.simple_packet(b"abcde", 9).expect("it fits");
    writer.simple_packet(b"abc", 3).expect("it fits");
    let reading = read(writer.into_inner());
    let seen: Vec<_> =
        reading.frames.iter().map(|frame| (frame.time, &*frame.bytes, frame.wire_len, frame.number)).collect();
    assert_eq!(seen, [(77, &b"abc"[..], 3, 1), (77, &b"abcde"[..], 9, 2), (77, &b"abc"[..], 3, 3)]);
}

#[test]
fn obsolete_packets_are_packets() {
    for order in ORDERS {
        let mut writer = PcapngWriter::new(Vec::new()).expect("memory takes it");
        writer.section(order).expect("it fits");
        writer.interface(&PcapngInterface::new(1)).expect("it fits");
        writer.obsolete_packet(0, 5, b"abc", u16::MAX).expect("it fits");
        writer.obsolete_packet(0, 9, b"de", 3).expect("it fits");
        let reading = read(writer.into_inner());
        assert_eq!(times_and_bytes(&reading), [(5, b"abc".to_vec()), (9, b"de".to_vec())]);
        let (from, to) = (Timestamp::from_nanos(5), Timestamp::from_nanos(9));
        assert_eq!(reading.losses, [Loss { interface: InterfaceId(0), from, to, count: 3 }]);
        assert_eq!(reading.order, [1, 0, 2], "told before the packet behind the gap");
    }
}

#[test]
fn drop_counters_are_told_once() {
    for order in ORDERS {
        let mut writer = PcapngWriter::new(Vec::new()).expect("memory takes it");
        writer.section(order).expect("it fits");
        writer.interface(&PcapngInterface::new(1)).expect("it fits");
        writer.interface(&PcapngInterface::new(1)).expect("it fits");
        writer.packet(1, 10, b"a").expect("it fits");
        writer.cut_packet(1, 20, b"b", 1, 2).expect("it fits");
        writer.statistics(1, 25, 2, 0).expect("it fits"); // the two that the packet told of
        writer.statistics(1, 30, 4, 3).expect("it fits");
        writer.statistics(1, 40, 4, 3).expect("it fits");
        writer.statistics(1, 50, u64::MAX, u64::MAX).expect("it fits"); // not kept
        writer.statistics(9, 60, 1, 1).expect("it fits"); // of no known interface
        writer.statistics(0, 70, 0, 1).expect("it fits"); // of one without packets
        let reading = read(writer.into_inner());
        let loss = |interface, from, to, count| Loss {
            interface: InterfaceId(interface),
            from: Timestamp::from_nanos(from),
            to: Timestamp::from_nanos(to),
            count,
        };
        assert_eq!(reading.losses, [loss(1, 10, 20, 2), loss(1, 25, 30, 5), loss(0, 70, 70, 1)]);
        assert_eq!(reading.order, [1, 0, 2, 0, 0]);
        assert!(reading.damages.is_empty());
    }
}
