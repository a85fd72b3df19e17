//! SCTP chunks of a few associations: fragments of user messages in any order, doubled, lost, given up.

use tolltap::sip::{Carriage, is_start, keep_alive};
use tolltap::stream::{Delivery, Streams};

use super::script::{Script, at, hop};
use super::tcp_stream::{check, limits};

/// Longest piece of a user message that travels in one chunk.
const PIECE: usize = 32;
/// The first TSN, so that some wrap around.
const FIRST: u32 = u32::MAX - 3;

/// A piece of a user message, with the numbers it always travels under.
struct Piece<'a> {
    message: u32,
    index: u32,
    begins: bool,
    ends: bool,
    bytes: &'a [u8],
}

/// The number of steps, the steps of 6 bytes each, and the user messages that both sides send, each ended by a zero.
///
/// A step is the association (2 bits), the side and the kind; the number of the piece (2); time passed; two bytes
/// more, of which the last says how much was cut off, and how much earlier than the clock the frame was captured.
pub fn sctp(bytes: &[u8]) {
    let mut script = Script(bytes);
    let count = usize::from(script.byte());
    let mut steps = Script(script.take(6 * count));
    let text = script.0;
    let messages: Vec<&[u8]> = text.split(|byte| *byte == 0).collect();
    let pieces: Vec<Piece<'_>> = (0..).zip(&messages).flat_map(|(number, message)| cut(number, message)).collect();
    let mut streams = Streams::new(limits());
    let mut now = 0;
    let mut honest = true;

    while !steps.is_empty() {
        let (what, number, passed) = (steps.byte(), usize::from(steps.short()), steps.byte());
        let (one, two) = (steps.byte(), steps.byte());
        now += if passed & 0x80 == 0 { u64::from(passed) } else { u64::from(passed & 0x7f) * 4_000 };
        let tsn = FIRST.wrapping_add(number as u32);
        let mut chunks = Vec::new();
        match what >> 3 {
            // The whole packet is given by the text.
            0 => {
                honest = false;
                chunks.extend(text.get(number..).unwrap_or_default());
            }
            1 => chunk(&mut chunks, 3, 0, &[&tsn.to_be_bytes()[..], &[0; 8]].concat()),
            2 => chunk(&mut chunks, 192, 0, &tsn.to_be_bytes()),
            3 => chunk(&mut chunks, 1 + one % 2, 0, &[&[0; 12][..], &FIRST.to_be_bytes()].concat()),
            4 => streams.tick(at(now), &mut |delivery| take(&delivery, &messages, honest)),
            5 => i_data(&mut chunks, &pieces, number),
            // A piece with flags and number of its own.
            6 => {
                honest = false;
                let mut value = tsn.wrapping_add(u32::from(one) << 16).to_be_bytes().to_vec();
                value.extend([0; 8]);
                value.extend(pieces.get(number).map_or(&[][..], |piece| piece.bytes));
                chunk(&mut chunks, 0, two, &value);
            }
            // Some pieces in a row.
            _ => (0..=usize::from(one % 4)).for_each(|more| data(&mut chunks, &pieces, number + more)),
        }
        // The capture may have cut the end off.
        let cut = usize::from(two >> 4);
        chunks.truncate(chunks.len().saturating_sub(cut));
        let hop = hop(what & 3, what & 4 != 0);
        let seen = at(now.saturating_sub(u64::from(two & 15) * 20));
        streams.sctp(at(now), seen, &hop, &chunks, &mut |delivery| take(&delivery, &messages, honest));
        check(&streams, now);
    }
    streams.finish(&mut |delivery| take(&delivery, &messages, honest));
}

fn cut(number: u32, message: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let last = message.len().div_ceil(PIECE).saturating_sub(1) as u32;
    (0..).zip(message.chunks(PIECE)).map(move |(index, bytes)| Piece {
        message: number,
        index,
        begins: index == 0,
        ends: index == last,
        bytes,
    })
}

fn chunk(chunks: &mut Vec<u8>, kind: u8, flags: u8, value: &[u8]) {
    chunks.extend([kind, flags]);
    chunks.extend((4 + value.len() as u16).to_be_bytes());
    chunks.extend(value);
    chunks.resize(chunks.len().next_multiple_of(4), 0);
}

/// A DATA chunk (RFC 9260 §3.3.1).
fn data(chunks: &mut Vec<u8>, pieces: &[Piece<'_>], number: usize) {
    let Some(piece) = pieces.get(number) else { return };
    let mut value = FIRST.wrapping_add(number as u32).to_be_bytes().to_vec();
    value.extend([0, 0]);
    value.extend((piece.message as u16).to_be_bytes());
    value.extend([0; 4]);
    value.extend(piece.bytes);
    chunk(chunks, 0, u8::from(piece.begins) << 1 | u8::from(piece.ends), &value);
}

/// An I-DATA chunk (RFC 8260 §2.1).
fn i_data(chunks: &mut Vec<u8>, pieces: &[Piece<'_>], number: usize) {
    let Some(piece) = pieces.get(number) else { return };
    let mut value = FIRST.wrapping_add(number as u32).to_be_bytes().to_vec();
    value.extend([0; 4]);
    value.extend(piece.message.to_be_bytes());
    value.extend(if piece.begins { 0 } else { piece.index }.to_be_bytes());
    value.extend(piece.bytes);
    chunk(chunks, 64, u8::from(piece.begins) << 1 | u8::from(piece.ends), &value);
}

fn take(delivery: &Delivery<'_>, messages: &[&[u8]], honest: bool) {
    let Delivery::Message(message) = delivery else { return };
    assert!(is_start(message.bytes));
    let cut = message.carriage == Carriage::CutDatagram;
    let sent = messages.iter().any(|sent| {
        let sent = sent.get(keep_alive(sent)..).unwrap_or_default();
        sent == message.bytes || cut && sent.starts_with(message.bytes)
    });
    assert!(!honest || sent, "a message that nobody sent");
}
