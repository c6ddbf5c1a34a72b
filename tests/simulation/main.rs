//! The event loop on a simulated kernel: every error at every call, in virtual time, from a seed.
//!
//! The server is the real one. The kernel under it is edge-triggered as epoll(7) is with `EPOLLET`, has
//! queues and buffers with limits, and fails as the man pages say that a kernel may. Clients follow
//! scripts. The promises are checked at every step; see `promises.rs`.
//!
//! A failure prints the one command that plays its schedule again, step by step.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::struct_excessive_bools,
    reason = "a test that cannot go on has to fail, and says why; what a socket can be is many small truths"
)]

mod checks;
mod client;
mod dice;
mod doors;
mod excuses;
mod exhaustive;
mod faults;
mod kernel;
#[path = "../museum/mod.rs"]
mod museum;
mod play;
mod promises;
mod random;
mod records;
mod schedule;
mod script;
mod weather;
mod world;
