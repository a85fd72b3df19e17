//! Feature tags that tell the service of a session (RFC 3840, RFC 6809; OMA SIMPLE IM and CPM; TS 24.229 §7.9.2).

use core::fmt;
use std::borrow::Cow;

use memchr::memchr_iter;

use crate::sip::find::find;
use crate::sip::header::Header;
use crate::sip::message::Message;
use crate::sip::parameter::{Parameter, Parameters, is_same, parameter};
use crate::sip::value::Value;

/// One feature tag of a message, or one URN where a tag lists several.
#[derive(Clone, PartialEq, Eq)]
pub enum FeatureTag<'a> {
    /// `+g.oma.sip-im`: OMA SIMPLE IM session, or file transfer.
    SipIm,
    /// `+g.oma.sip-im.large-message`: OMA SIMPLE IM large message mode.
    SipImLargeMessage,
    /// One URN of `+g.3gpp.icsi-ref`, unescaped: a communication service.
    Icsi(Cow<'a, [u8]>),
    /// One URN of `+g.3gpp.iari-ref`, unescaped: an application.
    Iari(Cow<'a, [u8]>),
}

impl<'a> FeatureTag<'a> {
    /// Whether it marks an IM session: CPM's `msg` and `systemmsg` are pager mode, which makes none.
    #[must_use]
    pub fn is_im(&self) -> bool {
        match self {
            Self::SipIm | Self::SipImLargeMessage => true,
            Self::Icsi(urn) => strip_prefix(urn, CPM).is_some_and(|service| {
                // `session.group` and versions come after a dot.
                let name = service.split(|byte| *byte == b'.').next().unwrap_or_default();
                CPM_SESSIONS.iter().any(|session| session.eq_ignore_ascii_case(name))
            }),
            Self::Iari(urn) => strip_prefix(urn, IARI)
                .is_some_and(|application| IM_APPLICATIONS.iter().any(|im| im.eq_ignore_ascii_case(application))),
        }
    }

    /// What a record keeps: the tag, or the URN it referred to.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        match self {
            Self::SipIm => SIP_IM,
            Self::SipImLargeMessage => SIP_IM_LARGE_MESSAGE,
            Self::Icsi(urn) | Self::Iari(urn) => urn,
        }
    }

    fn urn(reference: Reference, urn: &'a [u8]) -> Self {
        match reference {
            Reference::Icsi => Self::Icsi(unescape(urn)),
            Reference::Iari => Self::Iari(unescape(urn)),
        }
    }
}

impl fmt::Debug for FeatureTag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.text().escape_ascii())
    }
}

const INSTANCE: &[u8] = b"+sip.instance";
const SIP_IM: &[u8] = b"+g.oma.sip-im";
const SIP_IM_LARGE_MESSAGE: &[u8] = b"+g.oma.sip-im.large-message";
const ICSI_REF: &[u8] = b"+g.3gpp.icsi-ref";
const IARI_REF: &[u8] = b"+g.3gpp.iari-ref";
const CPM: &[u8] = b"urn:urn-7:3gpp-service.ims.icsi.oma.cpm.";
const CPM_SESSIONS: [&[u8]; 4] = [b"session", b"largemsg", b"deferred", b"filetransfer"];
const IARI: &[u8] = b"urn:urn-7:3gpp-application.ims.iari.";
const IM_APPLICATIONS: [&[u8]; 3] = [b"rcse.im", b"rcs.fthttp", b"rcs.geopush"];

#[derive(Clone, Copy)]
enum Reference {
    Icsi,
    Iari,
}

/// The feature tags of Contact and Accept-Contact, known ones only, in their order. A tag that is negated (`!`) is not there.
///
/// Allocates only for a URN with escapes.
pub fn feature_tags<'m, 'a>(message: &'m Message<'a>) -> impl Iterator<Item = FeatureTag<'a>> + use<'m, 'a> {
    [Header::Contact, Header::AcceptContact].into_iter().flat_map(|header| tags_of(message, header, b"+g."))
}

