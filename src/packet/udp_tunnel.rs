//! Tunnels over UDP: VXLAN (RFC 7348) and its GPE form, GENEVE (RFC 8926), GTP-U (TS 29.281), MPLS (RFC 7510), L2TP.
//!
//! A port is a hint and no proof: anybody may run SIP on port 2152. So a tunnel is entered only when its header is valid
//! and what it carries looks like a frame or an IP packet; otherwise the UDP payload itself is the segment.

use super::counts::Tunnel;
use super::layer::{Inner, Next};
use super::octets::Octets;
use super::{mpls, ppp};

/// ESP in UDP (RFC 3948), which needs what was learned about its security association and so is read elsewhere.
pub(super) const ESP_PORT: u16 = 4500;

const L2TP: u16 = 1701;
const GTP_U: u16 = 2152;
const VXLAN: u16 = 4789;
const VXLAN_GPE: u16 = 4790;
const GENEVE: u16 = 6081;
const MPLS: u16 = 6635;
/// The port of Linux' VXLAN before one was assigned.
const VXLAN_LINUX: u16 = 8472;

/// All of them, for the filter of a live capture.
#[cfg(feature = "live")]
pub(crate) const TUNNEL_PORTS: [u16; 8] = [L2TP, GTP_U, ESP_PORT, VXLAN, VXLAN_GPE, GENEVE, MPLS, VXLAN_LINUX];

/// A tunnel found.
pub(super) struct Entered<'a> {
    pub(super) tunnel: Tunnel,
    /// The network that the tunnel keeps apart from others.
    pub(super) vni: Option<u32>,
    pub(super) inner: Inner<'a>,
}

/// Whether a port may mean a tunnel: the cheap question that every media packet is asked.
pub(crate) fn is_tunnel_port(port: u16) -> bool {
    // Media ports are above all of them: one comparison is enough for those.
    port <= VXLAN_LINUX && matches!(port, L2TP | GTP_U | ESP_PORT | VXLAN | VXLAN_GPE | GENEVE | MPLS | VXLAN_LINUX)
}

