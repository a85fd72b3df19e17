//! Protobuf bytes, written as the record is read.
//!
//! The generated types would take a record apart into some fifty owned texts before a byte of it is encoded, which costs
//! more than all the rest of a record's way. `fields_are_written_as_prost_writes_them` holds what this writes against them.

use core::fmt::{self, Write as _};

use super::super::escape::{escape, is_plain};
use super::enums::{Coded, code};
use crate::charging::{RecordId, Text};
use crate::time::Timestamp;

/// Wire types (protobuf encoding, "Message Structure").
const VARINT: u8 = 0;
const LENGTH_DELIMITED: u8 = 2;

/// A message being written; fields go in the order of their numbers.
///
/// `number`, `code`, `flag`, `text` and `signed` are fields without presence: what is zero or empty takes no bytes. The
/// others are written where they are there.
pub(super) struct Writer<'a> {
    bytes: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(bytes: &'a mut Vec<u8>) -> Self {
        Self { bytes }
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    fn key(&mut self, field: u8, wire_type: u8) {
        self.varint(u64::from(field) << 3 | u64::from(wire_type));
    }

    pub(super) fn number(&mut self, field: u8, value: u64) {
        if value != 0 {
            self.optional_number(field, Some(value));
        }
    }

    pub(super) fn optional_number(&mut self, field: u8, value: Option<u64>) {
        if let Some(value) = value {
            self.key(field, VARINT);
            self.varint(value);
        }
    }

    /// A `sint32`, in zigzag: small negative numbers are short.
    pub(super) fn signed(&mut self, field: u8, value: i32) {
        self.number(field, u64::from((value << 1 ^ value >> 31).cast_unsigned()));
    }

    pub(super) fn flag(&mut self, field: u8, value: bool) {
        self.number(field, u64::from(value));
    }

    pub(super) fn code(&mut self, field: u8, value: impl Coded) {
        // Codes are not negative: the contract has none below 0.
        self.number(field, u64::try_from(code(value)).unwrap_or(0));
    }

    pub(super) fn text(&mut self, field: u8, text: &[u8]) {
        if !text.is_empty() {
            self.some_text(field, text);
        }
    }

    /// A text that is there, even if it is empty.
    pub(super) fn some_text(&mut self, field: u8, text: &[u8]) {
        if is_plain(text) {
            return self.bytes_as_they_are(field, text);
        }
        self.bytes_as_they_are(field, escape(text).as_bytes());
    }

    fn bytes_as_they_are(&mut self, field: u8, bytes: &[u8]) {
        self.key(field, LENGTH_DELIMITED);
        self.varint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn optional_text(&mut self, field: u8, text: Option<&[u8]>) {
        if let Some(text) = text {
            self.some_text(field, text);
        }
    }

    pub(super) fn optional<T: AsRef<[u8]>>(&mut self, field: u8, text: &Option<Text<T>>) {
        self.optional_text(field, text.as_ref().map(|text| text.reveal().as_ref()));
    }

    pub(super) fn texts<T: AsRef<[u8]>>(&mut self, field: u8, texts: &[Text<T>]) {
        for text in texts {
            self.some_text(field, text.reveal().as_ref());
        }
    }

    pub(super) fn record_id(&mut self, field: u8, id: RecordId) {
        self.bytes_as_they_are(field, &super::hex(id));
    }

    /// A text that the probe makes itself.
    pub(super) fn shown(&mut self, field: u8, value: impl fmt::Display) {
        self.key(field, LENGTH_DELIMITED);
        // Writing to a Vec of bytes cannot fail.
        self.within(|writer| _ = write!(writer, "{value}"));
    }

    pub(super) fn message(&mut self, field: u8, fields: impl FnOnce(&mut Self)) {
        self.key(field, LENGTH_DELIMITED);
        self.within(fields);
    }

    pub(super) fn time(&mut self, field: u8, time: Option<Timestamp>) {
        if let Some(time) = time {
            let (seconds, nanos) = time.parts();
            self.span(field, seconds.cast_unsigned(), nanos);
        }
    }

    /// A Timestamp or a Duration: seconds, and nanoseconds beyond them.
    pub(super) fn span(&mut self, field: u8, seconds: u64, nanos: u32) {
        self.message(field, |writer| {
            writer.number(1, seconds);
            writer.number(2, u64::from(nanos));
        });
    }

    /// What `fields` writes, behind its length.
    fn within(&mut self, fields: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.push(0);
        fields(self);
        let length = self.bytes.len() - start - 1;
        if let (Ok(short @ ..0x80), Some(place)) = (u8::try_from(length), self.bytes.get_mut(start)) {
            *place = short;
            return;
        }
        // Rare: most messages are short. The length takes more than the one byte that was left for it.
        let body = self.bytes.split_off(start + 1);
        self.bytes.truncate(start);
        self.varint(length as u64);
        self.bytes.extend_from_slice(&body);
    }
}

impl fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
