//! The filter that the kernel runs on every frame, before it is copied to the capture.
//!
//! It takes frames apart as [`packet`](crate::packet) does, passes what the core would use and drops the rest, most of all
//! media. There are two: the exact one in eBPF (`bpf/`, feature `ebpf`), and one in classic BPF that every process may
//! attach, which has no memory and so passes all TCP, all fragments and all tunnels. Both are socket filters: they decide
//! about one socket's copy of a frame, and can touch nobody's traffic.
//!
//! *Architecture invariant:* what the core accepts, both filters pass; only TCP and SCTP on other than the configured ports
//! is seen from its first segment on that begins with a start line. `tests/kernel_filter.rs` holds it.

mod classic;
#[cfg(feature = "ebpf")]
mod ebpf;
pub mod explain;
mod reason;
mod trial;

use std::io;
use std::os::fd::BorrowedFd;

use socket2::SockRef;

use crate::packet::LinkType;

pub use reason::{Counts, Reason};
pub use trial::{Trial, Verdict};

/// What a filter is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterOptions {
    /// TCP and SCTP from or to these ports are passed whole; datagrams too, SIP or not.
    pub sip_ports: Vec<u16>,
    /// Bytes captured of a frame that is passed.
    pub snap_length: u32,
}

impl Default for FilterOptions {
    /// 5060 and 5061, 262 144 bytes.
    fn default() -> Self {
        Self { sip_ports: vec![5060, 5061], snap_length: 262_144 }
    }
}

/// Which filter runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ebpf,
    Classic,
    /// None: every frame is captured.
    Open,
}

/// A filter at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    pub kind: Kind,
    /// Why it is not the eBPF one; for people, half a sentence.
    pub reason_for_fallback: Option<String>,
}

impl core::fmt::Display for Attached {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self.kind {
            Kind::Ebpf => "eBPF: the kernel passes SIP alone",
            Kind::Classic => "classic BPF: the kernel passes SIP, all TCP, fragments and tunnels",
            Kind::Open => "none: every frame is captured",
        })?;
        match &self.reason_for_fallback {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}

/// The filter, to be attached to one socket or several. They share what is remembered of streams: the two directions of a
/// conversation may come in on two interfaces.
///
/// What was attached goes on working when this is dropped, until its socket is closed.
#[derive(Debug)]
pub struct Filter {
    options: FilterOptions,
    program: Result<Program, String>,
}

#[cfg(feature = "ebpf")]
type Program = ebpf::Program;
/// Never made: nothing of the kind was built.
#[cfg(not(feature = "ebpf"))]
type Program = core::convert::Infallible;

impl Filter {
    /// The eBPF filter where the kernel takes it, for which a process needs CAP_BPF and CAP_PERFMON; else the classic one.
    #[must_use]
    pub fn new(options: FilterOptions) -> Self {
        #[cfg(feature = "ebpf")]
        let program = ebpf::Program::load(&options);
        #[cfg(not(feature = "ebpf"))]
        let program = Err("built without eBPF".to_owned());
        Self { options, program }
    }

    /// The classic filter.
    #[must_use]
    pub fn classic(options: FilterOptions) -> Self {
        Self { options, program: Err("classic BPF was asked for".to_owned()) }
    }

    /// Attaches the filter to a socket on which frames are as a capture of this link type shows them.
    ///
    /// It holds from now on: frames that wait in the socket already went through what was attached before.
    ///
    /// # Errors
    /// When the socket takes no filter.
    pub fn attach(&mut self, socket: BorrowedFd<'_>, link: LinkType) -> io::Result<Attached> {
        let Some(view) = View::of(link) else {
            let reason_for_fallback = Some("its link layer is not known".to_owned());
            return Ok(Attached { kind: Kind::Open, reason_for_fallback });
        };
        let reason = match &mut self.program {
            #[cfg(feature = "ebpf")]
            Ok(program) => match program.attach(socket, view) {
                Ok(()) => return Ok(Attached { kind: Kind::Ebpf, reason_for_fallback: None }),
                Err(reason) => reason,
            },
            #[cfg(not(feature = "ebpf"))]
            Ok(none) => match *none {},
            Err(reason) => reason.clone(),
        };
        SockRef::from(&socket).attach_filter(&classic::program(view, self.options.snap_length))?;
        Ok(Attached { kind: Kind::Classic, reason_for_fallback: Some(reason) })
    }

    /// Frames by reason, over all sockets, since the eBPF filter was made; the classic one counts nothing.
    #[must_use]
    pub fn counts(&self) -> Option<Counts> {
        #[cfg(feature = "ebpf")]
        return self.program.as_ref().ok()?.counts();
        #[cfg(not(feature = "ebpf"))]
        None
    }

    /// Instructions that the kernel's verifier walked, for each program that was attached.
    #[cfg(feature = "ebpf")]
    #[must_use]
    pub fn verified_instructions(&self) -> Vec<(&'static str, u32)> {
        self.program.as_ref().map(ebpf::Program::verified_instructions).unwrap_or_default()
    }
}

/// What the first byte of a frame is, as a filter sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    Ethernet,
    /// An IP header.
    Ip,
    /// What the frame's protocol says, which is not in the bytes: the kernel knows it.
    Cooked,
}

impl View {
    fn of(link: LinkType) -> Option<Self> {
        match link {
            LinkType::Ethernet => Some(Self::Ethernet),
            LinkType::RawIp | LinkType::Ipv4 | LinkType::Ipv6 => Some(Self::Ip),
            LinkType::LinuxCooked | LinkType::LinuxCooked2 => Some(Self::Cooked),
            LinkType::BsdLoopback | LinkType::OpenBsdLoopback | LinkType::Other(_) => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
