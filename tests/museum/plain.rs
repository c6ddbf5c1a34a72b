//! A plain event loop, correct unless it is told otherwise. It has no table, no statistics and no lists of
//! deadlines; it looks through all connections instead. What it shares with the real server is the seam
//! below it and the session.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use slab::Slab;
use welcomed::kernel::{Interest, Kernel as _, Ready, Signal};
use welcomed::protocol::state::connection::State;
use welcomed::protocol::{Session, Want};
use welcomed::server::{Settings, Stats};

use super::exhibits::Bug;
use crate::kernel::{Sim, Socket, Stream};
use crate::play::Subject;

const BACK_OFF: Duration = Duration::from_millis(100);
const LINGER: Duration = Duration::from_secs(2);
const ACCEPT_BUDGET: usize = 64;

struct Connection {
    stream: Stream,
    session: Session,
    watched: Option<Interest>,
    /// When it has to be gone, and for which state that was said.
    due: Option<(State, Instant)>,
    /// When its name ends by silence.
    gap: Option<Instant>,
}

/// The loop, with its bug.
pub(crate) struct Plain {
    kernel: Sim,
    settings: Settings,
    bug: Option<Bug>,
    listener: Option<Socket>,
    /// Whether somebody may wait to be accepted.
    ready: bool,
    paused_until: Option<Instant>,
    connections: Slab<Connection>,
    /// What a client under this key has still to be sent: only the bug has use for it.
    left_under_key: Vec<Vec<u8>>,
    drain_by: Option<Instant>,
}

impl Plain {
    pub(crate) fn new(mut kernel: Sim, bug: Option<Bug>) -> Plain {
        let settings = kernel.0.borrow().world.settings.clone();
        let address = SocketAddr::from(([127, 0, 0, 1], 9999));
        let mut listener = kernel.socket(&address.into()).unwrap();
        kernel.listen(&mut listener, 0, settings.backlog).unwrap();
        Plain {
            kernel,
            settings,
            bug,
            listener: Some(listener),
            ready: false,
            paused_until: None,
            connections: Slab::new(),
            left_under_key: Vec::new(),
            drain_by: None,
        }
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn wait(&mut self) -> io::Result<Vec<Ready>> {
        let now = self.kernel.now();
        let room = self.connections.len() < self.settings.max_connections;
        let accept =
            (self.ready && room && self.listener.is_some()).then(|| self.paused_until.unwrap_or(now));
        let dues = self.connections.iter().flat_map(|(_, c)| [c.due.map(|(_, at)| at), c.gap]);
        let next = dues.chain([accept, self.drain_by]).flatten().min();
        let mut ready = Vec::new();
        let timeout = next.map(|next| next.saturating_duration_since(now));
        match self.kernel.wait(&mut ready, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted && !self.has(Bug::DiesOfEintr) => Ok(ready),
            result => result.map(|()| ready),
        }
    }

    /// Serves a connection until it would block or is over.
    fn serve(&mut self, key: usize) {
        let bug = self.bug;
        let Some(connection) = self.connections.get_mut(key) else { return };
        let known = connection.session.name().len();
        if bug == Some(Bug::TrustsFlags) && self.kernel.hung_up(&connection.stream) {
            return self.remove(key);
        }
        let left =
            if bug == Some(Bug::ServesTheWrongClient) { self.left_under_key.get_mut(key) } else { None };
        let blocked = connection.drive(&mut self.kernel, &self.settings, bug, left);
        let Some(interest) = blocked else {
            return self.remove(key);
        };
        let now = self.kernel.now();
        let never = bug == Some(Bug::NeverRearms) && connection.watched.is_some();
        if connection.watched != Some(interest) && !never {
            if self.kernel.watch(&mut connection.stream, key, interest).is_err() {
                return self.cannot_watch(key, now);
            }
            connection.watched = Some(interest);
        }
        connection.arm(known, now, &self.settings, bug);
    }

    /// Without room to watch there is none for anybody: who waits at the door had better wait.
    fn cannot_watch(&mut self, key: usize, now: Instant) {
        if self.has(Bug::LeaksWhatCannotBeWatched) {
            let connection = self.connections.remove(key);
            std::mem::forget(connection.stream); // nobody closes it any more
        } else {
            self.remove(key);
        }
        self.paused_until = Some(now + BACK_OFF);
    }

    fn remove(&mut self, key: usize) {
        self.kernel.close(self.connections.remove(key).stream);
        self.paused_until = None;
    }

    fn accept(&mut self, now: Instant) -> io::Result<()> {
        for _ in 0..ACCEPT_BUDGET {
            let paused = self.paused_until.is_some_and(|until| until > now);
            let room = self.connections.len() < self.settings.max_connections;
            let Some(listener) = self.listener.as_ref().filter(|_| self.ready && room && !paused) else {
                return Ok(());
            };
            match self.kernel.accept(listener) {
                Ok((stream, _)) => {
                    self.left_under_key.resize(self.connections.vacant_key() + 1, Vec::new());
                    let key = self.connections.insert(Connection::new(stream));
                    self.serve(key);
                }
                Err(error) => self.accept_failed(error, now)?,
            }
        }
        if self.has(Bug::ForgetsWhoIsBeyondTheBudget) {
            self.ready = false;
        }
        Ok(())
    }

    fn accept_failed(&mut self, error: io::Error, now: Instant) -> io::Result<()> {
        match Errno::from_io_error(&error) {
            _ if error.kind() == ErrorKind::WouldBlock => self.ready = false,
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                if self.has(Bug::ForgetsTheEdgeAfterEmfile) {
                    self.ready = false;
                } else if !self.has(Bug::SpinsOnEmfile) {
                    self.paused_until = Some(now + BACK_OFF);
                }
            }
            Some(Errno::BADF | Errno::INVAL | Errno::NOTSOCK) => self.stop(now),
            _ if self.has(Bug::DiesOfOneAcceptError) => return Err(error),
            _ => {}
        }
        Ok(())
    }

