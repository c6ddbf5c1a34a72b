//! What is counted and measured.

pub(crate) mod culprit;
pub(crate) mod distribution;
pub(crate) mod failure;
pub(crate) mod latency;
pub(crate) mod measured;
pub(crate) mod parts;
pub(crate) mod percentile;
pub(crate) mod stalls;
pub(crate) mod statistics;
pub(crate) mod tally;
pub(crate) mod timeline;
