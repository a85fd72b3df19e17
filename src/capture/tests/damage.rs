//! Damaged captures: what comes before the damage is delivered, the damage is told once, and nothing panics.

use super::*;
use crate::capture::{Damage, Fault, PcapngInterface, PcapngWriter};

fn small_pcap() -> Vec<u8> {
    pcap(&[(1_000_000_001, b"first".to_vec()), (2_000_000_002, vec![]), (3_000_000_003, b"the third".to_vec())])
}

/// Every kind of block, with two interfaces.
fn small_pcapng() -> Vec<u8> {
    let mut writer = PcapngWriter::new(Vec::new()).expect("memory takes it");
    writer.interface(&PcapngInterface::named(1, "eth0")).expect("it fits");
    writer.interface(&PcapngInterface { tsresol: 6, tsoffset: 3, ..PcapngInterface::new(113) }).expect("it fits");
    writer.packet(0, 1_000, b"first").expect("it fits");
    writer.block(4, b"names").expect("it fits");
    writer.cut_packet(1, 2_000, b"second", 900, 2).expect("it fits");
    writer.obsolete_packet(0, 3_000, b"third", 0).expect("it fits");
    writer.simple_packet(b"fourth", 6).expect("it fits");
    writer.statistics(0, 4_000, 1, 1).expect("it fits");
    writer.into_inner()
}

/// Every prefix gives the frames that are whole in it.
fn assert_every_cut_keeps_what_is_before(whole: &[u8]) {
    let full = times_and_bytes(&read(whole.to_vec()));
    let mut most = 0;
    for length in 0..whole.len() {
        let Ok(mut files) = open(vec![whole[..length].to_vec()]) else { continue };
        let reading = drain(&mut files);
        let frames = times_and_bytes(&reading);
        assert_eq!(frames, full[..frames.len()], "cut at {length}");
        assert!(frames.len() >= most, "cut at {length}: fewer frames than of a shorter file");
        most = frames.len();
        assert!(reading.damages.len() <= 1, "cut at {length}");
    }
    assert!(most + 1 >= full.len());
}

#[test]
fn pcap_cut_anywhere() {
    let whole = small_pcap();
    assert_every_cut_keeps_what_is_before(&whole);
    let boundaries = [24, 24 + 21, 24 + 21 + 16];
    for length in 24..whole.len() {
        let clean = read(whole[..length].to_vec()).damages.is_empty();
        assert_eq!(clean, boundaries.contains(&length), "cut at {length}");
    }
}

#[test]
fn pcapng_cut_anywhere() {
    let whole = small_pcapng();
    assert_every_cut_keeps_what_is_before(&whole);
    let mut boundaries = Vec::new();
    let mut at = 0;
    while let Some(length) = whole.get(at + 4..at + 8) {
        boundaries.push(at);
        at += u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
    }
    for length in 28..whole.len() {
        let clean = read(whole[..length].to_vec()).damages.is_empty();
        assert_eq!(clean, boundaries.contains(&length), "cut at {length}");
    }
}

#[test]
fn compressed_captures_cut_anywhere_give_all_that_is_before_the_cut() {
    let packets: Vec<_> = (1..61).map(|time| (time, vec![(time * 37) as u8; (time % 90) as usize])).collect();
    let plain = pcap(&packets);
    for (stored, cuts) in
        [(gzip(&plain), 40), (zstd(&plain), 40), ([gzip(&plain[..500]), gzip(&plain[500..])].concat(), 40)]
    {
        for length in (1..stored.len()).step_by(stored.len().div_ceil(cuts)).chain([stored.len() - 1]) {
            let Ok(mut files) = open(vec![stored[..length].to_vec()]) else { continue };
            let reading = drain(&mut files);
            let frames = times_and_bytes(&reading);
            assert_eq!(frames, packets[..frames.len()], "cut at {length}");
            assert_eq!(reading.damages.len(), 1, "cut at {length}");
        }
        // Only the checksum is missing: every frame is there.
        let reading = read(stored[..stored.len() - 1].to_vec());
        assert_eq!(reading.frames.len(), packets.len());
        assert!(reading.damages[0].contains("ends too early"), "{}", reading.damages[0]);
    }
}

