//! The event loop.
//!
//! [`Server::turn`] is the whole of it: wait, serve who is ready, expire who is late, accept. One
//! thread, no locks, no callbacks. The loop is generic over its [`Kernel`] and otherwise free of
//! abstraction.

mod accept;
mod connection;
mod datagram;
mod deadlines;
mod listener;
mod settings;
mod stats;
mod timers;

use std::io::{self, ErrorKind};
use std::time::Instant;

use slab::Slab;

use self::accept::{ACCEPT_BUDGET, Gate, Trouble};
use self::connection::{Connection, Halt, READ_BYTES_PER_TURN, Shared};
use self::datagram::{Datagram, Repeats};
use self::deadlines::DURATION_MAX;
use self::listener::Listener;
pub use self::settings::Settings;
pub use self::stats::Stats;
use self::timers::{Due, Timers};
use crate::kernel::{Kernel, Ready, Signal};
use crate::net::Address;
use crate::protocol::state::connection as client_state;
use crate::protocol::state::server::{Event, State};

/// A welcome server on the kernel `K`.
///
/// ```
/// use std::io::{Read, Write};
/// use welcomed::kernel::Mio;
/// use welcomed::server::{Server, Settings};
///
/// # fn main() -> std::io::Result<()> {
/// let mut server = Server::new(Mio::new()?, Settings::default());
/// let any_port: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
/// let address = server.listen(&any_port.into())?;
///
/// let mut client = std::net::TcpStream::connect(address.inet().unwrap())?;
/// client.write_all(b"Rafatul\n")?;
/// while server.stats().welcomed() == 0 {
///     server.turn()?;
/// }
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// assert_eq!(answer, "welcome ");
/// # Ok(())
/// # }
/// ```
pub struct Server<K: Kernel> {
    kernel: K,
    settings: Settings,
    listeners: Vec<Listener<K::Listener>>,
    connections: Slab<Connection<K::Stream>>,
    timers: Timers,
    /// When clients may be accepted.
    gate: Gate,
    /// When datagrams may be received. They take no place and no descriptor, and so wait for neither.
    datagram_gate: Gate,
    repeats: Repeats,
    /// Which listening socket comes first, modulo their number.
    first_to_accept: usize,
    /// When draining has to be over; `None` as long as the server does not stop.
    drain_by: Option<Instant>,
    /// Why the server stops, if that was an error.
    failure: Option<io::Error>,
    ready: Vec<Ready>,
    buffer: Box<[u8]>,
    stats: Stats,
}

impl<K: Kernel> Server<K> {
    /// A server that does not listen yet.
    pub fn new(kernel: K, settings: Settings) -> Server<K> {
        Server {
            kernel,
            listeners: Vec::new(),
            connections: Slab::new(),
            timers: Timers::new(settings.name_timeout, settings.name_gap, settings.write_timeout),
            gate: Gate::new(settings.max_connections),
            datagram_gate: Gate::new(usize::MAX),
            repeats: Repeats::default(),
            first_to_accept: 0,
            drain_by: None,
            failure: None,
            ready: Vec::new(),
            buffer: vec![0; READ_BYTES_PER_TURN].into(),
            stats: Stats::default(),
            settings,
        }
    }

    /// Listens on one more address, or receives datagrams there, and gives the one it really got: port 0
    /// takes a free port.
    ///
    /// Fails with what socket(2), bind(2) or listen(2) fail with, with [`ErrorKind::InvalidInput`] where the
    /// welcome is none for datagrams (see
    /// [`suits_datagrams`](crate::protocol::Welcome::suits_datagrams)), and then listens on one less.
    pub fn listen(&mut self, address: &Address) -> io::Result<Address> {
        if !address.kind.semantics().connections {
            let suits = self.settings.welcome.suits_datagrams();
            suits.map_err(|why| io::Error::new(ErrorKind::InvalidInput, why))?;
        }
        let index = self.listeners.len();
        let listener = Listener::open(&mut self.kernel, address, index, &self.settings)?;
        let address = listener.address().clone();
        self.listeners.push(listener);
        Ok(address)
    }

    /// Serves until a signal asks to stop, and says the counts.
    ///
    /// Fails if waiting fails, or with the error of a listening socket that broke; in the latter case
    /// the open connections are finished first, and the counts are said.
    pub fn run(&mut self) -> io::Result<()> {
        while !self.is_closed() {
            self.turn()?;
        }
        self.stats.say();
        self.failure.take().map_or(Ok(()), Err)
    }

    /// One turn of the loop.
    pub fn turn(&mut self) -> io::Result<()> {
        self.wait()?;
        let now = self.kernel.now();
        let mut ready = std::mem::take(&mut self.ready);
        for ready in ready.drain(..) {
            match ready {
                Ready::Stream(key) => self.drive(key),
                Ready::Listener(index) => {
                    if let Some(listener) = self.listeners.get_mut(index) {
                        listener.somebody_waits();
                    }
                }
                Ready::Signal(Signal::Stop) => self.stop(now),
                Ready::Signal(Signal::Report) => self.stats.say(),
            }
        }
        self.ready = ready;
        self.expire(now);
        self.accept(now);
        self.finish_draining(now);
        Ok(())
    }

