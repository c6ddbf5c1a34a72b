//! What a world remembers of services that show the others of their loop.

use std::time::Duration;

/// What is remembered of services that show others.
#[derive(Default)]
pub(super) struct Watching {
    /// Since when all that they show is over.
    pub(super) over_at: Option<Duration>,
    /// In how many turns their clients were due.
    pub(super) due_turns: usize,
    /// When a client of the others was accepted or closed last.
    pub(super) moved_at: Duration,
    /// How many descriptors are kept back for their clients, and whether one was just let go.
    pub(super) kept_back: usize,
    pub(super) has_let_go: bool,
    /// Whether the present accept(2) asks again since one was.
    pub(super) asks_again: bool,
}
