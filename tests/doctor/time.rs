//! Order, and the capture's clock.

use std::time::Duration;

use tolltap::doctor::{Severity, Verdict};
use tolltap::time::Timestamp;

use crate::tap::{Captured, Tap, at, examine, figure, finding, healthy, names};

/// The frames of the server come that much later, with the times they had.
fn server_late(by: Duration) -> Tap {
    let mut tap = healthy();
    tap.sort_by_key(|captured| if captured.from_server { captured.time.plus(by) } else { captured.time });
    tap
}

fn restamped(stamp: impl Fn(Timestamp) -> Timestamp) -> Tap {
    healthy().into_iter().map(|captured| Captured { time: stamp(captured.time), ..captured }).collect()
}

#[test]
fn disorder_within_the_window_is_worth_a_note() {
    let report = examine(server_late(Duration::from_millis(30)));
    assert_eq!(names(&report), ["out_of_order"], "{}", report.page(None));
    let found = finding(&report, "out_of_order");
    assert_eq!((found.severity, figure(found, "beyond")), (Severity::Note, 0.0));
    assert!((0.01..=0.03).contains(&figure(found, "furthestSeconds")), "{found:?}");
    assert_eq!(report.verdict, Verdict::Fit);
}

#[test]
fn disorder_beyond_the_window_is_a_reservation_with_the_figure_to_set() {
    let report = examine(server_late(Duration::from_millis(450)));
    let found = finding(&report, "out_of_order");
    assert_eq!(found.severity, Severity::Reservation, "{}", report.page(None));
    assert!((0.4..=0.45).contains(&figure(found, "furthestSeconds")), "{found:?}");
    assert!(found.advice.contains("--reorder"), "{}", found.advice);
}

#[test]
fn answers_stamped_before_their_requests_are_counted() {
    // The two directions have clocks that differ by 10 ms, and are merged by their times.
    let mut tap: Tap = healthy()
        .into_iter()
        .map(|captured| {
            let time =
                if captured.from_server { captured.time.minus(Duration::from_millis(10)) } else { captured.time };
            Captured { time, ..captured }
        })
        .collect();
    tap.sort_by_key(|captured| captured.time);
    let report = examine(tap);
    let found = finding(&report, "out_of_order");
    assert_eq!((found.severity, figure(found, "answersFirst")), (Severity::Note, 80.0), "{}", report.page(None));
}

#[test]
fn a_clock_that_is_set_back_is_no_disorder() {
    let report = examine(restamped(|time| if time > at(4_000) { time.minus(Duration::from_secs(600)) } else { time }));
    let found = finding(&report, "clock_set_back");
    assert_eq!((found.severity, figure(found, "steps")), (Severity::NotFit, 1.0));
    assert!((590.0..601.0).contains(&figure(found, "longestSeconds")), "{found:?}");
    assert!(!names(&report).contains(&"out_of_order"), "{}", report.page(None));
}

#[test]
fn a_clock_that_is_set_back_by_little_shortens_no_call_by_a_second() {
    let report =
        examine(restamped(|time| if time > at(4_000) { time.minus(Duration::from_millis(900)) } else { time }));
    let found = finding(&report, "clock_set_back");
    assert_eq!((found.severity, figure(found, "steps")), (Severity::Reservation, 1.0), "{}", report.page(None));
    // The first frames after the step are none that came late.
    assert!(!names(&report).contains(&"out_of_order"), "{}", report.page(None));
}

#[test]
fn single_frames_of_another_time_are_told_with_how_far_they_are() {
    // One in two hundred is an hour old.
    let mut number = 0;
    let tap: Tap = healthy()
        .into_iter()
        .map(|captured| {
            number += 1;
            let old = number % 200 == 0;
            Captured {
                time: if old { captured.time.minus(Duration::from_secs(3_600)) } else { captured.time },
                ..captured
            }
        })
        .collect();
    let report = examine(tap);
    let found = finding(&report, "out_of_order");
    assert_eq!((figure(found, "furthestSeconds"), figure(found, "strays")), (0.0, figure(found, "beyond")));
    assert!((3_590.0..3_610.0).contains(&figure(found, "strayedSeconds")), "{found:?}");
    assert!(found.what.contains("of another time, by 60 min at most"), "{}", found.what);
    assert!(!found.what.contains("0 s"), "{}", found.what);
    assert!(!found.advice.contains("--reorder"), "no window is that wide: {}", found.advice);
}

#[test]
fn a_hole_in_time_is_told() {
    let report = examine(restamped(|time| if time > at(4_000) { time.plus(Duration::from_secs(7_300)) } else { time }));
    let found = finding(&report, "clock_gap");
    assert!(found.what.contains("jumped forward once, by 2 hours at most"), "{}", found.what);
}

#[test]
fn stamps_of_1970_are_wrong() {
    let report = examine(restamped(|time| Timestamp::from_nanos(time.since(at(0)).as_nanos() as i64 + 1)));
    let found = finding(&report, "time_wrong");
    assert_eq!((found.severity, figure(found, "share")), (Severity::Reservation, 1.0), "{}", report.page(None));
}

#[test]
fn stamps_of_the_future_are_wrong_where_the_day_is_known() {
    use tolltap::doctor::{Doctor, Options};
    let mut doctor =
        Doctor::new(Options { wall_clock: Some(at(0).minus(Duration::from_secs(3 * 86_400))), ..Options::default() });
    healthy().iter().for_each(|captured| doctor.frame(&captured.frame(1)));
    assert!(finding(&doctor.finish(vec![]), "time_wrong").what.contains("in the future"));
}

#[test]
fn coarse_stamps_are_told_and_microseconds_are_fine() {
    let rounded = |unit: i64| restamped(|time| Timestamp::from_nanos(time.nanos() / unit * unit));
    let micro = examine(rounded(1_000));
    assert_eq!(names(&micro), [""; 0], "{}", micro.page(None));
    assert!(micro.page(None).to_string().contains("time stamps are in microseconds"));
    assert_eq!(finding(&examine(rounded(1_000_000)), "coarse_time").severity, Severity::Note);
    assert_eq!(finding(&examine(rounded(1_000_000_000)), "coarse_time").severity, Severity::Reservation);
}
