//! What was seen of the end of a dialog, and what follows from it.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::bye_seen::Bye;
use super::dialog::{Dialog, Marks, Moment, Side, service_kind};
use super::reasons::Reasons;
use crate::charging::{Confirmation, Options, OrphanBye, Party, Role, ServiceKind, Trigger, cause};
use crate::time::Timestamp;

/// How long an answer may take: 64·T1 (RFC 3261 §17.1.1.2 and §17.1.2.2), timers B, F and H.
pub(crate) const TRANSACTION: Duration = Duration::from_secs(32);

/// How long a callee waits for the ACK before it gives up with a BYE of its own: 64·T1, and T2 for the BYE to arrive.
const ACK_WAIT: Duration = Duration::from_secs(36);

/// What was seen of the end of a dialog.
///
/// Invariant: everything here is a fact that does not depend on the order of arrival; what follows from the facts is
/// worked out anew by [`conclude`] whenever one is added, and reported when it differs from what was told last.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Ending {
    /// The BYE of each side, by [`Side::index`].
    pub(crate) byes: [Option<Bye>; 2],
    /// A BYE with a CSeq below its sender's highest, until its answer tells whether it counts (rule 11).
    pub(crate) stale: Option<(Side, Bye)>,
    /// Final answer of a BYE that was not seen (rule 10).
    pub(crate) answer: Option<ByeAnswer>,
    /// CSeq of a BYE that was challenged, where the challenge came first.
    pub(crate) challenged: Option<(Side, u32)>,
    /// A BYE on a hop without an IM Server, while its copy at the server is awaited (rule 15); or that of the outgoing leg of
    /// the same session (rule 17).
    pub(crate) elsewhere: Option<Elsewhere>,
    /// A request inside the dialog was answered with a status that ends dialogs (rule 13).
    pub(crate) failure: Option<Failure>,
    /// The end that a timer inferred.
    pub(crate) inferred: Option<Inferred>,
    /// CSeq of a BYE after which the session went on; late copies of it end nothing (rule 14).
    pub(crate) void: Option<(Side, u32)>,
    /// What the Charging Enabler was told last, and how often it was told something.
    pub(crate) told: Option<Conclusion>,
    pub(crate) revision: u32,
    /// When it was told that.
    pub(crate) told_at: Timestamp,
}

impl Ending {
    /// Until when something is awaited that would show whether the session has ended; nothing, if it has been waited for
    /// long enough.
    pub(crate) fn waits_until(&self, options: &Options, now: Timestamp) -> Option<Timestamp> {
        let byes =
            self.byes.iter().flatten().flat_map(|bye| [bye.time.plus(options.reorder), bye.time.plus(TRANSACTION)]);
        let answer = self.answer.iter().map(|answer| answer.time.plus(options.reorder));
        let elsewhere = self.elsewhere.iter().map(|bye| bye.time.plus(TRANSACTION));
        let stale = self.stale.iter().map(|(_, bye)| bye.time.plus(TRANSACTION));
        let failure =
            self.failure.iter().filter(|failure| !failure.repaired).map(|failure| failure.time.plus(TRANSACTION));
        byes.chain(answer).chain(elsewhere).chain(stale).chain(failure).filter(|time| *time > now).min()
    }

    /// The same, once an end has been told: until when something is awaited that would replace it. Nothing replaces a BYE that
    /// was seen where it counts, and most dialogs that are kept for their afterlife have one.
    pub(crate) fn waits_for_revision(&self, options: &Options, now: Timestamp) -> Option<Timestamp> {
        self.told.as_ref().filter(|told| told.trigger != Trigger::Bye || told.not_at_server)?;
        let byes = self.byes.iter().flatten().map(|bye| bye.time.plus(options.reorder));
        let answer = self.answer.iter().map(|answer| answer.time.plus(options.reorder));
        let elsewhere = self.elsewhere.iter().map(|bye| bye.time.plus(TRANSACTION));
        byes.chain(answer).chain(elsewhere).filter(|time| *time > now).min()
    }

