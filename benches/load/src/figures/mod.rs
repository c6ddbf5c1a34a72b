//! What is counted and measured.

pub(crate) mod latency;
pub(crate) mod statistics;
pub(crate) mod tally;
pub(crate) mod timeline;
