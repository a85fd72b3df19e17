//! ESP (RFC 4303) with NULL encryption, as IMS access uses it (TS 33.203), and AH (RFC 4302).
//!
//! Nothing in an ESP packet says that it is not encrypted. Its trailer does, if one knows where the integrity check value
//! begins (RFC 5879): the pad bytes count 1, 2, 3…, the next header is a known one, and the header inside agrees with the
//! length. Encrypted bytes pass such a test less than once in 2^30 packets.

use core::hash::BuildHasher;
use core::net::IpAddr;

use foldhash::fast::FixedState;

use super::ip::{self, protocol};
use super::layer::{Inner, Next};
use super::octets::Octets;
use super::stop::{Damage, Opaque, Stop};

/// Where the payload begins and ends inside the ESP packet, as its transform lays it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    /// Bytes before the payload: none, or the 8 of AES-GMAC (RFC 4543).
    vector: usize,
    /// Bytes of the integrity check value after the trailer.
    check: usize,
}

/// In order of likeliness: HMAC-96 transforms, SHA-256 and its kin, no integrity, SHA-384, SHA-512, AES-GMAC.
const SHAPES: [Shape; 6] = [
    Shape { vector: 0, check: 12 },
    Shape { vector: 0, check: 16 },
    Shape { vector: 0, check: 0 },
    Shape { vector: 0, check: 24 },
    Shape { vector: 0, check: 32 },
    Shape { vector: 8, check: 16 },
];

/// Security associations remembered.
const SLOTS: usize = 4096;

/// What was learned about a security association.
#[derive(Clone, Copy, Debug)]
struct Learned {
    destination: IpAddr,
    spi: u32,
    shape: Shape,
}

/// The shapes of the security associations that proved to be unencrypted.
///
/// Invariant: everything in it only saves work or reads more (packets whose end was cut, inner protocols that the guess
/// does not know); without an entry each packet is judged by itself. So the table may forget: it is a fixed array, an
/// association goes where its hash says, and the newer of two takes the place.
#[derive(Debug)]
pub(super) struct SecurityAssociations {
    slots: Vec<Option<Learned>>,
    hasher: FixedState,
}

impl SecurityAssociations {
    pub(super) fn new(seed: u64) -> Self {
        Self { slots: vec![None; SLOTS], hasher: FixedState::with_seed(seed) }
    }

    /// Opens an ESP packet, from its SPI on: the next header and the payload, or that it is opaque.
    pub(super) fn open<'a>(&mut self, destination: IpAddr, octets: Octets<'a>) -> Result<Inner<'a>, Stop> {
        let [a, b, c, d, ..] = *octets.header::<8>()?;
        let spi = u32::from_be_bytes([a, b, c, d]);
        let body = octets.skip(8);
        let index = self.hasher.hash_one((destination, spi)) as usize % SLOTS;
        let Some(slot) = self.slots.get_mut(index) else { return Err(Stop::Opaque(Opaque::Esp)) };
        let known = slot.filter(|known| known.spi == spi && known.destination == destination);

        if body.is_cut() {
            // The trailer is what the snap length cut off.
            return known.and_then(|known| known.shape.open_cut(body)).ok_or(Stop::Opaque(Opaque::Esp));
        }
        if let Some(inner) = known.and_then(|known| known.shape.open(body)) {
            return Ok(inner);
        }
        for shape in SHAPES {
            if let Some(inner) = shape.open(body).filter(is_certain) {
                *slot = Some(Learned { destination, spi, shape });
                return Ok(inner);
            }
        }
        Err(Stop::Opaque(Opaque::Esp))
    }
}

impl Shape {
    /// Reads the trailer of a whole packet, and checks its pad bytes.
    fn open<'a>(self, body: Octets<'a>) -> Option<Inner<'a>> {
        let bytes = body.captured();
        // The trailer ends on a multiple of 4 bytes (RFC 4303 §2.4), and so does each of these check values.
        if !bytes.len().is_multiple_of(4) {
            return None;
        }
        let end = bytes.len().checked_sub(self.check)?;
        let trailer = end.checked_sub(2)?;
        let (&pad_length, &next) = (bytes.get(trailer)?, bytes.get(trailer + 1)?);
        let payload_end = trailer.checked_sub(usize::from(pad_length))?;
        let pad = bytes.get(payload_end..trailer)?;
        if !pad.iter().zip(1..=u8::MAX).all(|(byte, expected)| *byte == expected) {
            return None;
        }
        bytes.get(self.vector..payload_end)?;
        Some(Inner::new(Next::Protocol(next), body.limit(payload_end).skip(self.vector)))
    }

    /// Reads a packet whose trailer was not captured: what is inside has to tell by its own header, and where it ends.
    fn open_cut<'a>(self, body: Octets<'a>) -> Option<Inner<'a>> {
        let payload = body.limit(body.wire().checked_sub(self.check + 2)?).skip(self.vector);
        let fits = |length: usize| length <= payload.wire() && payload.wire() - length < 16;
        let (next, length) = match udp_length(payload) {
            Some(length) if fits(length) => (protocol::UDP, length),
            _ => match ip_packet(payload) {
                Some((next, length)) if fits(length) => (next, length),
                // The pad length, at most 3 bytes where nothing is encrypted, stays unknown.
                _ if is_tcp(payload) => (protocol::TCP, payload.wire()),
                _ => return None,
            },
        };
        Some(Inner::new(Next::Protocol(next), payload.limit(length)))
    }
}

