//! How the server stops: clients that have connected are served, and the open connections finish.

use std::time::{Duration, Instant};

use super::deadlines::DURATION_MAX;
use super::listener::Listener;
use super::server::Server;
use super::services::Services;
use super::tables::socket::Event;
use crate::kernel::Kernel;

/// A client that has not begun keeps its place at least this long, or a tenth of the time to drain, before it gives way.
const GRACE: Duration = Duration::from_millis(100);

/// How long connections of watchers have when what they show is over.
const WATCHERS_GRACE: Duration = Duration::from_millis(100);

/// Whose sockets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// Those of services that show others.
    Watchers,
    /// Those of the others.
    Watched,
}

impl<K: Kernel, H: Services<K>> Server<K, H> {
    /// A request to stop: the first lets open connections finish, the second does not.
    pub(super) fn stop(&mut self) {
        if self.drain_by.is_some() {
            log::info!("stopping at once");
            self.is_stopped = true;
            self.all_listeners(Event::StopNow);
        } else {
            self.drain();
        }
    }

    /// Accepts the clients that have connected, then no more, and gives all of them their time to finish.
    pub(super) fn drain(&mut self) {
        if self.drain_by.is_some() {
            return;
        }
        let timeout = self.settings.drain_timeout.min(DURATION_MAX);
        // The first look is for those that have come by then, so that they can give way when half of the time is over.
        let first_look = (timeout / 2).saturating_sub(self.grace());
        (self.drain_by, self.give_way_at) = (Some(self.turn.now + timeout), Some(self.turn.now + first_look));
        self.turn.stopping = true;
        self.services.stopping();
        let now = self.turn.now;
        for listener in self.sockets(Of::Watched) {
            listener.drain(now);
        }
        self.show_sockets();
        log::info!("stopping: {} open", self.services.open());
    }

    fn grace(&self) -> Duration {
        GRACE.min(self.settings.drain_timeout / 10)
    }

    /// When draining has to be looked at although nothing happens.
    pub(super) fn drains_at(&self) -> Option<Instant> {
        if self.watchers_by.is_some() {
            return self.watchers_by;
        }
        let quiet = self.listeners.iter().filter_map(Listener::quiet_at);
        quiet.chain(self.drain_by).chain(self.give_way_at).min()
    }

    /// Goes on with draining, within a budget, until all is closed or the time is over.
    pub(super) fn drain_on(&mut self) {
        let Some(drain_by) = self.drain_by else { return };
        if self.give_way_at.is_some_and(|at| at <= self.turn.now) {
            // From now on, and not from when the turn began: in a long one clients can have come since.
            self.give_way_at = Some(self.turn.kernel.now() + self.grace());
            self.services.give_way();
        }
        self.services.sweep(&mut self.turn);
        if !self.is_stopped && drain_by <= self.turn.now {
            self.is_stopped = true;
            if self.services.open() > 0 {
                log::warn!("stopping: {} did not finish in time", self.services.open());
            }
            self.listeners.iter_mut().for_each(Listener::serve_last);
            self.services.end_pauses();
        }
        self.shut_empty_sockets();
        if self.is_stopped && self.services.open() > 0 {
            self.services.stop();
        }
        if self.sockets(Of::Watched).all(|listener| listener.is_shut()) {
            if self.is_stopped {
                self.all_listeners(Event::Deadline);
            } else if self.services.open() == 0 {
                self.all_listeners(Event::Drained);
            }
            if self.services.open() == 0 {
                self.end_watchers();
            }
        }
        self.show_sockets();
    }

    /// What watchers show is over: no client is accepted for them any more, and those that are open have a moment.
    fn end_watchers(&mut self) {
        let now = self.turn.now;
        let watchers_by = *self.watchers_by.get_or_insert_with(|| {
            self.services.watchers_stopping();
            now + WATCHERS_GRACE
        });
        if watchers_by <= now {
            self.services.stop_watchers();
        }
        for listener in self.sockets(Of::Watchers) {
            listener.on(Event::Stop);
            listener.on(Event::Drained);
        }
    }

    /// Shuts the sockets that no client comes to any more. When the time is over none is waited for. Where none can be
    /// accepted, although nothing is open that could make room, those that wait are lost.
    fn shut_empty_sockets(&mut self) {
        let now = self.turn.now;
        let is_last_try = self.is_stopped && self.services.open() == 0;
        let services = &self.services;
        let is_open =
            |listener: &Listener<_>| !listener.is_shut() && !services.is_watcher(listener.service());
        for (index, listener) in
            self.listeners.iter_mut().enumerate().filter(|(_, listener)| is_open(listener))
        {
            listener.watch_again(&mut self.turn.kernel, index);
            let is_over = listener.quiet_at().is_some_and(|quiet_at| self.is_stopped || quiet_at <= now);
            let resumes = self.services.asks_again(listener.service(), &self.turn, now);
            let is_lost = is_last_try && listener.is_ready() && resumes.is_some_and(|at| at > now);
            if is_lost {
                log::warn!(
                    "stopping: clients that wait at {} are lost: none can be accepted",
                    listener.address()
                );
            }
            if is_lost {
                listener.shut();
            } else if is_over {
                listener.let_no_more_in(&mut self.turn.kernel);
            }
        }
    }

    fn sockets(&mut self, of: Of) -> impl Iterator<Item = &mut Listener<K::Listener>> {
        let services = &self.services;
        let is_of =
            move |listener: &Listener<_>| services.is_watcher(listener.service()) == (of == Of::Watchers);
        self.listeners.iter_mut().filter(move |listener| is_of(listener))
    }

    fn all_listeners(&mut self, event: Event) {
        self.sockets(Of::Watched).for_each(|listener| listener.on(event));
    }
}
