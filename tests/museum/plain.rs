//! A plain event loop, correct unless it is told otherwise. It has no table, no statistics and no lists of
//! deadlines; it looks through all connections instead. What it shares with the real server is the seam
//! below it and the sessions of the welcome.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use slab::Slab;
use welcomed::kernel::{Datagram, Kernel as _, Ready, Signal};
use welcomed::net::{Address, Cause, Destination, Kind, Name, UnixName};
use welcomed::schedules::Welcoming;
use welcomed::services::welcome::{NAME_MAX_BYTES, Settings, WelcomeStreams};
use welcomed::simulation::{EventLoop, Schedule, Sim, SimListener};

use super::connection::{Connection, Shared};
use super::exhibits::Bug;

const BACK_OFF: Duration = Duration::from_millis(100);
const ACCEPT_BUDGET: usize = 64;

/// The loop, with its bug.
pub(crate) struct Plain {
    kernel: Sim,
    settings: Settings,
    welcome: WelcomeStreams,
    places: usize,
    drain_timeout: Duration,
    drain_quiet: Duration,
    bug: Option<Bug>,
    listener: Option<SimListener>,
    kind: Kind,
    /// Whether the log can be written.
    log_is_read: bool,
    /// Whether a client may wait to be accepted, or a datagram to be answered.
    ready: bool,
    paused_until: Option<Instant>,
    connections: Slab<Connection>,
    /// What a client under this key has still to be sent: only the bug has use for it.
    left_under_key: Vec<Vec<u8>>,
    drain_by: Option<Instant>,
    /// When the last client came while it drains.
    came: Instant,
    /// Where datagrams are received.
    buffer: [u8; NAME_MAX_BYTES],
}