    /// Whether every listening socket and every connection is closed.
    pub fn is_closed(&self) -> bool {
        self.connections.is_empty() && self.listeners.iter().all(|listener| listener.state() == State::Closed)
    }

    /// How many connections are open, lingering ones among them.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// The counts so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Waits until something is ready, the next deadline, or the end of a pause in accepting.
    fn wait(&mut self) -> io::Result<()> {
        log::logger().flush();
        let now = self.kernel.now();
        let waiting = self.listeners.iter().filter(|listener| listener.is_ready());
        let open = self.connections.len();
        let accept = waiting.filter_map(|listener| self.gate_of(listener).asks_again(open, now)).min();
        let until = [accept, self.timers.next(), self.drain_by].into_iter().flatten().min();
        let timeout = until.map(|until| until.saturating_duration_since(now));
        match self.kernel.wait(&mut self.ready, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            result => result,
        }
    }

    /// Serves a connection until it would block. There may be none under this key any more: an earlier
    /// event of the same turn can have ended it.
    fn drive(&mut self, key: usize) {
        let Some((connection, mut shared)) = self.connection(key) else { return };
        let known = connection.session.name().len();
        let Halt::Blocked(interest) = connection.drive(&mut shared) else { return self.close(key) };
        // Whoever has to wait does so from now on: the turn can have begun long ago.
        let now = shared.kernel.now();
        if let Err(error) = connection.watch(key, interest, shared.kernel) {
            connection.fail(&error, &mut shared);
            self.close(key);
            return self.pause(true, &error, now);
        }
        let (state, name) = (connection.session.state(), connection.session.name().len());
        self.timers.arm(key, state, name > known, now);
    }

    /// Moves on whoever has waited long enough.
    fn expire(&mut self, now: Instant) {
        while let Some((key, due)) = self.timers.expire(now) {
            // What was waited for can be here without an event to tell of it: the wait was interrupted,
            // or ended before this one's turn. Only a look at the stream decides.
            let Some(waited) = self.progress(key) else { continue };
            self.drive(key);
            let Some((connection, mut shared)) = self.connection(key) else { continue };
            let session = &mut connection.session;
            let arrow = match due {
                Due::Silence if (session.state(), session.name().len()) == waited => {
                    session.silence(shared.welcome)
                }
                Due::Deadline if session.state() == waited.0 => session.deadline(),
                Due::Silence | Due::Deadline => continue,
            };
            connection.moved(arrow, &mut shared);
            self.drive(key);
        }
    }

    /// Where a connection stands, and how much of its name is here.
    fn progress(&self, key: usize) -> Option<(client_state::State, usize)> {
        let session = &self.connections.get(key)?.session;
        Some((session.state(), session.name().len()))
    }

    /// Accepts or answers who waits, within a budget for each socket, and in turns: when there is room for
    /// one, it is not always the first socket that gets it.
    fn accept(&mut self, now: Instant) {
        let count = self.listeners.len();
        self.first_to_accept += 1;
        for index in 0..count {
            self.accept_from((self.first_to_accept + index) % count, now);
        }
        let mut waiting = self.listeners.iter().filter(|listener| listener.is_ready());
        if waiting.clone().all(Listener::has_connections) {
            self.datagram_gate.nobody_waits();
        }
        if !waiting.any(Listener::has_connections) {
            self.gate.nobody_waits();
        } else if self.gate.is_full(self.connections.len()) && self.gate.is_news() {
            let open = self.connections.len();
            log::info!("full: {open} open, the most there may be; others wait");
        }
    }

    fn accept_from(&mut self, index: usize, now: Instant) {
        let mut anybody_came = false;
        for _ in 0..ACCEPT_BUDGET {
            let Some(listener) = self.listeners.get(index) else { return };
            if !listener.is_ready() || !self.gate_of(listener).admits(self.connections.len(), now) {
                return;
            }
            let served =
                if listener.has_connections() { self.accept_one(index) } else { self.answer_one(index, now) };
            match served {
                Ok(()) => anybody_came = true,
                Err(error) => self.accept_failed(index, error, now),
            }
        }
        if !anybody_came {
            // Nothing but errors: whatever they are, do not spin on them.
            self.gate_mut(self.has_connections(index)).pause(now);
        }
    }

    /// What decides whether somebody may be served from `listener`.
    fn gate_of(&self, listener: &Listener<K::Listener>) -> &Gate {
        if listener.has_connections() { &self.gate } else { &self.datagram_gate }
    }

    fn gate_mut(&mut self, connections: bool) -> &mut Gate {
        if connections { &mut self.gate } else { &mut self.datagram_gate }
    }

