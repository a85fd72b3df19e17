//! What the contract says of each message, read from its own descriptor: numbers, names, kinds of fields.
//!
//! With it a record is checked and printed from its bytes, without a line of code for each field.

use std::sync::LazyLock;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};

use super::DESCRIPTOR_SET;
use super::wire::fields::{Fields, Malformed, Value};

const PACKAGE: &str = "tolltap.ch1.v1";
const STOP_RECORD: &str = "StopRecord";

/// The messages of the contract.
///
/// Invariant: the descriptor is compiled in, so what is said of it holds in every run or in none; a test reads it.
pub(super) struct Contract {
    messages: Vec<Message>,
    stop_record: usize,
}

/// One message: its fields, in the order of their numbers.
pub(super) struct Message {
    name: String,
    pub(super) fields: Vec<Field>,
    /// Place in `fields` of each field number, counted from 1; 0 where there is no such field. Numbers are below 100.
    places: Vec<u8>,
}

pub(super) struct Field {
    pub(super) number: u32,
    pub(super) json_name: String,
    pub(super) kind: Kind,
    pub(super) presence: Presence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// Absent means zero or empty.
    Always,
    /// Absent means unknown.
    Optional,
    Repeated,
}

pub(super) enum Kind {
    Text,
    Flag,
    /// `uint32`.
    Number,
    /// `sint32`, in zigzag.
    Signed,
    /// `uint64`.
    Long,
    /// Its names, each at the place of its number.
    Enum(Vec<String>),
    Time,
    Duration,
    /// Place of the message in [`Contract`].
    Message(usize),
}

static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::read);

impl Contract {
    pub(super) fn get() -> &'static Self {
        &CONTRACT
    }

    /// The message a record is.
    pub(super) fn stop_record(&self) -> Option<&Message> {
        self.message(self.stop_record)
    }

    pub(super) fn message(&self, place: usize) -> Option<&Message> {
        self.messages.get(place)
    }

    fn read() -> Self {
        let set = FileDescriptorSet::decode(DESCRIPTOR_SET).unwrap_or_default();
        let file = set.file.into_iter().find(|file| file.package() == PACKAGE).unwrap_or_default();
        let (messages, enums) = (&file.message_type, &file.enum_type);
        let read = |message: &DescriptorProto| {
            let mut fields: Vec<_> =
                message.field.iter().filter_map(|field| Field::read(field, messages, enums)).collect();
            fields.sort_by_key(|field| field.number);
            Message::new(message.name(), fields)
        };
        let messages: Vec<_> = messages.iter().map(read).collect();
        let stop_record = messages.iter().position(|message| message.name == STOP_RECORD).unwrap_or(usize::MAX);
        Self { messages, stop_record }
    }

    /// Shows each field of a record, once it is known to be what the contract says: every field is of its kind, and every
    /// text is UTF-8, whatever it says. Fields of a later contract pass.
    pub(super) fn read_record<'a>(
        &self,
        bytes: &'a [u8],
        mut show: impl FnMut(u32, Value<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let record = self.stop_record().ok_or(Malformed)?;
        for field in Fields::new(bytes) {
            let (number, value) = field?;
            self.check_field(record, number, value)?;
            show(number, value)?;
        }
        Ok(())
    }

    fn check(&self, message: &Message, bytes: &[u8]) -> Result<(), Malformed> {
        for field in Fields::new(bytes) {
            let (number, value) = field?;
            self.check_field(message, number, value)?;
        }
        Ok(())
    }

    #[inline]
    fn check_field(&self, message: &Message, number: u32, value: Value<'_>) -> Result<(), Malformed> {
        let Some(field) = message.field(number) else { return Ok(()) };
        match (&field.kind, value) {
            // Most texts are ASCII, which is told a word at a time.
            (Kind::Text, Value::Bytes(text)) if text.is_ascii() || core::str::from_utf8(text).is_ok() => Ok(()),
            (Kind::Flag | Kind::Number | Kind::Signed | Kind::Long | Kind::Enum(_), Value::Varint(_)) => Ok(()),
            (Kind::Time | Kind::Duration, Value::Bytes(bytes)) => Span::read(bytes).map(|_| ()),
            // The contract's messages do not contain themselves, so this ends however the bytes are nested.
            (Kind::Message(place), Value::Bytes(bytes)) => self.check(self.message(*place).ok_or(Malformed)?, bytes),
            _ => Err(Malformed),
        }
    }
}

