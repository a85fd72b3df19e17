//! Capabilities: the parts of root's power.

use std::io;

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

const NONE: CapabilitySets = CapabilitySets {
    effective: CapabilitySet::empty(),
    permitted: CapabilitySet::empty(),
    inheritable: CapabilitySet::empty(),
};

/// No program that is started from here on gains anything from its owner or its file.
pub(super) fn forbid_new() -> io::Result<()> {
    Ok(set_no_new_privs(true)?)
}

/// Empties every set of capabilities, and looks whether they are empty.
pub(super) fn drop_all() -> io::Result<()> {
    empty_bounding_set()?;
    clear_ambient_capability_set()?;
    set_capabilities(None, NONE)?;
    // A security module may answer with success and mean something else.
    if capabilities(None)? == NONE { Ok(()) } else { Err(io::Error::other("the kernel left some")) }
}

/// What a program may gain by its file. Emptying it needs a capability of its own, CAP_SETPCAP, which root has, and a service
/// with the three of a probe has not; there [`forbid_new`] has the same effect.
fn empty_bounding_set() -> io::Result<()> {
    if !capabilities(None)?.effective.contains(CapabilitySet::SETPCAP) {
        return Ok(());
    }
    // By number: a newer kernel may have some that nobody here has heard of. It says where they end.
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        match capability_is_in_bounding_set(capability) {
            Ok(true) => remove_capability_from_bounding_set(capability)?,
            Ok(false) => {}
            Err(rustix::io::Errno::INVAL) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
