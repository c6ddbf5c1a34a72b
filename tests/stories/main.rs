//! The record of the welcome: the story of each conversation word by word, on the simulated kernel and on the real one.
//! The account is held to the loop's own counts over random schedules.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to fail, and one that measures says what it found"
)]

mod cost;
mod datagrams;
mod lists;
mod picture;
mod random;
mod real;
mod stage;
mod strangers;
mod streams;