    /// Closes whose time is over, after a look at what may have come.
    fn expire(&mut self, now: Instant) {
        let keys: Vec<usize> = self.connections.iter().map(|(key, _)| key).collect();
        for key in keys {
            if !self.connections.get(key).is_some_and(|connection| connection.is_due(now)) {
                continue;
            }
            self.serve(key);
            let Some(connection) = self.connections.get_mut(key) else { continue };
            let silent = connection.gap.filter(|gap| *gap <= now);
            let late =
                connection.due.filter(|(state, at)| *at <= now && *state == connection.session.state());
            if silent.is_some_and(|gap| late.is_none_or(|(_, late)| gap < late)) {
                connection.session.silence(&self.settings.welcome);
                self.serve(key);
            } else if late.is_some() {
                self.remove(key);
            }
        }
    }

    fn stop(&mut self, now: Instant) {
        self.listener = None;
        let again = self.drain_by.replace(self.drain_by.unwrap_or(now + self.settings.drain_timeout));
        if again.is_some() {
            self.close_all();
        }
    }

    fn close_all(&mut self) {
        let keys: Vec<usize> = self.connections.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.remove(key);
        }
    }

    /// A line about a visitor, for whoever reads the log.
    fn say(&self) -> io::Result<()> {
        match self.kernel.log() {
            Err(error) if self.has(Bug::DiesOfAClosedLogPipe) => Err(error),
            _ => Ok(()), // nobody has to listen
        }
    }
}

