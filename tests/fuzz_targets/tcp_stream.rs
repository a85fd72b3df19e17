//! TCP segments of a few conversations, in any order, doubled, cut, lost, with other bytes.

use core::time::Duration;

use tolltap::packet::{Carrier, TcpSegment};
use tolltap::stream::{Delivery, StreamLimits, Streams};

use super::script::{Script, at, contains, hop};

pub(super) const CONVERSATIONS: usize = 3;

/// Bounds that a small input reaches.
pub(super) fn limits() -> StreamLimits {
    StreamLimits {
        conversations: CONVERSATIONS,
        buffered: 8 << 10,
        ahead: 2 << 10,
        join: 1 << 10,
        ..Default::default()
    }
}

/// What must hold after every step.
pub(super) fn check(streams: &Streams, now: u64) {
    let counts = streams.counts();
    let most = limits().buffered as u64;
    assert!(counts.buffered <= most, "{} bytes are buffered", counts.buffered);
    assert!(counts.conversations <= 2 * CONVERSATIONS as u64, "{} conversations", counts.conversations);
    let due = streams.next_timeout();
    assert!(due.is_none_or(|due| due > at(now)), "what is due at {due:?} was not done by {:?}", at(now));
}

/// The number of steps, the steps of 8 bytes each, and the text that both sides of every conversation send.
///
/// A step is the conversation (2 bits), the side and the kind; flags; offset into the text (2); length (2); time passed;
/// and how far the other side's text is acknowledged, in units of 16 bytes.
pub fn tcp_stream(bytes: &[u8]) {
    let mut script = Script(bytes);
    let count = usize::from(script.byte());
    let mut steps = Script(script.take(8 * count));
    let text = script.0;
    let mut streams = Streams::new(limits());
    let mut now = 0;
    // Whether every byte sent so far stands at its one place in the text.
    let mut honest = true;

    while !steps.is_empty() {
        let (what, flags) = (steps.byte(), steps.byte());
        let (offset, length) = (usize::from(steps.short()), usize::from(steps.short()));
        let (passed, acknowledged) = (steps.byte(), steps.byte());
        now += if passed & 0x80 == 0 { u64::from(passed) } else { u64::from(passed & 0x7f) * 4_000 };
        let (conversation, back, kind) = (what & 3, what & 4 != 0, what >> 3);

        let rest = text.get(offset..).unwrap_or_default();
        let sent = rest.get(..length.min(rest.len())).unwrap_or_default();
        let other: Vec<u8> = sent.iter().map(|byte| byte ^ 1).collect();
        let syn = flags & 2 != 0;
        // The text wraps around the end of the sequence numbers, at 1 in one direction and at 256 in the other.
        let first = if back { u32::MAX } else { u32::MAX - 255 };
        let mut segment = TcpSegment {
            sequence: first.wrapping_add(offset as u32).wrapping_sub(u32::from(syn)),
            acknowledgement: if back { u32::MAX - 255 } else { u32::MAX }.wrapping_add(u32::from(acknowledged) * 16),
            syn,
            ack: flags & 1 != 0,
            fin: flags & 4 != 0,
            rst: flags & 8 != 0,
            payload: sent,
            wire_len: sent.len() as u32,
        };
        match kind {
            // The payload of the segment was cut by the snap length.
            1 => segment.wire_len += u32::from(flags >> 4) * 100,
            2 => (segment.payload, honest) = (&other, false),
            3 => (segment.sequence, honest) = (segment.sequence.wrapping_add(u32::from(flags) << 24), false),
            4 => streams.tick(at(now), &mut |delivery| take(&delivery, text, honest)),
            5 => segment.wire_len = u32::MAX,
            _ => {}
        }
        // A SYN stands for the first byte; anywhere else it says that the numbers begin anew.
        honest &= !syn || offset == 0;
        let hop = hop(conversation, back);
        // Frames of one source may be behind the clock, which is that of all.
        let seen = at(now.saturating_sub(u64::from(kind & 0x18) * 20));
        streams.tcp(at(now), seen, &hop, &segment, &mut |delivery| take(&delivery, text, honest));
        check(&streams, now);
    }
    streams.tick(at(now).plus(Duration::from_secs(1_000)), &mut |delivery| take(&delivery, text, honest));
    streams.finish(&mut |delivery| take(&delivery, text, honest));
}

fn take(delivery: &Delivery<'_>, text: &[u8], honest: bool) {
    _ = format!("{delivery:?}");
    match delivery {
        Delivery::Gap(gap) => assert!(gap.missing > 0),
        Delivery::Message(message) => {
            assert!(tolltap::sip::is_start(message.bytes));
            let plain = message.carrier == Carrier::Tcp;
            assert!(!plain || !honest || contains(text, message.bytes), "a message that nobody sent");
        }
    }
}
