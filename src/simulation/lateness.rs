//! How long the loop may take over a client: by what was read of it in time, and by the turns that have begun since.

use std::time::Duration;

/// What is remembered of one client.
#[derive(Default, Debug)]
pub(super) struct Lateness {
    /// How many bytes and records were read of it in turns that had begun in time.
    read: usize,
    /// The end of the last such turn, if its stage began before.
    read_at: Option<Duration>,
    /// How many turns have begun since the time of its stage was over, and since it was due.
    over_turns: usize,
    due_turns: usize,
}

impl Lateness {
    /// It enters another stage.
    pub(super) fn begins_anew(&mut self) {
        self.read_at = None;
    }

    /// A turn ends at `now`, and so much of the client was read. `is_over` is whether the time of its stage was over when the turn
    /// began: the loop looks at it in that turn, or in one of the next `turns`.
    pub(super) fn sees(&mut self, is_over: bool, read: usize, now: Duration, turns: usize) {
        self.over_turns = if is_over { self.over_turns + 1 } else { 0 };
        if self.over_turns <= turns + 1 && read > self.read {
            (self.read, self.read_at) = (read, Some(now));
        }
    }

    /// When a client is due whose stage is over at `over`, if it may have this `rest` once something was read of it.
    pub(super) fn due(&self, over: Duration, rest: Duration) -> Duration {
        self.read_at.map_or(over, |read| over.max(read).saturating_add(rest))
    }

    /// Whether the loop has left it open for more than so many turns in which it was due.
    pub(super) fn is_left_open(&mut self, is_due: bool, turns: usize) -> bool {
        self.due_turns = if is_due { self.due_turns + 1 } else { 0 };
        self.due_turns > turns
    }
}
