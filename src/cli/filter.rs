//! `tolltap filter`: what the kernel's filter makes of a capture.

use core::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::options::ChargingArgs;
use super::{Ending, complain, said};
use crate::capture::filter::explain::{Explanation, Finding, explain};
use crate::capture::filter::{Filter, FilterOptions, Trial, Verdict};
use crate::capture::{CaptureError, CaptureFiles};
use crate::charging::Options;

/// Compares the filter that the kernel runs for `live` with what the core reads: shows every frame of a capture to both, and
/// prints the frames on which they disagree
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  tolltap filter --explain trunk.pcapng
  tolltap filter --classic --sip-port 5060 --sip-port 5080 --explain *.pcap

A frame is late where it belongs to a stream on no SIP port, before the first segment that begins with a start line: the filter can't know yet. That is no disagreement.

Exit status: 0 they agree, 1 they disagree or something failed, 2 wrong usage, 3 the input was damaged and they agree on what could be read.")]
pub struct FilterArgs {
    /// Capture files, each by itself
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    explain: Vec<PathBuf>,

    /// The classic filter, which takes the place of the eBPF one where that is not permitted
    #[arg(long)]
    classic: bool,

    /// A port of SIP: all TCP and SCTP there is passed. Repeatable
    #[arg(long, value_name = "PORT", default_values_t = FilterOptions::default().sip_ports)]
    sip_port: Vec<u16>,

    #[command(flatten)]
    charging: ChargingArgs,
}

/// Why a capture could not be compared.
#[derive(Debug, thiserror::Error)]
enum ExplainError {
    #[error(transparent)]
    Capture(#[from] CaptureError),
    #[error("the filter cannot be run: {0}")]
    Filter(io::Error),
    #[error("cannot write: {0}")]
    Write(io::Error),
    #[error("{}: filter and core disagree", .0.display())]
    Disagreement(PathBuf),
}

/// Compares, prints, and says how it ended.
pub fn run(args: &FilterArgs, out: impl Write) -> Ending {
    args.charging.with(|charging| compare_each(args, &charging, out))
}

/// Every file; what failed outweighs what disagrees.
fn compare_each(args: &FilterArgs, charging: &Options, mut out: impl Write) -> Ending {
    let mut ending = Ending::Complete;
    for file in &args.explain {
        let of_this = match compare(args, file, charging, &mut out) {
            // Nobody reads any more.
            Err(ExplainError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => return ending,
            compared => said(compared),
        };
        if ending != Ending::Failed && of_this != Ending::Complete {
            ending = of_this;
        }
    }
    ending
}

/// One file, with a filter that has seen nothing before.
fn compare(args: &FilterArgs, file: &Path, charging: &Options, out: &mut impl Write) -> Result<Ending, ExplainError> {
    let mut files = CaptureFiles::open(&[file.to_owned()])?;
    let options = FilterOptions { sip_ports: args.sip_port.clone(), ..FilterOptions::default() };
    let filter = if args.classic { Filter::classic(options) } else { Filter::new(options) };
    let mut trial = Trial::new(filter).map_err(ExplainError::Filter)?;
    let explanation = explain(&mut files, &mut trial, charging).map_err(ExplainError::Filter)?;

    let page = Page { file, filter: trial.attached().to_string(), explanation: &explanation };
    write!(out, "{page}").and_then(|()| out.flush()).map_err(ExplainError::Write)?;
    if !explanation.agrees() {
        return Err(ExplainError::Disagreement(file.to_owned()));
    }
    let damages = files.into_damages();
    damages.iter().for_each(|damage| complain(damage));
    Ok(if damages.is_empty() { Ending::Complete } else { Ending::Damaged })
}

/// What is printed about one file.
struct Page<'a> {
    file: &'a Path,
    filter: String,
    explanation: &'a Explanation,
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation { frames, passed, reasons, messages, passed_messages, records, .. } = self.explanation;
        writeln!(f, "{}", self.file.display())?;
        for finding in &self.explanation.findings {
            writeln!(f, "  {}", Line(finding))?;
        }
        if self.explanation.more_findings > 0 {
            writeln!(f, "  and {} more", self.explanation.more_findings)?;
        }
        for id in &self.explanation.different_records {
            writeln!(f, "  record {id}: not the same from all frames as from those that were passed")?;
        }
        writeln!(f, "  filter        {}", self.filter)?;
        writeln!(f, "  frames        {frames}: {passed} passed, {} dropped", frames - passed)?;
        for (reason, count) in reasons.iter().filter(|(_, count)| *count > 0) {
            writeln!(f, "    {:<11} {count:>10}  {reason}", if reason.passes() { "passed" } else { "dropped" })?;
        }
        writeln!(f, "  messages      {messages}, of which {passed_messages} from the frames passed")?;
        writeln!(f, "  records       {records}, of which {} differ", self.explanation.different_records.len())?;
        let disagreements = self.explanation.disagreements().count();
        writeln!(f, "  disagreements {disagreements}, and {} late", self.explanation.findings.len() - disagreements)
    }
}

/// One frame.
struct Line<'a>(&'a Finding);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { frame, verdict, messages, passed_messages, late } = self.0;
        let Verdict { passed, reason } = verdict;
        write!(
            f,
            "frame {frame}: {}{}",
            if *late { "late: " } else { "" },
            if *passed { "passed" } else { "dropped" }
        )?;
        if let Some(reason) = reason {
            write!(f, " as {reason}")?;
        }
        match (messages, passed_messages) {
            (0, _) => f.write_str("; the core reads it as part of a stream that carries SIP"),
            (_, 0) => write!(f, "; the core reads {messages} SIP message(s) with it, and none from the frames passed"),
            _ => write!(
                f,
                "; the core reads {messages} SIP message(s) with it, {passed_messages} from the frames passed"
            ),
        }
    }
}
