//! Servers that fail on purpose, in a known way and a known number of times. The generator has to report just that.

mod culprits;
mod datagrams;
pub(crate) mod proof;
mod tcp;
mod unix;

use std::io;
use std::sync::atomic::AtomicBool;

use crate::faults::proof::Proof;

/// Lets servers fail in every way, and compares with what was reported.
pub(crate) fn prove(stop: &AtomicBool) -> io::Result<Vec<Proof>> {
    Ok([tcp::prove(stop)?, unix::prove(stop)?, datagrams::prove(stop)?, culprits::prove(stop)?].concat())
}
