//! The network and the clients: queues, buffers and edges, in virtual time.

use std::collections::VecDeque;
use std::time::Duration;

use super::client::{Answered, Client, End, Place, Stage};
use super::faults::{Call, Fault};
use super::limits::{Limits, ServerSocket};
use super::script::{Reading, Script, Step};
use super::socket::Socket;
use super::telling;
use super::watching::Watching;
use super::weather::Weather;
use crate::kernel::{Closing, Interest, Signal};
use crate::net::{Cause, ErrorCode};

/// How long a slow reader takes for a byte.
const SLOW_BYTE: Duration = Duration::from_millis(5);

/// A send buffer so small that no answer is sure to leave before a stop has lasted long enough.
const SMALL_BUFFER_BYTES: usize = 4096;

/// Everything that is not the server.
pub(super) struct World {
    pub(super) now: Duration,
    pub(super) clients: Vec<Client>,
    /// The server's sockets.
    pub(super) sockets: Vec<Socket>,
    pub(super) weather: Weather,
    pub(super) drain_timeout: Duration,
    /// How long no client may have come to a socket before it is shut, when the server stops.
    pub(super) drain_quiet: Duration,
    pub(super) backlog: usize,
    /// Of each service: how many places it has, and how long it lets a client wait.
    pub(super) places: Vec<usize>,
    pub(super) limits: Vec<Limits>,
    /// Of each service: errors of accept(2) and recvfrom(2) that were a client's, and pauses for those that were not.
    pub(super) accept_errors: Vec<u64>,
    pub(super) pauses: Vec<u64>,
    /// Of each service: when the system was last out of what it takes to serve one more, and how many streams had been
    /// closed by then.
    pub(super) refused: Vec<Option<(Duration, usize)>>,
    /// How many streams the server has closed.
    pub(super) closed: usize,
    pub(super) signals: VecDeque<(Duration, Signal)>,
    /// When the server was told to stop, or had to; and when it was told again.
    pub(super) stopped_at: Option<Duration>,
    pub(super) stopped_again_at: Option<Duration>,
    /// What is remembered of services that show others.
    pub(super) watching: Watching,
    /// Whether the server has stood still.
    pub(super) leaped: bool,
    /// The clients that the loop has been given, of all sockets, in turn.
    pub(super) served: Vec<usize>,
    /// Every call so far, and what went wrong with which.
    pub(super) calls: Vec<Call>,
    pub(super) faults: Vec<(usize, Fault)>,
    pub(super) trace: Option<Vec<String>>,
}

impl World {
    /// A world in which these clients come to these sockets, of services with these limits.
    pub(super) fn new(
        scripts: &[Script],
        sockets: &[ServerSocket],
        limits: Vec<Limits>,
        weather: Weather,
    ) -> World {
        let client = |script: &Script| {
            let socket = sockets[script.socket];
            Client::new(script.clone(), socket.kind, socket.service)
        };
        let services = limits.len();
        World {
            now: Duration::ZERO,
            clients: scripts.iter().map(client).collect(),
            sockets: sockets.iter().map(|socket| Socket::new(socket.kind, socket.service)).collect(),
            weather,
            drain_timeout: Duration::MAX,
            drain_quiet: Duration::ZERO,
            backlog: usize::MAX,
            places: vec![usize::MAX; services],
            limits,
            accept_errors: vec![0; services],
            pauses: vec![0; services],
            refused: vec![None; services],
            closed: 0,
            signals: VecDeque::new(),
            stopped_at: None,
            stopped_again_at: None,
            watching: Watching::default(),
            leaped: false,
            served: Vec::new(),
            calls: Vec::new(),
            faults: Vec::new(),
            trace: None,
        }
    }

