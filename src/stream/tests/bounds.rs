//! Bounds.

use super::*;

#[test]
fn a_hole_is_given_up_when_too_much_waits_behind_it() {
    let bye = message(1, b"");
    let mut tap = Tap::new();
    tap.see(data(0, &bye));
    let body = message(2, &vec![b'x'; 300_000]);
    let mut at = 5000;
    for part in body.chunks(1400) {
        tap.see(data(at, part));
        at += part.len() as u32;
        assert!(tap.streams.counts().buffered < 700_000);
    }
    assert_eq!(tap.gaps.len(), 1);
    assert_eq!(tap.texts(), [&bye, &body]);
    // Tiny segments with holes between them.
    for hole in 0..600 {
        tap.see(data(at + 10 + hole * 2, b"z"));
    }
    assert!(tap.streams.counts().buffered < 64 * 1024);
    assert!(tap.gaps.len() > 300);
}

#[test]
fn all_buffers_together_are_bounded() {
    let limits = StreamLimits { buffered: 100_000, ..StreamLimits::default() };
    let mut tap = Tap::with(limits);
    let part = &message(1, &[b'x'; 2000])[..1500];
    for port in 1..500 {
        tap.on(&hop_from(port), data(0, part));
        assert!(tap.streams.counts().buffered <= 100_000);
    }
    assert!(tap.streams.counts().buffers_dropped > 400);
    assert_eq!(tap.gaps.len() as u64, tap.streams.counts().buffers_dropped);
    assert_eq!(tap.gaps[0].hop.source.port, 1, "the oldest first");
}

#[test]
fn conversations_are_bounded_and_those_without_sip_go_first() {
    let limits = StreamLimits { conversations: 10, ..StreamLimits::default() };
    let mut tap = Tap::with(limits);
    let bye = message(1, b"");
    tap.on(&hop_from(1), data(0, &bye[..20]));
    tap.on(&hop_from(1), data(20, &bye[20..40]));
    for port in 2..100 {
        tap.on(&hop_from(port), syn(0));
    }
    tap.on(&hop_from(1), data(40, &bye[40..]));
    assert_eq!(tap.texts(), [&bye]);
    assert_eq!((tap.streams.counts().conversations, tap.streams.counts().evicted), (10, 89));
}

#[test]
fn idle_conversations_age_but_trunks_live_on() {
    let mut tap = Tap::new();
    let bye = message(1, b"");
    tap.on(&hop_from(1), data(0, &bye));
    tap.on(&hop_from(2), syn(0));
    tap.wait(3600 * 1000);
    tap.on(&hop_from(3), syn(0));
    assert_eq!((tap.streams.counts().aged, tap.streams.counts().conversations), (1, 2));
    tap.on(&hop_from(1), data(bye.len() as u32, &bye));
    assert_eq!((tap.messages.len(), tap.streams.counts().joins), (2, 1));
}

#[test]
fn a_message_that_stalls_is_dropped_in_the_end() {
    let mut tap = Tap::new();
    tap.see(data(0, &message(1, b"")[..50]));
    tap.wait(299_000);
    assert!(tap.streams.counts().buffered > 0);
    tap.wait(2_000);
    assert_eq!((tap.streams.counts().buffered, tap.streams.counts().unfinished), (0, 1));
    tap.see(data(60, &message(2, b"")));
    tap.wait(3_000);
    assert_eq!(tap.messages.len(), 1);
}

#[test]
fn a_clock_that_steps_back_stops_nothing() {
    let mut tap = Tap::new();
    let bye = message(1, b"");
    tap.wait(10_000);
    tap.see(data(0, &bye));
    tap.now = Timestamp::MIN;
    tap.see(data(bye.len() as u32, &bye));
    tap.now = Timestamp::MAX;
    tap.see(data(3 * bye.len() as u32, &bye));
    tap.finish();
    assert_eq!(tap.messages.len(), 3);
}
