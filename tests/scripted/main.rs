//! The event loop on a scripted kernel: what happens at every single step of a conversation.
//!
//! The kernel here does what a test tells it, call by call, in virtual time. The server is the real one. It is not the
//! simulated kernel of `welcomed::simulation`: that one has queues and buffers, from which the answers to calls follow.
//! Here the answers are the script. Among them are some that no queue would give: a write that takes nothing, an error
//! between two clients, a client that sends as fast as it is read.

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
mod listening;
mod records;
mod script;
mod server;
mod streams;
mod time;
mod words;
