//! Why peeling a frame ended before a transport payload.

/// What ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// A fragment that waits for the others of its datagram.
    Held,
    /// Readable, and carries no transport that SIP uses.
    Other(Other),
    /// Encrypted.
    Opaque(Opaque),
    Damaged(Damage),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Other {
    /// ARP, LLDP, spanning tree, PPP control: no IP packet inside.
    NotIp,
    /// ICMP and ICMPv6. What an ICMP error quotes was sent earlier and is never read again as if it were sent now.
    Icmp,
    /// Any other IP protocol, and tunnels' own signalling (IKE, keep-alives).
    Protocol,
    /// A link type that is not decoded.
    LinkType,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opaque {
    Esp,
    MacSec,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// The snap length cut off a header.
    CutHeader,
    /// The packet ends inside a header although the capture is whole.
    Truncated,
    /// A field that contradicts its own header: version, header length, lengths below the header's own.
    BadHeader,
    /// A fragment that cannot be part of any datagram: beyond 65 535 bytes, empty, or off the 8-byte grid.
    BadFragment,
    /// More layers than the depth cap.
    TooDeep,
}
