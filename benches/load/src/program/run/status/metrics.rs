//! The figures of a run for Prometheus. Names and units are by its conventions (prometheus.io/docs/practices/naming).

use hdrhistogram::Histogram as Times;
use welcomed::services::status::metrics::family::{Families, Histogram, Value};

use crate::figures::culprit::Culprit;
use crate::figures::measured::sight::Sight;
use crate::figures::tally::Tally;

/// The bounds of the latency's buckets, in microseconds.
const BOUNDS_MICROS: [u32; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

/// The figures as text. Before the first of a run all are 0; `is_last` says that they are those of its end.
///
/// Fails where the format has no form for a number, as it has for each of these.
pub(super) fn text(sight: Option<&Sight>, is_last: bool) -> Result<String, impl std::fmt::Display + use<>> {
    let nothing = Tally::none();
    let glimpse = sight.map(Sight::glimpse);
    let tally = glimpse.map_or(&nothing, |glimpse| glimpse.tally);
    let (passed, in_flight) = glimpse.map_or((0, 0), |glimpse| (glimpse.passed, glimpse.in_flight as u64));
    let begun = tally.ended() + in_flight;
    let mut families = Families::default();
    let version = welcomed::command_line::version();
    let mut info =
        families.gauge("welcomed_load_build_info", "The version of the load test. It is always 1.");
    info.add(&[("version", version)], 1);
    let seconds = passed.number() / 1e9;
    families.gauge("welcomed_load_run_seconds", "How long the run has taken so far.").add(&[], seconds);
    let help = "Whether the run is over: 1 if so, and otherwise 0.";
    families.gauge("welcomed_load_finished", help).add(&[], u64::from(is_last));
    let counters = [
        (
            "due",
            "Visits that were due so far. In a closed loop these are those that began.",
            begun + tally.not_begun,
        ),
        ("begun", "Visits that have begun.", begun),
        ("done", "Visits that went as they should, or were reset on purpose.", tally.welcomed + tally.resets),
    ];
    for (name, help, count) in counters {
        families.counter(&format!("welcomed_load_visits_{name}_total"), help).add(&[], count);
    }
    let mut failed =
        families.counter("welcomed_load_visits_failed_total", "Visits that failed, by class, or were lost.");
    for (count, class) in tally.failures_by_name().chain([(tally.lost, "lost")]) {
        failed.add(&[("class", class)], count);
    }
    let help = "Visits that are due and have not begun. At the end these never will.";
    families.gauge("welcomed_load_visits_not_begun", help).add(&[], tally.not_begun);
    families
        .gauge("welcomed_load_visits_in_flight", "Visits that have begun and not ended.")
        .add(&[], in_flight);
    let help = "Visits that something has made slow, by what that was.";
    let mut slow = families.counter("welcomed_load_visits_slow_total", help);
    let culprits = tally.latency.visits_slower_than(0).culprits();
    for culprit in Culprit::ALL.into_iter().filter(|culprit| *culprit != Culprit::None) {
        let count = culprits.iter().find(|(other, _)| *other == culprit).map_or(0, |(_, count)| *count);
        slow.add(&[("culprit", culprit.key())], count);
    }
    latency(&mut families, &tally.latency.times);
    families.text()
}

/// The server's time of the visits that are over.
fn latency(families: &mut Families, times: &Times<u64>) {
    let below = |micros: u32| times.count_between(0, u64::from(micros) * 1000);
    let buckets = BOUNDS_MICROS.map(|micros| (f64::from(micros) / 1e6, below(micros)));
    let count = times.len();
    let sum = if count == 0 { 0.0 } else { times.mean() * count.number() / 1e9 };
    let help = "The server's time of visits that are over: from when they were due to their end, without the lag of the load test.";
    let mut family = families.histogram("welcomed_load_visit_duration_seconds", help);
    family.add_histogram(&[], Histogram { buckets: &buckets, sum, count });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_the_first_visit_all_is_nothing() {
        let text = text(None, false).map_err(|error| error.to_string()).unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.contains("build_info")) {
            assert!(line.ends_with(" 0"), "{line}");
        }
        assert_eq!(text.matches("welcomed_load_visits_failed_total{").count(), 17, "{text}");
    }
}