/// Looks for the tunnel that one of the ports announces.
pub(super) fn enter(source_port: u16, destination_port: u16, payload: Octets<'_>) -> Option<Entered<'_>> {
    if begins_like_sip(payload.captured()) {
        return None;
    }
    on_port(destination_port, payload).or_else(|| on_port(source_port, payload))
}

fn on_port(port: u16, payload: Octets<'_>) -> Option<Entered<'_>> {
    let entered = match port {
        VXLAN | VXLAN_LINUX => vxlan(payload, true),
        VXLAN_GPE => vxlan(payload, false),
        GENEVE => geneve(payload),
        GTP_U => Some(Entered { tunnel: Tunnel::GtpU, vni: None, inner: gtp_u(payload)? }),
        L2TP => Some(Entered { tunnel: Tunnel::L2tp, vni: None, inner: ppp::l2tp(payload)? }),
        MPLS => {
            // Plausible below its labels, not only at them.
            let inner = mpls::mpls(payload).ok()?;
            return Some(Entered { tunnel: Tunnel::Mpls, vni: None, inner });
        }
        _ => None,
    }?;
    entered.inner.is_plausible().then_some(entered)
}

/// The VXLAN header. With the P flag it is a GPE one and names what it carries; without, that is Ethernet. On its own
/// port the I flag is mandatory (RFC 7348 §5). The other flags are left alone: group policies use them.
fn vxlan(payload: Octets<'_>, needs_vni: bool) -> Option<Entered<'_>> {
    const VERSION: u8 = 0x30;
    const VNI_PRESENT: u8 = 0x08;
    const PROTOCOL_PRESENT: u8 = 0x04;
    let [flags, _, _, protocol, a, b, c, _] = *payload.header::<8>().ok()?;
    let has_vni = flags & VNI_PRESENT != 0;
    if flags & VERSION != 0 || needs_vni && !has_vni {
        return None;
    }
    let next = match protocol {
        _ if flags & PROTOCOL_PRESENT == 0 => Next::Ethernet,
        1 | 2 => Next::Ip,
        3 => Next::Ethernet,
        4 => Next::Nsh,
        5 => Next::Mpls,
        _ => return None,
    };
    let vni = has_vni.then(|| u32::from_be_bytes([0, a, b, c]));
    Some(Entered { tunnel: Tunnel::Vxlan, vni, inner: Inner::new(next, payload.skip(8)) })
}

/// The GENEVE header and its options, which are skipped.
fn geneve(payload: Octets<'_>) -> Option<Entered<'_>> {
    let [version_length, flags, high, low, a, b, c, _] = *payload.header::<8>().ok()?;
    // Version 0, and no reserved flag; a control packet (0x80) carries no traffic.
    if version_length >> 6 != 0 || flags & !0x40 != 0 {
        return None;
    }
    let options = usize::from(version_length & 0x3F) * 4;
    let next = Next::EtherType(u16::from_be_bytes([high, low]));
    let vni = Some(u32::from_be_bytes([0, a, b, c]));
    Some(Entered { tunnel: Tunnel::Geneve, vni, inner: Inner::new(next, payload.skip(8 + options)) })
}

/// A GTP-U T-PDU (TS 29.281 §5). The TEID differs by direction and is not kept.
fn gtp_u(payload: Octets<'_>) -> Option<Inner<'_>> {
    const T_PDU: u8 = 255;
    const EXTENSION: u8 = 0x04;
    const ANY_OPTION: u8 = 0x07;
    /// Extension headers in one packet. 5G sends one, the PDU session container.
    const MAX_EXTENSIONS: usize = 8;
    let [flags, message, high, low, ..] = *payload.header::<8>().ok()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    // Version 1, protocol type GTP, spare bit unset.
    if flags & 0xF8 != 0x30 || message != T_PDU || payload.wire() < 8 + length {
        return None;
    }
    let mut rest = payload.skip(8).limit(length);
    if flags & ANY_OPTION != 0 {
        let [_, _, _, mut extension] = *rest.header::<4>().ok()?;
        rest = rest.skip(4);
        if flags & EXTENSION == 0 {
            extension = 0;
        }
        let mut left = MAX_EXTENSIONS;
        while extension != 0 {
            left = left.checked_sub(1)?;
            // Length in words, itself and the type of the next header, the last byte, included.
            let size = usize::from(rest.byte(0)?) * 4;
            extension = rest.byte(size.checked_sub(1)?)?;
            rest = rest.skip(size);
        }
    }
    // A 5G session of type Ethernet carries frames. Its first nibble is that of an address.
    let ip = Inner::new(Next::Ip, rest);
    Some(if ip.is_plausible() { ip } else { Inner::new(Next::Ethernet, rest) })
}

/// Whether a payload begins like a SIP message (RFC 3261 §7): `SIP/2.0 `, or a method, one space and a URI with a
/// scheme; after any keep-alive line breaks. Such a payload is no tunnel, whatever its port and its bits say.
pub(super) fn begins_like_sip(payload: &[u8]) -> bool {
    /// As long as any method or URI scheme gets.
    const LONGEST: usize = 32;
    let start = payload.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let text = payload.get(start..).unwrap_or_default();
    let text = text.get(..3 * LONGEST).unwrap_or(text);
    if text.get(..6).is_some_and(|begin| begin.eq_ignore_ascii_case(b"SIP/2.")) {
        return true;
    }
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(byte);
    let method = text.iter().take(LONGEST).take_while(|byte| is_token(byte)).count();
    let Some((b' ', uri)) = text.get(method..).and_then(<[u8]>::split_first) else { return false };
    let is_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    let scheme = uri.iter().take(LONGEST).take_while(|byte| is_scheme(byte)).count();
    method > 0 && scheme > 0 && uri.get(scheme) == Some(&b':')
}
