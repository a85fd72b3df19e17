//! What early dialogs have agreed on, before one of them is answered.
//!
//! An SDP answer may stand in a reliable 1xx, or in the 2xx of a PRACK or UPDATE before the INVITE is answered (RFC 3262 §5,
//! RFC 3311), and the 2xx of the INVITE then has none. Each branch of a fork agrees for itself, so this is kept by To-tag
//! with what the INVITE told, and becomes a branch's own when that is answered.

use super::block::{Block, Part};
use super::fact::Fact;
use super::gather::{Gathered, has_messaging, push_media};
use super::packer::{MAX_VALUE, Packer};
use crate::sip::sdp::Sdp;

/// Most early dialogs of one INVITE whose media are kept; of further ones, what their 2xx says counts alone.
const MAX_EARLY: usize = 8;

/// Gathers a block anew, with what the early dialog of this callee has agreed on last.
pub(crate) fn note_early(packer: &mut Packer, block: &Block, callee: &[u8], sdp: Sdp<'_>) {
    let mut messaging = has_messaging(sdp);
    let (mut others, mut own) = (0, false);
    packer.clear().copy_as(block, Part::Invite, |fact, value| {
        if fact == Fact::EarlyTag {
            own = is_of(value, callee);
            others += usize::from(!own);
            messaging |= own && had_messaging(value);
        }
        (!own || !fact.is_early()).then_some(fact)
    });
    if others < MAX_EARLY {
        packer.push_written(Fact::EarlyTag, |bytes| {
            bytes.push(u8::from(messaging));
            bytes.extend_from_slice(callee);
        });
        push_media(packer, sdp, Fact::EarlyMedia, Fact::EarlyMediaEnd);
    }
    packer.copy_answer(block, |_| true);
}

/// Whether the early dialog of this callee has agreed on something.
pub(crate) fn has_early(block: &Block, callee: &[u8]) -> bool {
    block.all_own(Fact::EarlyTag).any(|value| is_of(value, callee))
}

/// Adds what the INVITE told for the branch of a callee, behind its key; early media of that callee become its own.
pub(crate) fn copy_for_branch(packer: &mut Packer, block: &Block, callee: &[u8]) -> Gathered {
    if !block.has(Fact::EarlyTag) {
        packer.copy_behind(block, Fact::SecondTag);
        return Gathered::default();
    }
    let mut gathered = Gathered::default();
    let mut own = false;
    packer.copy_as(block, Part::Invite, |fact, value| {
        if fact == Fact::EarlyTag {
            own = is_of(value, callee);
            gathered.sdp |= own;
            gathered.messaging |= own && had_messaging(value);
        }
        (fact > Fact::SecondTag && !(own && fact.is_early())).then_some(fact)
    });
    if gathered.sdp {
        packer.push(Fact::Answered, b"");
        packer.copy_as(block, Part::Invite, |fact, value| match fact {
            Fact::EarlyTag => {
                own = is_of(value, callee);
                None
            }
            Fact::EarlyMedia if own => Some(Fact::Media),
            Fact::EarlyMediaEnd if own => Some(Fact::MediaEnd),
            _ => None,
        });
    }
    gathered
}

fn had_messaging(value: &[u8]) -> bool {
    value.first().is_some_and(|messaging| *messaging != 0)
}

/// Whether this is of that callee; of a long tag, what was kept.
fn is_of(value: &[u8], callee: &[u8]) -> bool {
    value.get(1..).is_some_and(|tag| tag == &callee[..callee.len().min(MAX_VALUE - 1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUDIO: &[u8] = b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n";
    const MSRP: &[u8] = b"v=0\r\nm=message 2855 TCP/MSRP *\r\na=path:msrp://b:2855/x;tcp\r\n";

    fn attempt(packer: &mut Packer) -> Block {
        packer.clear().push(Fact::CallId, b"1").push(Fact::FirstTag, b"a").push(Fact::From, b"<sip:a>").pack()
    }

    fn noted(packer: &mut Packer, mut block: Block, said: &[(&[u8], &[u8])]) -> Block {
        for (callee, sdp) in said {
            note_early(packer, &block, callee, Sdp::read(sdp, None).unwrap());
            block = packer.pack();
        }
        block
    }

    #[test]
    fn each_branch_takes_its_own() {
        let mut packer = Packer::default();
        let block = attempt(&mut packer);
        let block = noted(&mut packer, block, &[(b"b1", MSRP), (b"b2", MSRP), (b"b3", AUDIO), (b"b2", AUDIO)]);
        for (callee, media, messaging) in [(b"b1", 1, true), (b"b2", 1, true), (b"b3", 1, false), (b"b4", 0, false)] {
            packer.clear();
            let gathered = copy_for_branch(&mut packer, &block, callee);
            let branch = packer.pack();
            assert_eq!(gathered, Gathered { sdp: media > 0, messaging });
            assert_eq!(branch.values(&packer).filter(|(fact, _)| *fact == Fact::Media).count(), media);
            assert!(!has_early(&branch, callee) && has_early(&block, callee) == (media > 0));
            assert_eq!(branch.all_own(Fact::EarlyTag).count(), 3 - media);
        }
    }

    #[test]
    fn early_dialogs_are_bounded() {
        let mut packer = Packer::default();
        let block = attempt(&mut packer);
        let tags: Vec<[u8; 1]> = (0..20).map(|tag| [tag]).collect();
        let said: Vec<(&[u8], &[u8])> = tags.iter().map(|tag| (&tag[..], MSRP)).collect();
        let block = noted(&mut packer, block, &said);
        assert_eq!(block.all_own(Fact::EarlyTag).count(), MAX_EARLY);
        assert!(has_early(&block, &[7]) && !has_early(&block, &[8]));
    }
}
