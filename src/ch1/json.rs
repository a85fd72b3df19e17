//! The protobuf JSON mapping of a StopRecord: one line, fields in the order of the contract's numbers.
//!
//! Enums, numbers, booleans and required texts are always written, zero too; optional fields and empty lists only when
//! they are there. Times are RFC 3339 in UTC with nine digits, the duration has nine digits and `s`, and 64-bit numbers
//! are strings, as the mapping asks. The same record always gives the same bytes.
//!
//! Names and kinds of the fields come from the contract, values straight from the record's bytes: a record to print is
//! not taken apart first.

use std::io::Write;
use std::iter::Peekable;

use prost::Message as _;

use super::contract::{Contract, Field, Kind, Message, Presence, Span};
use super::record::Unreadable;
use super::v1;
use super::wire::fields::{Fields, Malformed, Value};
use crate::time::Timestamp;

/// Appends the record in these protobuf bytes as one JSON object, without a line end.
///
/// # Errors
/// When the bytes are no StopRecord; what was appended until then is taken back.
pub fn write_record(out: &mut Vec<u8>, body: &[u8]) -> Result<(), Unreadable> {
    let start = out.len();
    let contract = Contract::get();
    let Some(record) = contract.stop_record() else { return Ok(()) };
    let mut write = |body: &[u8]| {
        out.truncate(start);
        write_message(out, contract, record, body)
    };
    let written = write(body).or_else(|_| {
        // The fields are not in the order of their numbers, or repeated where there is one: legal, though no probe of ours
        // does so. Taken apart and put together they are.
        write(&v1::StopRecord::decode(body)?.encode_to_vec()).map_err(Unreadable::from)
    });
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// One message, from bytes in which the known fields come in the order of their numbers.
fn write_message(out: &mut Vec<u8>, contract: &Contract, message: &Message, bytes: &[u8]) -> Result<(), Malformed> {
    let mut fields = Fields::new(bytes).peekable();
    out.push(b'{');
    let start = out.len();
    for field in &message.fields {
        // What a later contract put in between is not printed.
        while let Some(Ok((number, _))) = fields.peek()
            && *number < field.number
        {
            if message.field(*number).is_some() {
                return Err(Malformed);
            }
            fields.next();
        }
        let Some(first) = next_value(&mut fields, field.number)? else {
            if field.presence == Presence::Always {
                write_key(out, start, field);
                write_default(out, &field.kind);
            }
            continue;
        };
        write_key(out, start, field);
        if field.presence != Presence::Repeated {
            write_value(out, contract, &field.kind, first)?;
            continue;
        }
        out.push(b'[');
        write_value(out, contract, &field.kind, first)?;
        while let Some(value) = next_value(&mut fields, field.number)? {
            out.push(b',');
            write_value(out, contract, &field.kind, value)?;
        }
        out.push(b']');
    }
    for field in fields {
        if message.field(field?.0).is_some() {
            return Err(Malformed);
        }
    }
    out.push(b'}');
    Ok(())
}

/// The next value, if it is of the field of that number.
fn next_value<'a>(fields: &mut Peekable<Fields<'a>>, number: u32) -> Result<Option<Value<'a>>, Malformed> {
    match fields.peek() {
        Some(Ok((next, value))) if *next == number => {
            let value = *value;
            fields.next();
            Ok(Some(value))
        }
        Some(Err(malformed)) => Err(*malformed),
        _ => Ok(None),
    }
}

/// The field's name; keys are ours and need no escapes.
fn write_key(out: &mut Vec<u8>, start: usize, field: &Field) {
    if out.len() > start {
        out.push(b',');
    }
    write_name(out, &field.json_name);
    out.push(b':');
}

/// A text that needs quotes and no escapes.
fn write_name(out: &mut Vec<u8>, name: &str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.push(b'"');
}

/// What a field without presence says where it takes no bytes.
fn write_default(out: &mut Vec<u8>, kind: &Kind) {
    match kind {
        Kind::Text => write_text(out, ""),
        _ => _ = write_scalar(out, kind, 0),
    }
}

fn write_value(out: &mut Vec<u8>, contract: &Contract, kind: &Kind, value: Value<'_>) -> Result<(), Malformed> {
    match (kind, value) {
        (Kind::Text, Value::Bytes(text)) => write_text(out, core::str::from_utf8(text).map_err(|_| Malformed)?),
        (Kind::Time, Value::Bytes(bytes)) => {
            let Span { seconds, nanos } = Span::read(bytes)?;
            let nanos = seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(nanos));
            put(out, format_args!("\"{}\"", Timestamp::from_nanos(nanos)));
        }
        (Kind::Duration, Value::Bytes(bytes)) => {
            let Span { seconds, nanos } = Span::read(bytes)?;
            put(out, format_args!("\"{seconds}.{nanos:09}s\""));
        }
        (Kind::Message(place), Value::Bytes(bytes)) => {
            write_message(out, contract, contract.message(*place).ok_or(Malformed)?, bytes)?;
        }
        (kind, Value::Varint(value)) => write_scalar(out, kind, value)?,
        _ => return Err(Malformed),
    }
    Ok(())
}

fn write_scalar(out: &mut Vec<u8>, kind: &Kind, value: u64) -> Result<(), Malformed> {
    match kind {
        Kind::Flag => out.extend_from_slice(if value != 0 { b"true" } else { b"false" }),
        Kind::Number => put(out, format_args!("{}", value as u32)),
        Kind::Signed => {
            let zigzag = value as u32;
            put(out, format_args!("{}", (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed()));
        }
        // 64-bit numbers are strings in the mapping, as JavaScript could not hold them.
        Kind::Long => put(out, format_args!("\"{value}\"")),
        // A number of a later contract has no name yet, and is as good as unknown.
        Kind::Enum(names) => {
            let name = usize::try_from(value).ok().and_then(|place| names.get(place)).or_else(|| names.first());
            write_name(out, name.ok_or(Malformed)?);
        }
        Kind::Text | Kind::Time | Kind::Duration | Kind::Message(_) => return Err(Malformed),
    }
    Ok(())
}

fn put(out: &mut Vec<u8>, text: core::fmt::Arguments<'_>) {
    // Writing to a Vec cannot fail.
    let _ = out.write_fmt(text);
}

/// A JSON string (RFC 8259 §7). DEL and the C1 controls are escaped too, so that no header can steer a terminal.
fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text;
    // Bytes are looked at, not characters: what needs an escape begins with one of these, and 0xC2 begins C1 controls.
    while let Some(at) = rest.bytes().position(|b| b < 0x20 || matches!(b, b'"' | b'\\' | 0x7f | 0xc2)) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let mut chars = special.chars();
        match chars.next() {
            Some('"') => out.extend_from_slice(br#"\""#),
            Some('\\') => out.extend_from_slice(br"\\"),
            Some('\t') => out.extend_from_slice(br"\t"),
            Some(control) if control.is_control() => put(out, format_args!("\\u{:04x}", u32::from(control))),
            Some(other) => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            None => break,
        }
        rest = chars.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests;
