//! Services that show the others of their loop: what they are promised, and what the others are beside them.

use std::time::Duration;

use super::client::{Client, Place};
use super::promises::{Promise, broken};
use super::socket::Socket;
use super::transcript::SLACK;
use super::world::World;
use crate::reactor::KEPT_BACK;

/// How long clients of a service that shows others have, once these are over.
pub(super) const GRACE: Duration = Duration::from_millis(100);

/// How many streams the loop closes in one turn, at least.
const CLOSED_PER_TURN: usize = 64;

impl World {
    /// Whether this service shows others.
    pub(super) fn watches(&self, service: u8) -> bool {
        self.limits[usize::from(service)].watches
    }

    fn has_watchers(&self) -> bool {
        self.limits.iter().any(|limits| limits.watches)
    }

    /// Whether this is a client of one of the others, and inside.
    fn is_watched_inside(&self, client: &Client) -> bool {
        client.place == Place::Inside && !self.watches(client.service)
    }

    /// How many descriptors are left: neither in use nor kept back.
    fn free_descriptors(&self) -> usize {
        let inside = self.clients.iter().filter(|client| client.place == Place::Inside).count();
        let kept_back = if self.has_watchers() { KEPT_BACK } else { 0 };
        let all = self.weather.descriptors.saturating_add(kept_back);
        all.saturating_sub(inside + self.watching.kept_back)
    }

    /// Whether there is a descriptor for one more client.
    pub(super) fn has_descriptor(&self) -> bool {
        self.free_descriptors() > 0
    }

    /// Whether there can be one for a client of this service.
    pub(super) fn may_have_descriptor(&self, service: u8) -> bool {
        self.has_descriptor() || (self.watches(service) && self.watching.kept_back > 0)
    }

    pub(super) fn keep_back(&mut self, count: usize) {
        let missing = count.saturating_sub(self.watching.kept_back);
        self.watching.kept_back += self.free_descriptors().min(missing);
    }

    pub(super) fn let_go(&mut self) -> bool {
        let Some(left) = self.watching.kept_back.checked_sub(1) else { return false };
        (self.watching.kept_back, self.watching.has_let_go) = (left, true);
        true
    }

    /// accept(2) is called.
    pub(super) fn asks_for_a_client(&mut self) {
        self.watching.asks_again = std::mem::take(&mut self.watching.has_let_go);
    }

    /// Whether a descriptor is kept back for this service, where accept(2) has found none.
    pub(super) fn has_reserve(&self, service: u8) -> bool {
        !self.watching.asks_again && self.watches(service) && self.watching.kept_back > 0
    }

    /// A client has been accepted. Those of the others never have what is kept back.
    pub(super) fn takes_a_descriptor(&mut self, index: usize) {
        if self.watches(self.clients[index].service) {
            return;
        }
        self.watching.moved_at = self.now;
        let inside = self.clients.iter().filter(|client| self.is_watched_inside(client)).count();
        if self.has_watchers() && inside > self.weather.descriptors {
            let how =
                format!("client {index} got a descriptor that is kept back for a service that shows others");
            broken(Promise::Watching, how);
        }
    }

    /// A stream or a socket was closed, or the server was told to stop. If that is all that is shown, it is over from the
    /// turn on that began at `turn_at`.
    pub(super) fn notes_the_end(&mut self, turn_at: Duration) {
        if self.watching.over_at.is_some() || self.stopped_at.is_none() || !self.has_watchers() {
            return;
        }
        let is_open = self.sockets.iter().any(|socket| socket.is_open && !self.watches(socket.service));
        if !is_open && !self.clients.iter().any(|client| self.is_watched_inside(client)) {
            self.watching.over_at = Some(turn_at);
        }
    }

    pub(super) fn closes_stream_of(&mut self, service: u8) {
        if !self.watches(service) {
            self.watching.moved_at = self.now;
        }
    }

    /// From when on a stop concerns clients of this service.
    pub(super) fn stops_at(&self, service: u8) -> Option<Duration> {
        if self.watches(service) { self.watching.over_at } else { self.stopped_at }
    }

    /// From when on the server need not wait for clients of this service.
    pub(super) fn gives_up_at(&self, service: u8) -> Option<Duration> {
        if self.watches(service) {
            return self.watching.over_at.map(|at| at + GRACE);
        }
        let drained = self.stopped_at.map(|at| at.saturating_add(self.drain_timeout));
        drained.into_iter().chain(self.stopped_again_at).min()
    }

    /// By when a server that stops is gone.
    pub(super) fn ends_by(&self) -> Option<Duration> {
        let over_at = self.watching.over_at.map(|at| at + GRACE);
        over_at.or_else(|| self.stopped_at.map(|at| at.saturating_add(self.drain_timeout)))
    }

    /// When a stop is over at the latest where no call fails and the last client of the others is gone. `None` where a call
    /// has failed, or a client is left.
    pub(super) fn has_nobody_since(&self) -> Option<Duration> {
        let stopped_at = self.stopped_at.filter(|_| self.has_watchers())?;
        let is_left = |client: &Client| {
            let is_here =
                matches!(client.place, Place::Inside | Place::Queued) || client.connected_at.is_some();
            client.place != Place::Over && is_here && !self.watches(client.service)
        };
        let is_calm =
            self.faults.is_empty() && !self.weather.sloppy && self.weather.descriptors == usize::MAX;
        if !is_calm || self.watching.over_at.is_some() || self.clients.iter().any(is_left) {
            return None;
        }
        Some(stopped_at.max(self.watching.moved_at) + self.drain_quiet)
    }

    /// What holds after a turn that began at `turn_at`: services that show others listen until these are over, and are gone
    /// soon after that.
    pub(super) fn watchers_are_served(&mut self, turn_at: Duration) {
        if !self.has_watchers() {
            return;
        }
        let Some(over_at) = self.watching.over_at else {
            let is_gone =
                |socket: &&Socket| self.watches(socket.service) && !socket.is_open && !socket.is_broken;
            if self.sockets.iter().any(|socket| is_gone(&socket)) {
                let how = "a service that shows others does not listen any more, and they are not over";
                broken(Promise::Watching, how.to_owned());
            }
            return;
        };
        let left = |client: &&Client| client.place == Place::Inside && self.watches(client.service);
        let left = self.clients.iter().filter(left).count();
        let is_due = turn_at >= over_at + GRACE + SLACK;
        self.watching.due_turns += usize::from(is_due);
        if left > 0 && self.watching.due_turns > 2 + self.clients.len() / CLOSED_PER_TURN {
            let how = format!(
                "{left} clients hold up the stop since {over_at:?}: they are of a service that shows others"
            );
            broken(Promise::Watching, how);
        }
    }
}
