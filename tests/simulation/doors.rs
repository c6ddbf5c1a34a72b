//! Where clients come to: the server's sockets, and the queues behind them.

use std::io;
use std::time::Duration;

use rustix::io::Errno;
use welcomed::kernel::Ready;

use crate::client::{Client, End, Place};
use crate::faults::{Fault, client_stays};
use crate::world::World;

/// The longest that a client waits before it tries again to connect (tcp(7), `tcp_syn_retries`).
const LAST_CONNECT: Duration = Duration::from_secs(32);

impl World {
    pub(crate) fn connect(&mut self, index: usize, at: Duration) {
        let (queued, backlog) = (self.queue.len(), self.settings.backlog as usize);
        let client = &mut self.clients[index];
        if !self.listening {
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
            if queued == 0 {
                self.queued_since = self.now;
            }
            self.queue.push_back(index);
            self.queue_changed();
        }
        let Client { place, script, .. } = &self.clients[index];
        let (place, kind) = (*place, script.kind);
        self.note(|| format!("client {index} ({kind}) connects: {place:?}"));
    }

    /// The queue has grown, or accept denied what is in it.
    pub(crate) fn queue_changed(&mut self) {
        if self.queue_blocked || !self.weather.stingy {
            self.queue_blocked = false;
            self.queue_edge = true;
        }
    }

    /// An error of accept(2): the client that waited stays or is lost.
    pub(crate) fn accept_fails<T>(&mut self, errno: Errno) -> io::Result<T> {
        if errno == Errno::AGAIN {
            self.queue_blocked = true;
            if !self.queue.is_empty() {
                self.queue_changed();
            }
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if !client_stays(errno)
            && let Some(index) = self.queue.pop_front()
        {
            self.clients[index].excuse("it was lost before it was accepted");
            self.clients[index].place = Place::Over;
            self.reset_by_server(index);
        }
        Err(errno.into())
    }

    /// All that is news, each told once.
    pub(crate) fn news(&mut self) -> Vec<Ready> {
        let mut news = Vec::new();
        while let Some((_, signal)) = self.signals.front().copied().filter(|(at, _)| *at <= self.now) {
            self.signals.pop_front();
            news.push(Ready::Signal(signal));
        }
        if std::mem::take(&mut self.queue_edge) && self.listening {
            news.push(Ready::Listener(0));
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
            Ready::Listener(_) => self.queue_edge = true,
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
