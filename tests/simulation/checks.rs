//! Watches whether the promises are kept, at every wait and at the end.

use std::time::Duration;

use rustix::io::Errno;
use welcomed::facade::{Settings, Stats};
use welcomed::kernel::Ready;

use crate::client::{Client, End, Place, Stage};
use crate::kernel::State;
use crate::promises::{Promise, broken};
use crate::script::Reading;
use crate::world::World;

/// How many calls one turn may make: far more than any schedule needs.
const CALLS_PER_TURN: usize = 100_000;

/// How many turns may follow each other in which nothing happens and nothing is waited for: one because a
/// moment has passed between the loop's two looks at the clock, one because a wait was interrupted.
const IDLE_TURNS: usize = 3;

/// How long the loop may let a client wait at the door while it has room, and how long it may linger.
const BACK_OFF: Duration = Duration::from_millis(100);
const LINGER: Duration = Duration::from_secs(2);

/// What a deadline may be late by: the loop looks for what is due once in a turn, and what follows takes time.
const SLACK: Duration = Duration::from_millis(2);

/// What is remembered between the loop's steps in order to judge the next.
#[derive(Default)]
pub(crate) struct Watch {
    /// The time that the loop took it to be in this turn.
    pub(crate) turn_at: Duration,
    after_wait: bool,
    calls: usize,
    progress: bool,
    idle_turns: usize,
    /// When it last asked for clients, and for datagrams.
    asked_at: Duration,
    received_at: Duration,
    pub(crate) accepted: u64,
    /// The last error after which the server had to give up.
    pub(crate) fatal: Option<Errno>,
}

impl Watch {
    pub(crate) fn called(&mut self) {
        self.calls += 1;
        if self.calls > CALLS_PER_TURN {
            broken(Promise::NoSpin, format!("{CALLS_PER_TURN} calls in one turn"));
        }
    }

    /// A call did something that it will not do again for nothing.
    pub(crate) fn progressed(&mut self) {
        self.progress = true;
    }

    pub(crate) fn looked_at_the_clock(&mut self, now: Duration) {
        if std::mem::take(&mut self.after_wait) {
            self.turn_at = now;
        }
    }

    pub(crate) fn asks_for_clients(&mut self, now: Duration) {
        self.asked_at = now;
    }

    pub(crate) fn asks_for_datagrams(&mut self, now: Duration) {
        self.received_at = now;
    }

    pub(crate) fn accepted(&mut self, client: &mut Client, now: Duration) {
        self.progressed();
        self.accepted += 1;
        client.place = Place::Inside;
        (client.accepted_at, client.since) = (Some(now), now);
    }

    /// The server's own descriptors are broken.
    pub(crate) fn fails(&mut self, errno: Errno) {
        self.fatal = Some(errno);
    }

    /// A wait is over that began at `began`.
    pub(crate) fn waited(&mut self, world: &World, began: Duration, events: &[Ready]) {
        self.after_wait = true;
        self.calls = 0;
        self.progress |= world.now > began || !events.is_empty();
    }
}

impl State {
    /// What must hold whenever the loop has done all that it can do without waiting.
    pub(crate) fn before_wait(&mut self, timeout: Option<Duration>) {
        let State { world, watch, .. } = self;
        watch.after_wait = true; // also if the wait is interrupted
        watch.calls = 0;
        watch.idle_turns = if std::mem::take(&mut watch.progress) { 0 } else { watch.idle_turns + 1 };
        if watch.idle_turns > IDLE_TURNS {
            broken(Promise::NoSpin, format!("{} turns in which nothing happened", watch.idle_turns));
        }
        let until = timeout.map(|timeout| world.now + timeout);
        let now = world.now;
        let late = |due: Duration| {
            watch.turn_at >= due + SLACK || until.is_none_or(|until| until > due.max(now) + SLACK)
        };
        if let Some(at) = world.stopped_at.filter(|at| late(*at + world.settings.drain_timeout)) {
            broken(Promise::Deadline, format!("draining since {at:?}, the loop waits until {until:?}"));
        }
        let mut inside = 0;
        for (index, client) in world.clients.iter_mut().enumerate().filter(|(_, c)| c.place == Place::Inside)
        {
            inside += 1;
            if client.since >= watch.turn_at {
                client.since = world.now; // its deadline was set at some moment of this turn
            }
            let due = client.since + client.stage.may_last(&world.settings);
            if late(due) {
                let how = format!("client {index} is due at {due:?}, and the loop waits until {until:?}");
                broken(Promise::Deadline, how);
            }
            if client.is_forgotten(&world.weather) {
                let how = format!("client {index} is ready, was said to be, and the loop waits for more");
                broken(Promise::NoStall, how);
            }
        }
        let room = inside < world.settings.max_connections.min(world.weather.descriptors);
        for door in &world.doors {
            // A datagram takes no room.
            let (room, asked_at) =
                if door.has_connections() { (room, watch.asked_at) } else { (true, watch.received_at) };
            let asks_again = asked_at.max(door.since) + BACK_OFF;
            let waiting = door.queue.len();
            // What has come to be due while the others had their turn is looked for in the next.
            if room && waiting > 0 && door.is_open && !door.edge && late(asks_again) {
                let how =
                    format!("{waiting} wait at the door, there is room, and the loop sleeps for {timeout:?}");
                broken(Promise::NoStall, how);
            }
        }
    }
}

impl Stage {
    /// How long a connection may be in it.
    fn may_last(self, settings: &Settings) -> Duration {
        match self {
            Stage::Naming => settings.name_timeout,
            Stage::Writing => settings.write_timeout,
            Stage::Lingering => LINGER,
        }
    }
}

