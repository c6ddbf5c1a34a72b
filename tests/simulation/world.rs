//! The network and the clients: queues, buffers and edges, in virtual time.

use std::collections::VecDeque;
use std::time::Duration;

use welcomed::facade::Settings;
use welcomed::kernel::{Interest, Signal};
use welcomed::net::Kind;

use crate::client::{Client, End, Place};
use crate::doors::Door;
use crate::script::{Reading, Script, Step};
use crate::weather::Weather;

/// How long a slow reader takes for a byte.
const SLOW_BYTE: Duration = Duration::from_millis(5);

/// Everything that is not the server.
pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) clients: Vec<Client>,
    /// The server's sockets.
    pub(crate) doors: Vec<Door>,
    pub(crate) weather: Weather,
    pub(crate) settings: Settings,
    /// The settings' welcome, as it was written.
    pub(crate) welcome: &'static str,
    pub(crate) signals: VecDeque<(Duration, Signal)>,
    /// Whether nobody reads what the loop says.
    pub(crate) log_reader_is_gone: bool,
    /// When the server was told to stop, or had to.
    pub(crate) stopped_at: Option<Duration>,
    /// Whether the server has stood still.
    pub(crate) leaped: bool,
    /// How many answers to datagrams there was no room for.
    pub(crate) dropped: u64,
    pub(crate) trace: Option<Vec<String>>,
}

impl World {
    pub(crate) fn new(
        scripts: Vec<Script>,
        signals: Vec<(Duration, Signal)>,
        settings: &Settings,
        welcome: &'static str,
        weather: Weather,
    ) -> World {
        let settings = Settings { welcome: welcome.parse().unwrap(), ..settings.clone() };
        World {
            now: Duration::ZERO,
            clients: scripts.into_iter().map(Client::new).collect(),
            doors: vec![Door::new(Kind::Tcp)],
            weather,
            settings,
            welcome,
            signals: signals.into(),
            log_reader_is_gone: false,
            stopped_at: None,
            leaped: false,
            dropped: 0,
            trace: None,
        }
    }

    /// The same world, but the server has a socket of each of these kinds.
    pub(crate) fn at(mut self, kinds: &[Kind]) -> World {
        self.doors = kinds.iter().map(|kind| Door::new(*kind)).collect();
        for client in &mut self.clients {
            client.keeps_boundaries = kinds[client.script.door].semantics().boundaries;
        }
        self
    }

    /// Writes a line of the trace, if there is to be one.
    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>12.6} s  {}", now.as_secs_f64(), line()));
        }
    }

    /// Whether nothing is left to be done for anybody.
    pub(crate) fn is_over(&self) -> bool {
        self.clients.iter().all(|client| client.place == Place::Over)
    }

    /// Lets clients do what they do until now, each at its time.
    pub(crate) fn deliver(&mut self) {
        loop {
            let due = |client: &Client| client.next_at.filter(|at| *at <= self.now);
            let next = (0..self.clients.len()).filter_map(|index| Some((due(&self.clients[index])?, index)));
            let Some((at, index)) = next.min() else { break };
            self.act(index, at);
        }
        for index in 0..self.clients.len() {
            self.take(index);
        }
    }

    /// When anybody does something next.
    pub(crate) fn next_moment(&self) -> Option<Duration> {
        let steps = self.clients.iter().filter_map(|client| client.next_at);
        let slow = |client: &&Client| client.script.reading == Reading::Slow && client.end.is_none();
        let slow = self.clients.iter().filter(slow);
        let slow = slow.filter(|client| !client.outbox.is_empty() || client.out_fin);
        let signals = self.signals.front().map(|(at, _)| *at);
        steps.chain(slow.map(|client| client.next_read_at)).chain(signals).filter(|at| *at > self.now).min()
    }

    /// Lets clients take what is still on its way to them when the server is done.
    pub(crate) fn settle(&mut self) {
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
        let Some(step) = client.script.steps.get_mut(client.step) else {
            client.next_at = None;
            return;
        };
        let mut done = true;
        let mut pause = Duration::ZERO;
        match &mut *step {
            Step::Pause(length) => pause = *length,
            Step::Send(bytes) => {
                let room = self.weather.receive_buffer.saturating_sub(client.inbox.len());
                // A record goes whole, wherever there is any room.
                let goes =
                    if client.keeps_boundaries && room > 0 { bytes.len() } else { bytes.len().min(room) };
                let rest = bytes.split_off(goes);
                client.inbox.extend(&*bytes);
                client.sent.extend(&*bytes);
                done = rest.is_empty() && (room > 0 || !client.keeps_boundaries);
                if done && client.keeps_boundaries {
                    client.records.push_back(bytes.len());
                    client.records_sent += 1;
                }
                if !done {
                    *bytes = rest;
                    client.stuck = true;
                }
            }
            Step::Shut => client.fin = true,
            Step::Reset => {
                client.reset = true;
                client.end = Some(End::Left);
                client.excused.get_or_insert("it reset its connection");
            }
        }
        let did = self.trace.is_some().then(|| format!("client {index}: {step:?}"));
        client.step += usize::from(done);
        if done && client.step == client.script.complete_after {
            let silence = if client.script.by_silence { self.settings.name_gap } else { Duration::ZERO };
            client.name_at = Some(at + silence);
        }
        let goes_on = client.step < client.script.steps.len() && !client.reset && !client.stuck;
        client.next_at = goes_on.then_some(at + pause);
        client.changed(Interest::Readable, &self.weather);
        if client.reset {
            client.changed(Interest::Writable, &self.weather);
        }
        if client.place == Place::Over && !(client.inbox.is_empty() && client.records.is_empty()) {
            // The server has closed: what comes now is answered by a reset.
            self.reset_by_server(index);
        }
        self.note(|| did.unwrap_or_default());
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
        let taken = client.outbox.len().min(if slow && !client.keeps_boundaries { 1 } else { usize::MAX });
        client.received.extend(client.outbox.drain(..taken));
        if taken > 0 {
            client.next_read_at = now + SLOW_BYTE;
            client.changed(Interest::Writable, &self.weather);
        }
        if client.out_fin && client.outbox.is_empty() {
            // It has all, and closes its side as well.
            client.end = Some(End::Clean);
            client.fin = true;
            client.next_at = None;
            client.changed(Interest::Readable, &self.weather);
            let received = client.received.len();
            self.note(|| format!("client {index} has {received} bytes and a clean end"));
        }
    }

    /// The server's side has answered with a reset: what the client had not taken is lost.
    pub(crate) fn reset_by_server(&mut self, index: usize) {
        let client = &mut self.clients[index];
        client.outbox.clear();
        client.inbox.clear();
        client.records.clear();
        client.next_at = None;
        if client.end.is_none() {
            client.end = Some(End::Reset);
            self.note(|| format!("client {index} is reset"));
        }
    }
}
