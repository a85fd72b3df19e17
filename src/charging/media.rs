//! One m= section of an answered SDP, packed into a field of a block.

use super::record::{Media, Text};
use crate::private::Private;
use crate::sip::sdp::{Direction, MediaSection};

/// Longest attribute kept: a path lists every relay, and a file selector carries a file name and hashes.
const MAX_ATTRIBUTE: usize = 255;

impl Media {
    /// Writes port, direction, and then each text with a length byte before it; an absent text has length 0.
    pub(super) fn pack(section: &MediaSection<'_>, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&section.port.to_be_bytes());
        bytes.push(match section.direction {
            Direction::SendReceive => 0,
            Direction::SendOnly => 1,
            Direction::ReceiveOnly => 2,
            Direction::Inactive => 3,
        });
        let texts = [
            Some(section.kind),
            Some(section.protocol),
            section.accept_types(),
            section.path(),
            section.file_selector(),
        ];
        for text in texts {
            let text = text.unwrap_or_default();
            let text = &text[..text.len().min(MAX_ATTRIBUTE)];
            bytes.push(text.len() as u8);
            bytes.extend_from_slice(text);
        }
    }

    /// Reads what [`Media::pack`] wrote; what a bound cut off is absent.
    pub(super) fn unpack(bytes: &[u8]) -> Option<Self> {
        let (port, rest) = bytes.split_first_chunk::<2>()?;
        let (direction, mut rest) = rest.split_first()?;
        let mut text = || -> Option<Text> {
            let (len, tail) = rest.split_first()?;
            let (value, tail) = tail.split_at_checked(usize::from(*len))?;
            rest = tail;
            (!value.is_empty()).then(|| Private::new(value.into()))
        };
        Some(Self {
            kind: text().unwrap_or_default(),
            port: u16::from_be_bytes(*port),
            protocol: text().unwrap_or_default(),
            accept_types: text(),
            path: text(),
            file_selector: text(),
            direction: match direction {
                1 => Direction::SendOnly,
                2 => Direction::ReceiveOnly,
                3 => Direction::Inactive,
                _ => Direction::SendReceive,
            },
        })
    }
}
