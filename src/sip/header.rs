//! Header names: the ones that charging reads, with their compact forms.

/// Makes the enum, the table of names and the table of compact names from one list.
macro_rules! headers {
    ($($variant:ident = $name:literal $(/ $compact:literal)?,)*) => {
        /// A header that is indexed. Every other line is skipped, unread.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Header {
            $(#[doc = concat!("`", $name, "`", $(" (`", $compact, "`)",)?)] $variant,)*
        }

        impl Header {
            /// All of them, in the order of the enum.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The full name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The compact form (RFC 3261 §7.3.3 and later), where there is one.
            #[must_use]
            pub const fn compact(self) -> Option<char> {
                match self {
                    $($(Self::$variant => Some($compact),)?)*
                    _ => None,
                }
            }
        }
    };
}

headers! {
    // What a message is framed and known by. They come first: the index has a fixed place for each.
    CallId = "Call-ID" / 'i',
    From = "From" / 'f',
    To = "To" / 't',
    CSeq = "CSeq",
    ContentLength = "Content-Length" / 'l',

    // RFC 3261.
    Via = "Via" / 'v',
    Contact = "Contact" / 'm',
    ContentType = "Content-Type" / 'c',
    ContentEncoding = "Content-Encoding" / 'e',
    ContentDisposition = "Content-Disposition",
    RecordRoute = "Record-Route",
    Route = "Route",
    UserAgent = "User-Agent",
    Server = "Server",
    Supported = "Supported" / 'k',
    Require = "Require",
    Date = "Date",
    Expires = "Expires",
    Priority = "Priority",
    Subject = "Subject" / 's',
    Authorization = "Authorization",
    ProxyAuthorization = "Proxy-Authorization",

    // Its extensions.
    Reason = "Reason",
    SessionExpires = "Session-Expires" / 'x',
    MinSe = "Min-SE",
    Replaces = "Replaces",
    Join = "Join",
    ReferTo = "Refer-To" / 'r',
    ReferredBy = "Referred-By" / 'b',
    Event = "Event" / 'o',
    AllowEvents = "Allow-Events" / 'u',
    AcceptContact = "Accept-Contact" / 'a',
    RejectContact = "Reject-Contact" / 'j',
    RequestDisposition = "Request-Disposition" / 'd',
    Identity = "Identity" / 'y',
    IdentityInfo = "Identity-Info" / 'n',
    HistoryInfo = "History-Info",
    ResourcePriority = "Resource-Priority",
    Privacy = "Privacy",
    FeatureCaps = "Feature-Caps",

    // 3GPP (RFC 3325, RFC 6050, RFC 7315, TS 24.229).
    PAssertedIdentity = "P-Asserted-Identity",
    PPreferredIdentity = "P-Preferred-Identity",
    PAssertedService = "P-Asserted-Service",
    PPreferredService = "P-Preferred-Service",
    PChargingVector = "P-Charging-Vector",
    PChargingFunctionAddresses = "P-Charging-Function-Addresses",
    PAccessNetworkInfo = "P-Access-Network-Info",
    CellularNetworkInfo = "Cellular-Network-Info",
    PVisitedNetworkId = "P-Visited-Network-ID",
    PServedUser = "P-Served-User",
    PAssociatedUri = "P-Associated-URI",
    PCalledPartyId = "P-Called-Party-ID",

    // Keys between the legs of one communication (RFC 7989; GSMA RCC.07, OMA CPM).
    SessionId = "Session-ID",
    ContributionId = "Contribution-ID",
    ConversationId = "Conversation-ID",
    InReplyToContributionId = "InReplyTo-Contribution-ID",
}

impl Header {
    /// How many there are.
    pub(super) const COUNT: usize = Self::ALL.len();
    /// How many have a fixed place in the index: those up to Content-Length.
    pub(super) const KEYS: usize = Self::ContentLength as usize + 1;

    /// The header of that name, full or compact, in any case.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        let (first, last) = (name.first()?, name.last()?);
        if name.len() == 1 {
            return *COMPACT.get(usize::from(first.to_ascii_lowercase().checked_sub(b'a')?))?;
        }
        let middle = name.get(name.len() / 2)?;
        let (full, header) = NAMES.get(usize::from(*SLOTS.get(slot(name.len(), *first, *middle, *last))?))?;
        let same = full.len() == name.len() && (*full == name || full.eq_ignore_ascii_case(name));
        same.then_some(*header)
    }
}

