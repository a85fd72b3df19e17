//! What a dialog keeps of its messages: the kinds.

/// What a field of a block is. The order of the variants is the order in which a block keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Fact {
    CallId,
    /// Tag of the side that sent the INVITE, or, while the INVITE is unknown, of whoever was seen first.
    FirstTag,
    /// Tag of the other side; a dialog without this field is an attempt.
    SecondTag,
    /// Hop and branch of an INVITE, as two 32-bit hashes; kept, since another branch of a fork may be answered much later.
    InviteHop,
    From,
    To,
    RequestUri,
    CallerAsserted,
    CalleeAsserted,
    ServedUser,
    HistoryInfo,
    RouteReceived,
    RouteTransmitted,
    CallerAgent,
    CalleeAgent,
    CallerInstance,
    CalleeInstance,
    /// P-Asserted-Service, which outranks the [`CommunicationService`](Self::CommunicationService) that a tag refers to.
    AssertedService,
    CommunicationService,
    FeatureTag,
    Priority,
    CallerAccess,
    CalleeAccess,
    Cellular,
    Visited,
    ChargingFunctions,
    Icid,
    IcidGeneratedAt,
    OriginatingIoi,
    TerminatingIoi,
    TransitIoi,
    RelatedIcid,
    RelatedGeneratedAt,
    FeIdentifier,
    SessionId,
    ContributionId,
    ConversationId,
    InReplyToContributionId,
    Configured,
    /// One m= section of the latest answered SDP, as [`Media`](super::Media) packs itself: what it is, and then where.
    Media,
    MediaEnd,
    /// Address of the charging point: port, then 4 or 16 bytes.
    Node,
    /// To-tag of an early dialog that has agreed on media, behind a byte that says whether MSRP was among them. Its media
    /// follow, as those of a dialog do.
    EarlyTag,
    EarlyMedia,
    EarlyMediaEnd,
    /// Where the answer begins: what follows belongs to this branch of the INVITE alone. Its value has the hops whose 2xx has
    /// been gathered, 16 bits of hash each.
    Answered,
    /// The latest INVITE inside the dialog that had no offer: hash of its From-tag, and its CSeq.
    LateOffer,
    /// The INVITE, as above, whose 2xx made this an IM session: if it was an answer, which shows when that INVITE or the ACK
    /// is delivered late. And a byte that says whether other media had been agreed on before.
    Supposed,
    /// The latest P-Asserted-Identity of the callee that differs from those before, behind its time in 8 bytes.
    CalledChange,
    /// What the body of a BYE is, as [`MessageBody`](super::MessageBody) packs it, behind what tells which BYE.
    ByeBody,
}

impl Fact {
    pub(super) const ALL: [Self; 50] = [
        Self::CallId,
        Self::FirstTag,
        Self::SecondTag,
        Self::InviteHop,
        Self::From,
        Self::To,
        Self::RequestUri,
        Self::CallerAsserted,
        Self::CalleeAsserted,
        Self::ServedUser,
        Self::HistoryInfo,
        Self::RouteReceived,
        Self::RouteTransmitted,
        Self::CallerAgent,
        Self::CalleeAgent,
        Self::CallerInstance,
        Self::CalleeInstance,
        Self::AssertedService,
        Self::CommunicationService,
        Self::FeatureTag,
        Self::Priority,
        Self::CallerAccess,
        Self::CalleeAccess,
        Self::Cellular,
        Self::Visited,
        Self::ChargingFunctions,
        Self::Icid,
        Self::IcidGeneratedAt,
        Self::OriginatingIoi,
        Self::TerminatingIoi,
        Self::TransitIoi,
        Self::RelatedIcid,
        Self::RelatedGeneratedAt,
        Self::FeIdentifier,
        Self::SessionId,
        Self::ContributionId,
        Self::ConversationId,
        Self::InReplyToContributionId,
        Self::Configured,
        Self::Media,
        Self::MediaEnd,
        Self::Node,
        Self::EarlyTag,
        Self::EarlyMedia,
        Self::EarlyMediaEnd,
        Self::Answered,
        Self::LateOffer,
        Self::Supposed,
        Self::CalledChange,
        Self::ByeBody,
    ];

    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }

    /// Whether it tells of the media of an answer.
    pub(crate) const fn is_of_media(self) -> bool {
        matches!(self, Self::Media | Self::MediaEnd)
    }

    /// Whether it tells of an early dialog.
    pub(super) const fn is_early(self) -> bool {
        matches!(self, Self::EarlyTag | Self::EarlyMedia | Self::EarlyMediaEnd)
    }

    /// Whether it is told in a record as it stands in the block. What is not is kept for a branch that is not answered yet, tells
    /// what came with what, or, as the body of one of the BYEs, is told by whoever knows which.
    pub(super) const fn is_for_a_record(self) -> bool {
        !matches!(
            self,
            Self::InviteHop
                | Self::EarlyTag
                | Self::EarlyMedia
                | Self::EarlyMediaEnd
                | Self::Answered
                | Self::LateOffer
                | Self::Supposed
                | Self::ByeBody
        )
    }

    /// Whether a header may give several values, and further hops add theirs.
    pub(super) const fn is_list(self) -> bool {
        matches!(
            self,
            Self::CallerAsserted
                | Self::CalleeAsserted
                | Self::HistoryInfo
                | Self::CallerAccess
                | Self::CalleeAccess
                | Self::FeatureTag
        )
    }

    /// How values of this kind may be shortened.
    pub(super) const fn sharing(self) -> Sharing {
        match self {
            Self::From
            | Self::To
            | Self::ServedUser
            | Self::HistoryInfo
            | Self::RouteReceived
            | Self::RouteTransmitted => Sharing::Host,
            Self::RequestUri | Self::CalleeAsserted => Sharing::PartOf(Self::To),
            Self::CallerAsserted => Sharing::PartOf(Self::From),
            Self::CallerAgent
            | Self::CalleeAgent
            | Self::AssertedService
            | Self::CommunicationService
            | Self::FeatureTag
            | Self::Priority
            | Self::CallerAccess
            | Self::CalleeAccess
            | Self::Visited
            | Self::ChargingFunctions
            | Self::IcidGeneratedAt
            | Self::OriginatingIoi
            | Self::TerminatingIoi
            | Self::TransitIoi
            | Self::RelatedGeneratedAt
            | Self::FeIdentifier
            | Self::Media
            | Self::EarlyMedia => Sharing::Whole,
            _ => Sharing::Nothing,
        }
    }
}

/// How the values of a fact may be shortened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// They are their dialog's own, and always stand in the block as they are.
    Nothing,
    /// The whole value may be a word.
    Whole,
    /// What follows the user of an address may be a word.
    Host,
    /// As `Host`, or the value may stand within that of this fact, which is never itself a part.
    PartOf(Fact),
}
