//! Images of dialogs, whole and damaged, that a probe takes back and goes on with.

use core::hash::{BuildHasher, BuildHasherDefault};
use std::collections::BTreeMap;
use std::hash::DefaultHasher;

use tolltap::charging::StopRecord;
use tolltap::packet::{Frame, InterfaceId, LinkType};
use tolltap::probe::{Change, Input, Note, Options, Output, Probe};

use super::script::{Script, at};
use super::session;

/// A probe whose changes are kept.
struct Life {
    probe: Probe,
    kept: BTreeMap<u64, Vec<u8>>,
    refused: usize,
    records: Vec<StopRecord>,
}

impl Life {
    fn new(options: &Options) -> Self {
        Self { probe: Probe::new(options.clone()), kept: BTreeMap::new(), refused: 0, records: Vec::new() }
    }

    fn feed(&mut self, input: Input<'_>) {
        self.probe.handle(input);
        while let Some(output) = self.probe.poll() {
            match output {
                Output::Record(record) => self.records.push(record.unpack()),
                Output::Change(Change::Kept { id, image }) => drop(self.kept.insert(id, image.reveal().to_vec())),
                Output::Change(Change::Gone { id }) => drop(self.kept.remove(&id)),
                Output::Note(Note::NotRestored(_)) => self.refused += 1,
                Output::Note(_) => {}
            }
        }
        assert!(self.probe.dialogs() <= 256.max(MAX_DIALOGS), "{} dialogs are kept", self.probe.dialogs());
    }
}

const MAX_DIALOGS: usize = 1000;

/// Three parts with `%` between them: what [`session`](session::session) reads, for a first probe; damage to the images
/// that it kept; steps for the second probe that takes them back. Damage is four bytes each: which image, which byte of it
/// (two), and what that becomes; or, after an `=`, an image as it stands. Without damage no image may be refused.
pub fn restore(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == b'%');
    let mut part = || parts.next().unwrap_or_default();
    let (options, script) = session::read(part());
    let options = Options { changes: true, max_dialogs: options.max_dialogs.min(MAX_DIALOGS), ..options };
    let mut now = session::START;
    let mut first = Life::new(&options);
    session::steps(script, &mut now, |input| first.feed(input));

    let damage = part();
    let mut images: Vec<Vec<u8>> = first.kept.into_values().collect();
    if let Some(image) = damage.strip_prefix(b"=") {
        images.push(image.to_vec());
    } else {
        for step in damage.chunks(4) {
            let mut step = Script(step);
            let (which, offset, value) = (step.byte(), step.short(), step.byte());
            let count = images.len().max(1);
            if let Some(byte) =
                images.get_mut(usize::from(which) % count).and_then(|image| image.get_mut(usize::from(offset)))
            {
                *byte = value;
            }
        }
    }

    let mut second = Life::new(&options);
    for image in &images {
        second.feed(Input::Restore(image));
    }
    assert!(!damage.is_empty() || second.refused == 0, "{} whole images were refused", second.refused);
    second.feed(Input::Tick(at(now as u64)));
    session::steps(Script(part()), &mut now, |input| second.feed(input));
    charges_a_session(&mut second, now, BuildHasherDefault::<DefaultHasher>::default().hash_one(bytes));
    second.feed(Input::End);

    // What was taken back can be kept once more.
    let mut third = Life::new(&options);
    for image in second.kept.values() {
        third.feed(Input::Restore(image));
    }
    assert_eq!(third.refused, 0, "images of the second probe were refused");
}

/// Whatever was taken back, a session that begins now is charged. Its Call-ID follows from the whole input, so that no
/// image can hold it.
fn charges_a_session(life: &mut Life, now: i64, number: u64) {
    let headers = |cseq: &str, to: &str| {
        format!(
            "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{number}\r\nFrom: <sip:alice@192.0.2.1>;tag=last\r\n\
             To: <sip:bob@192.0.2.2>{to}\r\nCall-ID: {number}@last.example.net\r\nCSeq: {cseq}\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let messages = [
        (9, format!("INVITE sip:bob@192.0.2.2 SIP/2.0\r\n{}", headers("1 INVITE", ""))),
        (6, format!("SIP/2.0 200 OK\r\n{}", headers("1 INVITE", ";tag=too"))),
        (9, format!("BYE sip:bob@192.0.2.2 SIP/2.0\r\n{}", headers("2 BYE", ";tag=too"))),
    ];
    life.records.clear();
    for (number, (hop, message)) in (1..).zip(messages) {
        let packet = session::packet(hop, message.as_bytes());
        life.feed(Input::Frame(Frame {
            time: at(now as u64 + number),
            link: LinkType::Ipv4,
            bytes: &packet,
            wire_len: packet.len() as u32,
            // A source of its own, whose clock has never stepped back.
            interface: InterfaceId(9),
            number,
        }));
    }
    let call_id = format!("{number}@last.example.net");
    let charged = life.records.iter().filter(|record| **record.identity.call_id.reveal() == *call_id.as_bytes());
    assert!(charged.count() > 0, "a session after the restart was not charged");
}
