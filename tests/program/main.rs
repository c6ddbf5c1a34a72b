//! The two programs as they are run: real processes, real sockets, real signals.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to fail"
)]

mod calls;
mod client;
mod client_datagrams;
mod client_kinds;
mod client_raw;
mod command_lines;
mod datagram_log;
mod descriptors;
mod folder;
mod injection;
mod lies;
mod log;
mod netcat;
mod process;
mod scene;
mod signals;
mod sockets;
mod started;
mod stops;
mod tracer;
mod unix_paths;
mod unix_races;
mod visitors;
