//! Watches whether the promises are kept, whenever the loop waits.

use std::time::Duration;

use super::client::{Client, Place, Stage};
use super::limits::Limits;
use super::promises::{Promise, broken};
use super::transcript::SLACK;
use super::world::World;
use crate::kernel::Ready;
use crate::net::ErrorCode;

/// How many calls one turn may make: far more than any schedule needs.
const CALLS_PER_TURN: usize = 1_000_000;

/// How many turns may follow each other in which nothing happens and nothing is waited for. In one, a moment passes
/// between the loop's two looks at the clock; in another, the wait is interrupted.
const IDLE_TURNS: usize = 3;

/// How many of the clients that are due the loop ends in one turn, at least.
const DUE_PER_TURN: usize = 64;

/// How long the loop may let a client wait in the accept queue while it has room.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What is remembered between the loop's steps in order to judge the next.
pub(super) struct Watch {
    /// The time that the loop took it to be in this turn.
    pub(super) turn_at: Duration,
    after_wait: bool,
    calls: usize,
    progress: bool,
    idle_turns: usize,
    /// The most events that one wait has reported.
    reported: usize,
    /// Of each service: when it last asked for clients or datagrams.
    asked_at: Vec<Duration>,
    /// The last error after which the server had to give up.
    pub(super) fatal: Option<ErrorCode>,
}

impl Watch {
    pub(super) fn new(services: usize) -> Watch {
        Watch {
            turn_at: Duration::ZERO,
            after_wait: false,
            calls: 0,
            progress: false,
            idle_turns: 0,
            reported: 0,
            asked_at: vec![Duration::ZERO; services],
            fatal: None,
        }
    }

    pub(super) fn called(&mut self) {
        self.calls += 1;
        if self.calls > CALLS_PER_TURN {
            broken(Promise::NoSpin, format!("{CALLS_PER_TURN} calls in one turn"));
        }
    }

    /// A call did something that it will not do again for nothing.
    pub(super) fn progressed(&mut self) {
        self.progress = true;
    }

    pub(super) fn looked_at_the_clock(&mut self, now: Duration) {
        if std::mem::take(&mut self.after_wait) {
            self.turn_at = now;
        }
    }

    pub(super) fn asks_for_clients(&mut self, service: u8, now: Duration) {
        self.asked_at[usize::from(service)] = now;
    }

    pub(super) fn accepted(&mut self, client: &mut Client, now: Duration) {
        self.progressed();
        client.place = Place::Inside;
        client.accepted_at = Some(now);
        client.enters(Stage::Input, now);
    }

    /// The server's own descriptors are broken.
    pub(super) fn fails(&mut self, code: ErrorCode) {
        self.fatal = Some(code);
    }

    /// A wait is over that began at `began`.
    pub(super) fn waited(&mut self, world: &World, began: Duration, events: &[Ready]) {
        self.after_wait = true;
        self.calls = 0;
        self.progress |= world.now > began || !events.is_empty();
        self.reported = self.reported.max(events.len());
    }
}

