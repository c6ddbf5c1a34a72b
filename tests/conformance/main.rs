//! One suite for every kind of endpoint: what it promises, whom it serves, and that no echo lasts.
//!
//! The server is the real one, with all six kinds in one loop. `cargo test --test conformance -- --nocapture`
//! prints the table of promises by kind, and the conversations with outside programs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on has to fail, and what was found is to be shown"
)]

mod connections;
mod counts;
mod datagrams;
mod echo;
mod ground;
mod names;
mod netcat;
#[path = "../program/process.rs"]
mod process;
mod promises;
mod python;
mod socat;
mod speaker;
mod system;
mod table;
