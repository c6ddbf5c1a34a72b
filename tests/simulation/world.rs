//! The network and the clients: queues, buffers and edges, in virtual time.

use std::collections::VecDeque;
use std::time::Duration;

use welcomed::kernel::{Interest, Ready, Signal};
use welcomed::server::Settings;

use crate::client::{Reading, Script, Step};
use crate::weather::Weather;

/// How long a client waits before it tries again to connect, when the accept queue was full: each time
/// twice as long, and for the last time after 32 s (tcp(7), `tcp_syn_retries`).
const CONNECT_AGAIN: Duration = Duration::from_secs(1);
const LAST_CONNECT: Duration = Duration::from_secs(32);

/// How long a slow reader takes for a byte.
const SLOW_BYTE: Duration = Duration::from_millis(5);

/// How a connection ended for its client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// End of input.
    Clean,
    Reset,
    /// Nobody listened.
    Refused,
    /// The client itself is gone.
    Left,
}

/// Where a client is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Outside,
    Queued,
    /// The server has its stream.
    Inside,
    /// The server had it, and has closed it; or the client never came in.
    Over,
}

/// Where the server has got to with a client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Stage {
    Naming,
    Writing,
    Lingering,
}

/// A client and the two directions of its connection.
pub(crate) struct Client {
    pub(crate) script: Script,
    pub(crate) place: Place,
    step: usize,
    next_at: Option<Duration>,
    connect_again: Duration,
    /// Whether it waits for room in the server's receive buffer.
    stuck: bool,
    /// What has come for the server and is not read.
    pub(crate) inbox: VecDeque<u8>,
    /// Whether the client has shut its side.
    pub(crate) fin: bool,
    /// Whether it has reset the connection, and whether the server was told.
    pub(crate) reset: bool,
    pub(crate) reset_told: bool,
    /// What the server has written and the client has not taken.
    pub(crate) outbox: VecDeque<u8>,
    /// Whether an end of input follows it.
    pub(crate) out_fin: bool,
    next_read_at: Duration,
    pub(crate) watched: Option<(usize, Interest)>,
    /// Whether a call has answered that it would block, so that readiness is news.
    pub(crate) blocked: bool,
    /// Whether there is news for the next wait.
    pub(crate) edge: bool,
    pub(crate) received: Vec<u8>,
    pub(crate) end: Option<End>,
    /// Why the client may not expect what its script promises it.
    pub(crate) excused: Option<&'static str>,
    /// When its name had come, the silence behind it included if that ends it.
    pub(crate) name_at: Option<Duration>,
    pub(crate) accepted_at: Option<Duration>,
    /// Where the server has got to with it, and since when.
    pub(crate) stage: Stage,
    pub(crate) since: Duration,
    /// What it has sent so far, and how much of that the server has read.
    pub(crate) sent: Vec<u8>,
    pub(crate) bytes_read: usize,
}

impl Client {
    fn new(script: Script) -> Client {
        Client {
            place: Place::Outside,
            step: 0,
            next_at: Some(script.arrives),
            connect_again: CONNECT_AGAIN,
            stuck: false,
            inbox: VecDeque::new(),
            fin: false,
            reset: false,
            reset_told: false,
            outbox: VecDeque::new(),
            out_fin: false,
            next_read_at: Duration::ZERO,
            watched: None,
            blocked: false,
            edge: false,
            received: Vec::new(),
            end: None,
            excused: None,
            name_at: None,
            accepted_at: None,
            stage: Stage::Naming,
            since: Duration::ZERO,
            sent: Vec::new(),
            bytes_read: 0,
            script,
        }
    }

    /// The server gets on with it.
    pub(crate) fn reaches(&mut self, stage: Stage, now: Duration) {
        if self.stage < stage {
            (self.stage, self.since) = (stage, now);
        }
    }

    pub(crate) fn excuse(&mut self, why: &'static str) {
        self.excused.get_or_insert(why);
    }

