//! One client and the two directions of its connection, with the edges that the kernel tells of.

use std::collections::VecDeque;
use std::time::Duration;

use welcomed::kernel::Interest;

use crate::script::Script;
use crate::weather::Weather;

/// How long a client waits before it tries for the second time to connect, when the accept queue was full.
const CONNECT_AGAIN: Duration = Duration::from_secs(1);

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
    pub(crate) step: usize,
    pub(crate) next_at: Option<Duration>,
    pub(crate) connect_again: Duration,
    /// Whether it waits for room in the server's receive buffer.
    pub(crate) stuck: bool,
    /// What has come for the server and is not read.
    pub(crate) inbox: VecDeque<u8>,
    /// Where boundaries are kept: how long each record in it is.
    pub(crate) keeps_boundaries: bool,
    pub(crate) records: VecDeque<usize>,
    pub(crate) records_sent: usize,
    pub(crate) records_read: usize,
    /// Whether there was a record behind the name when its welcome was written.
    pub(crate) more_came: bool,
    /// Whether the client has shut its side.
    pub(crate) fin: bool,
    /// Whether it has reset the connection, and whether the server was told.
    pub(crate) reset: bool,
    pub(crate) reset_told: bool,
    /// What the server has written and the client has not taken.
    pub(crate) outbox: VecDeque<u8>,
    /// Whether an end of input follows it.
    pub(crate) out_fin: bool,
    pub(crate) next_read_at: Duration,
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
    /// Whether a call on its stream has failed for good.
    pub(crate) call_failed: bool,
    /// What it has sent so far, and how much of that the server has read.
    pub(crate) sent: Vec<u8>,
    pub(crate) bytes_read: usize,
}

impl Client {
    pub(crate) fn new(script: Script) -> Client {
        Client {
            place: Place::Outside,
            step: 0,
            next_at: Some(script.arrives),
            connect_again: CONNECT_AGAIN,
            stuck: false,
            inbox: VecDeque::new(),
            keeps_boundaries: false,
            records: VecDeque::new(),
            records_sent: 0,
            records_read: 0,
            more_came: false,
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
            call_failed: false,
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
        !self.inbox.is_empty() || !self.records.is_empty() || self.fin || self.reset
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

    /// Whether it is ready for what the server waits for, and no event is on its way to say so.
    pub(crate) fn is_forgotten(&self, weather: &Weather) -> bool {
        self.watched.is_some_and(|(_, interest)| self.is_ready(interest, weather)) && !self.edge
    }

    /// Something has changed that is of `interest`: news, if that is what is watched for.
    pub(crate) fn changed(&mut self, interest: Interest, weather: &Weather) {
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
