//! A dialog as it survives a restart.

use serde::{Deserialize, Serialize};

use super::dialog::{Dialog, Place};
use super::sessions::Sessions;
use crate::charging::Point;

/// Changes whenever the form of an image does: an image of another form is refused, not guessed at.
const VERSION: u8 = 1;

/// What must survive a restart.
///
/// The latest `Kept` of each id, less those that are `Gone`, is all that a new probe needs; the order in which they are
/// restored does not matter.
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
    pub(super) fn touch_call(&mut self, hash: u64, call_id: &[u8]) {
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
        let Image { version, elsewhere, server_name, mut dialog } =
            postcard::from_bytes::<Image<'_, Dialog>>(image).map_err(|_| NotRestored::Unreadable)?;
        if version != VERSION {
            return Err(NotRestored::Unreadable);
        }
        dialog.point = match elsewhere {
            true => Point::ELSEWHERE,
            false => self.servers.named(server_name).ok_or(NotRestored::UnknownServer)?,
        };
        dialog.hash = self.table.hash(dialog.call_id());
        dialog.queued = crate::time::Timestamp::MAX;
        let ordinal = dialog.ordinal;
        let place = self.insert(dialog);
        if let Some(dialog) = self.table.get_mut(place) {
            dialog.ordinal = ordinal;
        }
        self.table.number_after(ordinal);
        Ok(())
    }
}
