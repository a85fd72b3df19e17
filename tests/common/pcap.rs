//! Capture files, written and read here so that these tests don't depend on the probe's own reader.

use tolltap::packet::LinkType;
use tolltap::time::Timestamp;

use super::replay::TestInput;
use super::tunnels::link_number;

/// A classic pcap file with nanoseconds, in this order of frames. All frames are of one link type.
pub fn write(inputs: &[TestInput]) -> Vec<u8> {
    let mut file = Vec::new();
    let link = inputs.iter().find_map(|input| match input {
        TestInput::Frame { link, .. } => Some(*link),
        _ => None,
    });
    let link = link.unwrap_or(LinkType::Ethernet);
    file.extend(0xa1b2_3c4d_u32.to_le_bytes());
    file.extend(2_u16.to_le_bytes());
    file.extend(4_u16.to_le_bytes());
    file.extend([0; 8]);
    file.extend(262_144_u32.to_le_bytes());
    file.extend(u32::from(link_number(link)).to_le_bytes());
    for input in inputs {
        let TestInput::Frame { time, link: own, bytes, .. } = input else { continue };
        assert_eq!(*own, link, "a pcap file has one link type");
        let (seconds, nanos) = time.parts();
        file.extend((seconds as u32).to_le_bytes());
        file.extend(nanos.to_le_bytes());
        file.extend((bytes.len() as u32).to_le_bytes());
        file.extend((bytes.len() as u32).to_le_bytes());
        file.extend(bytes);
    }
    file
}

/// The frames of a pcap (us or ns, both byte orders) or pcapng file, in file order. A cut last block ends the file.
pub fn read(file: &[u8]) -> Vec<TestInput> {
    match file.get(..4) {
        Some([0x0a, 0x0d, 0x0d, 0x0a]) => read_pcapng(file),
        Some([0xa1, 0xb2, 0xc3, 0xd4]) => read_pcap(file, u32::from_be_bytes, 1000),
        Some([0xd4, 0xc3, 0xb2, 0xa1]) => read_pcap(file, u32::from_le_bytes, 1000),
        Some([0xa1, 0xb2, 0x3c, 0x4d]) => read_pcap(file, u32::from_be_bytes, 1),
        Some([0x4d, 0x3c, 0xb2, 0xa1]) => read_pcap(file, u32::from_le_bytes, 1),
        _ => panic!("not a capture file"),
    }
}

fn read_pcap(file: &[u8], number: fn([u8; 4]) -> u32, scale: i64) -> Vec<TestInput> {
    let at = |offset: usize| file.get(offset..offset + 4).map(|four| number(four.try_into().unwrap()));
    let link = LinkType::from((at(20).expect("a pcap header") & 0xffff) as u16);
    let mut inputs = Vec::new();
    let mut offset = 24;
    while let (Some(seconds), Some(fraction), Some(captured), Some(wire_len)) =
        (at(offset), at(offset + 4), at(offset + 8), at(offset + 12))
    {
        let Some(bytes) = file.get(offset + 16..offset + 16 + captured as usize) else { break };
        inputs.push(TestInput::Frame {
            time: Timestamp::from_nanos(i64::from(seconds) * 1_000_000_000 + i64::from(fraction) * scale),
            link,
            bytes: bytes.to_vec(),
            wire_len,
            interface: 0,
        });
        offset += 16 + captured as usize;
    }
    inputs
}

/// Link type and nanoseconds per tick (as a fraction) of one pcapng interface.
struct Interface {
    link: LinkType,
    ticks_per_second: u64,
    offset_seconds: i64,
}

fn read_pcapng(file: &[u8]) -> Vec<TestInput> {
    let mut inputs = Vec::new();
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut first = 0; // of this section
    let mut big = false;
    let mut offset = 0;
    while offset + 12 <= file.len() {
        if file[offset..offset + 4] == [0x0a, 0x0d, 0x0d, 0x0a] {
            big = file[offset + 8..offset + 12] == [0x1a, 0x2b, 0x3c, 0x4d];
            first = interfaces.len();
        }
        let word = |at: usize| {
            let four: [u8; 4] = file[at..at + 4].try_into().unwrap();
            if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
        };
        let half = |at: usize| {
            let two: [u8; 2] = file[at..at + 2].try_into().unwrap();
            if big { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) }
        };
        let (kind, len) = (word(offset), word(offset + 4) as usize);
        if len < 12 || offset + len > file.len() {
            break;
        }
        let body = offset + 8;
        match kind {
            1 => {
                let mut interface =
                    Interface { link: LinkType::from(half(body)), ticks_per_second: 1_000_000, offset_seconds: 0 };
                let mut option = body + 8;
                while option + 4 <= offset + len - 4 && half(option) != 0 {
                    let size = usize::from(half(option + 2));
                    match half(option) {
                        9 if file[option + 4] & 0x80 == 0 => {
                            interface.ticks_per_second = 10_u64.pow(u32::from(file[option + 4]));
                        }
                        9 => interface.ticks_per_second = 1 << (file[option + 4] & 0x7f),
                        14 => {
                            let (one, two) = (u64::from(word(option + 4)), u64::from(word(option + 8)));
                            interface.offset_seconds = if big { one << 32 | two } else { two << 32 | one } as i64;
                        }
                        _ => {}
                    }
                    option += 4 + size.next_multiple_of(4);
                }
                interfaces.push(interface);
            }
            6 => {
                let id = first + word(body) as usize;
                let interface = &interfaces[id];
                let ticks = u64::from(word(body + 4)) << 32 | u64::from(word(body + 8));
                let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(interface.ticks_per_second);
                let captured = word(body + 12) as usize;
                inputs.push(TestInput::Frame {
                    time: Timestamp::from_nanos(nanos as i64 + interface.offset_seconds * 1_000_000_000),
                    link: interface.link,
                    bytes: file[body + 20..body + 20 + captured].to_vec(),
                    wire_len: word(body + 16),
                    interface: id as u16,
                });
            }
            _ => {}
        }
        offset += len;
    }
    inputs
}