/// Whether the header inside proves that the packet was not encrypted.
fn is_certain(inner: &Inner<'_>) -> bool {
    let length = inner.octets.wire();
    match inner.next {
        Next::Protocol(protocol::UDP) => udp_length(inner.octets) == Some(length),
        Next::Protocol(protocol::TCP) => is_tcp(inner.octets),
        Next::Protocol(protocol::SCTP) => is_sctp(inner.octets),
        Next::Protocol(next @ (protocol::IPV4 | protocol::IPV6)) => ip_packet(inner.octets) == Some((next, length)),
        _ => false,
    }
}

/// The length field of a UDP header with two ports.
fn udp_length(octets: Octets<'_>) -> Option<usize> {
    let (source, destination, length) = (octets.word(0)?, octets.word(2)?, octets.word(4)?);
    (source != 0 && destination != 0 && length >= 8).then_some(usize::from(length))
}

/// Protocol number and length of an IP packet.
fn ip_packet(octets: Octets<'_>) -> Option<(u8, usize)> {
    match octets.version()? {
        4 if ip::is_plausible(octets) => Some((protocol::IPV4, usize::from(octets.word(2)?))),
        6 if ip::is_plausible(octets) => Some((protocol::IPV6, usize::from(octets.word(4)?) + 40)),
        _ => None,
    }
}

/// A TCP header in which everything that must be zero is zero. The urgent pointer without its flag gives 16 bits of
/// certainty; SIP, WebSocket and MSRP never use it.
fn is_tcp(octets: Octets<'_>) -> bool {
    const FIN: u8 = 0x01;
    const SYN: u8 = 0x02;
    const RST: u8 = 0x04;
    const ACK: u8 = 0x10;
    const URG: u8 = 0x20;
    let Some(header) = octets.captured().first_chunk::<20>() else { return false };
    let [_, _, _, _, _, _, _, _, ack @ .., offset, flags, _, _, _, _, urgent_high, urgent_low] = *header;
    let size = usize::from(offset >> 4) * 4;
    let has = |flag| flags & flag != 0;
    size >= 20
        && size <= octets.wire()
        && offset & 0x0E == 0
        && !has(URG)
        && (urgent_high, urgent_low) == (0, 0)
        && [has(SYN), has(FIN), has(RST)].into_iter().filter(|set| *set).count() <= 1
        && if has(ACK) { true } else { (has(SYN) || has(RST)) && ack == [0; 4] }
}

/// An SCTP common header and chunks whose lengths end exactly where the payload does.
fn is_sctp(octets: Octets<'_>) -> bool {
    /// More than fit between two bundled DATA chunks of a real packet.
    const MAX_CHUNKS: usize = 64;
    let mut rest = octets.skip(12);
    for _ in 0..MAX_CHUNKS {
        let (Some(kind), Some(length)) = (rest.byte(0), rest.word(2)) else { return false };
        let length = usize::from(length);
        // Chunk types of RFC 9260, AUTH, I-DATA, PAD, FORWARD-TSN, ASCONF and RE-CONFIG.
        let is_known = matches!(kind, 0..=15 | 64 | 128..=132 | 192..=194);
        if !is_known || length < 4 || length > rest.wire() {
            return false;
        }
        rest = rest.skip(length.next_multiple_of(4));
        if rest.wire() == 0 {
            return true;
        }
    }
    false
}

/// AH: what follows it. Its integrity is not checked: that needs the key.
pub(super) fn authentication_header(octets: Octets<'_>) -> Result<Inner<'_>, Stop> {
    let [next, length] = *octets.header::<2>()?;
    let header = (usize::from(length) + 2) * 4;
    if octets.wire() < header {
        return Err(octets.missing(header));
    }
    Ok(Inner::new(Next::Protocol(next), octets.skip(header)))
}

/// WESP (RFC 5840): ESP behind a header that says whether it is encrypted, and where the payload is.
pub(super) fn wrapped(octets: Octets<'_>) -> Result<Inner<'_>, Stop> {
    const ENCRYPTED: u8 = 0x20;
    let [next, header, check, flags] = *octets.header::<4>()?;
    if flags & ENCRYPTED != 0 || next == 0 {
        return Err(Stop::Opaque(Opaque::Esp));
    }
    let (header, check) = (usize::from(header), usize::from(check));
    let Some(trailer) = octets.wire().checked_sub(check + 2).filter(|trailer| header >= 12 && header <= *trailer)
    else {
        return Err(Stop::Damaged(Damage::BadHeader));
    };
    // Where the trailer was cut off, some pad bytes may stay; the lengths inside trim them.
    let pad = octets.byte(trailer).map_or(0, usize::from);
    Ok(Inner::new(Next::Protocol(next), octets.limit(trailer.saturating_sub(pad)).skip(header)))
}