impl Message {
    fn new(name: &str, fields: Vec<Field>) -> Self {
        let most = fields.last().map_or(0, |last| last.number as usize);
        let mut places = vec![0; most + 1];
        for (place, field) in (1..).zip(&fields) {
            places[field.number as usize] = place;
        }
        Self { name: name.to_owned(), fields, places }
    }

    pub(super) fn field(&self, number: u32) -> Option<&Field> {
        let place = self.places.get(number as usize)?.checked_sub(1)?;
        self.fields.get(usize::from(place))
    }
}

impl Field {
    /// Nothing for a type that the contract does not use; a test holds it to that.
    fn read(field: &FieldDescriptorProto, messages: &[DescriptorProto], enums: &[EnumDescriptorProto]) -> Option<Self> {
        let type_name = field.type_name();
        let short = type_name.strip_prefix('.').and_then(|name| name.strip_prefix(PACKAGE)?.strip_prefix('.'));
        let kind = match field.r#type() {
            Type::String => Kind::Text,
            Type::Bool => Kind::Flag,
            Type::Uint32 => Kind::Number,
            Type::Sint32 => Kind::Signed,
            Type::Uint64 => Kind::Long,
            Type::Enum => Kind::Enum(names(enums.iter().find(|known| Some(known.name()) == short)?)),
            Type::Message if type_name == ".google.protobuf.Timestamp" => Kind::Time,
            Type::Message if type_name == ".google.protobuf.Duration" => Kind::Duration,
            Type::Message => Kind::Message(messages.iter().position(|known| Some(known.name()) == short)?),
            _ => return None,
        };
        let presence = match (field.label(), field.r#type()) {
            (Label::Repeated, _) => Presence::Repeated,
            (_, Type::Message) => Presence::Optional,
            _ if field.proto3_optional() => Presence::Optional,
            _ => Presence::Always,
        };
        let number = u32::try_from(field.number()).ok()?;
        Some(Self { number, json_name: field.json_name().to_owned(), kind, presence })
    }
}

/// The names of an enum by their numbers, which the contract counts up from 0 without a gap.
fn names(known: &EnumDescriptorProto) -> Vec<String> {
    let mut values: Vec<_> = known.value.iter().collect();
    values.sort_by_key(|value| value.number());
    values.into_iter().map(|value| value.name().to_owned()).collect()
}

/// A Timestamp or a Duration.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) seconds: i64,
    pub(super) nanos: i32,
}

impl Span {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::default().merge(bytes)
    }

    /// A message that stands twice is one, of which the later fields count (protobuf encoding, "Last One Wins").
    pub(super) fn merge(self, bytes: &[u8]) -> Result<Self, Malformed> {
        let mut span = self;
        for field in Fields::new(bytes) {
            match field? {
                (1, Value::Varint(seconds)) => span.seconds = seconds.cast_signed(),
                // An int32 is sign-extended to 64 bits on the wire.
                (2, Value::Varint(nanos)) => span.nanos = nanos as i32,
                (1 | 2, _) => return Err(Malformed),
                _ => {}
            }
        }
        Ok(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_contract_is_of_a_kind_that_is_known() {
        let set = FileDescriptorSet::decode(DESCRIPTOR_SET).unwrap();
        let file = set.file.into_iter().find(|file| file.package() == PACKAGE).unwrap();
        let contract = Contract::get();
        assert_eq!(contract.messages.len(), file.message_type.len());
        for (message, descriptor) in contract.messages.iter().zip(&file.message_type) {
            assert_eq!(message.fields.len(), descriptor.field.len(), "{}", message.name);
        }
        assert_eq!(contract.stop_record().unwrap().name, STOP_RECORD);
    }

    #[test]
    fn the_numbers_of_every_enum_are_its_places() {
        let set = FileDescriptorSet::decode(DESCRIPTOR_SET).unwrap();
        let file = set.file.into_iter().find(|file| file.package() == PACKAGE).unwrap();
        for known in &file.enum_type {
            let numbers: Vec<_> = known.value.iter().map(|value| value.number()).collect();
            assert!(numbers.iter().copied().eq(0..numbers.len() as i32), "{}: {numbers:?}", known.name());
        }
    }

    #[test]
    fn no_message_contains_itself() {
        fn depth(contract: &Contract, place: usize) -> usize {
            let inner = contract.messages[place].fields.iter().filter_map(|field| match field.kind {
                Kind::Message(inner) => Some(depth(contract, inner)),
                _ => None,
            });
            1 + inner.max().unwrap_or(0)
        }
        let contract = Contract::get();
        assert!((0..contract.messages.len()).all(|place| depth(contract, place) <= 4));
    }
}
