//! The times of the visits in the report for programs.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::figures::culprit::Culprit;
use crate::figures::distribution::{Distribution, PercentileTime};
use crate::figures::measured::Measured;
use crate::figures::parts::Part;
use crate::figures::percentile::Percentile;

/// How a time is spread over the visits, failures among them.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Percentiles {
    /// From the median on.
    at: Vec<PercentileTime>,
    /// The longest; null without a visit.
    max_nanos: Option<u64>,
    /// Whether it is at least that: a visit was given up.
    max_at_least: bool,
    /// The mean; null without a visit.
    mean_nanos: Option<f64>,
}

/// How long one part of the visits was, in nanoseconds. A percentile is null if there were too few visits for it: 2 for the
/// median, 10, 100 and 1,000 for the others.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PartTimes {
    /// Which part.
    part: Part,
    /// Whether the generator has spent it.
    own: bool,
    /// The median.
    p50: Option<u64>,
    /// The 90th percentile.
    p90: Option<u64>,
    /// The 99th percentile.
    p99: Option<u64>,
    /// The 99.9th percentile.
    p999: Option<u64>,
    /// The longest; null without a visit.
    max: Option<u64>,
    /// The mean; null without a visit.
    mean: Option<f64>,
}

/// How many visits one thing made slow.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct CulpritCount {
    /// What it was.
    culprit: Culprit,
    /// How many visits.
    visits: u64,
}

/// What a closed loop hides, because it begins no visits meanwhile.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Stalled {
    /// The longest time in which no visit ended.
    longest_nanos: u64,
    /// How long clients that come at moments of their own choosing would have waited for the end of such a time: the
    /// 99th percentile.
    wait_p99_nanos: u64,
}

impl Percentiles {
    pub(super) fn of(times: &Distribution, not_begun: u64) -> Percentiles {
        let some = !times.times.is_empty();
        Percentiles {
            at: Percentile::USUAL
                .map(|percentile| times.percentile_and_interval(percentile, not_begun).0)
                .to_vec(),
            max_nanos: some.then(|| times.times.max()),
            max_at_least: times.max_is_at_least(),
            mean_nanos: some.then(|| times.times.mean()),
        }
    }
}

impl PartTimes {
    pub(super) fn of(part: Part, times: &Histogram<u64>) -> PartTimes {
        let [p50, p90, p99, p999] = Percentile::USUAL.map(|percentile| percentile.of(times));
        let some = !times.is_empty();
        let (max, mean) = (some.then(|| times.max()), some.then(|| times.mean()));
        PartTimes { part, own: part.is_own(), p50, p90, p99, p999, max, mean }
    }
}

impl CulpritCount {
    /// What made the visits slow that are at and above the 99th percentile.
    pub(super) fn all(times: &Distribution) -> Vec<CulpritCount> {
        let culprits = times.visits_from(Percentile::P99.quantile()).culprits().into_iter();
        culprits.map(|(culprit, visits)| CulpritCount { culprit, visits }).collect()
    }
}

impl Stalled {
    /// Of a closed loop.
    pub(super) fn of(measured: &Measured) -> Option<Stalled> {
        measured.stalls().map(|(longest_nanos, wait_p99_nanos)| Stalled { longest_nanos, wait_p99_nanos })
    }
}