/// The tags of one header, from those of its values that a name starting so stands in.
fn tags_of<'m, 'a>(
    message: &'m Message<'a>,
    header: Header,
    start: &'static [u8],
) -> impl Iterator<Item = FeatureTag<'a>> + use<'m, 'a> {
    let after = if header == Header::FeatureCaps { |element| element } else { after_uri };
    message
        .all(header)
        .filter(|value| mentions(value.raw(), start))
        .flat_map(|value| value.elements())
        .flat_map(move |element| Parameters::new(after(element.raw())))
        .flat_map(|parameter| Tags::new(parameter.name, parameter.value))
}

/// Whether a name that starts with these bytes, the first of them a plus, can be in a value: most have none, and that is
/// seen at a fraction of what reading them costs.
fn mentions(value: &[u8], start: &[u8]) -> bool {
    memchr_iter(b'+', value)
        .any(|at| value.get(at..at + start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start)))
}

/// The feature tags that mark an IM session.
pub fn im_feature_tags<'m, 'a>(message: &'m Message<'a>) -> impl Iterator<Item = FeatureTag<'a>> + use<'m, 'a> {
    feature_tags(message).filter(FeatureTag::is_im)
}

/// The communication service: P-Asserted-Service, else the first ICSI of Feature-Caps, Contact or Accept-Contact.
/// P-Preferred-Service is only a wish.
#[must_use]
pub fn communication_service<'a>(message: &Message<'a>) -> Option<Cow<'a, [u8]>> {
    if let Some(asserted) = message.first(Header::PAssertedService) {
        return Some(asserted.unfold());
    }
    let tags = [Header::FeatureCaps, Header::Contact, Header::AcceptContact].into_iter();
    tags.flat_map(|header| tags_of(message, header, ICSI_REF)).find_map(|tag| match tag {
        FeatureTag::Icsi(urn) => Some(urn),
        _ => None,
    })
}

/// `+sip.instance` of the first Contact that has one (RFC 5626 §4.1), without its angle brackets.
#[must_use]
pub fn instance<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    let contacts = message.all(Header::Contact).filter(|value| mentions(value.raw(), INSTANCE));
    let mut contacts = contacts.flat_map(|value| value.elements());
    let instance = contacts.find_map(|contact| parameter(after_uri(contact.raw()), INSTANCE))?;
    Some(without_brackets(instance)).filter(|_| !instance.is_empty())
}

/// Hands on the parameters of a Contact or Accept-Contact, if a tag or the instance may be among them. A loop and no chain
/// of iterators: this is in the way of every INVITE and of its answer.
pub(crate) fn each_parameter<'a>(value: &Value<'a>, mut each: impl FnMut(Parameter<'a>)) {
    if let Some(params) = after_only_uri(value.raw()) {
        // Every name that is looked for begins so.
        if find(b'+', params).is_some() {
            Parameters::new(params).for_each(each);
        }
    } else if find(b'+', value.raw()).is_some() {
        for element in value.elements() {
            Parameters::new(after_uri(element.raw())).for_each(&mut each);
        }
    }
}

/// The parameters behind `<uri>` or `*`, if that is the only element, and nothing stands before it that could hide a
/// bracket or a comma: nearly every Contact and Accept-Contact.
fn after_only_uri(value: &[u8]) -> Option<&[u8]> {
    let params = match value {
        [b'<', inside @ ..] => inside.get(find(b'>', inside)? + 1..)?,
        [b'*', params @ ..] if params.starts_with(b";") && find(b'<', params).is_none() => params,
        _ => return None,
    };
    find(b',', params).is_none().then_some(params)
}

/// The instance that a parameter gives, without its angle brackets; empty where it has no value.
pub(crate) fn instance_in<'a>(parameter: &Parameter<'a>) -> Option<&'a [u8]> {
    is_same(parameter.name, INSTANCE).then(|| without_brackets(parameter.value.unwrap_or_default()))
}

