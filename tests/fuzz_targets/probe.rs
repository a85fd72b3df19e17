//! The whole core on raw frames.

use tolltap::packet::{Frame, InterfaceId};
use tolltap::probe::{Input, Loss, Options, Probe};

use super::promises::Witness;
use super::script::{Script, at};

/// A sequence of inputs, each with a first byte that says what it is: a frame as [`Script::frame`] reads it, a tick, a
/// loss, or a frame whose time is days away.
pub fn probe(bytes: &[u8]) {
    let options = Options { max_dialogs: 256, ..Options::default() };
    let mut witness = Witness::new(Probe::new(options), 256);
    let mut script = Script(bytes);
    let (mut now, mut number) = (10 * 86_400_000_u64, 0);
    while !script.is_empty() {
        let mut away = 0;
        match script.byte() {
            0xff => {
                now += u64::from(script.short()) * 500;
                witness.tick(at(now));
                continue;
            }
            0xfe => {
                let span = u64::from(script.byte()) * 100;
                let count = u64::from(script.byte());
                let (from, to) = (at(now - span), at(now));
                witness.feed(Input::Loss(Loss { interface: InterfaceId(0), from, to, count }));
                continue;
            }
            0xfd => away = i64::from(script.byte()) - 128,
            _ => {}
        }
        let next = script.frame();
        number += 1;
        now += u64::from(next.milliseconds);
        let time = at(now).nanos() + away * 86_400_000_000_000;
        witness.feed(Input::Frame(Frame {
            time: tolltap::time::Timestamp::from_nanos(time),
            link: next.link,
            bytes: next.bytes,
            wire_len: next.bytes.len() as u32 + u32::from(next.cut),
            interface: InterfaceId(u16::from(next.interface)),
            number,
        }));
    }
    witness.end();
}
