//! What is counted and measured.

pub(crate) mod latency;
pub(crate) mod measured;
pub(crate) mod statistics;
pub(crate) mod tally;
pub(crate) mod timeline;