impl Watch {
    /// What must hold whenever the loop has done all that it can do without waiting.
    pub(super) fn before_wait(&mut self, world: &mut World, timeout: Option<Duration>) {
        self.after_wait = true; // also if the wait is interrupted
        self.calls = 0;
        self.idle_turns = if std::mem::take(&mut self.progress) { 0 } else { self.idle_turns + 1 };
        // Each event may have a turn of its own, in which it turns out to be spurious.
        if self.idle_turns > IDLE_TURNS + self.reported {
            broken(Promise::NoSpin, format!("{} turns in which nothing happened", self.idle_turns));
        }
        let until = timeout.map(|timeout| world.now + timeout);
        let (now, turn_at) = (world.now, self.turn_at);
        let waits = |due: Duration| until.is_none_or(|until| until > due.max(now).saturating_add(SLACK));
        let late = |due: Duration| turn_at >= due.saturating_add(SLACK) || waits(due);
        // When the time is over the loop may turn until the accept queues are empty, and not wait.
        if let Some(at) = world.stopped_at.filter(|_| world.ends_by().is_some_and(waits)) {
            broken(Promise::Deadline, format!("draining since {at:?}, the loop waits {}", told(until)));
        }
        if let Some(at) = world.has_nobody_since().filter(|at| waits(*at)) {
            let how = format!("nobody holds up the stop since {at:?}, and the loop waits {}", told(until));
            broken(Promise::Watching, how);
        }
        let (turns, round_trip) = (world.clients.len() / DUE_PER_TURN, world.weather.round_trip);
        for (index, client) in inside(&mut world.clients) {
            if client.since >= turn_at {
                client.since = now; // its deadline was set at some moment of this turn
            }
            let limits = &world.limits[usize::from(client.service)];
            let over = client.stage.over(client.since, limits);
            let is_over = over.is_some_and(|over| turn_at >= over);
            client.lateness.sees(is_over, client.bytes_read + client.records_read, now, turns);
            let round_trip = if client.is_local() { Duration::ZERO } else { round_trip };
            let rest = if client.stage == Stage::Input { limits.rest(round_trip) } else { Duration::ZERO };
            let due = over.map(|over| client.lateness.due(over, rest));
            let is_due = due.is_some_and(|due| turn_at >= due.saturating_add(SLACK));
            if client.lateness.is_left_open(is_due, turns) || due.is_some_and(waits) {
                let due = due.unwrap_or_default();
                let how = format!("client {index} is due at {due:?}, and the loop waits {}", told(until));
                broken(Promise::Deadline, how);
            }
            // A loop that only polls has not gone to sleep: it can have work of its own left.
            if client.is_forgotten(&world.weather) && timeout != Some(Duration::ZERO) {
                let how = format!("client {index} is ready, was said to be, and the loop waits for more");
                broken(Promise::NoStall, how);
            }
            // If the wait ends at once for this stream, then nothing is held back for long.
            if client.held_back && !client.edge {
                let how = format!("a segment to client {index} is held back, and the loop waits");
                broken(Promise::Law, how);
            }
        }
        self.looks_for_clients(world, timeout, late);
    }

    /// With room and a client in the accept queue, accept follows.
    fn looks_for_clients(&self, world: &World, timeout: Option<Duration>, late: impl Fn(Duration) -> bool) {
        for socket in &world.sockets {
            let service = usize::from(socket.service);
            let waiting = socket.queue.len();
            let asks_again = self.asked_at[service].max(socket.since) + BACK_OFF;
            // A client that has come while the others were served is looked for in the next turn.
            if waiting == 0 || !socket.is_open || socket.edge || !late(asks_again) {
                continue;
            }
            // A datagram takes no room.
            if !socket.has_connections() || world.has_room(socket.service) {
                let until = told(timeout.map(|timeout| world.now + timeout));
                let how = format!("{waiting} wait to be accepted, there is room, and the loop waits {until}");
                broken(Promise::NoStall, how);
            }
        }
    }
}

/// How long the loop waits, in words.
fn told(until: Option<Duration>) -> String {
    until.map_or_else(|| "for ever".to_owned(), |until| format!("until {until:?}"))
}

fn inside(clients: &mut [Client]) -> impl Iterator<Item = (usize, &mut Client)> {
    clients.iter_mut().enumerate().filter(|(_, client)| client.place == Place::Inside)
}

impl World {
    /// How many of a service's clients have a place.
    pub(super) fn inside(&self, service: u8) -> usize {
        let has_place = |client: &&Client| client.place == Place::Inside && client.service == service;
        self.clients.iter().filter(has_place).count()
    }

    /// A client that is accepted takes a place of its source. If that has all it may have, the client is to be reset, and
    /// has no right to an answer.
    pub(super) fn counts_for_its_source(&mut self, index: usize) {
        // An address and a user of the same number are two sources.
        let source = |client: &Client| (client.script.source, client.kind.semantics().names);
        let (service, own) = (self.clients[index].service, source(&self.clients[index]));
        let has_place = |client: &&Client| {
            client.place == Place::Inside && client.service == service && source(client) == own
        };
        let most = self.limits[usize::from(service)].most_per_source;
        if most > 0 && self.clients.iter().filter(has_place).count() >= most {
            self.clients[index].above_share = true;
            self.clients[index].excuse("its source had all the places that it may have");
        }
    }

    /// Whether there is a place and a descriptor for one more client of this service.
    pub(super) fn has_room(&self, service: u8) -> bool {
        self.inside(service) < self.places[usize::from(service)] && self.may_have_descriptor(service)
    }
}

impl Stage {
    /// When a stage that began at `since` has to be over; `None` if it may last for ever.
    fn over(self, since: Duration, limits: &Limits) -> Option<Duration> {
        since.checked_add(match self {
            Stage::Input => limits.input,
            Stage::Output => limits.output,
            Stage::Shut => limits.shut,
        })
    }
}
