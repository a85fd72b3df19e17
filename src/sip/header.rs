//! Header names: the ones that charging reads, with their compact forms.

use crate::sip::mask::Block;

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

    /// Its place in a set of them.
    #[inline]
    pub(super) const fn bit(self) -> u64 {
        const { assert!(Self::COUNT <= u64::BITS as usize) }
        1 << self as u8
    }

    /// The header of that name, full or compact, in any case.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        let mut line = [0; REACH];
        let (begin, rest) = line.split_at_mut_checked(name.len())?;
        begin.copy_from_slice(name);
        *rest.first_mut()? = b':';
        let (length, header) = Self::ahead_of_colon(&line)?;
        header.filter(|_| length == name.len())
    }

    /// The length of what stands before the first colon of a line, and the header of that name. Absent without a colon.
    #[inline(always)]
    pub(super) fn ahead_of_colon(line: &[u8; REACH]) -> Option<(usize, Option<Self>)> {
        let ([first, second], _) = line.as_chunks::<16>() else { return None };
        let blocks = [Block::new(first), Block::new(second)];
        let colons = blocks[0].equal(b':') | blocks[1].equal(b':') << 16;
        if colons == 0 {
            return None;
        }
        let length = colons.trailing_zeros() as usize;
        Some((length, Self::of(blocks, first, length)))
    }

    /// The header of a name of this length, which a line begins with.
    #[inline(always)]
    fn of(line: [Block; 2], first: &[u8; 16], length: usize) -> Option<Self> {
        let word = *first.first_chunk()?;
        if length == 1 {
            let letter = word[0].to_ascii_lowercase().checked_sub(b'a')?;
            return *COMPACT.get(usize::from(letter))?;
        }
        let name = NAMES.get(usize::from(*SLOTS.get(slot(first_word(word, length), length))?))?;
        let same = line[0].is_with(&name.case[0], &name.lower[0])
            && (length < 16 || line[1].is_with(&name.case[1], &name.lower[1]));
        same.then_some(name.header)
    }
}

/// How far into a line is looked for its name and the colon behind it. No name is as long.
pub(super) const REACH: usize = 32;

/// The first word of a line in lower case, without what follows the colon.
#[inline]
const fn first_word(word: [u8; 8], length: usize) -> u64 {
    let lower = u64::from_le_bytes(word) | 0x2020_2020_2020_2020;
    lower & KEPT[length % REACH]
}

/// What is kept of the first word of a name of each length: the name and the colon.
static KEPT: [u64; REACH] = {
    let mut kept = [u64::MAX; REACH];
    let mut length = 0;
    while length < 7 {
        kept[length] >>= 56 - 8 * length;
        length += 1;
    }
    kept
};

/// Where in [`SLOTS`] a name of this length and with this first word is looked for.
#[inline]
const fn slot(word: u64, length: usize) -> usize {
    (word.wrapping_add(length as u64).wrapping_mul(FACTOR) >> 56) as usize
}

/// Chosen so that no two names share a slot, which the making of [`SLOTS`] checks.
const FACTOR: u64 = 0xaaf7_19f3_fd68_373b;

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

/// A name as it is compared.
struct Name {
    /// In lower case, the colon, and all bits beyond it.
    lower: [[u8; 16]; 2],
    /// What is set in the bytes of a line before they are compared: of a letter the bit that is its case, of a hyphen
    /// nothing, and all beyond the colon.
    case: [[u8; 16]; 2],
    header: Header,
}

static NAMES: [Name; Header::COUNT] = {
    let mut names = [const { Name { lower: [[0; 16]; 2], case: [[0; 16]; 2], header: Header::CallId } }; Header::COUNT];
    let mut place = 0;
    while place < Header::COUNT {
        let name = Header::ALL[place].name().as_bytes();
        let (mut lower, mut case) = ([[0xff; 16]; 2], [[0xff; 16]; 2]);
        let mut at = 0;
        while at < name.len() {
            case[at / 16][at % 16] = if name[at].is_ascii_alphabetic() { 0x20 } else { 0 };
            lower[at / 16][at % 16] = name[at] | case[at / 16][at % 16];
            at += 1;
        }
        (case[at / 16][at % 16], lower[at / 16][at % 16]) = (0, b':');
        names[place] = Name { lower, case, header: Header::ALL[place] };
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
        let mut word = [b':'; 8];
        let mut at = 0;
        while at < name.len() && at < word.len() {
            word[at] = name[at];
            at += 1;
        }
        let slot = slot(first_word(word, name.len()), name.len());
        assert!(slots[slot] == u8::MAX, "two names share a slot: choose another factor");
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