impl World {
    /// What must hold when the server is gone, and everybody has taken what is still on its way.
    /// Gives how many had a right to a welcome: clients of streams, of records, and of datagrams.
    pub(crate) fn at_the_end(&mut self) -> [u64; 3] {
        self.settle();
        let mut promised = [0; 3];
        for (index, client) in self.clients.iter().enumerate() {
            if !self.could_get(client) {
                let received = String::from_utf8_lossy(&client.received);
                broken(Promise::NothingElse, format!("client {index} got {received:?}"));
            }
            if let Some(welcome) = self.promised(client) {
                let kind = self.doors[client.script.door].kind.semantics();
                promised[usize::from(kind.boundaries) + usize::from(!kind.connections)] += 1;
                client.has_got(&welcome, index);
            }
        }
        promised
    }

    /// The welcome that a client has a right to, if it has a right to one.
    pub(crate) fn promised(&self, client: &Client) -> Option<Vec<u8>> {
        let (name, named_at) = (client.script.name.as_ref()?, client.name_at?);
        let in_time = named_at + SLACK < client.accepted_at? + self.settings.name_timeout;
        if client.excused.is_some() || !in_time || !self.keeps_up(client, name) {
            return None;
        }
        // The server has to linger only if it can know that there is more than a name.
        let more_read = if client.keeps_boundaries {
            client.more_came || client.records_read > 1
        } else {
            name.len() == 1024 || client.bytes_read > name.len() + 1
        };
        let unknown = client.script.surplus && !more_read;
        (!unknown).then(|| reply(self, name))
    }

    /// Whether a client takes its welcome in time, and its name is not ended before by a gap of zero.
    fn keeps_up(&self, client: &Client, name: &[u8]) -> bool {
        // A byte's turn comes when all others have had theirs.
        let crowd = self.clients.len() as u64 / 10;
        let pace = crowd + if client.script.reading == Reading::Slow { 6 } else { 1 };
        let beyond = reply(self, name).len().saturating_sub(self.weather.send_buffer) as u64;
        if client.keeps_boundaries {
            return true;
        }
        let at_once = !client.script.in_pieces && self.weather.receive_buffer >= 4096;
        Duration::from_millis(beyond * pace) < self.settings.write_timeout
            && (at_once || !self.settings.name_gap.is_zero())
    }

    /// Whether what a client got is a part of its welcome, by as much of its name as the server took.
    fn could_get(&self, client: &Client) -> bool {
        let got = &client.received[..];
        if client.keeps_boundaries {
            let answered = self.doors[client.script.door].has_connections() || client.script.name.is_some();
            let name = client.script.first_piece().filter(|_| answered);
            return got.is_empty()
                || name.is_some_and(|name| reply(self, &name[..name.len().min(1024)]) == got);
        }
        let (before, after) = self.welcome.split_once("{name}").unwrap_or((self.welcome, ""));
        let Some(rest) = got.strip_prefix(before.as_bytes()) else {
            return before.as_bytes().starts_with(got);
        };
        let name = if self.welcome.contains("{name}") { &client.sent[..] } else { b"" };
        let same =
            rest.iter().zip(name.iter().take(1024)).take_while(|(a, b)| a == b && **a != b'\n').count();
        (0..=same).any(|end| after.as_bytes().starts_with(&rest[end..]))
    }
}

impl Client {
    /// What a client must have that has a right to a welcome.
    fn has_got(&self, welcome: &[u8], index: usize) {
        let (kind, received, end) = (self.script.kind, &self.received[..], self.end);
        if received != welcome || end != Some(End::Clean) {
            let [welcome, received] = [welcome, received].map(String::from_utf8_lossy);
            let how = format!("client {index} ({kind}) was to get {welcome:?} and got {received:?}, {end:?}");
            broken(Promise::Welcome, how);
        }
    }
}

impl State {
    /// Whether the counts are those of the clients, as far as these tell.
    pub(crate) fn counts(&self, counts: &Stats) {
        let World { clients, .. } = &self.world;
        let number = |is: &dyn Fn(&Client) -> bool| clients.iter().filter(|client| is(client)).count() as u64;
        let promised = number(&|client| self.world.promised(client).is_some());
        let sorted = counts.welcomed() >= promised
            && counts.failed() <= number(&|client| client.reset || client.call_failed)
            && counts.without_name()
                <= number(&|client| client.fin && client.sent.is_empty() && client.records_sent == 0)
            && counts.dropped() == self.world.dropped
            && counts.echoes()
                == number(&|client| client.accepted_at.is_some() && client.script.kind == "echo")
            && counts.unanswerable()
                == number(&|client| client.accepted_at.is_some() && client.script.kind == "unnamed")
            && counts.timed_out() <= self.watch.accepted - promised
            && (counts.stopped() == 0 || self.world.stopped_at.is_some());
        if counts.accepted() != self.watch.accepted || !sorted {
            let accepted = self.watch.accepted;
            broken(
                Promise::Counts,
                format!("{accepted} were accepted, {promised} promised a welcome; {counts}"),
            );
        }
    }
}

/// What a name is to be answered, by the settings' own words.
fn reply(world: &World, name: &[u8]) -> Vec<u8> {
    match world.welcome.split_once("{name}") {
        None => world.welcome.as_bytes().to_vec(),
        Some((before, after)) => [before.as_bytes(), name, after.as_bytes()].concat(),
    }
}
