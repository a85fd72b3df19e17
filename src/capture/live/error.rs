//! Why a tap port cannot be watched.

use std::io;

/// Why a tap port cannot be watched, or not any more. One line each, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    #[error("-i {interface}: no such interface; `ip -br link` lists those there are")]
    NoInterface { interface: String },
    #[error("-i {interface}: named twice; every frame would be counted twice")]
    Twice { interface: String },
    #[error(
        "-i {interface}: not permitted to capture; run as root, or once: setcap cap_net_raw,cap_bpf,cap_perfmon+ep tolltap"
    )]
    NotPermitted { interface: String },
    #[error("-i {interface}: cannot capture: {reason}")]
    Open { interface: String, reason: String },
    #[error(
        "{interface}: the interface is gone; a new one of this name needs a restart, for the right to open it was given up"
    )]
    Gone { interface: String },
    #[error("{interface}: cannot read frames any more: {reason}")]
    Read { interface: String, reason: String },
    #[error("-i {interface}: cannot attach the kernel filter: {reason}; --kernel-filter none captures without one")]
    Filter { interface: String, reason: io::Error },
    #[error("cannot wait for frames: {0}")]
    Wait(#[from] io::Error),
}
