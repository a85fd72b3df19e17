//! The filter in classic BPF: for processes that may not load eBPF, and for builds without it.
//!
//! It has no memory and no loops. So it passes all TCP and SCTP, every fragment and every tunnel, and looks into plain
//! datagrams alone; media, most of the traffic, is among those. What it cannot read it passes.

use socket2::SockFilter;

use super::View;
use crate::packet::{TUNNEL_PORTS, ether_type, protocol};

/// VLAN tags looked behind. A frame with more is passed.
const MAX_TAGS: usize = 4;

/// Bytes of a datagram that have to be text, as far as no blank ends the method before.
const TEXT: u32 = 4;

/// EtherTypes with a tag behind them, and then another EtherType.
const TAGS: [u16; 4] =
    [ether_type::VLAN, ether_type::SERVICE_VLAN, ether_type::OLD_SERVICE_VLAN, ether_type::OLDER_SERVICE_VLAN];

/// EtherTypes behind which an IP packet may be, further down.
const TUNNEL_TYPES: [u16; 9] = [
    ether_type::TEB,
    ether_type::PPP,
    ether_type::MPLS,
    ether_type::MPLS_UPSTREAM,
    ether_type::PPPOE_SESSION,
    ether_type::MAC_SEC,
    ether_type::MAC_IN_MAC,
    ether_type::VN_TAG,
    ether_type::NSH,
];

/// IP protocols that are streams, or lead further down.
const PASSED: [u8; 11] = [
    protocol::TCP,
    protocol::SCTP,
    protocol::IPV4,
    protocol::IPV6,
    protocol::GRE,
    protocol::ESP,
    protocol::AH,
    protocol::ETHERIP,
    protocol::MPLS,
    protocol::WRAPPED_ESP,
    protocol::ETHERNET,
];

/// The extension headers of IPv6.
const EXTENSIONS: [u8; 7] = [
    protocol::HOP_BY_HOP,
    protocol::ROUTING,
    protocol::FRAGMENT,
    protocol::DESTINATION_OPTIONS,
    protocol::MOBILITY,
    protocol::HIP,
    protocol::SHIM6,
];

// Instruction codes (linux/bpf_common.h). A is the accumulator; X, the index, is where the filter reads.
const LOAD_LENGTH: u16 = 0x80;
const LOAD_HALF: u16 = 0x28;
const LOAD_HALF_AT_X: u16 = 0x48;
const LOAD_BYTE_AT_X: u16 = 0x50;
const SET_X: u16 = 0x01;
const A_TO_X: u16 = 0x07;
const X_TO_A: u16 = 0x87;
const ADD: u16 = 0x04;
const ADD_X: u16 = 0x0c;
const SUBTRACT_X: u16 = 0x1c;
const AND: u16 = 0x54;
const SHIFT_LEFT: u16 = 0x64;
const SHIFT_RIGHT: u16 = 0x74;
const JUMP: u16 = 0x05;
const IF_EQUAL: u16 = 0x15;
const IF_ABOVE: u16 = 0x25;
const IF_NOT_BELOW: u16 = 0x35;
const IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

/// Where the kernel lets a filter read the frame's protocol (SKF_AD_OFF + SKF_AD_PROTOCOL).
const FRAME_PROTOCOL: u32 = 0xFFFF_F000;

/// A place in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The next instruction.
    On,
    Tag(usize),
    Type,
    Ip,
    Ipv6,
    Datagram,
    Pass,
    Drop,
}

/// The program for frames of this view; it captures `snap_length` bytes of what it passes.
pub(super) fn program(view: View, snap_length: u32) -> Vec<SockFilter> {
    let mut steps = Steps::default();
    match view {
        View::Ethernet => steps.ethernet(),
        View::Cooked => {
            steps.plain(SET_X, 0);
            steps.plain(LOAD_HALF, FRAME_PROTOCOL);
            steps.types();
        }
        View::Ip => steps.plain(SET_X, 0),
    }
    steps.ip();
    steps.datagram();
    steps.at(Place::Pass);
    steps.plain(RETURN, snap_length);
    steps.at(Place::Drop);
    steps.plain(RETURN, 0);
    steps.assemble()
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Plain(u16, u32),
    Jump(Place),
    /// A comparison of A with a number, and where it leads to if it holds, and if not.
    Branch(u16, u32, Place, Place),
    Here(Place),
}

/// A program with names for its places.
#[derive(Default)]
struct Steps(Vec<Step>);

impl Steps {
    fn plain(&mut self, code: u16, operand: u32) {
        self.0.push(Step::Plain(code, operand));
    }

    fn branch(&mut self, code: u16, operand: u32, then: Place, otherwise: Place) {
        self.0.push(Step::Branch(code, operand, then, otherwise));
    }

    fn at(&mut self, place: Place) {
        self.0.push(Step::Here(place));
    }

    /// To `to` if A is one of these.
    fn any_of(&mut self, numbers: impl IntoIterator<Item = impl Into<u32>>, to: Place) {
        for number in numbers {
            self.branch(IF_EQUAL, number.into(), to, Place::On);
        }
    }

    fn forward(&mut self, bytes: u32) {
        self.plain(X_TO_A, 0);
        self.plain(ADD, bytes);
        self.plain(A_TO_X, 0);
    }

    /// To `otherwise` where there are fewer than `count` bytes: to read beyond the end of a frame drops it.
    fn needs(&mut self, count: u32, otherwise: Place) {
        self.plain(LOAD_LENGTH, 0);
        self.plain(SUBTRACT_X, 0);
        // Where X is beyond the end the difference is negative, which reads as very large.
        self.branch(IF_ANY_BIT, 1 << 31, otherwise, Place::On);
        self.branch(IF_NOT_BELOW, count, Place::On, otherwise);
    }

