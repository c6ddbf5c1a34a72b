//! The status service over HTTP: what its requests mean, what becomes of each conversation, and that nothing that a kernel or a client
//! does breaks a promise.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on has to fail"
)]

mod beside;
mod clients;
mod expected;
mod pieces;
mod requests;
mod room;
mod scenes;
mod schedules;
mod shown;
mod told;
mod watched;
