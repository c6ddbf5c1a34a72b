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
        let rest = if due.is_postponed { Duration::ZERO } else { self.rest_for_the_way(slot, wait, turn) };
        if rest.is_zero() {
            self.with(slot, turn, |connection, shared| connection.elapsed(timer, shared));
            self.drive_slot(slot, turn);
        } else {
            self.timers.postpone(due, rest);
        }
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
