//! A message where it crossed a charging point, and what it is about.

use super::sessions::Sessions;
use crate::charging::{Crossing, Point};
use crate::packet::Hop;
use crate::sip::{Message, Method, StartLine};
use crate::time::Timestamp;

/// A message where it crossed a charging point.
#[derive(Clone, Copy)]
pub(super) struct Crossed<'a> {
    pub(super) time: Timestamp,
    pub(super) hop: &'a Hop,
    pub(super) point: Point,
    pub(super) crossing: Crossing,
    pub(super) message: &'a Message<'a>,
    /// Hash of the Call-ID.
    pub(super) hash: u32,
}

impl Sessions {
    /// Takes a message where it crossed a charging point.
    pub(super) fn cross(&mut self, at: &Crossed<'_>) {
        let in_dialog = !at.message.to_tag().is_empty();
        match at.message.start() {
            StartLine::Request { method, .. } => match method {
                Method::Invite if !in_dialog => self.initial_invite(at),
                Method::Ack => self.ack(at),
                Method::Bye => self.bye(at),
                Method::Cancel => self.cancel(at),
                _ => self.request_in_dialog(at, method),
            },
            StartLine::Response { status, .. } => match at.message.cseq().method {
                Method::Invite => self.invite_response(at, status),
                Method::Bye => self.bye_response(at, status),
                Method::Cancel | Method::Ack => {}
                method if in_dialog => self.response_in_dialog(at, method, status),
                _ => {}
            },
        }
    }
}
