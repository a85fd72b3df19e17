//! What the core is fed.

use crate::packet::{Frame, InterfaceId};
use crate::time::Timestamp;

/// One input. Inputs of one source come in the order in which the source gave them.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    Frame(Frame<'a>),
    /// Capture time has reached this point without a frame: an idle interface.
    Tick(Timestamp),
    /// Frames were lost; fed before the batch that the loss explains.
    Loss(Loss),
    /// What a probe before this one kept: the image of a [`Change::Kept`](crate::probe::Change::Kept). Before any frame.
    Restore(&'a [u8]),
    /// No more input: what waits is settled as if its time had passed, open sessions stay open.
    End,
}

/// Frames that existed and were not captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    pub interface: InterfaceId,
    /// Capture time of the last frame before the loss was noticed, and of the first after it.
    pub from: Timestamp,
    pub to: Timestamp,
    /// How many frames.
    pub count: u64,
}
