//! How sessions give way to a client that waits: while the server stops, and those of a watcher at any time.

use super::connection::Connection;
use super::service::StreamService;
use super::services::Turn;
use super::streams::Streams;
use crate::kernel::Kernel;

impl<S: StreamService, K: Kernel> Streams<S, K> {
    /// Whether a client waits that cannot be accepted now. A watcher's sessions give way for a place alone, and not in a pause.
    pub(super) fn wants_room(&self, turn: &Turn<K>) -> bool {
        let open = self.connections.len();
        self.is_waited_for
            && if self.is_watcher && !self.tells_all {
                self.admission.is_full(open)
            } else {
                !self.admission.admits(open, turn.now, turn.closed)
            }
    }

    /// Whether there are sessions left that have not been asked to give way since the last look, and a client waits.
    pub(super) fn has_more_to_ask(&self, turn: &Turn<K>) -> bool {
        self.gives_way.is_some_and(|next| next < self.places_used) && self.wants_room(turn)
    }

    /// Lets sessions give way, within a budget, until the client that waits has a place. One that has just come has the time
    /// between two looks to begin. One that is busy now gives way when it is driven next, and has read all there was.
    pub(super) fn make_room(&mut self, turn: &mut Turn<K>) {
        let Some(mut next) = self.gives_way else { return };
        let end = self.places_used.min(next + self.budget());
        while next < end && self.wants_room(turn) {
            self.ask_for_room(next, turn);
            next += 1;
        }
        self.gives_way = Some(next);
    }

    /// Whether the session in this place may be told to give way: it has had the time between two looks to begin, and is not spared.
    pub(super) fn may_give_way(&self, slot: usize) -> bool {
        let came = self.connections.get(slot).and_then(Connection::came);
        came.is_some_and(|came| self.looks.had_time(came)) && !self.is_spared(slot)
    }

    /// Whether the session in this place keeps it, because of those that give way before it there is one. That has to go within
    /// a second.
    fn is_spared(&self, slot: usize) -> bool {
        let is_last = |connection: &Connection<S, K>| self.service.gives_way_last(&connection.session);
        self.is_watcher
            && self.connections.get(slot).is_some_and(is_last)
            && !self.connections.iter().all(|(_, connection)| is_last(connection))
    }

    /// Lets the session in this place give way. While the server stops, one that was told and is here has begun, and may
    /// finish. A watcher's has to go: its server does not stop, so that nothing else would end it soon.
    fn ask_for_room(&mut self, slot: usize, turn: &mut Turn<K>) {
        let Some(came) = self.connections.get(slot).map(Connection::came) else { return };
        if self.is_spared(slot) {
            return;
        }
        if came.is_some() {
            self.drive_slot(slot, turn);
        }
        let is_as_before = self.connections.get(slot).is_some_and(|connection| connection.came() == came);
        let had_all_time = came.is_none_or(|came| self.looks.had_long(came));
        if self.is_watcher && is_as_before && had_all_time && self.wants_room(turn) {
            self.with(slot, turn, Connection::stop);
            self.close(slot, turn);
        }
    }
}
