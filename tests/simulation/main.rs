//! The welcome on a simulated kernel: every error at every call, in virtual time, from a seed.
//!
//! The server is the real one. A failure prints the shortest schedule that breaks the promise, step by step, and the
//! command that plays it again.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on has to fail, and says why"
)]

mod every_fault;
mod one_at_a_time;
mod oracles;
mod random;
mod reports;
mod shortest;
