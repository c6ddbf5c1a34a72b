//! What follows when a timer of a connection has run out.

use super::service::StreamService;
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
        if due.is_postponed || !self.goes_on_for_the_way(due, turn) {
            self.with(slot, turn, |connection, shared| connection.elapsed(timer, shared));
            self.drive_slot(slot, turn);
        }
    }

    /// Lets a timer that has run out go on, if its client is too far away for the wait. Gives whether it does.
    fn goes_on_for_the_way(&mut self, due: Due, turn: &mut Turn<K>) -> bool {
        let Some(at_least) = self.service.at_least(due.wait) else { return false };
        let Some(connection) = self.connections.get(due.key) else { return false };
        let Some(round_trip) = connection.round_trip(&turn.kernel) else { return false };
        let rest = at_least.rest(round_trip, self.timers.length(due.wait));
        if !rest.is_zero() {
            self.timers.postpone(due, rest);
        }
        !rest.is_zero()
    }
}
