//! Showing single frames to a filter, in the kernel, without a network interface: over a pair of local sockets.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;

use super::{Attached, Counts, Filter, Reason};
use crate::packet::{Frame, LinkType};

/// What a filter said of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub passed: bool,
    /// The eBPF filter's; the classic one gives none, and no filter looks at link types that no interface has.
    pub reason: Option<Reason>,
}

/// A filter, and the sockets on which it runs: one for Ethernet frames, and one for IP packets when there is the first.
///
/// Frames of other link types are shown as one of these two: behind their headers they are the same.
#[derive(Debug)]
pub struct Trial {
    filter: Filter,
    attached: Attached,
    ethernet: Pair,
    ip: Option<Pair>,
    counts: Option<Counts>,
    /// The frame, where it has to be made.
    made: Vec<u8>,
    received: Vec<u8>,
}

#[derive(Debug)]
struct Pair {
    inlet: UnixDatagram,
    outlet: UnixDatagram,
}

impl Pair {
    fn new() -> io::Result<Self> {
        let (inlet, outlet) = UnixDatagram::pair()?;
        outlet.set_nonblocking(true)?;
        Ok(Self { inlet, outlet })
    }

    /// Whether a frame comes through.
    fn passes(&self, bytes: &[u8], received: &mut [u8]) -> io::Result<bool> {
        self.inlet.send(bytes)?;
        match self.outlet.recv(received) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Trial {
    /// # Errors
    /// When there is no socket to be had, or none that takes the filter.
    pub fn new(mut filter: Filter) -> io::Result<Self> {
        let ethernet = Pair::new()?;
        let attached = filter.attach(ethernet.outlet.as_fd(), LinkType::Ethernet)?;
        let counts = filter.counts();
        Ok(Self { filter, attached, ethernet, ip: None, counts, made: Vec::new(), received: vec![0; 1] })
    }

    /// A filter that drops every Ethernet frame.
    #[cfg(test)]
    pub(super) fn closed() -> Self {
        let trial = Self::new(Filter::classic(super::FilterOptions::default())).expect("local sockets take a filter");
        let drop = socket2::SockFilter::new(0x06, 0, 0, 0);
        socket2::SockRef::from(&trial.ethernet.outlet).attach_filter(&[drop]).expect("local sockets take a filter");
        trial
    }

    /// Which filter is tried.
    #[must_use]
    pub fn attached(&self) -> &Attached {
        &self.attached
    }

    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// What the filter says of a frame. It remembers what it says of streams and fragments, as it does at work.
    ///
    /// # Errors
    /// When a socket fails, which a frame of 200 KiB makes it do.
    pub fn run(&mut self, frame: &Frame<'_>) -> io::Result<Verdict> {
        let Self { filter, ethernet, ip, made, received, .. } = self;
        let passed = match frame.link {
            LinkType::Ethernet => ethernet.passes(frame.bytes, received)?,
            LinkType::RawIp | LinkType::Ipv4 | LinkType::Ipv6 => {
                let pair = match ip {
                    Some(pair) => pair,
                    None => {
                        let pair = Pair::new()?;
                        filter.attach(pair.outlet.as_fd(), LinkType::RawIp)?;
                        ip.insert(pair)
                    }
                };
                pair.passes(frame.bytes, received)?
            }
            LinkType::LinuxCooked if uncook(frame.bytes, 16, 14, made) => ethernet.passes(made, received)?,
            LinkType::LinuxCooked2 if uncook(frame.bytes, 20, 0, made) => ethernet.passes(made, received)?,
            _ => return Ok(Verdict { passed: true, reason: None }),
        };
        Ok(Verdict { passed, reason: self.reason() })
    }

    /// The one reason that has one frame more than before.
    fn reason(&mut self) -> Option<Reason> {
        let (before, after) = (self.counts?, self.filter.counts()?);
        self.counts = Some(after);
        Reason::ALL.into_iter().find(|reason| after.of(*reason) != before.of(*reason))
    }
}

/// Makes an Ethernet frame of a Linux cooked one, whose header has `header` bytes, the protocol at `protocol`. False where
/// the protocol is no EtherType.
fn uncook(bytes: &[u8], header: usize, protocol: usize, made: &mut Vec<u8>) -> bool {
    /// 802.2 frames, from the LLC header on.
    const LLC: u16 = 4;
    let Some((&[high, low], inside)) =
        bytes.get(protocol..).and_then(|rest| rest.first_chunk::<2>()).zip(bytes.get(header..))
    else {
        return false;
    };
    let number = match u16::from_be_bytes([high, low]) {
        LLC => match u16::try_from(inside.len()) {
            Ok(length) if length < 0x0600 => length,
            _ => return false,
        },
        0..0x0600 => return false,
        number => number,
    };
    made.clear();
    made.extend_from_slice(&[0; 12]);
    made.extend_from_slice(&number.to_be_bytes());
    made.extend_from_slice(inside);
    true
}
