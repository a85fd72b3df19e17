//! A dialog as it survives a restart.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::dialog::{Dialog, Place};
use super::sessions::Sessions;
use crate::charging::Point;

/// Changes whenever the form of an image does: an image of another form is refused, not guessed at.
const VERSION: u8 = 6;

/// What must survive a restart.
///
/// The latest `Kept` of each id, less those that are `Gone`, is all that a new probe needs, in the order of their ids: of
/// two sessions with the same Call-ID and tags (rule 4) the later one has the higher id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This dialog is now so. The image is opaque and holds personal data.
    Kept { id: u64, image: crate::private::Private<Box<[u8]>> },
    /// This dialog is forgotten.
    Gone { id: u64 },
}

/// Why an image was not restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRestored {
    #[error("an image of another version, or damaged")]
    Unreadable,
    #[error("of an IM Server that is not named any more")]
    UnknownServer,
}

/// Points are numbered by the operator's list, which may have another order after a restart: the image has their name.
#[derive(Serialize, Deserialize)]
struct Image<'a, D> {
    version: u8,
    elsewhere: bool,
    server_name: &'a str,
    facts: Cow<'a, [u8]>,
    dialog: D,
}

impl Sessions {
    /// Notes that a dialog is not what it was, where changes are wanted.
    pub(super) fn touch(&mut self, place: Place) {
        if self.options.changes {
            self.touched.push(place);
        }
    }

    /// A message was taken: any dialog of its call may have changed.
    pub(super) fn touch_call(&mut self, hash: u32, call_id: &[u8]) {
        if self.options.changes {
            self.touched.extend(self.table.call(hash, call_id).map(|(place, _)| place));
        }
    }

    /// Notes that a dialog is gone.
    pub(super) fn gone(&mut self, dialog: &Dialog) {
        if self.options.changes {
            self.changes.push_back(Change::Gone { id: dialog.ordinal });
        }
    }

    /// Makes images of the dialogs that were touched.
    pub(super) fn keep_touched(&mut self) {
        if self.touched.is_empty() {
            return;
        }
        self.touched.sort_unstable();
        self.touched.dedup();
        for place in core::mem::take(&mut self.touched) {
            let Some(dialog) = self.table.get(place) else { continue };
            let image = Image {
                version: VERSION,
                elsewhere: dialog.point == Point::ELSEWHERE,
                server_name: self.servers.name(dialog.point),
                facts: self.packer.spell(&dialog.block).into(),
                dialog,
            };
            // Serialising to memory of plain structures: it cannot fail.
            if let Ok(bytes) = postcard::to_allocvec(&image) {
                let image = bytes.into_boxed_slice().into();
                self.changes.push_back(Change::Kept { id: dialog.ordinal, image });
            }
        }
    }

