//! Where the headers of one message are.

use core::ops::Range;

use crate::sip::header::Header;
use crate::sip::value::Value;

/// Lines that are indexed beside the key headers.
const LINES: usize = 64 - Header::KEYS;
/// Lines of one name that are indexed, so that fifty Vias or Routes leave room for the rest.
const LINES_OF_ONE: u8 = 16;

/// Where a value stands in the header block, which is at most 64 KiB.
#[derive(Clone, Copy)]
struct Span {
    start: u16,
    end: u16,
}

/// An index of fixed size: offsets, no bytes, no allocation.
///
/// The key headers have a place each, so that a message that overflows the index still has them; of them the first line
/// counts. The lines of the others, `used` of them, are in the order of the message.
#[derive(Clone)]
pub(super) struct Index {
    /// A bit for each header that there is, also where its lines found no room.
    present: u64,
    used: u8,
    /// Of each header that there is and is no key: its first line, and how many more there were.
    first: [u8; Header::COUNT],
    more: [u8; Header::COUNT],
    keys: [Span; Header::KEYS],
    spans: [Span; LINES],
    /// Which header each of the lines is.
    headers: [u8; LINES],
}

impl Index {
    pub(super) const fn new() -> Self {
        let none = Span { start: 0, end: 0 };
        Self {
            present: 0,
            used: 0,
            first: [0; Header::COUNT],
            more: [0; Header::COUNT],
            keys: [none; Header::KEYS],
            spans: [none; LINES],
            headers: [0; LINES],
        }
    }

    /// Adds a value, and tells whether there was room for it. A key header that was there already keeps its first value.
    #[inline]
    pub(super) fn add(&mut self, header: Header, start: u16, end: u16) -> bool {
        let number = header as u8;
        let again = self.has(header);
        self.present |= header.bit();
        if let Some(key) = self.keys.get_mut(usize::from(number)) {
            if !again {
                *key = Span { start, end };
            }
            return true;
        }
        if again {
            match self.more.get_mut(usize::from(number)) {
                Some(more) if *more + 1 < LINES_OF_ONE => *more += 1,
                _ => return false,
            }
        } else if let Some(first) = self.first.get_mut(usize::from(number)) {
            *first = self.used;
        }
        let place = usize::from(self.used);
        let (Some(span), Some(kind)) = (self.spans.get_mut(place), self.headers.get_mut(place)) else { return false };
        *span = Span { start, end };
        *kind = number;
        self.used += 1;
        true
    }

    /// The first value of a header.
    #[inline]
    pub(super) fn first<'a>(&self, bytes: &'a [u8], header: Header) -> Option<Value<'a>> {
        if !self.has(header) {
            return None;
        }
        let key = self.keys.get(header as usize);
        // Nothing where it found no room.
        key.or_else(|| self.spans.get(self.places(header))?.first()).map(|span| span.value(bytes))
    }

    /// Whether there was a line of a header.
    #[inline]
    pub(super) const fn has(&self, header: Header) -> bool {
        self.present & header.bit() != 0
    }

    /// The values of a header, in their order.
    #[inline]
    pub(super) fn all<'a>(&self, bytes: &'a [u8], header: Header) -> impl Iterator<Item = Value<'a>> + use<'_, 'a> {
        let key = self.keys.get(header as usize).filter(|_| self.has(header));
        let places = self.places(header);
        let (headers, spans) = (self.headers.get(places.clone()), self.spans.get(places));
        let more = self.more.get(header as usize).copied().unwrap_or_default();
        let lines = headers.unwrap_or_default().iter().zip(spans.unwrap_or_default());
        let lines = lines.filter(move |(other, _)| **other == header as u8).map(|(_, span)| span);
        key.into_iter().chain(lines.take(1 + usize::from(more))).map(|span| span.value(bytes))
    }

    /// The places of the lines from the first of a header on; none of one that is absent, or a key.
    #[inline]
    fn places(&self, header: Header) -> Range<usize> {
        let (number, used) = (header as usize, usize::from(self.used));
        let first = self.first.get(number).filter(|_| self.has(header) && number >= Header::KEYS);
        first.map_or(used, |first| usize::from(*first))..used
    }
}

impl Span {
    /// The range was one of these bytes when it was added.
    #[inline]
    fn value(self, bytes: &[u8]) -> Value<'_> {
        Value::trimmed(bytes.get(usize::from(self.start)..usize::from(self.end)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_headers_find_room_in_a_full_index() {
        let mut index = Index::new();
        for header in Header::ALL.iter().copied().filter(|header| *header as usize >= Header::KEYS) {
            index.add(header, 0, 1);
            index.add(header, 1, 2);
        }
        assert!(!index.add(Header::Contact, 2, 3));
        assert!(index.add(Header::CallId, 3, 6));
        assert_eq!(index.first(b"abccid", Header::CallId).unwrap().raw(), b"cid");
        assert_eq!(index.all(b"ab", Header::Via).count(), 2);
    }

    #[test]
    fn one_name_cannot_crowd_out_the_others() {
        let mut index = Index::new();
        let kept = (0..100).filter(|_| index.add(Header::RecordRoute, 0, 1)).count();
        assert_eq!(kept, usize::from(LINES_OF_ONE));
        assert!(index.add(Header::PChargingVector, 1, 2));
    }

    #[test]
    fn a_header_that_is_not_there_has_no_line() {
        let index = Index::new();
        assert!(index.first(b"x", Header::CallId).is_none());
        assert_eq!(index.all(b"x", Header::CallId).count() + index.all(b"x", Header::Via).count(), 0);
    }
}