impl Plain {
    pub(crate) fn new(
        mut kernel: Sim,
        schedule: &Schedule<Welcoming>,
        bug: Option<Bug>,
        log_is_read: bool,
    ) -> Plain {
        let kind = schedule.sockets[0].kind;
        let came = kernel.now();
        let address = Address { kind, name: Name::Unix(UnixName::Abstract(b"museum".to_vec())) };
        let mut listener = kernel.socket(&address).unwrap();
        kernel.listen(&mut listener, 0, schedule.settings.backlog, Duration::ZERO).unwrap();
        let settings = schedule.subject.settings();
        Plain {
            kernel,
            welcome: WelcomeStreams::new(settings.clone()),
            settings,
            places: schedule.places[0],
            drain_timeout: schedule.settings.drain_timeout,
            drain_quiet: schedule.settings.drain_quiet.unwrap_or_default(),
            bug,
            listener: Some(listener),
            kind,
            log_is_read,
            ready: false,
            paused_until: None,
            connections: Slab::new(),
            left_under_key: Vec::new(),
            drain_by: None,
            came,
            buffer: [0; NAME_MAX_BYTES],
        }
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn wait(&mut self) -> io::Result<Vec<Ready>> {
        let now = self.kernel.now();
        let room = self.connections.len() < self.places;
        let accept =
            (self.ready && room && self.listener.is_some()).then(|| self.paused_until.unwrap_or(now));
        let dues = self.connections.iter().flat_map(|(_, c)| [c.due.map(|(_, at)| at), c.gap]);
        let quiet = self
            .drain_by
            .filter(|_| self.listener.is_some() && !self.ready)
            .map(|_| self.came + self.drain_quiet);
        let next = dues.chain([accept, self.drain_by, quiet]).flatten().min();
        let mut ready = Vec::new();
        let timeout = next.map(|next| next.saturating_duration_since(now));
        match self.kernel.wait(&mut ready, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted && !self.has(Bug::DiesOfEintr) => Ok(ready),
            result => result.map(|()| ready),
        }
    }

    /// Serves a connection until it would block or is over. Only the bug lets an error of its client out.
    fn serve(&mut self, key: usize) -> io::Result<()> {
        let bug = self.bug;
        let Some(connection) = self.connections.get_mut(key) else { return Ok(()) };
        let known = connection.conversation.name_bytes();
        if bug == Some(Bug::TrustsFlags) && self.kernel.has_hung_up(&connection.stream) {
            self.remove(key);
            return Ok(());
        }
        let left =
            if bug == Some(Bug::ServesTheWrongClient) { self.left_under_key.get_mut(key) } else { None };
        let Plain { kernel, welcome, .. } = self;
        let now = kernel.now();
        let blocked = connection.drive(&mut Shared { kernel, welcome, bug, now }, left)?;
        let Some(interest) = blocked else {
            self.remove(key);
            return Ok(());
        };
        let now = self.kernel.now();
        let never = bug == Some(Bug::NeverRearms) && connection.watched.is_some();
        if connection.watched != Some(interest) && !never {
            if self.kernel.watch(&mut connection.stream, key, interest).is_err() {
                self.cannot_watch(key, now);
                return Ok(());
            }
            connection.watched = Some(interest);
        }
        connection.arm(known, now, &self.settings, bug);
        Ok(())
    }

    /// Without room to watch there is none for the next client either, which had better wait.
    fn cannot_watch(&mut self, key: usize, now: Instant) {
        if self.has(Bug::LeaksWhatCannotBeWatched) {
            let connection = self.connections.remove(key);
            std::mem::forget(connection.stream); // it is never closed any more
        } else {
            self.remove(key);
        }
        self.paused_until = Some(now + BACK_OFF);
    }

    fn remove(&mut self, key: usize) {
        let connection = self.connections.remove(key);
        let closing = connection.closing(&self.welcome, self.bug);
        self.kernel.close(connection.stream, closing);
        self.paused_until = None;
    }

    fn accept(&mut self, now: Instant) -> io::Result<()> {
        for _ in 0..ACCEPT_BUDGET {
            let paused = self.paused_until.is_some_and(|until| until > now);
            let room = self.connections.len() < self.places;
            let Some(listener) = self.listener.as_ref().filter(|_| self.ready && room && !paused) else {
                return Ok(());
            };
            if !self.kind.semantics().connections {
                match self.kernel.receive(listener, &mut self.buffer) {
                    Ok(datagram) => self.answer(&datagram),
                    Err(error) => self.accept_failed(error, now)?,
                }
                if self.has(Bug::AnswersOneDatagramForEachEvent) {
                    self.ready = false;
                }
                continue;
            }
            match self.kernel.accept(listener) {
                Ok((stream, _)) => {
                    self.left_under_key.resize(self.connections.vacant_key() + 1, Vec::new());
                    let key = self.connections.insert(Connection::new(stream, self.kind));
                    self.came = now;
                    self.serve(key)?;
                }
                Err(error) => self.accept_failed(error, now)?,
            }
        }
        if self.has(Bug::ForgetsWhoIsBeyondTheBudget) {
            self.ready = false;
        }
        Ok(())
    }

    /// A datagram is a conversation by itself: its welcome is sent once, or never.
    fn answer(&mut self, Datagram { record, peer, to }: &Datagram) {
        let (Some(listener), Settings { welcome, .. }) = (&self.listener, &self.settings) else { return };
        let name = &self.buffer[..record.bytes];
        let is_echo = welcome.could_be(name) && !self.has(Bug::WelcomesAWelcome);
        if is_echo || to.refuses(peer).is_some() || *to == Destination::Many {
            return;
        }
        let answer = welcome.to(name);
        while self
            .kernel
            .send(listener, &answer, peer, to)
            .is_err_and(|error| error.kind() == ErrorKind::Interrupted)
        {}
    }

    fn accept_failed(&mut self, error: io::Error, now: Instant) -> io::Result<()> {
        match Cause::of(&error) {
            Cause::WouldBlock => self.ready = false,
            Cause::Exhausted | Cause::NoBuffers => {
                if self.has(Bug::ForgetsTheEdgeAfterEmfile) {
                    self.ready = false;
                } else if !self.has(Bug::SpinsOnEmfile) {
                    self.paused_until = Some(now + BACK_OFF);
                }
            }
            Cause::Socket => self.stop(now),
            _ if self.has(Bug::DiesOfOneAcceptError) => return Err(error),
            _ => {}
        }
        Ok(())
    }

    /// Closes the connections whose time is over, after a look at what may have come.
    fn expire(&mut self, now: Instant) -> io::Result<()> {
        let keys: Vec<usize> = self.connections.iter().map(|(key, _)| key).collect();
        for key in keys {
            if !self.connections.get(key).is_some_and(|connection| connection.is_due(now)) {
                continue;
            }
            self.serve(key)?;
            let Some(connection) = self.connections.get_mut(key) else { continue };
            let silent = connection.gap.filter(|gap| *gap <= now);
            let late =
                connection.due.filter(|(phase, at)| *at <= now && *phase == connection.conversation.phase());
            if silent.is_some_and(|gap| late.is_none_or(|(_, late)| gap < late)) {
                connection.conversation.is_silent(&mut self.welcome, now);
                self.serve(key)?;
            } else if late.is_some() && connection.ends_by_its_time(&mut self.welcome, now) {
                self.remove(key);
            }
        }
        Ok(())
    }

    fn stop(&mut self, now: Instant) {
        // A client in the accept queue has connected.
        (self.ready, self.came) = (true, now);
        let again = self.drain_by.replace(self.drain_by.unwrap_or(now + self.drain_timeout));
        if again.is_some() {
            self.listener = None;
            self.close_all();
        }
    }

    fn close_all(&mut self) {
        let keys: Vec<usize> = self.connections.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.remove(key);
        }
    }

    /// A line of the log.
    fn say(&self) -> io::Result<()> {
        if !self.log_is_read && self.has(Bug::DiesOfAClosedLogPipe) {
            return Err(ErrorKind::BrokenPipe.into());
        }
        Ok(()) // it need not be read
    }
}

impl EventLoop for Plain {
    fn turn(&mut self) -> io::Result<()> {
        let events = self.wait()?;
        let now = self.kernel.now();
        for event in events {
            match event {
                Ready::Listener(_) => self.ready = true,
                Ready::Stream(key) => self.serve(key)?,
                Ready::Signal(Signal::Stop) => self.stop(now),
                Ready::Signal(Signal::Report) => {}
            }
            self.say()?;
        }
        self.expire(now)?;
        let is_over = self.drain_by.is_some_and(|by| by <= now);
        if is_over {
            self.paused_until = None; // clients that wait are asked for once more
        }
        self.accept(now)?;
        if is_over {
            self.close_all(); // and accepts the rest in the next turn
        }
        let is_paused = self.paused_until.is_some_and(|until| until > now);
        let is_quiet = is_over || (self.drain_by.is_some() && self.came + self.drain_quiet <= now);
        if is_quiet && (!self.ready || (is_over && is_paused)) {
            self.listener = None;
        }
        Ok(())
    }

    fn connections(&self) -> usize {
        self.connections.len()
    }

    fn is_closed(&self) -> bool {
        self.listener.is_none() && self.connections.is_empty()
    }
}
