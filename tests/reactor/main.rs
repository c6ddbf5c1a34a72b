//! The loop as a library: any protocol, several services, the law and how a breach is found out, all on the real kernel.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    missing_docs,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test that cannot go on has to fail"
)]

mod before;
mod breaches;
mod chatter;
mod contract;
mod echo;
mod endless;
mod lifecycle;
mod looks;
mod outputs;
mod precedence;
mod rooms;
mod several;
mod signals;
mod stage;
mod stopping;
mod timing;
mod turns;
mod watched;