/// Where in [`SLOTS`] a name of this length and these three letters is looked for. Of each letter the bit that is the case
/// is set.
#[inline]
const fn slot(length: usize, first: u8, middle: u8, last: u8) -> usize {
    let letters = [first | 0x20, middle | 0x20, last | 0x20];
    let mixed = length * FACTORS[0]
        + letters[0] as usize * FACTORS[1]
        + letters[1] as usize * FACTORS[2]
        + letters[2] as usize * FACTORS[3];
    mixed % SLOTS.len()
}

/// Chosen so that no two names share a slot, which the making of [`SLOTS`] checks.
const FACTORS: [usize; 4] = [131, 114, 54, 180];

/// The header of each compact letter.
const COMPACT: [Option<Header>; 26] = {
    let mut table = [None; 26];
    let mut place = 0;
    while place < Header::COUNT {
        if let Some(letter) = Header::ALL[place].compact() {
            table[letter as usize - 'a' as usize] = Some(Header::ALL[place]);
        }
        place += 1;
    }
    table
};

/// The names and their headers.
static NAMES: [(&[u8], Header); Header::COUNT] = {
    let mut names: [(&[u8], Header); Header::COUNT] = [(b"", Header::CallId); Header::COUNT];
    let mut place = 0;
    while place < Header::COUNT {
        names[place] = (Header::ALL[place].name().as_bytes(), Header::ALL[place]);
        place += 1;
    }
    names
};

/// The one name, by its place in [`NAMES`], that may have this slot; 255 for none.
static SLOTS: [u8; 256] = {
    let mut slots = [u8::MAX; 256];
    let mut place = 0;
    while place < Header::COUNT {
        let name = Header::ALL[place].name().as_bytes();
        let slot = slot(name.len(), name[0], name[name.len() / 2], name[name.len() - 1]);
        assert!(slots[slot] == u8::MAX, "two names share a slot: choose other factors");
        slots[slot] = place as u8;
        place += 1;
    }
    slots
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for header in Header::ALL.iter().copied() {
            let name = header.name();
            assert_eq!(Header::named(name.as_bytes()), Some(header), "{name}");
            assert_eq!(Header::named(name.to_uppercase().as_bytes()), Some(header), "{name}");
            assert_eq!(Header::named(name.to_lowercase().as_bytes()), Some(header), "{name}");
            assert_ne!(Header::named(&name.as_bytes()[1..]), Some(header), "{name}");
        }
    }

    #[test]
    fn compact_forms_are_those_of_the_registry() {
        let registry = [
            ('a', "Accept-Contact"),
            ('b', "Referred-By"),
            ('c', "Content-Type"),
            ('d', "Request-Disposition"),
            ('e', "Content-Encoding"),
            ('f', "From"),
            ('i', "Call-ID"),
            ('j', "Reject-Contact"),
            ('k', "Supported"),
            ('l', "Content-Length"),
            ('m', "Contact"),
            ('n', "Identity-Info"),
            ('o', "Event"),
            ('r', "Refer-To"),
            ('s', "Subject"),
            ('t', "To"),
            ('u', "Allow-Events"),
            ('v', "Via"),
            ('x', "Session-Expires"),
            ('y', "Identity"),
        ];
        for (letter, name) in registry {
            for letter in [letter, letter.to_ascii_uppercase()] {
                assert_eq!(Header::named(&[letter as u8]).map(Header::name), Some(name));
            }
        }
        assert_eq!(Header::ALL.iter().filter(|header| header.compact().is_some()).count(), registry.len());
    }

    #[test]
    fn a_name_is_found_as_by_reading_the_whole_list() {
        let plainly = |name: &[u8]| {
            Header::ALL.iter().copied().find(|header| header.name().as_bytes().eq_ignore_ascii_case(name))
        };
        for header in Header::ALL {
            let name = header.name().as_bytes();
            for place in 0..name.len() {
                for other in [b'-', b'a', b'Z', 0, 0xff, name[place] ^ 0x20, name[place] ^ 0x80] {
                    let mut name = name.to_vec();
                    name[place] = other;
                    assert_eq!(Header::named(&name), plainly(&name), "{}", name.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn other_names_are_none() {
        for name in ["", "q", "1", "\u{e9}", "Max-Forwards", "X-Call-ID", "Call_ID", "P-Charging-Function-Addresses2"] {
            assert_eq!(Header::named(name.as_bytes()), None, "{name}");
        }
    }
}
