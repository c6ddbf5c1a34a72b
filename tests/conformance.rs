//! One suite for every kind of socket: the promises of each kind, outside programs, and the end of every echo.
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

mod kinds;
mod process;
mod tied;

mod conformance {
    // What the tests stand on.
    mod all_kinds;
    mod client;
    mod counts;
    mod folder;
    mod raw;

    // The promises, and the table of them.
    mod connections;
    mod datagrams;
    mod names;
    mod pieces;
    mod promises;
    mod system;
    mod table;

    // Outside programs, and echoes.
    mod echo;
    mod netcat;
    mod python;
    mod socat;
}
