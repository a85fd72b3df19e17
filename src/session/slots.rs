//! Where dialogs lie.

use super::dialog::{Dialog, Place};

/// Dialogs that lie together, as one allocation.
const CHUNK: usize = 256;

/// Dialogs by place.
///
/// In chunks, and not in one list: a list that doubles is copied while it holds its old room too, so that memory is at its
/// worst just when there are most sessions, and a hundred megabytes are moved between two frames.
///
/// Invariant: every chunk but the last is full, in use or not; a place is never given to two dialogs at a time.
#[derive(Default)]
pub(super) struct Slots {
    chunks: Vec<Vec<Option<Dialog>>>,
    free: Vec<Place>,
}

impl Slots {
    /// Dialogs that are kept.
    pub(super) fn len(&self) -> usize {
        self.end() - self.free.len()
    }

    /// Every place in use, in an order that follows from the input alone.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        (0..self.end() as Place).filter(|place| self.get(*place).is_some())
    }

    #[inline]
    pub(super) fn get(&self, place: Place) -> Option<&Dialog> {
        let (chunk, at) = split(place);
        self.chunks.get(chunk)?.get(at)?.as_ref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut Dialog> {
        let (chunk, at) = split(place);
        self.chunks.get_mut(chunk)?.get_mut(at)?.as_mut()
    }

    /// Where the next dialog will be.
    pub(super) fn next_place(&self) -> Place {
        self.free.last().map_or_else(|| self.end() as Place, |place| *place)
    }

    /// Puts a dialog at [`Slots::next_place`].
    pub(super) fn insert(&mut self, dialog: Dialog) {
        if let Some(place) = self.free.pop() {
            let (chunk, at) = split(place);
            if let Some(slot) = self.chunks.get_mut(chunk).and_then(|chunk| chunk.get_mut(at)) {
                *slot = Some(dialog);
            }
            return;
        }
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(Some(dialog)),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(Some(dialog));
                self.chunks.push(chunk);
            }
        }
    }

    /// Takes a dialog out.
    pub(super) fn remove(&mut self, place: Place) -> Option<Dialog> {
        let (chunk, at) = split(place);
        let dialog = self.chunks.get_mut(chunk)?.get_mut(at)?.take()?;
        self.free.push(place);
        Some(dialog)
    }

    /// The first place that was never used.
    fn end(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }
}

/// The chunk of a place, and where in it.
#[inline]
fn split(place: Place) -> (usize, usize) {
    let place = place as usize;
    (place / CHUNK, place % CHUNK)
}
