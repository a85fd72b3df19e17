//! Frames of every link type, one after the other, so that fragments meet.

use tolltap::packet::{Frame, InterfaceId, PeelLimits, Peeled, Peeler, Transport};

use super::script::{Script, at};

/// A sequence of frames, each as [`Script::frame`] reads it.
pub fn peel(bytes: &[u8]) {
    let limits = PeelLimits { fragment_bytes: 16 << 10, fragment_datagrams: 8, ..PeelLimits::default() };
    let mut peeler = Peeler::new(limits);
    let mut script = Script(bytes);
    let (mut now, mut frames) = (0, 0);
    while !script.is_empty() {
        let next = script.frame();
        frames += 1;
        // The largest step is beyond the age of fragments.
        now += if next.milliseconds == u8::MAX { 31_000 } else { u64::from(next.milliseconds) };
        let frame = Frame {
            time: at(now),
            link: next.link,
            bytes: next.bytes,
            wire_len: next.bytes.len() as u32 + u32::from(next.cut),
            interface: InterfaceId(u16::from(next.interface)),
            number: frames,
        };
        while let Some(overdue) = peeler.overdue(at(now)) {
            assert!(overdue.frame.number < frames, "it came in an earlier frame");
            _ = format!("{overdue:?}");
        }
        if let Peeled::Segment(segment) = peeler.peel(at(now), &frame) {
            let payload = match segment.transport {
                Transport::Udp(payload) | Transport::Sctp(payload) => payload,
                Transport::Tcp(tcp) => {
                    assert!(tcp.payload.len() <= tcp.wire_len as usize, "more payload than was on the wire");
                    tcp.payload
                }
            };
            assert!(payload.len() <= usize::from(u16::MAX));
            _ = format!("{segment:?}");
        }
        assert!(peeler.held_bytes() <= limits.fragment_bytes, "{} bytes of fragments", peeler.held_bytes());
        assert!(peeler.next_expiry().is_none_or(|expiry| expiry > at(now)), "what is too old is still there");
    }
    assert_eq!(peeler.counts().frames, frames);
}