#[test]
fn corrupt_compressed_data_gives_what_is_before_it() {
    // Noise does not compress, so the place of a packet in the stored file is about its place in the capture.
    let packets = noise();
    let plain = pcap(&packets);
    for (name, mut stored) in [("gzip", gzip(&plain)), ("zstd", zstd(&plain))] {
        // A block header in the middle becomes nonsense: a long run of ones is no deflate or zstd block.
        let middle = stored.len() / 2;
        stored[middle..middle + 140_000].fill(0xff);
        let reading = read(stored);
        assert_eq!(reading.damages.len(), 1, "{name}");
        // At most one block (128 KiB) before the place is lost with it.
        assert!(reading.frames.len() > 700, "{name}: {} frames, {:?}", reading.frames.len(), reading.damages);
        let sound = times_and_bytes(&reading);
        assert_eq!(sound[..700], packets[..700], "{name}");
    }
}

#[test]
fn a_corrupt_zstd_block_header_takes_nothing_of_the_block_before() {
    // RFC 8878 §3.1.1: magic, a frame header of two bytes, a raw block, and a header of the reserved block type.
    let plain = small_pcap();
    let header = |size: usize, kind: u32| ((size as u32) << 3 | kind << 1).to_le_bytes()[..3].to_vec();
    let start = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38].to_vec();
    let stored = [start, header(plain.len(), 0), plain, header(1, 3), vec![0; 40]].concat();
    let reading = read(stored);
    assert_eq!(reading.frames.len(), 3);
    assert_eq!(reading.damages.len(), 1);
}

#[test]
fn a_wrong_checksum_is_told_after_the_last_frame() {
    let plain = small_pcap();
    for (name, mut stored, from_end) in [("gzip", gzip(&plain), 8), ("zstd", zstd(&plain), 4)] {
        let at = stored.len() - from_end;
        stored[at] ^= 1;
        let reading = read(stored);
        assert_eq!(reading.frames.len(), 3, "{name}");
        assert_eq!(reading.damages.len(), 1, "{name}");
        assert!(
            reading.damages[0].contains(&format!("{} of what {name} unpacks", plain.len())),
            "{}",
            reading.damages[0]
        );
    }
}

#[test]
fn text_after_the_gzip_data_is_told() {
    let reading = read([gzip(&small_pcap()), b"and more".to_vec()].concat());
    assert_eq!(reading.frames.len(), 3);
    assert!(reading.damages[0].contains("other bytes follow it"), "{}", reading.damages[0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_flipped_byte_panics_or_changes_what_is_before_it(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..6),
        form in 0..5,
    ) {
        let (plain, stored) = match form {
            0 => (small_pcap(), small_pcap()),
            1 => (small_pcapng(), small_pcapng()),
            2 => (small_pcapng(), gzip(&small_pcapng())),
            3 => (small_pcapng(), zstd(&small_pcapng())),
            _ => (small_pcap(), [small_pcap(), small_pcapng()].concat()),
        };
        let mut damaged = stored;
        let mut first = usize::MAX;
        for (index, flip) in flips {
            let at = index.index(damaged.len());
            damaged[at] ^= flip;
            first = first.min(at);
        }
        if let Ok(mut files) = open(vec![damaged]) {
            let reading = drain(&mut files);
            prop_assert!(reading.damages.len() <= 1);
            if form == 0 && first >= 24 {
                let sound = times_and_bytes(&read(plain));
                let before = [24 + 21, 24 + 21 + 16].iter().filter(|&&end| end <= first).count();
                prop_assert!(reading.frames.len() >= before);
                prop_assert_eq!(&times_and_bytes(&reading)[..before], &sound[..before]);
            }
        }
    }

    #[test]
    fn no_bytes_behind_a_magic_number_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), form in 0..6_usize) {
        const MAGICS: [&[u8]; 6] = [
            b"\xd4\xc3\xb2\xa1\x02\0\x04\0",
            b"\xa1\xb2\x3c\x4d\0\x02\0\x04",
            b"\n\r\r\n\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0",
            b"\n\r\r\n\0\0\0\x1c\x1a\x2b\x3c\x4d\0\x01\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x1c",
            b"\x1f\x8b\x08",
            b"\x28\xb5\x2f\xfd",
        ];
        if let Ok(mut files) = open(vec![[MAGICS[form], &bytes].concat()]) {
            drain(&mut files);
        }
    }
}

