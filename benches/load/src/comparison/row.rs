//! What was measured of each server.

use serde::Serialize;

use crate::figures::latency::Latency;
use crate::figures::statistics::Spread;

/// What was measured of one contender.
#[derive(Clone, Default, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// Churn, one figure a round: connections a second.
    pub(crate) rates: Vec<f64>,
    /// Churn, one figure a round: how much of its processor the generator used.
    pub(crate) generator_busy: Vec<f64>,
    /// Whether the generator was the limit of the rates, so that they are its own.
    pub(crate) generator_limited: bool,
    /// Churn, one figure a round: microseconds of processor time for each connection.
    pub(crate) cpu_micros: Vec<f64>,
    /// Churn, one figure a round: context switches for each connection.
    pub(crate) switches: Vec<f64>,
    /// Processor time over that of the floor in the same round, one figure a round.
    pub(crate) costs: Vec<f64>,
    /// The same: median and quartiles.
    pub(crate) cost: Option<Spread>,
    /// Visits that failed, in all parts.
    pub(crate) failures: u64,
    pub(crate) latency: Option<Latency>,
    /// System calls for each connection, in batches of 64.
    pub(crate) calls: Option<f64>,
    /// Resident bytes for each idle connection.
    pub(crate) held_bytes: Option<f64>,
    /// Processor time of a connection with the idle ones open, over that without.
    pub(crate) held_cost: Option<f64>,
    /// The same, one a turn: they are the medians.
    pub(crate) held: Vec<Held>,
}

/// What idle connections cost in one turn.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Held {
    /// Resident bytes for each of them.
    pub(crate) bytes: f64,
    /// Microseconds of processor time for a visit beside them.
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