    /// Whether a BYE was seen that counts, or may count yet.
    pub(crate) fn has_bye(&self) -> bool {
        self.byes.iter().any(Option::is_some)
    }

    /// Whether a BYE of either side was answered 2xx.
    fn is_accepted(&self) -> bool {
        self.byes.iter().flatten().any(|bye| bye.accepted) || self.answer.is_some_and(|answer| answer.accepted)
    }

    /// Whether the end may yet be taken back: it was inferred, the BYE was challenged, or it never came to the server. Such
    /// a dialog stays as long as an open one would, so that a later BYE or sign of life finds it and makes a revision.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.told.is_some_and(|told| told.detected.is_some() || told.not_at_server)
            || self.byes.iter().flatten().any(Bye::is_refused)
    }

    /// The Reason headers of the BYE that was concluded on, if one was.
    pub(crate) fn reasons_of(&self, conclusion: &Conclusion) -> Option<&Reasons> {
        match (conclusion.trigger, conclusion.sender) {
            (Trigger::Bye, _) if conclusion.not_at_server => self.elsewhere.as_ref().map(|bye| &bye.reasons),
            (Trigger::Bye, Some(side)) => self.byes[side.index()].as_ref().map(|bye| &bye.reasons),
            _ => None,
        }
    }

    /// The sides of the dialog changed places.
    pub(crate) fn swap_sides(&mut self) {
        self.byes.swap(0, 1);
        let sides = [
            self.stale.as_mut().map(|stale| &mut stale.0),
            self.answer.as_mut().map(|answer| &mut answer.side),
            self.challenged.as_mut().map(|challenged| &mut challenged.0),
            self.elsewhere.as_mut().map(|elsewhere| &mut elsewhere.side),
            self.void.as_mut().map(|void| &mut void.0),
            self.failure.as_mut().map(|failure| &mut failure.of.0),
            self.told.as_mut().and_then(|told| told.sender.as_mut()),
        ];
        for side in sides.into_iter().flatten() {
            *side = side.other();
        }
    }
}

/// A BYE that was seen where it ends no session yet.
#[derive(Serialize, Deserialize)]
pub(crate) struct Elsewhere {
    pub(crate) side: Side,
    pub(crate) time: Timestamp,
    pub(crate) reasons: Reasons,
}

/// Final answer of a BYE that was not seen.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct ByeAnswer {
    pub(crate) time: Timestamp,
    /// Who had sent the BYE.
    pub(crate) side: Side,
    pub(crate) cseq: u32,
    pub(crate) accepted: bool,
}

/// A request inside the dialog that failed in a way that ends the dialog.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) time: Timestamp,
    pub(crate) status: u16,
    /// Last sign of life before it.
    pub(crate) last_good: Timestamp,
    /// Who sent the request, and its CSeq: by this a copy of the failure is known.
    pub(crate) of: (Side, u32),
    /// A 2xx after it shows that it ended nothing. It is kept, since a copy of it that is later than that 2xx ends nothing
    /// either.
    pub(crate) repaired: bool,
}

/// An end without BYE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inferred {
    pub(crate) trigger: Trigger,
    pub(crate) stop: Timestamp,
    pub(crate) detected: Timestamp,
    pub(crate) cause: i32,
}

/// What the facts say about the end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Conclusion {
    pub(crate) trigger: Trigger,
    pub(crate) stop: Timestamp,
    pub(crate) detected: Option<Timestamp>,
    pub(crate) cause: i32,
    pub(crate) ended_by: Party,
    pub(crate) terminated_by: Role,
    /// Who sent the BYE, for its tags.
    pub(crate) sender: Option<Side>,
    pub(crate) not_at_server: bool,
    pub(crate) confirmed_by: Confirmation,
    /// What it is charged as, or not charged (rule 16).
    pub(crate) service: ServiceKind,
    pub(crate) invite: Moment,
    pub(crate) answer: Moment,
    pub(crate) ack: Moment,
}

