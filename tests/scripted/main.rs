//! The event loop turn by turn: what it does at every single call.
//!
//! The server is the real one, on the simulated kernel, in virtual time. A test says when each client does what, and what
//! goes wrong with which call. Where it plays its scene to the end, all promises of the simulation are checked too.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to fail"
)]

mod datagrams;
mod faults;
mod giving_way;
mod listening;
mod pairs;
mod records;
mod shares;
mod stage;
mod streams;
mod taker;
mod time;
mod turns;
mod words;
