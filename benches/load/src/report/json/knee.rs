//! What a search for the knee has found.

use serde::Serialize;

/// The highest rate at which the server still does well.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Knee {
    /// Nanoseconds that the 99th percentile of a good step may have.
    pub(crate) target_p99: u64,
    /// The rate, in visits a second; null if none was found: the first step was too much, or none was, or the search was ended.
    pub(crate) rate: Option<f64>,
    /// The highest rate up to which each step was good; null as above.
    pub(crate) lower: Option<f64>,
    /// The lowest rate from which on no step was good; null as above, and if a step at the highest rate was good.
    pub(crate) upper: Option<f64>,
    /// The steps, in their order.
    pub(crate) steps: Vec<KneeStep>,
}

/// One step: a rate, once measured.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct KneeStep {
    /// Visits due a second.
    pub(crate) rate: f64,
    /// Nanoseconds of the 99th percentile of the server's time; null where there were too few visits for one.
    pub(crate) p99: Option<u64>,
    /// Visits that failed.
    pub(crate) failures: u64,
    /// Datagrams that were not answered.
    pub(crate) lost: u64,
    /// What it showed: good, too much, or too few to judge.
    pub(crate) verdict: &'static str,
    /// Whether the generator was too late for its figures to be the server's.
    pub(crate) spoiled: bool,
}
