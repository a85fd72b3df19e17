//! Notes that wait to be pulled.

use std::collections::VecDeque;

use super::output::Note;

/// Most that wait. Past it the oldest is dropped: the counters have it all the same.
const MAX_NOTES: usize = 1024;

/// A bounded queue of notes.
#[derive(Default)]
pub(super) struct Notes(VecDeque<Note>);

impl Notes {
    pub(super) fn add(&mut self, note: Note) {
        if self.0.len() == MAX_NOTES {
            self.0.pop_front();
        }
        self.0.push_back(note);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn pop(&mut self) -> Option<Note> {
        self.0.pop_front()
    }
}