    /// What is done at a socket with connections, or at one without, in a word.
    fn word(&self, index: usize, with: &'static str, without: &'static str) -> &'static str {
        if self.has_connections(index) { with } else { without }
    }

    fn has_connections(&self, index: usize) -> bool {
        self.listeners.get(index).is_some_and(Listener::has_connections)
    }

    /// Accepts the client that has waited longest.
    fn accept_one(&mut self, index: usize) -> io::Result<()> {
        let Some(listener) = self.listeners.get_mut(index) else { return Ok(()) };
        let (stream, peer) = listener.accept(&mut self.kernel)?;
        self.stats.client_accepted();
        // Driven at once: most clients have sent their name by now and are done with before the kernel
        // would have to be asked to watch them.
        let key = self.connections.insert(Connection::new(stream, peer, listener.address().kind));
        self.drive(key);
        Ok(())
    }

    /// Answers the next datagram.
    fn answer_one(&mut self, index: usize, now: Instant) -> io::Result<()> {
        let Some(listener) = self.listeners.get_mut(index) else { return Ok(()) };
        let Server { kernel, settings: Settings { welcome, .. }, buffer, stats, .. } = self;
        let mut shared = Shared { kernel, welcome, buffer, stats };
        let socket = listener.socket()?;
        let datagram = Datagram::receive(socket, &mut shared)?;
        shared.stats.client_accepted();
        datagram.answer(socket, &mut shared, &mut self.repeats, now);
        listener.served();
        Ok(())
    }

    fn accept_failed(&mut self, index: usize, error: io::Error, now: Instant) {
        match Trouble::of(&error) {
            Trouble::NobodyWaits => {
                if let Some(listener) = self.listeners.get_mut(index) {
                    listener.nobody_waits();
                }
            }
            Trouble::Interrupted => {}
            Trouble::Exhausted => self.pause(self.has_connections(index), &error, now),
            Trouble::Peers => {
                self.stats.accept_failed();
                log::debug!(
                    "a client was lost before it was {}: {error}",
                    self.word(index, "accepted", "received")
                );
            }
            Trouble::Listeners => {
                log::error!("cannot {} any more: {error}", self.word(index, "accept", "receive"));
                if let Some(listener) = self.listeners.get_mut(index) {
                    listener.on(Event::Failed);
                }
                self.failure = Some(error);
                self.drain(now);
            }
        }
    }

    /// The system is out of what it takes to serve one more connection, or one more datagram.
    fn pause(&mut self, connections: bool, error: &io::Error, now: Instant) {
        self.stats.accept_paused();
        let gate = self.gate_mut(connections);
        gate.pause(now);
        if gate.is_news() {
            let (what, open) = (if connections { "accepting" } else { "receiving" }, self.connections.len());
            log::warn!("{what} pauses with {open} open: {error}; others wait");
        }
    }

    /// A signal to stop: the first lets open connections finish, the second does not.
    fn stop(&mut self, now: Instant) {
        if self.drain_by.is_some() {
            log::info!("stopping at once");
            self.stop_connections(Event::StopNow);
            return;
        }
        self.drain(now);
    }

    /// Accepts who has connected, then nobody any more, and gives all of them their time to finish.
    fn drain(&mut self, now: Instant) {
        self.drain_by.get_or_insert(now + self.settings.drain_timeout.min(DURATION_MAX));
        self.all_listeners(Event::Stop);
        log::info!("stopping: {} open", self.connections.len());
    }

    fn finish_draining(&mut self, now: Instant) {
        let Some(drain_by) = self.drain_by else { return };
        if self.connections.is_empty() && self.listeners.iter().all(Listener::is_shut) {
            self.all_listeners(Event::Drained);
        } else if drain_by <= now {
            log::warn!("stopping: {} did not finish in time", self.connections.len());
            self.stop_connections(Event::Deadline);
        }
    }

    fn stop_connections(&mut self, event: Event) {
        self.all_listeners(event);
        let keys: Vec<usize> = self.connections.iter().map(|(key, _)| key).collect();
        for key in keys {
            let Some((connection, mut shared)) = self.connection(key) else { continue };
            let arrow = connection.session.stop();
            connection.moved(arrow, &mut shared);
            self.close(key);
        }
    }

    /// Closes a connection and gives its place and its descriptor back.
    fn close(&mut self, key: usize) {
        if let Some(connection) = self.connections.try_remove(key) {
            self.timers.disarm(key);
            self.gate.connection_closed();
            self.kernel.close(connection.stream);
        }
    }

    /// The connection under `key`, if there is one, and what it shares with all others.
    fn connection(&mut self, key: usize) -> Option<(&mut Connection<K::Stream>, Shared<'_, K>)> {
        let connection = self.connections.get_mut(key)?;
        let Server { kernel, settings: Settings { welcome, .. }, buffer, stats, .. } = self;
        Some((connection, Shared { kernel, welcome, buffer, stats }))
    }

    fn all_listeners(&mut self, event: Event) {
        for listener in &mut self.listeners {
            listener.on(event);
        }
    }
}