/// What follows from what was seen of a dialog up to `now`; nothing, while nothing shows that a session has ended.
///
/// `now` only decides how long a doubtful end has been waited for: nothing that is concluded once is taken back because
/// time has passed.
pub(crate) fn conclude(dialog: &Dialog, now: Timestamp, options: &Options) -> Option<Conclusion> {
    let ending = dialog.ending.as_ref()?;
    if let Some((side, bye)) = first_bye(ending) {
        let confirmed_by = confirmation_at_bye(dialog, side, bye, now, options)?;
        let (ended_by, terminated_by) = who(dialog, ending, side, bye);
        return Some(Conclusion {
            trigger: Trigger::Bye,
            stop: bye.time,
            detected: None,
            cause: cause_of_bye(dialog, side, bye.time, &bye.reasons),
            ended_by,
            terminated_by,
            sender: Some(side),
            not_at_server: false,
            confirmed_by,
            service: service_kind(dialog),
            invite: dialog.invite,
            answer: dialog.answer,
            ack: charged_ack(dialog, bye.time),
        });
    }
    let without_bye = |trigger, stop, cause| Conclusion {
        trigger,
        stop,
        detected: None,
        cause,
        ended_by: Party::Unspecified,
        terminated_by: Role::Unspecified,
        sender: None,
        not_at_server: false,
        confirmed_by: dialog.confirmed_by,
        service: service_kind(dialog),
        invite: dialog.invite,
        answer: dialog.answer,
        ack: charged_ack(dialog, stop),
    };
    if let Some(answer) = &ending.answer
        && now >= answer.time.plus(options.reorder)
        && (dialog.is_confirmed()
            || answer.accepted && !is_early(dialog, answer.side) && options.orphan_bye != OrphanBye::Never)
    {
        let mut conclusion = without_bye(Trigger::ByeAnswer, answer.time, 0);
        conclusion.ended_by = dialog.party(answer.side);
        conclusion.sender = Some(answer.side);
        if !dialog.is_confirmed() {
            conclusion.confirmed_by = Confirmation::ByeAnswer;
        }
        return Some(conclusion);
    }
    if let Some(Elsewhere { side, time, reasons }) = &ending.elsewhere
        && dialog.is_confirmed()
        && now >= time.plus(TRANSACTION)
    {
        let mut conclusion = without_bye(Trigger::Bye, *time, cause_of_bye(dialog, *side, *time, reasons));
        conclusion.ended_by = dialog.party(*side);
        conclusion.sender = Some(*side);
        conclusion.not_at_server = true;
        return Some(conclusion);
    }
    let inferred = ending.inferred?;
    let mut conclusion = without_bye(inferred.trigger, inferred.stop, inferred.cause);
    conclusion.detected = Some(inferred.detected);
    Some(conclusion)
}

/// The first BYE.
///
/// Rule 14: of one that was challenged and not sent again, the other side's BYE, accepted when nobody waited for an answer
/// to the first any more, shows that the session had gone on. Two that cross are closer together, and show nothing.
fn first_bye(ending: &Ending) -> Option<(Side, &Bye)> {
    let bye = |side: Side| ending.byes[side.index()].as_ref();
    let went_on = |side: Side, first: &Bye| {
        let later = |other: &Bye| other.accepted && other.time > first.time.plus(TRANSACTION);
        first.is_refused() && bye(side.other()).is_some_and(later)
    };
    [Side::First, Side::Second]
        .into_iter()
        .filter_map(|side| Some((side, bye(side)?)))
        .filter(|(side, first)| !went_on(*side, first))
        .min_by_key(|(side, bye)| (bye.time, side.index()))
}

/// The ACK as far as it matters: one that came after the end says nothing more, unless it is what confirms the session.
fn charged_ack(dialog: &Dialog, stop: Timestamp) -> Moment {
    let late = dialog.ack.get().is_some_and(|ack| ack > stop);
    if late && dialog.confirmed_by != Confirmation::Ack { Moment::NEVER } else { dialog.ack }
}

