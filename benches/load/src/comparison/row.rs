//! What was measured of each server.

use serde::Serialize;

use crate::figures::latency::Latency;
use crate::figures::statistics::Spread;

/// What was measured of one contender.
#[derive(Clone, Default, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Row {
    /// The contender.
    pub(crate) name: String,
    /// Churn: visits a second, one figure a round.
    pub(crate) rates: Vec<f64>,
    /// Churn: how much of its processor the generator used, 0 to 1, one figure a round.
    pub(crate) generator_busy: Vec<f64>,
    /// Whether the generator was the limit, so that the rates are its own.
    pub(crate) generator_limited: bool,
    /// Churn: microseconds of the server's processor time for each visit, one figure a round.
    pub(crate) cpu_micros: Vec<f64>,
    /// Churn: the server's context switches for each visit, one figure a round.
    pub(crate) switches: Vec<f64>,
    /// `cpu_micros` over that of the floor in the same round.
    pub(crate) costs: Vec<f64>,
    /// `costs`: the median and the quartiles; null if nothing was measured.
    pub(crate) cost: Option<Spread>,
    /// Visits that failed, in all parts.
    pub(crate) failures: u64,
    /// Open loop; null if it was not measured.
    pub(crate) latency: Option<Latency>,
    /// System calls for each visit, prompt clients in batches of 64; null where strace is not at hand.
    pub(crate) calls: Option<f64>,
    /// Resident bytes for each idle connection; null for a server that cannot hold them.
    pub(crate) held_bytes: Option<f64>,
    /// Processor time of a visit with the idle connections open, over that without; null like `held_bytes`.
    pub(crate) held_cost: Option<f64>,
    /// What idle connections cost, one a turn. `held_bytes` and `held_cost` are the medians.
    pub(crate) held: Vec<Held>,
}

/// What idle connections cost in one turn.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Held {
    /// Resident bytes for each of them.
    pub(crate) bytes: f64,
    /// Microseconds of the server's processor time for a visit beside them.
    pub(crate) micros: f64,
    /// The same over that without them.
    pub(crate) cost: f64,
}

impl Row {
    /// Whether the machine has spoiled its latencies.
    pub(crate) fn is_spoiled(&self) -> bool {
        self.latency.is_some_and(|latency| latency.spoiled)
    }
}
