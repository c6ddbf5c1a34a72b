//! How clients come to the server's sockets, and what the kernel tells of them.

use std::io;
use std::time::Duration;

use super::client::{Client, End, Place};
use super::faults::{Fault, client_stays};
use super::promises::{Promise, broken};
use super::socket::Socket;
use super::world::World;
use crate::kernel::Ready;
use crate::net::ErrorCode;

/// The longest that a client waits before it tries again to connect (tcp(7), `tcp_syn_retries`).
const LAST_CONNECT: Duration = Duration::from_secs(32);

impl World {
    /// A client comes: it connects, or its datagram does.
    pub(super) fn come(&mut self, index: usize, at: Duration) {
        if self.sockets[self.clients[index].script.socket].has_connections() {
            self.connect(index, at);
        } else {
            self.post(index, at);
        }
        self.note_arrival(index);
    }

    fn note_arrival(&mut self, index: usize) {
        if self.trace.is_none() {
            return;
        }
        let Client { place, script, kind, connected_at, .. } = &self.clients[index];
        let way = self.way(index);
        let where_to = match place {
            Place::Outside if connected_at.is_some() => &format!("connects, and its handshake takes {way:?}"),
            Place::Outside => "finds the accept queue full, and will try again",
            Place::Queued if !kind.semantics().connections => "has sent a datagram",
            Place::Queued if way.is_zero() => "connects",
            Place::Queued => "has connected",
            Place::Inside | Place::Over => "is refused, or its datagram is lost",
        };
        let line = format!("client {index} ({}, {kind}) {where_to}", script.label);
        self.note(|| line);
    }

    /// How long the handshake of this client is on its way.
    fn way(&self, index: usize) -> Duration {
        if self.clients[index].is_local() { Duration::ZERO } else { self.weather.way }
    }

    fn connect(&mut self, index: usize, at: Duration) {
        let way = self.way(index);
        if self.clients[index].connected_at.is_none() {
            let client = &mut self.clients[index];
            let lets_in = self.sockets[client.script.socket].lets_in;
            client.connected_at = lets_in.then_some(at);
            if lets_in && !way.is_zero() {
                client.next_at = Some(at + way);
                return;
            }
        }
        if !self.sockets[self.clients[index].script.socket].lets_in {
            self.is_lost(index, at);
        }
        let client = &mut self.clients[index];
        let socket = &mut self.sockets[client.script.socket];
        let is_full = socket.queue.len() >= self.backlog;
        if !socket.lets_in || (is_full && client.connect_again > LAST_CONNECT) {
            client.excuse(if socket.lets_in { "it gave up connecting" } else { "the server did not listen" });
            (client.place, client.end, client.next_at) = (Place::Over, Some(End::Refused), None);
        } else if is_full {
            client.next_at = Some(at + client.connect_again);
            client.connected_at = None;
            client.connect_again *= 2;
        } else {
            (client.place, client.next_at) = (Place::Queued, Some(at));
            socket.enter(index, self.now, &self.weather);
        }
    }

    /// A datagram comes, or is lost for want of room.
    fn post(&mut self, index: usize, at: Duration) {
        let taken = |index: &usize| self.clients[*index].sent.len();
        let queued: usize = self.sockets[self.clients[index].script.socket].queue.iter().map(taken).sum();
        let client = &mut self.clients[index];
        let socket = &mut self.sockets[client.script.socket];
        client.next_at = None;
        client.sent = client.script.pieces().next().unwrap_or_default().to_vec();
        if !socket.lets_in || queued >= self.weather.receive_buffer {
            client.excuse("its datagram was lost");
            (client.place, client.end) = (Place::Over, Some(End::Refused));
        } else {
            client.arrivals.push((at, client.sent.len()));
            client.records.push(client.sent.len());
            (client.place, client.connected_at) = (Place::Queued, Some(at));
            socket.enter(index, self.now, &self.weather);
        }
    }

    /// A client of this socket is given to the loop. Another socket of the same service whose client has waited since
    /// before the last one from here should have had its turn. At a stop one that has been served as often as clients can wait
    /// there has had its turns: those that come behind wait until no more are let in.
    pub(super) fn serve_next(&mut self, socket: usize) -> Option<usize> {
        let index = self.sockets[socket].queue.pop_front()?;
        let Socket { service, served, .. } = self.sockets[socket];
        for (other, waiting) in self.sockets.iter().enumerate() {
            let waits = waiting.service == service && !waiting.queue.is_empty();
            let has_turns = waits && waiting.served_at_stop < self.backlog;
            let since = waiting.waits_since.filter(|_| has_turns);
            if other != socket && since.is_some_and(|since| since.max(waiting.served) < served) {
                let how = format!("socket {socket} is served twice, and a client waits at socket {other}");
                broken(Promise::Fairness, how);
            }
        }
        self.served.push(index);
        self.sockets[socket].served = self.served.len();
        self.sockets[socket].errors = 0;
        self.sockets[socket].served_at_stop += usize::from(self.stopped_at.is_some());
        if self.sockets[socket].queue.is_empty() {
            self.sockets[socket].waits_since = None;
        }
        Some(index)
    }

