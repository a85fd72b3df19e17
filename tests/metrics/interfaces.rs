//! What the core cannot use is known by the interface on which it came.

use tolltap::packet::{Frame, InterfaceId, LinkType};
use tolltap::probe::{Input, InterfaceCounts, Options, Probe};
use tolltap::time::Timestamp;

use crate::packets::{esp, first_fragment, truncated};

fn seen(frames: &[(u16, Vec<u8>)]) -> (Vec<InterfaceCounts>, Probe) {
    let mut probe = Probe::new(Options::default());
    for (number, (interface, bytes)) in (1..).zip(frames) {
        let wire_len = bytes.len() as u32;
        let (time, interface) = (Timestamp::from_nanos(1_000_000 * number as i64), InterfaceId(*interface));
        probe.handle(Input::Frame(Frame { time, link: LinkType::Ethernet, bytes, wire_len, interface, number }));
    }
    probe.handle(Input::End);
    (probe.interfaces().counts().to_vec(), probe)
}

#[test]
fn what_cannot_be_read_is_counted_where_it_came_in() {
    let frames = [(2, truncated()), (0, esp(1)), (2, truncated()), (1, first_fragment()), (0, esp(2)), (0, esp(3))];
    let (interfaces, probe) = seen(&frames);
    let [zero, one, two] = interfaces[..] else { panic!("{interfaces:?}") };
    assert_eq!(zero, InterfaceCounts { opaque: 3, ..InterfaceCounts::default() });
    assert_eq!(one, InterfaceCounts { incomplete_datagrams: 1, ..InterfaceCounts::default() });
    assert_eq!(two, InterfaceCounts { damaged: 2, ..InterfaceCounts::default() });
    // No more and no less than all of them together.
    let packet = probe.counts().packet;
    assert_eq!((packet.opaque_esp, packet.damaged, packet.fragments.beginnings), (3, 2, 1));
}

#[test]
fn an_interface_without_anything_to_count_is_not_there() {
    assert_eq!(seen(&[]).0, []);
}
