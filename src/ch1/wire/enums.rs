//! Enums of the record and the codes that stand for them on the wire.

use super::super::v1;
use crate::charging::{Confirmation, Direction, NodeRole, Party, Revised, Role, ServiceKind, Sight, Trigger};
use crate::outbox::GapCause;

/// An enum of the record that has a code on the wire.
pub(super) trait Coded: Sized + Copy {
    fn code(self) -> i32;
    /// Nothing for a code that no record of ours carries, among them UNSPECIFIED where the record knows no such value.
    fn read(code: i32) -> Option<Self>;
}

pub(super) fn code(value: impl Coded) -> i32 {
    value.code()
}

macro_rules! coded {
    ($ours:ty, $wire:ty { $($value:ident = $code:ident,)+ }) => {
        impl Coded for $ours {
            fn code(self) -> i32 {
                (match self { $(Self::$value => <$wire>::$code,)+ }).into()
            }

            fn read(code: i32) -> Option<Self> {
                let known = <$wire>::try_from(code).ok()?;
                $(if known == <$wire>::$code { return Some(Self::$value); })+
                None
            }
        }
    };
}

coded!(Trigger, v1::Trigger {
    Bye = Bye,
    ByeAnswer = ByeAnswer,
    SessionTimer = SessionTimer,
    DialogFailure = DialogFailure,
    MaxSession = MaxSession,
});

coded!(Party, v1::Party {
    Unspecified = Unspecified,
    Caller = Caller,
    Callee = Callee,
});

coded!(Role, v1::Role {
    Unspecified = Unspecified,
    ImClient = ImClient,
    ImServer = ImServer,
});

coded!(NodeRole, v1::RoleOfNode {
    Unspecified = Unspecified,
    Originating = Originating,
    Terminating = Terminating,
});

coded!(Revised, v1::Revised {
    First = First,
    LaterBye = LaterBye,
    MoreComplete = MoreComplete,
    OtherHop = OtherHop,
    WentOn = WentOn,
});

coded!(ServiceKind, v1::Service {
    Unknown = Unspecified,
    InstantMessaging = InstantMessaging,
    Other = Other,
});

coded!(Direction, v1::Direction {
    SendReceive = SendReceive,
    SendOnly = SendOnly,
    ReceiveOnly = ReceiveOnly,
    Inactive = Inactive,
});

coded!(Sight, v1::Sight {
    NotSeen = NotSeen,
    Seen = Seen,
    NotObservable = NotObservable,
});

coded!(Confirmation, v1::Confirmation {
    None = None,
    Answer = Answer,
    Ack = Ack,
    InDialogRequest = InDialogRequest,
    ByeAnswer = ByeAnswer,
});

coded!(GapCause, v1::GapCause {
    FramesLost = FramesLost,
    SessionsDropped = SessionsDropped,
    RecordsDropped = RecordsDropped,
    NotObserved = NotObserved,
});

/// Code of a party on the wire.
#[must_use]
pub fn party_code(party: Party) -> i32 {
    party.code()
}

/// Code of a role on the wire.
#[must_use]
pub fn role_code(role: Role) -> i32 {
    role.code()
}

/// Code of a trigger on the wire.
#[must_use]
pub fn trigger_code(trigger: Trigger) -> i32 {
    trigger.code()
}