    /// The next change.
    pub fn pop_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// Takes a dialog back that a probe before this one kept.
    ///
    /// # Errors
    /// When the image can't be read, or its charging point is gone.
    pub fn restore(&mut self, image: &[u8]) -> Result<(), NotRestored> {
        let (Image { version, elsewhere, server_name, facts, mut dialog }, rest) =
            postcard::take_from_bytes::<Image<'_, Dialog>>(image).map_err(|_| NotRestored::Unreadable)?;
        if version != VERSION || !rest.is_empty() {
            return Err(NotRestored::Unreadable);
        }
        dialog.point = match elsewhere {
            true => Point::ELSEWHERE,
            false => self.servers.named(server_name).ok_or(NotRestored::UnknownServer)?,
        };
        dialog.block = self.packer.read(&facts).ok_or(NotRestored::Unreadable)?;
        dialog.hash = self.table.hash(dialog.call_id());
        dialog.queued = crate::time::Timestamp::MAX;
        let ordinal = dialog.ordinal;
        let place = self.insert(dialog);
        if let Some(dialog) = self.table.get_mut(place) {
            dialog.ordinal = ordinal;
        }
        self.table.number_after(ordinal);
        self.bury_evicted();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charging::{Block, Confirmation, Fact, Options, Packer};
    use crate::packet::{Domain, Endpoint, Hop};
    use crate::session::dialog::{Marks, Moment, NOWHERE};
    use crate::sip::{Carriage, Message};
    use crate::time::Timestamp;

    /// The image of an answered dialog, with what a test wants to be odd in it.
    fn image(number: u32, change: impl FnOnce(&mut Dialog)) -> Vec<u8> {
        let mut packer = Packer::default();
        let block = packer
            .push(Fact::CallId, b"1")
            .push(Fact::FirstTag, b"a")
            .push(Fact::SecondTag, &number.to_be_bytes())
            .pack();
        let time = Timestamp::from_nanos(0);
        let mut dialog = Dialog {
            block,
            hash: 0,
            next: NOWHERE,
            ordinal: u64::from(number),
            point: Point::default(),
            confirmed_by: Confirmation::Answer,
            marks: Marks::CALLER_KNOWN,
            invite_vias: 1,
            invite_minutes: 0,
            invite_cseq: None,
            highest_cseq: [1, 0],
            invite: Moment::NEVER,
            answer: Moment::NEVER,
            ack: Moment::NEVER,
            joined: time,
            last_message: time,
            last_good: time,
            went_on: Timestamp::MIN,
            refreshed: Timestamp::MIN,
            session_expires: 0,
            queued: Timestamp::MAX,
            ending: None,
        };
        change(&mut dialog);
        let facts = packer.spell(&dialog.block).into();
        let image = Image { version: VERSION, elsewhere: false, server_name: "", facts, dialog };
        postcard::to_allocvec(&image).unwrap()
    }

    fn message(sessions: &mut Sessions, text: &str) {
        let end = |host| Endpoint { address: [192, 0, 2, host].into(), port: 5060 };
        let hop = Hop { source: end(1), destination: end(2), domain: Domain::default() };
        let message = Message::parse(text.as_bytes(), Carriage::Datagram).unwrap();
        sessions.message(Timestamp::from_nanos(7), &hop, &message);
    }

    #[test]
    fn numbers_at_their_limits_overflow_nothing() {
        let mut sessions = Sessions::new(Options::default());
        let odd = image(7, |dialog| {
            dialog.ordinal = u64::MAX;
            dialog.ending().revision = u32::MAX;
        });
        for _ in 0..2 {
            sessions.restore(&odd).unwrap();
        }
        let headers = "From: <sip:a>;tag=a\r\nTo: <sip:b>;tag=\0\0\0\x07\r\nCall-ID: 1\r\nCSeq: 2 BYE\r\n\r\n";
        message(&mut sessions, &format!("BYE sip:b SIP/2.0\r\n{headers}"));
        assert_eq!(sessions.pop().map(|record| record.revision), Some(u32::MAX));
        message(
            &mut sessions,
            "INVITE sip:b SIP/2.0\r\nFrom: <sip:a>\r\nTo: <sip:b>\r\nCall-ID: 2\r\nCSeq: 1 INVITE\r\n\r\n",
        );
        assert_eq!(sessions.len(), 3);
    }

    #[test]
    fn more_images_than_fit_are_evicted_and_not_kept_anywhere() {
        let mut sessions = Sessions::new(Options { max_dialogs: 1, ..Options::default() });
        for number in 0..2_000 {
            sessions.restore(&image(number, |_| ())).unwrap();
            assert!(sessions.len() <= 256 && sessions.evicted.is_empty());
        }
        assert!(sessions.counts().evicted_sessions >= 1_700);
    }

    #[test]
    fn a_length_that_lies_and_bytes_that_follow_are_refused() {
        let mut sessions = Sessions::new(Options::default());
        let whole = image(1, |_| ());
        let longer = [&whole[..], b"x"].concat();
        assert_eq!(sessions.restore(&longer), Err(NotRestored::Unreadable));
        // Version, elsewhere, server name: the next is the length of the facts, here more than any memory has.
        let lying = [&whole[..3], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], &whole[4..]].concat();
        assert_eq!(sessions.restore(&lying), Err(NotRestored::Unreadable));
        assert!(sessions.is_empty());
    }

    #[test]
    fn a_block_without_its_key_is_survived() {
        let mut sessions = Sessions::new(Options::default());
        sessions.restore(&image(1, |dialog| dialog.block = Block::default())).unwrap();
        sessions.end();
        sessions.advance(Timestamp::MAX);
    }
}
