//! With what, and for how long, the servers are compared.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Visits in flight while churning, and clients in a batch.
pub(crate) const CROWD: usize = 64;

/// What the comparison is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup<'a> {
    /// The program `welcomed`.
    pub(crate) welcomed: &'a Path,
    /// Another build of it, if one takes part.
    pub(crate) beside: Option<&'a Path>,
    /// Where logs and the like go.
    pub(crate) folder: &'a Path,
    /// Set, it ends the comparison early.
    pub(crate) stop: &'a AtomicBool,
}

impl Setup<'_> {
    /// Whether the comparison is to go on.
    pub(crate) fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}

/// How long each part of the comparison takes; the tests make it short.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// How often every contender has its turn in the churn.
    pub(crate) rounds: usize,
    /// How long one such turn is.
    pub(crate) turn: Duration,
    /// How long the latency of each is measured.
    pub(crate) latency: Duration,
    /// How many idle connections are held.
    pub(crate) held: usize,
    /// How often they are held open by `welcomed --quiet` and, if there is one, another build of it.
    pub(crate) hold_turns: usize,
    /// How many batches of 64 clients the system calls are counted over; 0: they are not.
    pub(crate) batches: usize,
}

impl Scale {
    /// The comparison as it is meant: about 90 seconds.
    pub(crate) const FULL: Scale = Scale {
        rounds: 10,
        turn: Duration::from_millis(300),
        latency: Duration::from_secs(2),
        held: 15_000,
        hold_turns: 1,
        batches: 30,
    };

    /// With another build beside, which differs by little: twice as many rounds.
    pub(crate) const BESIDE: Scale = Scale { rounds: 20, hold_turns: 6, ..Scale::FULL };

    /// A comparison in which everything happens and nothing takes long.
    pub(crate) const SMOKE: Scale = Scale {
        rounds: 1,
        turn: Duration::from_millis(20),
        latency: Duration::from_millis(60),
        held: 50,
        hold_turns: 1,
        batches: 1,
    };
}
