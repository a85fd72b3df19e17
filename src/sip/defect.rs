//! Why a message was dropped.

use thiserror::Error;

/// What makes bytes useless as a SIP message: they cannot be framed, or cannot be told to a dialog.
///
/// A dropped message changes no state; each reason is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Defect {
    #[error("no SIP start line")]
    NotSip,
    #[error("start line is not in three parts")]
    StartLine,
    #[error("SIP version is not 2.0")]
    Version,
    #[error("status code is not three digits from 100 to 699")]
    StatusCode,
    #[error("no Call-ID")]
    NoCallId,
    #[error("no From")]
    NoFrom,
    #[error("no To")]
    NoTo,
    #[error("no CSeq")]
    NoCSeq,
    #[error("CSeq is not a number and a method")]
    CSeq,
    #[error("CSeq number is beyond 2^31 - 1")]
    CSeqRange,
    #[error("CSeq method is not that of the request")]
    CSeqMethod,
    #[error("two different values of a header that stands once")]
    DuplicateKeyHeader,
    #[error("quotes or angle brackets of From or To are not closed")]
    UnbalancedQuotes,
    #[error("Content-Length is no number, or stands twice with different ones")]
    ContentLength,
    #[error("body is shorter than its Content-Length in a whole datagram")]
    BodyShort,
    #[error("no Content-Length on a stream")]
    NoContentLength,
}

impl Defect {
    /// How many there are.
    pub const COUNT: usize = 16;

    /// All of them, in the order of the enum: `ALL[defect as usize]` is the defect.
    pub const ALL: [Self; Self::COUNT] = [
        Self::NotSip,
        Self::StartLine,
        Self::Version,
        Self::StatusCode,
        Self::NoCallId,
        Self::NoFrom,
        Self::NoTo,
        Self::NoCSeq,
        Self::CSeq,
        Self::CSeqRange,
        Self::CSeqMethod,
        Self::DuplicateKeyHeader,
        Self::UnbalancedQuotes,
        Self::ContentLength,
        Self::BodyShort,
        Self::NoContentLength,
    ];

    /// Its name as a metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotSip => "not_sip",
            Self::StartLine => "start_line",
            Self::Version => "version",
            Self::StatusCode => "status_code",
            Self::NoCallId => "no_call_id",
            Self::NoFrom => "no_from",
            Self::NoTo => "no_to",
            Self::NoCSeq => "no_cseq",
            Self::CSeq => "cseq",
            Self::CSeqRange => "cseq_range",
            Self::CSeqMethod => "cseq_method",
            Self::DuplicateKeyHeader => "duplicate_key_header",
            Self::UnbalancedQuotes => "unbalanced_quotes",
            Self::ContentLength => "content_length",
            Self::BodyShort => "body_short",
            Self::NoContentLength => "no_content_length",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_defect_stands_at_its_own_place_with_its_own_name() {
        let mut names: Vec<_> = Defect::ALL.iter().map(|defect| defect.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Defect::ALL.len());
        assert!(Defect::ALL.iter().enumerate().all(|(place, defect)| *defect as usize == place));
    }
}
