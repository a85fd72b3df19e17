//! The eBPF filter, as the kernel takes it.

use core::error::Error;
use std::io;
use std::os::fd::BorrowedFd;

use aya::maps::PerCpuArray;
use aya::programs::SocketFilter;
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};

use super::reason::Counts;
use super::{FilterOptions, View};

/// Compiled by `build.rs` from `bpf/filter.bpf.c`.
static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/filter.bpf.o"));

/// A bit for each port, as the program has them.
const PORT_WORDS: usize = 1024;

/// Counters in the program's map, some of them for later.
const COUNTERS: usize = 32;

/// The maps, and the programs over them: one for each view of a frame, loaded when it is first attached.
#[derive(Debug)]
pub(super) struct Program {
    ebpf: Ebpf,
}

impl Program {
    /// Makes the maps. `Err` says in half a sentence why the kernel would not have it.
    pub(super) fn load(options: &FilterOptions) -> Result<Self, String> {
        let mut ports = [0_u64; PORT_WORDS];
        for port in &options.sip_ports {
            if let Some(word) = ports.get_mut(usize::from(port >> 6)) {
                *word |= 1 << (port & 63);
            }
        }
        let ebpf = EbpfLoader::new()
            .override_global("sip_ports", &ports, true)
            .override_global("snap_length", &options.snap_length, true)
            .load(OBJECT)
            .map_err(|error| refusal(&error))?;
        let mut program = Self { ebpf };
        // The kernel judges a program when it is loaded: better now than at the first interface.
        program.filter(View::Ethernet)?;
        Ok(program)
    }

    pub(super) fn attach(&mut self, socket: BorrowedFd<'_>, view: View) -> Result<(), String> {
        self.filter(view)?.attach(socket).map_err(|error| refusal(&error))
    }

    /// The program for this view, loaded.
    fn filter(&mut self, view: View) -> Result<&mut SocketFilter, String> {
        let name = name(view);
        let program = self.ebpf.program_mut(name).ok_or_else(|| format!("its object has no {name}"))?;
        let filter: &mut SocketFilter = program.try_into().map_err(|error| refusal(&error))?;
        if filter.fd().is_err() {
            filter.load().map_err(|error| refusal(&error))?;
        }
        Ok(filter)
    }

    pub(super) fn counts(&self) -> Option<Counts> {
        let reasons = PerCpuArray::<_, [u64; COUNTERS]>::try_from(self.ebpf.map("reasons")?).ok()?;
        let processors = reasons.get(&0, 0).ok()?;
        let mut frames = [0; COUNTERS];
        for processor in processors.iter() {
            for (sum, count) in frames.iter_mut().zip(processor) {
                *sum += count;
            }
        }
        Some(Counts::from_frames(frames))
    }

    /// Runs the program of this view on bytes, without a socket. The kernel hides the first 14 bytes from it, and gives their
    /// EtherType as the frame's protocol.
    #[cfg(test)]
    pub(super) fn test_run(&mut self, view: View, bytes: &[u8]) -> Result<u32, String> {
        use aya::programs::{TestRun, TestRunOptions};

        let options = TestRunOptions { data_in: Some(bytes), ..TestRunOptions::new() };
        self.filter(view)?.test_run(options).map(|result| result.return_value).map_err(|error| error.to_string())
    }

    pub(super) fn verified_instructions(&self) -> Vec<(&'static str, u32)> {
        let of = |view| {
            let filter: &SocketFilter = self.ebpf.program(name(view))?.try_into().ok()?;
            Some((name(view), filter.info().ok()?.verified_instruction_count()?))
        };
        [View::Ethernet, View::Ip, View::Cooked].into_iter().filter_map(of).collect()
    }
}

fn name(view: View) -> &'static str {
    match view {
        View::Ethernet => "tap_ethernet",
        View::Ip => "tap_ip",
        View::Cooked => "tap_cooked",
    }
}

/// Half a sentence: what the operator can do about it, or else what the kernel said.
fn refusal(error: &(dyn Error + 'static)) -> String {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        let kind = inner.downcast_ref::<io::Error>().map(io::Error::kind);
        if kind == Some(io::ErrorKind::PermissionDenied) {
            return "eBPF is not permitted: it needs CAP_BPF and CAP_PERFMON".to_owned();
        }
        cause = inner.source();
    }
    // A verifier log goes on for pages.
    let text = error.to_string();
    format!("the kernel refused the eBPF filter: {}", text.lines().next().unwrap_or_default())
}