    /// From the Ethernet header to the IP header.
    fn ethernet(&mut self) {
        self.plain(SET_X, 12);
        self.needs(2, Place::Pass);
        self.plain(LOAD_HALF_AT_X, 0);
        for tag in 0..MAX_TAGS {
            self.any_of(TAGS, Place::Tag(tag));
            self.0.push(Step::Jump(Place::Type));
            self.at(Place::Tag(tag));
            self.forward(4);
            self.needs(2, Place::Pass);
            self.plain(LOAD_HALF_AT_X, 0);
        }
        self.at(Place::Type);
        self.types();
        self.forward(2);
    }

    /// By the EtherType in A: goes on for an IP packet.
    fn types(&mut self) {
        self.any_of(TAGS, Place::Pass);
        self.any_of(TUNNEL_TYPES, Place::Pass);
        // A length, and LLC: seldom, and an IP packet may be inside.
        self.branch(IF_NOT_BELOW, ether_type::FIRST.into(), Place::On, Place::Pass);
        self.branch(IF_EQUAL, ether_type::IPV4.into(), Place::Ip, Place::On);
        self.branch(IF_EQUAL, ether_type::IPV6.into(), Place::Ip, Place::Drop);
        self.at(Place::Ip);
    }

    /// From the IP header to that of a datagram, with X at it.
    fn ip(&mut self) {
        self.needs(1, Place::Pass);
        self.plain(LOAD_BYTE_AT_X, 0);
        self.plain(SHIFT_RIGHT, 4);
        self.branch(IF_EQUAL, 6, Place::Ipv6, Place::On);
        self.branch(IF_EQUAL, 4, Place::On, Place::Pass);

        self.needs(20, Place::Pass);
        // A fragment: more of it, or an offset.
        self.plain(LOAD_HALF_AT_X, 6);
        self.branch(IF_ANY_BIT, 0x3FFF, Place::Pass, Place::On);
        self.plain(LOAD_BYTE_AT_X, 9);
        self.any_of(PASSED, Place::Pass);
        self.branch(IF_EQUAL, protocol::UDP.into(), Place::On, Place::Drop);
        self.plain(LOAD_BYTE_AT_X, 0);
        self.plain(AND, 0x0F);
        self.plain(SHIFT_LEFT, 2);
        // A header of less than its fixed part is damaged.
        self.branch(IF_NOT_BELOW, 20, Place::On, Place::Pass);
        self.plain(ADD_X, 0);
        self.plain(A_TO_X, 0);
        self.0.push(Step::Jump(Place::Datagram));

        self.at(Place::Ipv6);
        self.needs(40, Place::Pass);
        self.plain(LOAD_BYTE_AT_X, 6);
        self.any_of(PASSED, Place::Pass);
        self.any_of(EXTENSIONS, Place::Pass);
        self.branch(IF_EQUAL, protocol::UDP.into(), Place::On, Place::Drop);
        self.forward(40);
    }

    /// A UDP header: passed are the ports of tunnels, and what begins as text does.
    fn datagram(&mut self) {
        self.at(Place::Datagram);
        self.needs(8, Place::Pass);
        for port in [0, 2] {
            self.plain(LOAD_HALF_AT_X, port);
            self.any_of(TUNNEL_PORTS, Place::Pass);
        }
        // Less is no message.
        self.needs(8 + TEXT, Place::Drop);
        for at in 0..TEXT {
            self.plain(LOAD_BYTE_AT_X, 8 + at);
            let blank = if at == 0 { Place::Drop } else { Place::Pass };
            self.branch(IF_EQUAL, b' '.into(), blank, Place::On);
            self.branch(IF_EQUAL, b'\t'.into(), blank, Place::On);
            if at == 0 {
                // Line ends before a message are keep-alives.
                self.any_of([b'\r', b'\n'], Place::Pass);
            }
            self.branch(IF_NOT_BELOW, b'!'.into(), Place::On, Place::Drop);
            self.branch(IF_ABOVE, b'~'.into(), Place::Drop, Place::On);
        }
    }

    /// Jumps count instructions, and those of a comparison reach 255 far; none goes back.
    fn assemble(self) -> Vec<SockFilter> {
        let mut places = Vec::new();
        let mut length = 0;
        for step in &self.0 {
            match step {
                Step::Here(place) => places.push((*place, length)),
                _ => length += 1,
            }
        }
        let mut program = Vec::with_capacity(length);
        for step in self.0 {
            let next = program.len() + 1;
            let distance = |to: Place| match places.iter().find(|(place, _)| *place == to) {
                Some((_, at)) => at - next,
                None => 0,
            };
            let near = |to: Place| u8::try_from(distance(to)).expect("a program of less than 255 instructions");
            program.push(match step {
                Step::Plain(code, operand) => SockFilter::new(code, 0, 0, operand),
                Step::Jump(to) => SockFilter::new(JUMP, 0, 0, distance(to) as u32),
                Step::Branch(code, operand, then, otherwise) => {
                    SockFilter::new(code, near(then), near(otherwise), operand)
                }
                Step::Here(_) => continue,
            });
        }
        program
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A comparison cannot jump further; `assemble` would panic.
    #[test]
    fn programs_are_short() {
        for view in [View::Ethernet, View::Ip, View::Cooked] {
            let length = program(view, 262_144).len();
            assert!(length < 255, "{view:?}: {length} instructions");
        }
    }

    #[test]
    fn tunnel_ports_are_those_of_the_core() {
        let mut ports = TUNNEL_PORTS.to_vec();
        ports.sort_unstable();
        let asked: Vec<u16> = (0..=u16::MAX).filter(|port| crate::packet::is_tunnel_port(*port)).collect();
        assert_eq!(ports, asked);
    }
}
