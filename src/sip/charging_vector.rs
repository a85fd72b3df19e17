//! P-Charging-Vector (RFC 7315 §4.6, TS 24.229 §7.2A.5).

use core::fmt;

use crate::sip::parameter::{Parameters, is_same};

/// The charging keys of one header. Values are quoted or bare on the wire, without their quotes here; escapes as sent.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct ChargingVector<'a> {
    /// `icid-value`: one per session, unique for a month at least.
    pub icid: Option<&'a [u8]>,
    /// `icid-generated-at`: host that made it.
    pub generated_at: Option<&'a [u8]>,
    /// `orig-ioi`: operator that the session comes from.
    pub originating_ioi: Option<&'a [u8]>,
    /// `term-ioi`: operator that it goes to; it comes with responses.
    pub terminating_ioi: Option<&'a [u8]>,
    /// `transit-ioi`: those between, a list with void entries.
    pub transit_ioi: Option<&'a [u8]>,
    /// `related-icid`: ICID before an access transfer.
    pub related_icid: Option<&'a [u8]>,
    /// `related-icid-gen-addr`: host that made that.
    pub related_generated_at: Option<&'a [u8]>,
    /// `fe-identifier`: the functional entities on the way that took part in charging, a list.
    pub fe_identifier: Option<&'a [u8]>,
}

impl<'a> ChargingVector<'a> {
    /// Reads a header value. The first of each name counts; empty values are absent.
    #[must_use]
    pub fn read(value: &'a [u8]) -> Self {
        let mut vector = Self::default();
        for parameter in Parameters::new(value) {
            let place = match parameter.name {
                name if is_same(name, b"icid-value") => &mut vector.icid,
                name if is_same(name, b"icid-generated-at") => &mut vector.generated_at,
                name if is_same(name, b"orig-ioi") => &mut vector.originating_ioi,
                name if is_same(name, b"term-ioi") => &mut vector.terminating_ioi,
                name if is_same(name, b"transit-ioi") => &mut vector.transit_ioi,
                name if is_same(name, b"related-icid") => &mut vector.related_icid,
                name if is_same(name, b"related-icid-gen-addr") => &mut vector.related_generated_at,
                name if is_same(name, b"fe-identifier") => &mut vector.fe_identifier,
                _ => continue,
            };
            *place = place.or(parameter.value.filter(|value| !value.is_empty()));
        }
        vector
    }
}

impl fmt::Debug for ChargingVector<'_> {
    /// It holds addresses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChargingVector(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_or_bare() {
        let text: &[u8] =
            b"icid-value=\"PCSF:1-cscf;x=1,2\" ;ICID-generated-at=[2001:db8::1]; orig-ioi=\"home1.net\"\r\n\t;\
            term-ioi=home2.net;transit-ioi=\"void, a.net.1\";related-icid=x==;icid-value=second;\
            related-icid-gen-addr=192.0.2.9;fe-identifier=\"as.home1.net,ibcf.home2.net\"";
        let vector = ChargingVector::read(text);
        assert_eq!(vector.icid, Some(&b"PCSF:1-cscf;x=1,2"[..]));
        assert_eq!(vector.generated_at, Some(&b"[2001:db8::1]"[..]));
        assert_eq!(vector.originating_ioi, Some(&b"home1.net"[..]));
        assert_eq!(vector.terminating_ioi, Some(&b"home2.net"[..]));
        assert_eq!(vector.transit_ioi, Some(&b"void, a.net.1"[..]));
        assert_eq!(vector.related_icid, Some(&b"x=="[..]));
        assert_eq!(vector.related_generated_at, Some(&b"192.0.2.9"[..]));
        assert_eq!(vector.fe_identifier, Some(&b"as.home1.net,ibcf.home2.net"[..]));
    }

    #[test]
    fn what_is_missing_or_empty_is_absent() {
        assert_eq!(ChargingVector::read(b""), ChargingVector::default());
        assert_eq!(ChargingVector::read(b"icid-value;orig-ioi=\"\";x=y"), ChargingVector::default());
    }
}
