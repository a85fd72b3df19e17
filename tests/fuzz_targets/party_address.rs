//! The typed parts of a party's address.

use std::borrow::Cow;

use tolltap::charging::PartyAddress;

use super::script::is_inside;

/// The bytes are a header value, and a Request-URI.
pub fn party_address(bytes: &[u8]) {
    for address in [PartyAddress::read(bytes), PartyAddress::read_uri(bytes)] {
        assert_eq!(address.raw, bytes, "the raw value is always the whole one");
        let range = bytes.as_ptr_range();
        assert!(address.uri.is_none_or(|uri| !uri.is_empty() && is_inside(&range, uri)));
        for part in [&address.display_name, &address.user, &address.host].into_iter().flatten() {
            assert!(part.len() <= bytes.len(), "a part is longer than the whole");
            assert!(!matches!(part, Cow::Borrowed(part) if !part.is_empty() && !is_inside(&range, part)));
        }
        assert!(address.scheme.is_none_or(|scheme| !scheme.is_empty()));
    }
}
