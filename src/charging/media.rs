//! One m= section of an answered SDP, packed into two fields of a block.

use super::record::{Media, Text, TextBytes};
use crate::private::Private;
use crate::sip::sdp::{Direction, MediaSection};

/// Longest attribute kept: a path lists every relay, and a file selector carries a file name and hashes.
const MAX_ATTRIBUTE: usize = 255;

impl Media {
    /// Writes what it is, which many dialogs have in common: direction, and then each text with a length byte before it;
    /// an absent text has length 0.
    pub(super) fn pack(section: &MediaSection<'_>, bytes: &mut Vec<u8>) {
        bytes.push(match section.direction {
            Direction::SendReceive => 0,
            Direction::SendOnly => 1,
            Direction::ReceiveOnly => 2,
            Direction::Inactive => 3,
        });
        put(bytes, [Some(section.kind), Some(section.protocol), section.accept_types()]);
    }

    /// Writes where it is: port, and then the texts.
    pub(super) fn pack_end(section: &MediaSection<'_>, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&section.port.to_be_bytes());
        put(bytes, [section.path(), section.file_selector()]);
    }
}

impl<'a, T: TextBytes<'a>> Media<T> {
    /// Reads what [`Media::pack`] wrote; what a bound cut off is absent.
    pub(super) fn unpack(bytes: &'a [u8]) -> Option<Self> {
        let (direction, mut rest) = bytes.split_first()?;
        Some(Self {
            kind: take(&mut rest).unwrap_or_default(),
            port: 0,
            protocol: take(&mut rest).unwrap_or_default(),
            accept_types: take(&mut rest),
            path: None,
            file_selector: None,
            direction: match direction {
                1 => Direction::SendOnly,
                2 => Direction::ReceiveOnly,
                3 => Direction::Inactive,
                _ => Direction::SendReceive,
            },
        })
    }

    /// Adds what [`Media::pack_end`] wrote.
    pub(super) fn unpack_end(&mut self, bytes: &'a [u8]) {
        let Some((port, mut rest)) = bytes.split_first_chunk::<2>() else { return };
        self.port = u16::from_be_bytes(*port);
        self.path = take(&mut rest);
        self.file_selector = take(&mut rest);
    }
}

fn put<const N: usize>(bytes: &mut Vec<u8>, texts: [Option<&[u8]>; N]) {
    for text in texts {
        let text = text.unwrap_or_default();
        let text = &text[..text.len().min(MAX_ATTRIBUTE)];
        bytes.push(text.len() as u8);
        bytes.extend_from_slice(text);
    }
}

fn take<'a, T: TextBytes<'a>>(rest: &mut &'a [u8]) -> Option<Text<T>> {
    let (len, tail) = rest.split_first()?;
    let (value, tail) = tail.split_at_checked(usize::from(*len))?;
    *rest = tail;
    (!value.is_empty()).then(|| Private::new(value.into()))
}