    /// A client of this socket was asked for, in vain.
    pub(super) fn had_its_turn(&mut self, socket: usize) {
        let socket = &mut self.sockets[socket];
        socket.waits_since = socket.waits_since.and(Some(self.served.len()));
    }

    /// An error of accept(2): the client that waited stays or is lost.
    pub(super) fn accept_fails<T>(&mut self, socket: usize, code: ErrorCode) -> io::Result<T> {
        self.accept_failed(socket, code);
        self.had_its_turn(socket);
        let socket = &mut self.sockets[socket];
        if code == ErrorCode::Again {
            return socket.would_block(&self.weather);
        }
        if !client_stays(code)
            && let Some(index) = socket.queue.pop_front()
        {
            self.clients[index].excuse("it was lost before it was accepted");
            self.clients[index].place = Place::Over;
            self.reset_by_server(index);
        }
        Err(code.into())
    }

    /// A socket of the server is closed, and the clients that wait there are told so, if that is possible.
    pub(super) fn close_socket(&mut self, socket: usize) {
        let Some(socket) = self.sockets.get_mut(socket) else { return };
        (socket.is_open, socket.lets_in) = (false, false);
        for index in std::mem::take(&mut socket.queue) {
            self.is_lost(index, Duration::ZERO);
            let client = &mut self.clients[index];
            client.excuse("the server stopped listening");
            client.place = Place::Over;
            self.reset_by_server(index);
        }
    }

    /// A client that came to the accept queue at this moment finds that the server is gone. It had a right to be served, if it
    /// had connected when the server was told to stop.
    fn is_lost(&self, index: usize, at: Duration) {
        let Client { connected_at, excused, service, script, .. } = &self.clients[index];
        let (Some(stopped_at), Some(connected_at)) = (self.stopped_at, connected_at) else { return };
        if self.watches(*service) {
            return; // its socket is closed when what it shows is over, whoever waits
        }
        let was_in_time = *connected_at <= stopped_at && at <= stopped_at.saturating_add(self.drain_timeout);
        // The last try that could succeed was refused: when the time was over, and no stream was closed later.
        let over_at = stopped_at.saturating_add(self.drain_timeout);
        let takes_room = self.sockets[script.socket].has_connections();
        let is_last =
            |(at, closed): &(Duration, usize)| *at >= over_at && (!takes_room || *closed == self.closed);
        let is_refused = self.refused[usize::from(*service)].as_ref().is_some_and(is_last);
        let is_excused =
            excused.is_some() || self.stopped_again_at.is_some() || self.sockets[script.socket].denied;
        if was_in_time && !is_excused && !is_refused {
            let how = format!("client {index} had connected, and was not accepted before the server stopped");
            broken(Promise::NobodyLost, how);
        }
    }

    /// All that is news, each told once.
    fn news(&mut self) -> Vec<Ready> {
        let mut news = Vec::new();
        while let Some((_, signal)) = self.signals.front().copied().filter(|(at, _)| *at <= self.now) {
            self.signals.pop_front();
            news.push(Ready::Signal(signal));
        }
        for (index, socket) in self.sockets.iter_mut().enumerate() {
            if std::mem::take(&mut socket.edge) && socket.is_open {
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
    pub(super) fn events(&mut self, fault: Option<Fault>) -> Vec<Ready> {
        let mut events = self.news();
        self.weather.shuffle(&mut events);
        let most = self.weather.events_per_wait(events.len());
        for event in events.split_off(most) {
            self.put_back(event);
        }
        if fault == Some(Fault::Spurious) {
            let known = self.clients.iter().filter_map(|client| Some(Ready::Stream(client.watched?.0)));
            events.extend(known.collect::<Vec<_>>());
            events.extend([
                Ready::Stream(0),
                Ready::Stream(usize::MAX / 2),
                Ready::Listener(0),
                Ready::Listener(9),
            ]);
        }
        for (index, socket) in self.sockets.iter_mut().enumerate() {
            if events.contains(&Ready::Listener(index)) {
                socket.denials = 0;
                socket.waits_since = socket.waits_since.or(Some(self.served.len()));
            }
        }
        events
    }

    fn put_back(&mut self, event: Ready) {
        match event {
            Ready::Signal(signal) => self.signals.push_front((self.now, signal)),
            Ready::Listener(socket) => self.sockets[socket].edge = true,
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