    /// Whether reading from it would not block.
    pub(crate) fn is_readable(&self) -> bool {
        !self.inbox.is_empty() || self.fin || self.reset
    }

    pub(crate) fn room(&self, weather: &Weather) -> usize {
        weather.send_buffer.saturating_sub(self.outbox.len())
    }

    fn is_ready(&self, interest: Interest, weather: &Weather) -> bool {
        match interest {
            Interest::Readable => self.is_readable(),
            Interest::Writable => self.room(weather) > 0 || self.reset,
        }
    }

    /// Something has changed that is of `interest`: news, if that is what is watched for.
    fn changed(&mut self, interest: Interest, weather: &Weather) {
        if self.watched.is_some_and(|(_, watched)| watched == interest) && (self.blocked || !weather.stingy) {
            self.blocked = false;
            self.edge = true;
        }
    }

    /// The server has read: who waited for room goes on.
    pub(crate) fn was_read(&mut self, now: Duration) {
        if std::mem::take(&mut self.stuck) {
            self.next_at = Some(now);
        }
    }

    /// Begins to watch: what is ready already is news.
    pub(crate) fn watch(&mut self, key: usize, interest: Interest, weather: &Weather) {
        self.watched = Some((key, interest));
        self.edge = self.is_ready(interest, weather);
        self.blocked = !self.edge;
    }

    /// A call would block. If that was not so, then what is there is news at once.
    pub(crate) fn would_block(&mut self, interest: Interest, weather: &Weather) {
        self.blocked = true;
        if self.is_ready(interest, weather) {
            self.changed(interest, weather);
        }
    }
}

/// Everything that is not the server.
pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) clients: Vec<Client>,
    /// Who has connected and waits to be accepted.
    pub(crate) queue: VecDeque<usize>,
    pub(crate) weather: Weather,
    pub(crate) settings: Settings,
    /// The settings' welcome, as it was written.
    pub(crate) welcome: &'static str,
    pub(crate) signals: VecDeque<(Duration, Signal)>,
    pub(crate) listening: bool,
    /// Whether nobody reads what the loop says.
    pub(crate) log_reader_is_gone: bool,
    /// Whether the server has stood still.
    pub(crate) leaped: bool,
    /// Whether accept has answered that it would block, so that a client in the queue is news.
    pub(crate) queue_blocked: bool,
    pub(crate) queue_edge: bool,
    /// When the queue ceased to be empty.
    pub(crate) queued_since: Duration,
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
            queue: VecDeque::new(),
            weather,
            settings,
            welcome,
            signals: signals.into(),
            listening: false,
            log_reader_is_gone: false,
            leaped: false,
            queue_blocked: true,
            queue_edge: false,
            queued_since: Duration::ZERO,
            trace: None,
        }
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
        self.deliver();
        while let Some(next) = self.next_moment() {
            self.now = next;
            self.deliver();
        }
        self.deliver();
    }

    /// The next step of a client.
    fn act(&mut self, index: usize, at: Duration) {
        if self.clients[index].place == Place::Outside {
            return self.connect(index, at);
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
                let rest = bytes.split_off(bytes.len().min(room));
                client.inbox.extend(&*bytes);
                client.sent.extend(&*bytes);
                done = rest.is_empty();
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
        if client.place == Place::Over && !client.inbox.is_empty() {
            // The server has closed: what comes now is answered by a reset.
            self.reset_by_server(index);
        }
        self.note(|| did.unwrap_or_default());
    }

    fn connect(&mut self, index: usize, at: Duration) {
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
        let taken = client.outbox.len().min(if slow { 1 } else { usize::MAX });
        client.received.extend(client.outbox.drain(..taken));
        if taken > 0 {
            client.next_read_at = now + SLOW_BYTE;
            client.changed(Interest::Writable, &self.weather);
        } else if client.out_fin && client.outbox.is_empty() {
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
        client.next_at = None;
        if client.end.is_none() {
            client.end = Some(End::Reset);
            self.note(|| format!("client {index} is reset"));
        }
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
}
