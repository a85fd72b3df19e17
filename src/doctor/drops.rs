//! Frames that were lost on this side of the cable.

use super::finding::{Figure, Findings, Severity, grade, share};
use super::report::Source;
use super::text::{count, counted, percent};

/// As of the bytes of TCP.
const RESERVATION: f64 = 0.001;
const NOT_FIT: f64 = 0.01;
/// Where one frame in ten was not looked at, a tap cannot be called good.
const OVERRUN: f64 = 0.1;

/// What the sources say of themselves. `in_files`: what whoever wrote them has noted.
pub(super) fn conclude(sources: &[Source], frames: u64, in_files: u64, findings: &mut Findings) {
    let by_interface: u64 = sources.iter().map(|source| source.dropped_by_interface).sum();
    let by_ring: u64 = sources.iter().map(|source| source.dropped_by_ring).sum();
    let part = share(by_interface, frames + by_interface);
    if by_interface > 0 {
        findings.found(
            ("interface_drops", grade(part, RESERVATION, NOT_FIT).unwrap_or(Severity::Note), part),
            format!(
                "{} of the frames ({}) were dropped by this host's network card or its driver",
                percent(part),
                count(by_interface)
            ),
            "records without duration or end, or none; evidence says so of every record of that time",
            "larger receive rings: ethtool -G IFACE rx 4096; see ethtool -S IFACE for the reason",
            &[("share", Figure::Share(part)), ("frames", Figure::Count(by_interface))],
        );
    }
    let part = share(in_files, frames + in_files);
    if in_files > 0 {
        findings.found(
            ("file_drops", grade(part, RESERVATION, NOT_FIT).unwrap_or(Severity::Note), part),
            format!("{} of the frames ({}) were dropped by the program that captured, as the file says", percent(part), count(in_files)),
            "records without duration or end, or none; evidence says so of every record of that time",
            "capture with a larger buffer (tcpdump -B), or with a filter; what else is said here of loss leaves these moments out",
            &[("share", Figure::Share(part)), ("frames", Figure::Count(in_files))],
        );
    }
    let part = share(by_ring, frames + by_ring);
    if by_ring > 0 {
        findings.found(
            ("doctor_overrun", if part >= OVERRUN { Severity::Reservation } else { Severity::Note }, part),
            format!(
                "{} of the frames ({}) came faster than this examination reads: not the tap's loss, and left out of what is said of loss",
                percent(part),
                count(by_ring)
            ),
            "no harm: the kernel's filter spares tolltap live these frames; but little can be said here of loss",
            "a larger --ring; or look at the port at a quieter hour",
            &[("share", Figure::Share(part)), ("frames", Figure::Count(by_ring))],
        );
    }
    for source in sources.iter().filter(|source| source.went_down > 0) {
        findings.found(
            ("link_down", Severity::Reservation, 1.0),
            format!("{} went down {}", source.name, counted(source.went_down, "time")),
            "nothing is seen while it is down: sessions that end then have no record, or a late one",
            "check cable and transceiver, and the mirror's destination port",
            &[("times", Figure::Count(source.went_down))],
        );
    }
}
