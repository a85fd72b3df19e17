//! What the body of a message was, packed into a field of a block.

use super::record::{MessageBody, Party, TextBytes};
use crate::private::Private;
use crate::sip::{Header, Message};

/// Longest Content-Type or Content-Disposition kept.
const MAX_HEADER: usize = 255;

impl MessageBody {
    /// Writes what the body of a message is: its length, and then the headers, each with a length byte before it; an absent
    /// one has length 0.
    pub(crate) fn pack(message: &Message<'_>, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&u32::try_from(message.body().len()).unwrap_or(u32::MAX).to_ne_bytes());
        for header in [Header::ContentType, Header::ContentDisposition] {
            let value = message.first(header);
            let text = value.as_ref().map(|value| value.unfold()).unwrap_or_default();
            let text = &text[..text.len().min(MAX_HEADER)];
            bytes.push(text.len() as u8);
            bytes.extend_from_slice(text);
        }
    }
}

impl<'a, T: TextBytes<'a>> MessageBody<T> {
    /// Reads what [`MessageBody::pack`] wrote.
    pub(super) fn unpack(bytes: &'a [u8], originator: Party) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (content_type, rest) = take(rest)?;
        let (disposition, _) = take(rest)?;
        let text = |text: &'a [u8]| (!text.is_empty()).then(|| Private::new(text.into()));
        let length = u32::from_ne_bytes(*length);
        Some(Self { content_type: text(content_type), length, disposition: text(disposition), originator })
    }
}

fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*len))
}
