//! What a capture gives.

use crate::{packet::Frame, probe::Loss};

/// What a capture file or a tap port gives.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    Frame(Frame<'a>),
    /// Frames that were missed: as the capture program has said in the file, or as the kernel counts them.
    Loss(Loss),
}