/// The tags that a parameter gives.
pub(crate) fn tags_in<'a>(parameter: &Parameter<'a>) -> impl Iterator<Item = FeatureTag<'a>> + use<'a> {
    Tags::new(parameter.name, parameter.value)
}

fn without_brackets(instance: &[u8]) -> &[u8] {
    match instance {
        [b'<', inside @ .., b'>'] => inside,
        _ => instance,
    }
}

/// The parameters of a Contact or Accept-Contact element; of one that cannot be read, all of it.
fn after_uri(element: &[u8]) -> &[u8] {
    crate::sip::name_addr::NameAddr::split(element).map_or(element, |address| address.params)
}

/// The tags of one parameter: one, or one for each URN of a reference, comma- or semicolon-joined.
struct Tags<'a> {
    whole: Option<FeatureTag<'a>>,
    urns: Option<(Reference, &'a [u8])>,
}

impl<'a> Tags<'a> {
    fn new(name: &[u8], value: Option<&'a [u8]>) -> Self {
        if !matches!(name, [b'+', b'g' | b'G', b'.', ..]) {
            return Self { whole: None, urns: None };
        }
        let value = value.unwrap_or_default();
        // RFC 3840 §9: a value that starts with `!` is what the peer does not have. So are `"FALSE"` booleans.
        let negated = value.first() == Some(&b'!') || value.eq_ignore_ascii_case(b"false");
        let (whole, urns) = match name {
            _ if negated => (None, None),
            name if is_same(name, SIP_IM) => (Some(FeatureTag::SipIm), None),
            name if is_same(name, SIP_IM_LARGE_MESSAGE) => (Some(FeatureTag::SipImLargeMessage), None),
            name if is_same(name, ICSI_REF) => (None, Some((Reference::Icsi, value))),
            name if is_same(name, IARI_REF) => (None, Some((Reference::Iari, value))),
            _ => (None, None),
        };
        Self { whole, urns }
    }
}

impl<'a> Iterator for Tags<'a> {
    type Item = FeatureTag<'a>;

    fn next(&mut self) -> Option<FeatureTag<'a>> {
        if let Some(tag) = self.whole.take() {
            return Some(tag);
        }
        let (reference, rest) = self.urns.as_mut()?;
        while let Some(length) = joint(rest) {
            *rest = rest.get(length..)?;
        }
        let mut at = 0;
        let end = loop {
            let Some(length) = rest.get(at..)?.iter().position(|byte| may_join(*byte)) else { break rest.len() };
            at += length;
            if rest.get(at..).and_then(joint).is_some() {
                break at;
            }
            at += 1;
        };
        let (urn, after) = rest.split_at_checked(end).filter(|(urn, _)| !urn.is_empty())?;
        *rest = after;
        Some(FeatureTag::urn(*reference, urn))
    }
}

/// Whether a [`joint`] may start with this byte.
const fn may_join(byte: u8) -> bool {
    matches!(byte, b',' | b';' | b' ' | b'\t' | b'\r' | b'\n' | b'<' | b'>' | b'"' | b'%')
}

/// Length of what may stand between two URNs at the start of a text: a comma, a semicolon, either of them escaped, blanks,
/// brackets.
fn joint(text: &[u8]) -> Option<usize> {
    match text {
        [b',' | b';' | b' ' | b'\t' | b'\r' | b'\n' | b'<' | b'>' | b'"', ..] => Some(1),
        [b'%', b'2', b'C' | b'c', ..] | [b'%', b'3', b'B' | b'b', ..] => Some(3),
        _ => None,
    }
}