fn damage_of(capture: Vec<u8>) -> (usize, Damage) {
    let mut files = open(vec![capture]).expect("it opens");
    let frames = drain(&mut files).frames.len();
    let damage = files.into_damages().pop().expect("it is damaged");
    assert!(!damage.to_string().contains('\n'));
    (frames, damage)
}

#[test]
fn a_damaged_header_in_the_middle_ends_the_file_and_no_other() {
    let mut damaged = small_pcap();
    damaged[24 + 21 + 8..][..4].copy_from_slice(&0x2f50_4953_u32.to_le_bytes());
    let mut files = open(vec![damaged, small_pcap()]).expect("they open");
    let reading = drain(&mut files);
    assert_eq!(reading.frames.len(), 1 + 3);
    let [damage] = files.damages() else { panic!("{:?}", files.damages()) };
    assert_eq!((damage.offset, damage.frames), (45, 1));
    assert!(matches!(damage.fault, Fault::PacketLength { length: 0x2f50_4953, limit: 262_144 }));
    assert_eq!(
        damage.to_string(),
        "capture-0: damaged at byte 45: a packet claims 793790803 captured bytes, and no more than 262144 can be right; \
         1 frame before it used; compare it with its original"
    );
}

#[test]
fn no_snap_length_buys_memory() {
    let mut damaged = small_pcap();
    damaged[16..20].fill(0xff);
    damaged[24 + 8..][..4].copy_from_slice(&(16 * 1024 * 1024 + 1_u32).to_le_bytes());
    let (frames, damage) = damage_of(damaged);
    assert_eq!(frames, 0);
    assert!(matches!(damage.fault, Fault::PacketLength { limit: 16_777_216, .. }), "{damage}");
}

#[test]
fn a_packet_of_16_mebibytes_is_read_when_the_snap_length_allows_it() {
    let mut file = pcap(&[(1, vec![0xab; 16 * 1024 * 1024]), (2, vec![1])]);
    file[16..20].fill(0xff);
    let reading = read(file);
    assert_eq!(reading.frames.len(), 2);
    assert!(reading.frames[0].bytes.iter().all(|&byte| byte == 0xab));
}

#[test]
fn a_tail_of_zeros_is_not_read_as_packets() {
    for mut capture in [small_pcap(), small_pcapng()] {
        let (frames, end) = (read(capture.clone()).frames.len(), capture.len() as u64);
        capture.extend([0; 4096]);
        let (seen, damage) = damage_of(capture);
        assert_eq!(seen, frames);
        assert_eq!(damage.offset, end);
        assert!(matches!(damage.fault, Fault::Unwritten), "{damage}");
    }
}

#[test]
fn pcap_files_joined_end_to_end_end_where_the_second_begins() {
    let one = small_pcap();
    for joined in [[one.clone(), one.clone()].concat(), [gzip(&one), gzip(&one)].concat()] {
        let (frames, damage) = damage_of(joined);
        assert_eq!((frames, damage.offset), (3, one.len() as u64));
        assert!(matches!(damage.fault, Fault::SecondFile), "{damage}");
    }
}

