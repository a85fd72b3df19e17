//! What was odd in a message but did not matter.

use core::fmt;

/// One oddity of a message that could be used all the same.
///
/// The network may have taken the message as well, so the answer on the wire decides what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Anomaly {
    /// Extra, trailing or missing white space in the start line.
    StartLineSpacing,
    /// Request-URI in angle brackets, or with headers (RFC 3261 §19.1.1 forbids both).
    RequestUri,
    /// A line that ends in LF alone.
    BareLineFeed,
    /// A line of the header block that is no header: no colon, no name, or a fold of nothing.
    BadLine,
    /// A key header or Content-Length that stands twice with the same value.
    RepeatedHeader,
    /// No Via, so no branch.
    NoVia,
    /// Empty elements or parameters in a Via.
    ViaSyntax,
    /// White space inside a Call-ID.
    CallIdSyntax,
    /// Text after the method of a CSeq.
    CSeqSyntax,
    /// From or To off the grammar, with a tag that can be read: spaces inside `<>`, unquoted commas, no URI.
    PartySyntax,
    /// Contact with URI headers but no angle brackets (RFC 3261 §20.10).
    ContactSyntax,
    /// Date in another zone than GMT (RFC 3261 §20.17).
    DateSyntax,
    /// Content-Length without a number, on a datagram, which does not need one.
    ContentLengthSyntax,
    /// Bytes after the body the Content-Length gives, dropped (RFC 3261 §18.3).
    TrailingBytes,
    /// The header block ended without its empty line.
    HeadersUnfinished,
    /// More header lines that matter than the index holds, or too many of one kind: the later ones were left out.
    IndexFull,
    /// More header lines, or more bytes of them, than are read: the rest was left out.
    HeaderBlockLimit,
}

impl Anomaly {
    /// All of them, in the order of their bits.
    pub const ALL: [Self; 17] = [
        Self::StartLineSpacing,
        Self::RequestUri,
        Self::BareLineFeed,
        Self::BadLine,
        Self::RepeatedHeader,
        Self::NoVia,
        Self::ViaSyntax,
        Self::CallIdSyntax,
        Self::CSeqSyntax,
        Self::PartySyntax,
        Self::ContactSyntax,
        Self::DateSyntax,
        Self::ContentLengthSyntax,
        Self::TrailingBytes,
        Self::HeadersUnfinished,
        Self::IndexFull,
        Self::HeaderBlockLimit,
    ];

    /// Its name as a metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StartLineSpacing => "start_line_spacing",
            Self::RequestUri => "request_uri",
            Self::BareLineFeed => "bare_line_feed",
            Self::BadLine => "bad_line",
            Self::RepeatedHeader => "repeated_header",
            Self::NoVia => "no_via",
            Self::ViaSyntax => "via_syntax",
            Self::CallIdSyntax => "call_id_syntax",
            Self::CSeqSyntax => "cseq_syntax",
            Self::PartySyntax => "party_syntax",
            Self::ContactSyntax => "contact_syntax",
            Self::DateSyntax => "date_syntax",
            Self::ContentLengthSyntax => "content_length_syntax",
            Self::TrailingBytes => "trailing_bytes",
            Self::HeadersUnfinished => "headers_unfinished",
            Self::IndexFull => "index_full",
            Self::HeaderBlockLimit => "header_block_limit",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u8
    }
}

/// The anomalies of one message, as a set.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Anomalies(u32);

impl Anomalies {
    /// Nothing odd.
    pub const NONE: Self = Self(0);

    /// Whether nothing was odd.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many kinds there are.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether this kind is among them.
    #[must_use]
    pub const fn contains(self, anomaly: Anomaly) -> bool {
        self.0 & anomaly.bit() != 0
    }

    /// The kinds there are, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Anomaly> {
        Anomaly::ALL.into_iter().filter(move |anomaly| self.contains(*anomaly))
    }

    pub(super) const fn insert(&mut self, anomaly: Anomaly) {
        self.0 |= anomaly.bit();
    }

    pub(super) const fn insert_if(&mut self, odd: bool, anomaly: Anomaly) {
        if odd {
            self.insert(anomaly);
        }
    }
}

impl fmt::Debug for Anomalies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_bit_and_a_name_of_its_own() {
        let mut all = Anomalies::NONE;
        let mut names = Vec::new();
        for (place, anomaly) in Anomaly::ALL.into_iter().enumerate() {
            assert_eq!(anomaly as usize, place);
            assert!(!all.contains(anomaly));
            all.insert(anomaly);
            names.push(anomaly.name());
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Anomaly::ALL.len());
        assert!(all.iter().eq(Anomaly::ALL));
    }

    #[test]
    fn a_set_prints_its_members() {
        let mut set = Anomalies::NONE;
        set.insert(Anomaly::NoVia);
        set.insert_if(false, Anomaly::BadLine);
        assert_eq!(format!("{set:?}"), "{NoVia}");
        assert_eq!(set.len(), 1);
    }
}
