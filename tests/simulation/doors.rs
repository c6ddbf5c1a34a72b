//! Where clients come to: the server's sockets, and the queues behind them.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use rustix::io::Errno;
use welcomed::kernel::Ready;
use welcomed::net::Kind;

use crate::client::{Client, End, Place};
use crate::faults::{Fault, client_stays};
use crate::script::Step;
use crate::weather::Weather;
use crate::world::World;

/// The longest that a client waits before it tries again to connect (tcp(7), `tcp_syn_retries`).
const LAST_CONNECT: Duration = Duration::from_secs(32);

/// One socket of the server's, and who waits there.
pub(crate) struct Door {
    pub(crate) kind: Kind,
    pub(crate) is_open: bool,
    /// Who has connected and waits to be accepted, or whose datagram has come.
    pub(crate) queue: VecDeque<usize>,
    /// Whether a call has answered that it would block, so that somebody in the queue is news.
    pub(crate) blocked: bool,
    pub(crate) edge: bool,
    /// When the queue ceased to be empty.
    pub(crate) since: Duration,
    /// How many answers to datagrams fill the send buffer. They leave while the loop waits.
    pub(crate) unsent: usize,
}

impl Door {
    pub(crate) fn new(kind: Kind) -> Door {
        Door {
            kind,
            is_open: false,
            queue: VecDeque::new(),
            blocked: true,
            edge: false,
            since: Duration::ZERO,
            unsent: 0,
        }
    }

    /// Whether clients connect here, or only send datagrams.
    pub(crate) fn has_connections(&self) -> bool {
        self.kind.semantics().connections
    }

    /// The queue has grown, or a call denied what is in it.
    fn changed(&mut self, weather: &Weather) {
        if self.blocked || !weather.stingy {
            self.blocked = false;
            self.edge = true;
        }
    }

    fn enter(&mut self, index: usize, now: Duration, weather: &Weather) {
        if self.queue.is_empty() {
            self.since = now;
        }
        self.queue.push_back(index);
        self.changed(weather);
    }

    /// A call answers that it would block. If that was not so, then who is there is news at once.
    pub(crate) fn would_block<T>(&mut self, weather: &Weather) -> io::Result<T> {
        self.blocked = true;
        if !self.queue.is_empty() {
            self.changed(weather);
        }
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl World {
    /// A client comes: it connects, or its datagram does.
    pub(crate) fn come(&mut self, index: usize, at: Duration) {
        if self.doors[self.clients[index].script.door].has_connections() {
            self.connect(index, at);
        } else {
            self.post(index, at);
        }
        let Client { place, script, .. } = &self.clients[index];
        let (place, kind) = (*place, script.kind);
        self.note(|| format!("client {index} ({kind}) comes: {place:?}"));
    }

    fn connect(&mut self, index: usize, at: Duration) {
        let client = &mut self.clients[index];
        let door = &mut self.doors[client.script.door];
        let (queued, backlog) = (door.queue.len(), self.settings.backlog as usize);
        if !door.is_open {
            client.excuse("nobody listened");
            (client.place, client.end, client.next_at) = (Place::Over, Some(End::Refused), None);
        } else if queued >= backlog && client.connect_again > LAST_CONNECT {
            client.excuse("it gave up connecting");
            (client.place, client.end, client.next_at) = (Place::Over, Some(End::Refused), None);
        } else if queued >= backlog {
            client.next_at = Some(at + client.connect_again);
            client.connect_again *= 2;
        } else {
            (client.place, client.next_at) = (Place::Queued, Some(at));
            door.enter(index, self.now, &self.weather);
        }
    }

    /// A datagram comes, or is lost for want of room.
    fn post(&mut self, index: usize, at: Duration) {
        let taken = |index: &usize| self.clients[*index].sent.len();
        let door = &self.doors[self.clients[index].script.door];
        let queued: usize = door.queue.iter().map(taken).sum();
        let client = &mut self.clients[index];
        let door = &mut self.doors[client.script.door];
        client.next_at = None;
        if let Some(Step::Send(bytes)) = client.script.steps.first() {
            client.sent.clone_from(bytes);
        }
        if !door.is_open || queued >= self.weather.receive_buffer {
            client.excuse("its datagram was lost");
            (client.place, client.end) = (Place::Over, Some(End::Refused));
        } else {
            (client.place, client.name_at) = (Place::Queued, Some(at));
            door.enter(index, self.now, &self.weather);
        }
    }

    /// An error of accept(2): the client that waited stays or is lost.
    pub(crate) fn accept_fails<T>(&mut self, door: usize, errno: Errno) -> io::Result<T> {
        let door = &mut self.doors[door];
        if errno == Errno::AGAIN {
            return door.would_block(&self.weather);
        }
        if !client_stays(errno)
            && let Some(index) = door.queue.pop_front()
        {
            self.clients[index].excuse("it was lost before it was accepted");
            self.clients[index].place = Place::Over;
            self.reset_by_server(index);
        }
        Err(errno.into())
    }

    /// A socket of the server is closed, and who waits there is told so, if that is possible.
    pub(crate) fn shut_door(&mut self, door: usize) {
        let door = &mut self.doors[door];
        door.is_open = false;
        for index in std::mem::take(&mut door.queue) {
            let client = &mut self.clients[index];
            client.excuse("the server stopped listening");
            client.place = Place::Over;
            self.reset_by_server(index);
        }
    }

    /// All that is news, each told once.
    pub(crate) fn news(&mut self) -> Vec<Ready> {
        let mut news = Vec::new();
        while let Some((_, signal)) = self.signals.front().copied().filter(|(at, _)| *at <= self.now) {
            self.signals.pop_front();
            news.push(Ready::Signal(signal));
        }
        for (index, door) in self.doors.iter_mut().enumerate() {
            if std::mem::take(&mut door.edge) && door.is_open {
                news.push(Ready::Listener(index));
            }
        }
        for client in &mut self.clients {
            if let (true, Some((key, _))) = (client.edge && client.place == Place::Inside, client.watched) {
                client.edge = false;
                news.push(Ready::Stream(key));
            }
        }
        news
    }

    /// The news for one wait, at most some of it.
    pub(crate) fn events(&mut self, fault: Option<Fault>) -> Vec<Ready> {
        let mut events = self.news();
        self.weather.shuffle(&mut events);
        let most = self.weather.events_per_wait(events.len());
        for event in events.split_off(most) {
            self.put_back(event);
        }
        if fault == Some(Fault::Spurious) {
            let known = self.clients.iter().filter_map(|client| Some(Ready::Stream(client.watched?.0)));
            events.extend(known.collect::<Vec<_>>());
            events.extend([Ready::Stream(0), Ready::Stream(1 << 40), Ready::Listener(0), Ready::Listener(9)]);
        }
        events
    }

    fn put_back(&mut self, event: Ready) {
        match event {
            Ready::Signal(signal) => self.signals.push_front((self.now, signal)),
            Ready::Listener(door) => self.doors[door].edge = true,
            Ready::Stream(key) => {
                let inside = |client: &&mut Client| {
                    client.place == Place::Inside && client.watched.is_some_and(|(watched, _)| watched == key)
                };
                if let Some(client) = self.clients.iter_mut().find(inside) {
                    client.edge = true;
                }
            }
        }
    }
}