#[test]
fn a_zstd_window_that_buys_memory_is_refused() {
    // RFC 8878 §3.1.1.1.2: exponent 18 is a window of 2^28 bytes.
    let error = open(vec![vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 18 << 3, 0x01, 0, 0]]).expect_err("it does not open");
    assert!(error.to_string().contains("too much memory"), "{error}");
}

#[test]
fn a_fraction_of_a_whole_second_is_carried_and_more_is_damage() {
    let mut capture = small_pcap();
    capture[28..32].copy_from_slice(&1_000_000_000_u32.to_le_bytes());
    assert_eq!(read(capture.clone()).frames[0].time, 2_000_000_000);
    capture[28..32].copy_from_slice(&2_000_000_000_u32.to_le_bytes());
    let (frames, damage) = damage_of(capture);
    assert_eq!(frames, 0);
    assert!(matches!(damage.fault, Fault::TimeFraction { .. }), "{damage}");
}

#[test]
fn pcapng_blocks_that_cannot_be_are_told_where_they_begin() {
    let whole = small_pcapng();
    let end = whole.len() as u64;
    let block = |kind: u32, length: u32, body: &[u8]| {
        [&kind.to_le_bytes(), &length.to_le_bytes(), body, &length.to_le_bytes()].concat()
    };
    let cases: [(Vec<u8>, &str); 9] = [
        (block(6, 13, &[0; 4]), "claims a length of 13"),
        (block(6, 8, &[]), "claims a length of 8"),
        (block(6, 0x4000_0000, &[]), "claims a length of 1073741824"),
        (block(6, 16, &[0; 4]), "is malformed"),
        (block(6, 32, &[[9, 0, 0, 0], [0; 4], [0; 4], [0; 4], [0; 4]].concat()), "names interface 9, and only 2"),
        (block(6, 32, &[[0; 4], [0; 4], [0; 4], [1, 0, 0, 0], [0; 4]].concat()), "is malformed"),
        ([block(4, 12, &[]), block(4, 16, &[0; 4])].concat()[..20].to_vec(), "ends inside a record (8 of 16"),
        (
            [&[4, 0, 0, 0, 12, 0, 0, 0, 16, 0, 0, 0][..], &[0; 8]].concat(),
            "begins with length 12 and ends with length 16",
        ),
        (block(0x0a0d_0d0a, 28, &[0; 16]), "is malformed"),
    ];
    for (tail, expected) in cases {
        let skipped = if expected.contains("8 of 16") { 12 } else { 0 };
        let (frames, damage) = damage_of([whole.clone(), tail].concat());
        assert_eq!(frames, 4, "{damage}");
        assert_eq!(damage.offset, end + skipped, "{damage}");
        assert!(damage.to_string().contains(expected), "{damage}");
    }
}

#[test]
fn more_interfaces_than_can_be_numbered_end_the_file() {
    let mut writer = PcapngWriter::new(Vec::new()).expect("memory takes it");
    for _ in 0..=65_536 {
        writer.interface(&PcapngInterface::new(1)).expect("it fits");
    }
    let (frames, damage) = damage_of(writer.into_inner());
    assert_eq!(frames, 0);
    assert!(matches!(damage.fault, Fault::TooManyInterfaces), "{damage}");
}

#[test]
fn a_read_that_fails_is_damage() {
    struct Failing(io::Cursor<Vec<u8>>);
    impl Read for Failing {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            match self.0.read(out)? {
                0 => Err(io::ErrorKind::ConnectionReset.into()),
                count => Ok(count),
            }
        }
    }
    let input: Box<dyn Read + Send> = Box::new(Failing(io::Cursor::new(small_pcap())));
    let mut files = CaptureFiles::from_readers([("-".into(), input)]).expect("it opens");
    let reading = drain(&mut files);
    assert_eq!(reading.frames.len(), 3);
    assert!(reading.damages[0].contains("reading failed"), "{}", reading.damages[0]);
}
