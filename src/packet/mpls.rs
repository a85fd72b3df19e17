//! MPLS label stacks (RFC 3032) and the pseudowires inside them (RFC 4448).

use super::ip;
use super::layer::{Inner, Next};
use super::octets::Octets;
use super::stop::{Damage, Other, Stop};

/// Labels in one stack. Real ones have up to five or six; source routing a few more.
const MAX_LABELS: usize = 16;

/// A label stack. Labels say where a packet goes, not what it is, so that has to be guessed from the first nibble, as
/// routers do (RFC 4928): 4 and 6 are IP, 0 is a pseudowire control word, anything else can be an Ethernet address.
pub(super) fn mpls(octets: Octets<'_>) -> Result<Inner<'_>, Stop> {
    let octets = below_labels(octets)?;
    if ip::is_plausible(octets) {
        return Ok(Inner::new(Next::Ip, octets));
    }
    // The address of many network cards begins with a zero nibble, as a control word does. Read without one first: that
    // puts the EtherType of a frame behind a control word inside its source address, which hardly ever makes sense, while
    // skipping four bytes of a tagged frame without one finds the EtherType in its tag.
    let without = Inner::new(Next::Ethernet, octets);
    if without.is_plausible() {
        return Ok(without);
    }
    let with_control_word = Inner::new(Next::Ethernet, octets.skip(4));
    if octets.version() == Some(0) && with_control_word.is_plausible() {
        return Ok(with_control_word);
    }
    // An IP header that the snap length cut off is no plausible one; say what really is the matter.
    if octets.is_cut() && octets.captured().len() < 20 {
        return Err(octets.missing(20));
    }
    Err(Stop::Other(Other::NotIp))
}

/// What follows the label with the bottom-of-stack bit.
pub(super) fn below_labels(octets: Octets<'_>) -> Result<Octets<'_>, Stop> {
    let mut rest = octets;
    for _ in 0..MAX_LABELS {
        let [_, _, bottom, _] = *rest.header::<4>()?;
        rest = rest.skip(4);
        if bottom & 1 == 1 {
            return Ok(rest);
        }
    }
    Err(Stop::Damaged(Damage::TooDeep))
}
