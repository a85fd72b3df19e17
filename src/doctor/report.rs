//! What the doctor says in the end.

use core::fmt::{self, Write as _};
use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use serde::Serialize;

use super::finding::{Finding, Severity};
use super::text::{count, counted, span};

/// Whether a tap is good enough to charge from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    Fit,
    FitWithReservations,
    NotFit,
}

/// Everything that was found, for a person ([`Report::page`]) or a script.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub verdict: Verdict,
    /// Capture time from the first frame to the last.
    pub seconds: f64,
    pub frames: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    pub sources: Vec<Source>,
    pub sip: Sip,
    pub sessions: Sessions,
    /// Frames by tag and tunnel; those that were not seen are left out.
    pub tunnels: BTreeMap<&'static str, u64>,
    /// How many tunnels were inside each other at most; VLAN tags are none.
    pub tunnel_depth: u64,
    /// Who looks like a SIP server, the busiest first.
    pub servers: Vec<Server>,
    /// Worst first.
    pub findings: Vec<Finding>,
    /// What was looked at and found in order.
    pub fine: Vec<String>,
}

/// A tap port, or a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    pub name: String,
    pub kind: SourceKind,
    /// Frames that came faster than they were read.
    pub dropped_by_ring: u64,
    pub dropped_by_interface: u64,
    pub went_down: u64,
    /// Of a port, whether a signal is on the cable, where that can be told.
    pub has_link: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SourceKind {
    Port,
    File,
}

impl Source {
    /// A source that has dropped nothing.
    #[must_use]
    pub fn new(name: String, kind: SourceKind) -> Self {
        Self { name, kind, dropped_by_ring: 0, dropped_by_interface: 0, went_down: 0, has_link: None }
    }
}

/// SIP messages by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sip {
    pub messages: u64,
    pub invites: u64,
    pub byes: u64,
    /// Answers of any status.
    pub answers: u64,
}

/// What the probe made of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sessions {
    pub records: u64,
    /// Of these, records whose answer was not seen.
    pub without_duration: u64,
    /// Sessions that had not ended when the watching did.
    pub open: u64,
}

/// An endpoint that several hosts send requests to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Server {
    pub address: SocketAddr,
    pub messages: u64,
    /// Other hosts; past 64 they are not counted.
    pub peers: u64,
}

impl Report {
    /// For a person, in lines of `width` characters, or in one line for each finding.
    #[must_use]
    pub fn page(&self, width: Option<usize>) -> Page<'_> {
        Page { report: self, width }
    }

    /// How far a good verdict goes, where it rests on little: nobody should take a quiet night for a good tap.
    fn extent(&self) -> String {
        if !self.findings.iter().any(|finding| finding.name == super::silence::LITTLE) {
            return String::new();
        }
        let messages = counted(self.sip.messages, "SIP message");
        let session = self.sip.invites + self.sip.byes + self.sessions.records + self.sessions.open;
        let without = if session == 0 { " without a session" } else { "" };
        let show = if self.sip.messages == 1 { "shows" } else { "show" };
        format!(" as far as {messages}{without} {show}")
    }

    /// Findings that count against the tap.
    fn against(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity > Severity::Note).count()
    }
}

/// A report as text.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    report: &'a Report,
    width: Option<usize>,
}

/// Sources named in the first line.
const NAMES: usize = 4;
/// Where the text of a line begins.
const INDENT: usize = 13;

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        let verdict = match report.verdict {
            Verdict::Fit => format!("fit for charging{}", report.extent()),
            Verdict::FitWithReservations => {
                let against = counted(report.against() as u64, "reservation");
                format!("fit for charging{}, with {against}", report.extent())
            }
            Verdict::NotFit => "not fit for charging".into(),
        };
        let mut names: Vec<&str> = report.sources.iter().map(|source| source.name.as_str()).collect();
        names.dedup();
        let more = format!("{} more", names.len().saturating_sub(NAMES));
        if names.len() > NAMES {
            names.truncate(NAMES);
            names.push(&more);
        }
        writeln!(
            f,
            "{verdict}: {}, {} in {}, {}",
            names.join(", "),
            counted(report.frames, "frame"),
            span(Duration::try_from_secs_f64(report.seconds).unwrap_or_default()),
            counted(report.sip.messages, "SIP message"),
        )?;
        for finding in &report.findings {
            let label = match finding.severity {
                Severity::NotFit => "not fit",
                Severity::Reservation => "reservation",
                Severity::Note => "note",
            };
            let Finding { name, what, charging, advice, .. } = finding;
            self.line(f, label, &format!("{name}: {what}. Charging: {charging}. To do: {advice}."))?;
        }
        if !report.fine.is_empty() {
            self.line(f, "fine", &format!("{}.", report.fine.join("; ")))?;
        }
        let Sessions { records, without_duration, open } = report.sessions;
        if records + open > 0 {
            let without = match without_duration {
                0 => String::new(),
                some => format!(", {} of them without a duration", count(some)),
            };
            let open = match open {
                0 => String::new(),
                open => format!("; {} still open at the end", counted(open, "session")),
            };
            self.line(f, "sessions", &format!("{}{without}{open}.", counted(records, "record")))?;
        }
        if !report.servers.is_empty() {
            let servers: Vec<_> = report
                .servers
                .iter()
                .map(|server| {
                    format!(
                        "{} ({}, {})",
                        server.address,
                        counted(server.messages, "message"),
                        counted(server.peers, "peer")
                    )
                })
                .collect();
            self.line(f, "servers", &format!("{}.", servers.join(", ")))?;
        }
        Ok(())
    }
}

impl Page<'_> {
    /// A label and its text, which goes on under itself.
    fn line(&self, f: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
        write!(f, "{label:<INDENT$}")?;
        let Some(width) = self.width else { return writeln!(f, "{text}") };
        let mut at = INDENT;
        for (index, word) in text.split(' ').enumerate() {
            let length = word.chars().count();
            if index > 0 && at + 1 + length > width {
                write!(f, "\n{:INDENT$}", "")?;
                at = INDENT;
            } else if index > 0 {
                f.write_char(' ')?;
                at += 1;
            }
            f.write_str(word)?;
            at += length;
        }
        f.write_char('\n')
    }
}
