//! Where the headers of one message are.

use crate::sip::header::Header;
use crate::sip::value::Value;

/// Lines that are indexed, key headers included.
const LINES: usize = 64;
/// Lines of one name that are indexed, so that fifty Vias or Routes leave room for the rest.
const LINES_OF_ONE: u8 = 16;

/// A range of the header block, which is at most 64 KiB.
#[derive(Clone, Copy)]
struct Line {
    start: u16,
    end: u16,
    header: u8,
}

/// An index of fixed size: offsets, no bytes, no allocation.
///
/// Invariant: the first [`Header::KEYS`] lines are those of the key headers, each at the place of its own number, present
/// or not (then empty, and its count is zero); so a message that overflows the index still has them. The lines from there to
/// `used` are in the order of the message.
#[derive(Clone)]
pub(super) struct Index {
    lines: [Line; LINES],
    used: u8,
    /// How many lines of each header there were, also those left out.
    seen: [u8; Header::COUNT],
}

impl Index {
    pub(super) const fn new() -> Self {
        let none = Line { start: 0, end: 0, header: 0 };
        Self { lines: [none; LINES], used: Header::KEYS as u8, seen: [0; Header::COUNT] }
    }

    /// Adds a line, and tells whether there was room for it. A key header that was there already keeps its first place.
    pub(super) fn add(&mut self, header: Header, start: u16, end: u16) -> bool {
        let number = header as u8;
        let Some(seen) = self.seen.get_mut(usize::from(number)) else { return false };
        let earlier = *seen;
        *seen = seen.saturating_add(1);
        let place = if usize::from(number) < Header::KEYS {
            if earlier > 0 {
                return true;
            }
            number
        } else {
            if earlier >= LINES_OF_ONE {
                return false;
            }
            self.used
        };
        let Some(line) = self.lines.get_mut(usize::from(place)) else { return false };
        *line = Line { start, end, header: number };
        if place == self.used {
            self.used += 1;
        }
        true
    }

    /// The first line of a header.
    pub(super) fn first<'a>(&self, bytes: &'a [u8], header: Header) -> Option<Value<'a>> {
        if !self.has(header) {
            return None;
        }
        self.all(bytes, header).next()
    }

    /// Whether there was a line of a header.
    pub(super) fn has(&self, header: Header) -> bool {
        self.seen.get(header as usize).is_some_and(|seen| *seen > 0)
    }

    /// The lines of a header, in their order.
    pub(super) fn all<'a>(&self, bytes: &'a [u8], header: Header) -> impl Iterator<Item = Value<'a>> + use<'_, 'a> {
        let number = header as usize;
        let places = match number < Header::KEYS {
            true if self.has(header) => number..number + 1,
            true => 0..0,
            false => Header::KEYS..usize::from(self.used),
        };
        let lines = self.lines.get(places).unwrap_or_default();
        lines.iter().filter(move |line| usize::from(line.header) == number).map(|line| {
            // The range was one of these bytes when it was added.
            Value::new(bytes.get(usize::from(line.start)..usize::from(line.end)).unwrap_or_default())
        })
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