impl Connection {
    fn new(stream: Stream) -> Connection {
        Connection { stream, session: Session::new(), watched: None, due: None, gap: None }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|(_, at)| at <= now) || self.gap.is_some_and(|gap| gap <= now)
    }

    /// Reads and writes. What it has to wait for, if it is not over.
    fn drive(
        &mut self,
        kernel: &mut Sim,
        settings: &Settings,
        bug: Option<Bug>,
        mut left: Option<&mut Vec<u8>>,
    ) -> Option<Interest> {
        let mut buffer = [0; 4096];
        let mut reads = 0;
        loop {
            let result = match self.session.want() {
                Want::Close => return None,
                Want::Read if bug == Some(Bug::StopsAfterOneRead) && reads > 0 => {
                    return Some(Interest::Readable);
                }
                Want::Read => {
                    reads += 1;
                    self.read(kernel, settings, bug, &mut buffer)
                }
                Want::Write => self.write(kernel, bug, left.as_deref_mut()),
            };
            match result {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => match self.session.want() {
                    Want::Read => return Some(Interest::Readable),
                    Want::Write if bug == Some(Bug::WouldBlockOnWriteIsFatal) => return None,
                    Want::Write => return Some(Interest::Writable),
                    Want::Close => return None,
                },
                Err(_) => return None,
            }
        }
    }

    fn read(
        &mut self,
        kernel: &mut Sim,
        settings: &Settings,
        bug: Option<Bug>,
        buffer: &mut [u8],
    ) -> io::Result<()> {
        match kernel.read(&mut self.stream, buffer) {
            Ok(0) if bug == Some(Bug::EndOfInputIsData) => {
                self.session.receive(&[], &settings.welcome);
            }
            Ok(0) if bug == Some(Bug::HalfCloseIsADisconnect) => {
                self.session.fail();
            }
            Ok(0) => {
                self.session.receive_eof(&settings.welcome);
            }
            Ok(bytes) => {
                self.session.receive(&buffer[..bytes], &settings.welcome);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn write(&mut self, kernel: &mut Sim, bug: Option<Bug>, left: Option<&mut Vec<u8>>) -> io::Result<()> {
        if let Some(left) = left {
            // What is to be sent is kept under the key, and outlives the client that it was for.
            if left.is_empty() {
                *left = self.session.outgoing().to_vec();
            }
            let sent = kernel.write(&mut self.stream, left)?;
            left.drain(..sent);
            if left.is_empty() {
                self.session.sent(usize::MAX / 2);
            }
        } else if self.session.outgoing().is_empty() {
            self.session.sent(0);
        } else {
            let sent = kernel.write(&mut self.stream, self.session.outgoing())?;
            let all = self.session.outgoing().len();
            self.session.sent(if bug == Some(Bug::ShortWriteIsAll) { all } else { sent });
        }
        self.linger(kernel, bug)
    }

    /// Who sends more than a name is read to the end before it is closed.
    fn linger(&mut self, kernel: &mut Sim, bug: Option<Bug>) -> io::Result<()> {
        if self.session.state() == State::Lingering {
            if bug == Some(Bug::ClosesOnUnreadInput) {
                self.session.deadline();
            } else {
                kernel.shut(&mut self.stream)?;
            }
        }
        Ok(())
    }

    /// Sets the deadlines of the state that it waits in.
    fn arm(&mut self, known: usize, now: Instant, settings: &Settings, bug: Option<Bug>) {
        let state = self.session.state();
        let after = match state {
            State::ReadingName => settings.name_timeout,
            State::WritingWelcome => settings.write_timeout,
            State::Lingering | State::Closed => LINGER,
        };
        let grew = self.session.name().len() > known;
        let anew = bug == Some(Bug::ExtendsTheDeadlineByEveryByte) && grew;
        if anew || self.due.is_none_or(|(armed, _)| armed != state) {
            self.due = Some((state, now + after));
        }
        if state != State::ReadingName {
            self.gap = None;
        } else if grew {
            self.gap = Some(now + settings.name_gap);
        }
    }
}

impl Subject for Plain {
    fn turn(&mut self) -> io::Result<()> {
        let events = self.wait()?;
        let now = self.kernel.now();
        for event in events {
            match event {
                Ready::Listener(_) => self.ready = true,
                Ready::Stream(key) => self.serve(key),
                Ready::Signal(Signal::Stop) => self.stop(now),
                Ready::Signal(Signal::Report) => {}
            }
            self.say()?;
        }
        self.expire(now);
        self.accept(now)?;
        if self.drain_by.is_some_and(|by| by <= now) {
            self.close_all();
        }
        Ok(())
    }

    fn connections(&self) -> usize {
        self.connections.len()
    }

    fn is_closed(&self) -> bool {
        self.listener.is_none() && self.connections.is_empty()
    }

    fn stats(&self) -> Option<&Stats> {
        None
    }
}
