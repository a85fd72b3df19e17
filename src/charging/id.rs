//! The idempotency key of a session.

use sha2::{Digest, Sha256};

use super::record::RecordId;

/// Changes whenever the make-up of the key does, so that ids of two versions can't be mistaken for one another.
const VERSION: u8 = 1;

impl RecordId {
    /// Rule 2: the first 128 bits of SHA-256 over a version byte and the length-prefixed (32 bits, big-endian) NAME,
    /// Call-ID and both tags in byte order.
    ///
    /// No time and no probe goes in: a replay, a restart and a second probe make the same id. The tags are ordered by
    /// their bytes and not by role, because a BYE of the callee swaps them, and who called may be unknown.
    #[must_use]
    pub fn of(server_name: &[u8], call_id: &[u8], one_tag: &[u8], other_tag: &[u8]) -> Self {
        let (low, high) = if one_tag <= other_tag { (one_tag, other_tag) } else { (other_tag, one_tag) };
        let mut hash = Sha256::new_with_prefix([VERSION]);
        for part in [server_name, call_id, low, high] {
            hash.update((part.len() as u32).to_be_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }
}

impl core::fmt::Display for RecordId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_documented_hash() {
        // printf '\001\0\0\0\0\0\0\0\003c@h\0\0\0\001a\0\0\0\002bb' | sha256sum | cut -c1-32
        assert_eq!(RecordId::of(b"", b"c@h", b"bb", b"a").to_string(), "537a86db54d75c956fc673505858c396");
    }

    #[test]
    fn does_not_depend_on_who_called() {
        assert_eq!(RecordId::of(b"n", b"c", b"x", b"y"), RecordId::of(b"n", b"c", b"y", b"x"));
    }

    #[test]
    fn keeps_its_parts_apart() {
        assert_ne!(RecordId::of(b"a", b"b", b"", b""), RecordId::of(b"", b"ab", b"", b""));
        assert_ne!(RecordId::of(b"", b"c", b"ab", b"c"), RecordId::of(b"", b"c", b"a", b"bc"));
    }
}
