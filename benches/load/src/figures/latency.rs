//! The latencies of visits, as figures for people.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::figures::parts::Part;
use crate::figures::tally::Tally;

/// Where the curve of a latency is drawn.
const CURVE: [f64; 13] = [0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999];

/// Latencies of an open loop, in microseconds. The percentiles are the server's time: from the scheduled moment to the
/// end, without what the generator was late to begin and to read.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Latency {
    /// Visits a second.
    pub(crate) rate: f64,
    /// The median.
    pub(crate) p50: f64,
    /// The 90th percentile.
    pub(crate) p90: f64,
    /// The 99th percentile.
    pub(crate) p99: f64,
    /// The 99.9th percentile.
    pub(crate) p999: f64,
    /// The longest latency.
    pub(crate) max: f64,
    /// How late visits began, the 99th percentile: the generator's own part.
    pub(crate) start_lag_p99: f64,
    /// From the start to being connected: the median and the 99th percentile.
    pub(crate) connecting: (f64, f64),
    /// From the request to the first byte: the median and the 99th percentile.
    pub(crate) waiting: (f64, f64),
    /// From the scheduled moment until the end was read: the median and the 99th percentile.
    pub(crate) corrected: (f64, f64),
    /// From the start until the end was read: the median and the 99th percentile.
    pub(crate) uncorrected: (f64, f64),
    /// How often it was measured: anew for as long as it was spoiled, within bounds.
    pub(crate) attempts: usize,
    /// Whether the visits at and above the 99th percentile began so late that it means nothing.
    pub(crate) spoiled: bool,
    /// Quantiles and their latencies.
    #[cfg_attr(test, schemars(with = "[(f64, f64)]"))]
    pub(crate) curve: [(f64, f64); CURVE.len()],
}

impl Latency {
    /// The latencies of `tally`, measured at `rate` visits a second in so many attempts.
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub(crate) fn of(tally: &Tally, rate: f64, attempts: usize) -> Latency {
        let micros = |quantile: f64| tally.latency.at(quantile) as f64 / 1e3;
        let part = |times: &Histogram<u64>| {
            (times.value_at_quantile(0.5) as f64 / 1e3, times.value_at_quantile(0.99) as f64 / 1e3)
        };
        Latency {
            rate,
            connecting: part(tally.part(Part::Connecting)),
            waiting: part(tally.part(Part::Waiting)),
            corrected: part(&tally.corrected.times),
            uncorrected: part(&tally.uncorrected.times),
            p50: micros(0.5),
            p90: micros(0.9),
            p99: micros(0.99),
            p999: micros(0.999),
            max: tally.latency.times.max() as f64 / 1e3,
            start_lag_p99: tally.part(Part::StartLag).value_at_quantile(0.99) as f64 / 1e3,
            attempts,
            spoiled: tally.is_spoiled(),
            curve: CURVE.map(|quantile| (quantile, micros(quantile))),
        }
    }
}
