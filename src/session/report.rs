//! From what is known of a dialog to the StopRecord that leaves.

use super::dialog::{Dialog, Marks, Side, service_kind};
use super::ending::{Conclusion, Ending};
use super::facts::of_request;
use super::losses::Toll;
use super::reasons::Reasons;
use crate::charging::{
    Evidence, Fact, Leg, PackedFacts, PackedRecord, Packer, Party, RecordId, Revised, Sight, Trigger,
};
use crate::private::Private;

/// Builds the record of a conclusion, with what is known at this moment and nothing else.
pub(super) fn compose(
    dialog: &Dialog,
    packer: &Packer,
    conclusion: &Conclusion,
    toll: Toll,
    server_name: &str,
    revision: u32,
    revised: Revised,
) -> PackedRecord {
    let reasons = dialog.ending.as_deref().and_then(|ending| ending.reasons_of(conclusion));
    let reasons = reasons.map(Reasons::values).unwrap_or_default();
    let tag_of = |side| if side == Side::First { Fact::FirstTag } else { Fact::SecondTag };
    PackedRecord {
        revision,
        revised,
        withdrawn: false,
        server_name: server_name.into(),
        fork_index: 0,
        caller_known: dialog.caller_known(),
        bye_from: conclusion.sender.map(tag_of),
        bye_party: conclusion.sender.map_or(Party::Unspecified, |sender| dialog.party(sender)),
        invite: conclusion.invite.get(),
        answer: conclusion.answer.get(),
        ack: conclusion.ack.get(),
        stop: conclusion.stop,
        detected: conclusion.detected,
        trigger: conclusion.trigger,
        cause_code: conclusion.cause,
        ended_by: conclusion.ended_by,
        terminated_by: conclusion.terminated_by,
        reasons: reasons.iter().cloned().map(Private::new).collect(),
        kind: service_kind(dialog),
        legs: Vec::new(),
        evidence: evidence(dialog, conclusion, toll),
        facts: PackedFacts::of(&dialog.block, packer, body(dialog, conclusion)),
    }
}

/// The body of the BYE that the session ended with, as it is packed.
fn body<'a>(dialog: &'a Dialog, conclusion: &Conclusion) -> Option<&'a [u8]> {
    let sender = conclusion.sender.filter(|_| conclusion.trigger == Trigger::Bye)?;
    let bye = dialog.ending.as_deref()?.byes[sender.index()].as_ref()?;
    let (_, first, second) = dialog.key();
    let tag = if sender == Side::First { first } else { second? };
    let of = |cseq: u32| {
        let of_bye = of_request(tag, cseq);
        dialog.block.all_own(Fact::ByeBody).find_map(move |value| value.strip_prefix(&of_bye))
    };
    // With credentials it is the same BYE once more, also where it was sent without its body.
    of(bye.cseq).or_else(|| of(bye.challenged?))
}

/// A leg as another leg's record lists it.
pub(super) fn leg_of(dialog: &Dialog, server_name: &str) -> Leg {
    let (call_id, first, second) = dialog.key();
    let second = second.unwrap_or_default();
    Leg {
        record_id: RecordId::of(server_name.as_bytes(), call_id, first, second),
        call_id: Private::new(call_id.into()),
        caller_tag: dialog.caller_known().then(|| Private::new(first.into())),
        callee_tag: dialog.caller_known().then(|| Private::new(second.into())),
    }
}

fn evidence(dialog: &Dialog, conclusion: &Conclusion, toll: Toll) -> Evidence {
    // What a side that was never heard would have sent could not be seen: a mirror of one direction.
    let sight = |seen: bool, sender: Side| match seen {
        true => Sight::Seen,
        false if dialog.caller_known() && !dialog.was_heard(sender) => Sight::NotObservable,
        false => Sight::NotSeen,
    };
    let ending = dialog.ending.as_deref();
    let byes = || ending.into_iter().flat_map(|ending| ending.byes.iter().flatten());
    let answered = byes().any(|bye| bye.answered) || ending.is_some_and(|ending| ending.answer.is_some());
    let inferred = conclusion.detected.is_some();
    Evidence {
        invite: sight(dialog.marks.has(Marks::INVITE), Side::First),
        answer: sight(conclusion.answer.is_some(), Side::Second),
        ack: sight(conclusion.ack.is_some(), Side::First),
        bye: if conclusion.trigger == Trigger::Bye { Sight::Seen } else { Sight::NotSeen },
        bye_answer: match answered {
            true => Sight::Seen,
            false if inferred => Sight::NotSeen,
            false => Sight::NotObservable,
        },
        confirmed_by: conclusion.confirmed_by,
        not_at_server: conclusion.not_at_server,
        bye_challenged: byes().any(|bye| bye.challenged.is_some())
            || ending.is_some_and(|ending: &Ending| ending.void.is_some()),
        frames_lost: toll.frames,
        stream_gaps: toll.stream_gaps,
        evictions: toll.evictions,
        clock_stepped_back: toll.clock_steps > 0,
        clock_gap: inferred && toll.clock_gaps > 0,
        session_expires: (dialog.session_expires > 0).then_some(dialog.session_expires),
    }
}