/// Whether a BYE ends a session, and what shows that there was one (rules 8, 9 and 12).
fn confirmation_at_bye(
    dialog: &Dialog,
    side: Side,
    bye: &Bye,
    now: Timestamp,
    options: &Options,
) -> Option<Confirmation> {
    // Rule 12: what the mirror delivers after the BYE may yet tell how the dialog began.
    let unknown = dialog.marks.has(Marks::BEGAN_WITH_ITS_END);
    // Rule 18: where an earlier hop is captured too, a relay's copy says that its original is about to be delivered.
    let nearest = if side == Side::First { dialog.invite_vias } else { 1 };
    let relays_copy = dialog.marks.has(Marks::SEVERAL_HOPS) && bye.vias > nearest;
    if (unknown || relays_copy) && now < bye.time.plus(options.reorder) {
        return None;
    }
    if dialog.is_confirmed() {
        return Some(dialog.confirmed_by);
    }
    if failed_early(dialog) {
        return None;
    }
    // A caller may send BYE while the other side still rings (RFC 3261 §15): only its own 2xx or ACK makes it a session.
    if dialog.marks.has(Marks::PROVISIONAL) || now < bye.time.plus(options.reorder) {
        return None;
    }
    // Of two that cross, either one's 2xx shows that there was a session.
    let accepted = dialog.ending.as_deref().is_some_and(Ending::is_accepted);
    match options.orphan_bye {
        OrphanBye::Answered => accepted.then_some(Confirmation::ByeAnswer),
        OrphanBye::All if accepted => Some(Confirmation::ByeAnswer),
        OrphanBye::All => Some(Confirmation::None),
        OrphanBye::Never => None,
    }
}

/// Its INVITE was answered with a failure, under the tags of this dialog.
pub(crate) fn failed_early(dialog: &Dialog) -> bool {
    !dialog.is_confirmed() && dialog.marks.has(Marks::FAILED) && dialog.invite_cseq.is_some()
}

/// A dialog that is known only to ring, from the side of its caller.
fn is_early(dialog: &Dialog, sender: Side) -> bool {
    dialog.marks.has(Marks::PROVISIONAL) && !dialog.is_confirmed() && sender == Side::First
}

/// The cause of an end by BYE.
///
/// Without an ACK the set-up was not completed; but an ACK that the mirror lost is not one that was never sent. When
/// the caller's side could not be heard, or the session visibly went on, or lasted longer than a callee waits for an
/// ACK, there was one; and where the callee sent BYE, since it may not do that before it has the ACK or has waited 64·T1
/// for it (RFC 3261 §15).
fn cause_of_bye(dialog: &Dialog, sender: Side, stop: Timestamp, reasons: &Reasons) -> i32 {
    if let Some(cause) = cause::of_reasons(reasons.values().iter().map(|value| &**value)) {
        return cause;
    }
    let set_up = match (dialog.answer.get(), dialog.ack.get()) {
        (_, Some(ack)) => ack <= stop,
        (None, None) => true,
        (Some(answer), None) => {
            let callee_had_it = dialog.party(sender) == Party::Callee && stop.since(answer) < TRANSACTION;
            answer <= stop
                && (!dialog.was_heard(Side::First)
                    || callee_had_it
                    || dialog.marks.has(Marks::IN_DIALOG)
                    || stop.since(answer) > ACK_WAIT)
        }
    };
    if set_up { cause::NORMAL } else { cause::UNSUCCESSFUL_SETUP }
}

/// Who ended the session, as a party and as a role (rule 15).
fn who(dialog: &Dialog, ending: &Ending, side: Side, bye: &Bye) -> (Party, Role) {
    // A server that ends a session sends a BYE to each side, and in neither name: no party ended it.
    let from_server = |bye: &Bye| bye.left && bye.role() == Role::ImServer;
    // One of the two sides may be another server's.
    let to_another = |bye: &Bye| bye.between && bye.vias == 1 && !bye.entered && !bye.left;
    if let [Some(one), Some(other)] = &ending.byes
        && (from_server(one) || from_server(other))
        && [one, other].into_iter().all(|bye| from_server(bye) || to_another(bye))
    {
        return (Party::Unspecified, Role::ImServer);
    }
    // Of an orphan nothing shows who called (rule 12).
    (dialog.party(side), bye.role())
}
