//! The event loop on a scripted kernel: what happens at every single step of a conversation.
//!
//! The kernel here does what a test tells it, call by call, in virtual time. The server is the real one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to fail"
)]

mod datagrams;
mod faults;
mod kernel;
mod records;
mod script;
mod streams;
mod time;
mod words;
