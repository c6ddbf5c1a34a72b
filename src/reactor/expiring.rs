//! What follows when a timer of a connection has run out.

use std::time::Duration;

use super::service::{StreamService, Wait};
use super::services::Turn;
use super::streams::Streams;
use super::timers::Due;
use crate::kernel::Kernel;

impl<S: StreamService, K: Kernel> Streams<S, K> {
    /// A timer has run out.
    pub(super) fn expire_slot(&mut self, due: Due, turn: &mut Turn<K>) {
        let Due { key: slot, wait, .. } = due;
        let timer = |this: &Self| this.connections.get(slot)?.timer_over(wait, &this.timers, &this.service);
        // What was waited for can be here without an event to tell of it: the wait was interrupted,
        // or ended before this one's turn. Only a look at the stream decides.
        let before = timer(self);
        self.drive_slot(slot, turn);
        let Some(timer) = timer(self).filter(|timer| Some(*timer) == before) else { return };
        let goes_on = !due.is_postponed && {
            let rest = self.rest_for_what_came(due, turn).max(self.rest_for_the_way(due.key, due.wait, turn));
            if !rest.is_zero() {
                self.timers.postpone(due, rest);
            }
            !rest.is_zero()
        };
        if !goes_on {
            self.with(slot, turn, |connection, shared| connection.elapsed(timer, shared));
            self.drive_slot(slot, turn);
        }
    }

    /// How long a timer that has run out goes on, because the loop was late to read what came before: until the timer that this
    /// has begun has run out. A name that no line end follows is over then, although the process stood still at its deadline.
    fn rest_for_what_came(&self, due: Due, turn: &Turn<K>) -> Duration {
        let Some((wait, expires)) = self.timers.begun_late(due) else { return Duration::ZERO };
        let rest = Duration::from_nanos(expires.saturating_sub(due.at) + 1);
        rest + self.rest_for_the_way(due.key, wait, turn)
    }

    /// How long a timer over this wait goes on when it has run out, because its client is too far away for the wait.
    fn rest_for_the_way(&self, key: usize, wait: Wait, turn: &Turn<K>) -> Duration {
        let rest = || {
            let (length, at_least) = (self.timers.length(wait)?, self.service.at_least(wait)?);
            let round_trip = self.connections.get(key)?.round_trip(&turn.kernel)?;
            Some(at_least.rest(round_trip, length))
        };
        rest().unwrap_or_default()
    }
}
