//! The interfaces that capture files describe, numbered over all files.

use std::path::PathBuf;

use super::damage::Fault;
use crate::packet::{InterfaceId, LinkType};

/// Where frames of one [`InterfaceId`] come from, for messages to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The file, as it was named on the command line.
    pub file: PathBuf,
    /// `if_name` of pcapng, at most [`NAME_LIMIT`] bytes of it; pcap names none.
    pub name: Option<String>,
    pub link: LinkType,
}

/// Longest interface name kept, in bytes. Linux allows 15; Windows writes a GUID path of about 60.
pub const NAME_LIMIT: usize = 256;

/// All interfaces met so far; an [`InterfaceId`] is the index.
///
/// Bounded by the 65,536 values of an id: a file that describes one more ends there, as damaged. The order is that in
/// which the merged reading meets them, which the files alone decide.
#[derive(Debug, Default)]
pub(super) struct Interfaces(Vec<Interface>);

impl Interfaces {
    pub(super) fn add(&mut self, interface: Interface) -> Result<InterfaceId, Fault> {
        let id = u16::try_from(self.0.len()).map_err(|_| Fault::TooManyInterfaces)?;
        self.0.push(interface);
        Ok(InterfaceId(id))
    }

    pub(super) fn as_slice(&self) -> &[Interface] {
        &self.0
    }
}
