//! What one of several generators has contributed to a run.

use serde::Serialize;

use crate::figures::distribution::PercentileTime;

/// What one of several generators has contributed to a run.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Contribution {
    /// Which one: a thread by its number, or a file.
    pub(crate) generator: String,
    /// Visits that began.
    pub(crate) begun: u64,
    /// Visits that went as they should.
    pub(crate) welcomed: u64,
    /// Visits that failed or were lost.
    pub(crate) failed: u64,
    /// Visits that were due and did not begin.
    pub(crate) not_begun: u64,
    /// Visits welcomed a second, of the time in which its visits were due.
    pub(crate) rate: f64,
    /// How much of one processor it used, from 0 to 1 for each of its threads.
    pub(crate) busy: f64,
    /// The 99th percentile of the server's time.
    pub(crate) latency_p99: PercentileTime,
    /// The 99th percentile from due, with its own lag.
    pub(crate) corrected_p99: PercentileTime,
}