/// Resolves `%` escapes; one that is not two hex digits stays as it is.
fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    if find(b'%', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = find(b'%', rest).and_then(|at| rest.split_at_checked(at)) {
        plain.extend_from_slice(before);
        rest = match after {
            [b'%', high, low, after @ ..] if let (Some(high), Some(low)) = (hex(*high), hex(*low)) => {
                plain.push(high << 4 | low);
                after
            }
            _ => {
                plain.push(b'%');
                after.get(1..).unwrap_or_default()
            }
        };
    }
    plain.extend_from_slice(rest);
    Cow::Owned(plain)
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn strip_prefix<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    is_same(start, prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sip::Carriage;

    /// Every element of a header with every parameter of it, whatever the value mentions.
    fn plainly<'a>(message: &Message<'a>, headers: &[Header]) -> Vec<FeatureTag<'a>> {
        let mut tags = Vec::new();
        for header in headers {
            for element in message.all(*header).flat_map(|value| value.elements()) {
                let params = if *header == Header::FeatureCaps { element.raw() } else { after_uri(element.raw()) };
                for parameter in Parameters::new(params) {
                    tags.extend(Tags::new(parameter.name, parameter.value));
                }
            }
        }
        tags
    }

    /// The URNs of a reference, each end looked for byte by byte.
    fn urns_plainly(mut rest: &[u8]) -> Vec<Cow<'_, [u8]>> {
        let mut urns = Vec::new();
        loop {
            while let Some(length) = joint(rest) {
                rest = &rest[length..];
            }
            let end = (0..rest.len()).find(|at| joint(&rest[*at..]).is_some()).unwrap_or(rest.len());
            if end == 0 {
                return urns;
            }
            urns.push(unescape(&rest[..end]));
            rest = &rest[end..];
        }
    }

    proptest! {
        #[test]
        fn nothing_is_overlooked_for_not_being_mentioned(
            words in prop::collection::vec(prop::sample::select(vec![
                "\r\nm: ", "\r\na: *", "\r\nFeature-Caps: *", "<sip:+g.x@b>", ";", ",", "+g.oma.sip-im", "+G.OMA.SIP-IM", "=", "\"",
                ";+g.3gpp.icsi-ref=", "+g.3gpp.IARI-ref", "urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.session", "\r\n ",
                ";+sip.instance=", "\"<urn:x>\"", ";+SIP.Instance=y", ";+g.oma.sip-im.large-message", "!", "%2C", "<", ">",
            ]), 0..25),
        ) {
            let text = format!("SIP/2.0 200 OK\r\ni:1\r\nf:a;tag=1\r\nt:b\r\nCSeq:1 BYE{}\r\n\r\n", words.concat());
            let Ok(message) = Message::parse(text.as_bytes(), Carriage::Datagram) else { return Ok(()) };
            let tags: Vec<_> = feature_tags(&message).collect();
            prop_assert_eq!(tags, plainly(&message, &[Header::Contact, Header::AcceptContact]));
            let all = plainly(&message, &[Header::FeatureCaps, Header::Contact, Header::AcceptContact]);
            let service = all.iter().find_map(|tag| if let FeatureTag::Icsi(urn) = tag { Some(urn.clone()) } else { None });
            prop_assert_eq!(communication_service(&message), service);
            let mut contacts = message.all(Header::Contact).flat_map(|value| value.elements());
            let found = contacts.find_map(|contact| parameter(after_uri(contact.raw()), INSTANCE));
            prop_assert_eq!(instance(&message).is_some(), found.is_some_and(|found| !found.is_empty()));
        }

        #[test]
        fn references_split_where_every_byte_is_looked_at(
            words in prop::collection::vec(prop::sample::select(vec!["%2C", "%3b", "%3A", "%", "%2", ",", " ", "urn", "<", "x"]), 0..20),
        ) {
            let value = words.concat();
            if value.eq_ignore_ascii_case("false") {
                return Ok(());
            }
            let tags: Vec<_> = Tags::new(ICSI_REF, Some(value.as_bytes())).map(|tag| tag.text().to_vec()).collect();
            let plain: Vec<_> = urns_plainly(value.as_bytes()).into_iter().map(Cow::into_owned).collect();
            prop_assert_eq!(tags, plain);
        }
    }
}
