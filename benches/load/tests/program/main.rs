//! The program as it is installed: what it prints, writes and starts.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has to fail")]

// What the tests stand on.
mod described;
mod machine;

mod any_server;
mod comparison;
mod comparison_cut_short;
mod culprits;
mod http;
mod installed;
mod intervals;
mod limits;
mod live;
mod merging;
mod results;
mod rows;
mod stages;
mod status;
mod threads;
mod wire;