    /// Writes a line of the trace, if there is to be one.
    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.extend(telling::said());
            trace.push(format!("{:>12.6} s  {}", now.as_secs_f64(), line()));
        }
    }

    /// Whether nothing is left to be done for any client.
    pub(super) fn is_over(&self) -> bool {
        self.clients.iter().all(|client| client.place == Place::Over)
    }

    /// Lets clients do what they do until now, each at its time. It is done at nearly every call, so it has plain loops.
    pub(super) fn deliver(&mut self) {
        while let Some((at, index)) = self.next_due() {
            self.act(index, at);
        }
        for index in 0..self.clients.len() {
            let client = &self.clients[index];
            if client.end.is_none() && (client.out_fin || client.left() > 0) {
                self.take(index);
            }
        }
    }

    /// The client that was to do something first, and when.
    fn next_due(&self) -> Option<(Duration, usize)> {
        let mut next: Option<(Duration, usize)> = None;
        for (index, client) in self.clients.iter().enumerate() {
            if let Some(at) = client.next_at
                && at <= self.now
                && next.is_none_or(|(first, _)| at < first)
            {
                next = Some((at, index));
            }
        }
        next
    }

    /// When a client or a signal does something next.
    pub(super) fn next_moment(&self) -> Option<Duration> {
        let steps = self.clients.iter().filter_map(|client| client.next_at);
        let slow = |client: &&Client| client.script.reading == Reading::Slow && client.end.is_none();
        let slow = self.clients.iter().filter(slow);
        let slow = slow.filter(|client| client.left() > 0 || client.out_fin);
        let signals = self.signals.front().map(|(at, _)| *at);
        steps.chain(slow.map(|client| client.next_read_at)).chain(signals).filter(|at| *at > self.now).min()
    }

    /// Lets clients take what is still on its way to them when the server is done.
    pub(super) fn settle(&mut self) {
        self.deliver();
        while let Some(next) = self.next_moment() {
            self.now = next;
            self.deliver();
        }
    }

    /// The next step of a client.
    fn act(&mut self, index: usize, at: Duration) {
        if self.clients[index].place == Place::Outside {
            return self.come(index, at);
        }
        let client = &mut self.clients[index];
        let Some(step) = client.script.steps.get(client.step) else {
            client.next_at = None;
            return;
        };
        let mut pause = Duration::ZERO;
        let mut part = None;
        match step {
            Step::Pause(length) => pause = *length,
            Step::Send(_) => part = client.sends(self.weather.receive_buffer, at),
            Step::Shut => client.shut_at = Some(at),
            Step::Reset => {
                client.reset = true;
                client.end = Some(End::Left);
                client.excused.get_or_insert("it reset its connection");
            }
        }
        let did = self.trace.is_some().then(|| {
            let (step, part) = (&client.script.steps[client.step], part.map(|part| format!(", {part}")));
            format!("client {index}: {step:?}{}", part.unwrap_or_default())
        });
        client.step += usize::from(!client.stuck);
        let goes_on = client.step < client.script.steps.len() && !client.reset && !client.stuck;
        client.next_at = goes_on.then_some(at + pause);
        client.changed(Interest::Readable, &self.weather);
        if client.reset {
            client.changed(Interest::Writable, &self.weather);
        }
        let closed_before = client.place == Place::Over && client.has_unread() && !client.is_local();
        self.note(|| did.unwrap_or_default());
        if closed_before {
            // The server has closed: what comes now is answered by a reset.
            self.reset_by_server(index);
        }
    }

    /// Lets a client take what it was sent.
    fn take(&mut self, index: usize) {
        let now = self.now;
        let client = &mut self.clients[index];
        if client.end.is_some() || client.script.reading == Reading::Never {
            return;
        }
        let slow = client.script.reading == Reading::Slow;
        if slow && client.next_read_at > now {
            return;
        }
        // A byte or a record for each 5 ms that have passed.
        let due = if slow {
            1 + now.saturating_sub(client.next_read_at).as_nanos() / SLOW_BYTE.as_nanos()
        } else {
            u128::MAX
        };
        let due = usize::try_from(due).unwrap_or(usize::MAX);
        let taken = if client.kind.semantics().boundaries {
            let records = client.out_records.len().min(due);
            client.out_records.drain(..records).sum()
        } else {
            client.left().min(due)
        };
        client.received.extend(client.outbox.drain(..taken));
        if taken > 0 {
            client.next_read_at = now + SLOW_BYTE;
            client.changed(Interest::Writable, &self.weather);
        }
        if client.out_fin && client.outbox.is_empty() {
            // It has all, and closes its side as well.
            client.end = Some(End::Clean);
            client.is_done = true;
            client.next_at = None;
            client.changed(Interest::Readable, &self.weather);
            let received = client.received.len();
            self.note(|| format!("client {index} has {received} bytes and a clean end"));
        }
    }

    /// The server closes the stream. With unread input a kernel resets it; one of the Unix domain, both of whose
    /// directions were shut, has nothing unread.
    pub(super) fn close(&mut self, index: usize, closing: Closing) {
        let client = &mut self.clients[index];
        let is_read_dry = closing == Closing::Delivering && client.is_local();
        let is_cut = closing == Closing::Cut && !client.is_local();
        if closing == Closing::Delivering {
            (client.held_back, client.out_fin) = (false, true); // all leaves before anything can be reset
        }
        if client.reset || is_cut || (client.has_unread() && !is_read_dry) {
            self.reset_by_server(index);
        }
        let client = &mut self.clients[index];
        (client.held_back, client.out_fin) = (false, true);
    }

    /// The server's side has answered with a reset. What has reached the client stays readable, and if that is all with
    /// its end, the client notices nothing (tcp(7): the end of input comes first). What is held back or late is lost.
    /// A client with sequenced packets is told of the reset before the records.
    pub(super) fn reset_by_server(&mut self, index: usize) {
        let late = self.weather.late;
        let client = &mut self.clients[index];
        let reached = if late && !client.is_local() { 0 } else { client.left() };
        let has_all = client.out_fin && reached == client.outbox.len() && !late;
        if has_all && !client.is_local() {
            return;
        }
        if client.end.is_none() && client.script.reading != Reading::Never && !client.keeps_boundaries() {
            client.received.extend(client.outbox.iter().take(reached));
        }
        client.outbox.clear();
        client.out_records.clear();
        client.next_at = None;
        if client.end.is_none() {
            client.end = Some(End::Reset);
            self.note(|| format!("client {index} is reset"));
        }
    }

    /// An error at one of a client's calls: what it can still expect.
    pub(super) fn endanger(&mut self, index: usize, call: Call, code: ErrorCode) {
        let client = &mut self.clients[index];
        match (call, code) {
            (Call::Send, ErrorCode::Again | ErrorCode::NoBufs) => client.answered = Answered::NoRoom,
            (Call::Send, ErrorCode::Intr) => {}
            (Call::Send, _) => client.answered = Answered::Failed,
            (Call::Shut, _) => {
                client.shut_failed = true;
                client.excuse("shutting its stream failed");
            }
            _ => {} // only if the call gets that far
        }
    }

    /// An error of accept(2) or recvfrom(2), for the counts.
    pub(super) fn accept_failed(&mut self, socket: usize, code: ErrorCode) {
        let cause = Cause::of(&code.into());
        if self.has_reserve(self.sockets[socket].service) && cause == Cause::Exhausted {
            return; // it lets one go, and asks again
        }
        let socket = &mut self.sockets[socket];
        let service = usize::from(socket.service);
        let pauses = match cause {
            Cause::WouldBlock | Cause::Socket => return,
            // Nothing but errors is an outage, whatever they are.
            Cause::Interrupted => socket.fails_in_vain(),
            Cause::Refused | Cause::TimedOut | Cause::Reset | Cause::Network => {
                self.accept_errors[service] += 1;
                socket.fails_in_vain()
            }
            Cause::Exhausted
            | Cause::NoBuffers
            | Cause::Denied
            | Cause::NoSuchSocket
            | Cause::OtherKind
            | Cause::Other => true,
        };
        if pauses {
            self.pauses[service] += 1;
            self.refused[service] = Some((self.now, self.closed));
        }
    }

    /// The server is told to stop.
    pub(super) fn is_told_to_stop(&mut self) {
        if self.stopped_at.is_some() {
            self.stopped_again_at.get_or_insert(self.now);
        } else {
            self.stopped_at = Some(self.now);
        }
    }

    /// Whether a stop need not wait until the last answer has left.
    pub(super) fn has_small_buffers(&self) -> bool {
        self.weather.send_buffer < SMALL_BUFFER_BYTES
    }

    /// The server's own descriptors are broken, and no client can expect anything of it.
    pub(super) fn breaks(&mut self, why: &'static str) {
        for client in &mut self.clients {
            client.excuse(why);
        }
    }

    /// Time passes, and the server does not notice.
    pub(super) fn leap(&mut self, length: Duration) {
        self.now += length;
        self.leaped = true;
        for client in self.clients.iter_mut().filter(|client| client.place != Place::Over) {
            if client.stage == Stage::Output || self.stopped_at.is_some() {
                client.excuse("the server stood still while it wrote");
            }
        }
        self.deliver();
    }
}
