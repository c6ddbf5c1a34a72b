//! The account of a service, by the socket that its clients came to: arrows, and how long conversations lasted.

use super::histogram::Histogram;
use super::words::Words;
use crate::machine::Table as _;
use crate::reactor::tables::stream;

/// The account of one service.
#[derive(Debug)]
pub struct Account {
    pub(super) words: Words,
    /// By the number of the socket, as the server counts them.
    sockets: Vec<SocketAccount>,
}

/// The account of the clients that came to one socket.
#[derive(Clone, Debug)]
pub struct SocketAccount {
    began: u64,
    arrows: Box<[u64]>,
    streams: [u64; stream::Machine::CELLS],
    stood: Box<[Histogram]>,
    lasted: Histogram,
}

/// An arrow, and how often it was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken<'a> {
    /// The state that it leaves.
    pub from: &'static str,
    /// What has to happen for it.
    pub event: &'static str,
    /// The state that it leads to.
    pub to: &'static str,
    /// What becomes of a client that takes it, if it decides that.
    pub outcome: Option<&'a str>,
    /// How often it was taken.
    pub count: u64,
}

impl Account {
    pub(super) fn new(words: Words) -> Account {
        Account { words, sockets: Vec::new() }
    }

    /// What the service is called: by its table.
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.words.title
    }

    /// Whether its clients connect. Conversations without a connection are over at once, and have no durations.
    #[must_use]
    pub fn has_streams(&self) -> bool {
        self.words.has_streams
    }

    /// The sockets that clients have come to, with their numbers. The last one has those of all sockets from 255 on.
    pub fn sockets(&self) -> impl Iterator<Item = (usize, &SocketAccount)> {
        self.sockets.iter().enumerate().filter(|(_, account)| account.began > 0)
    }

    /// The arrows of conversations at this socket.
    pub fn arrows<'a>(&'a self, socket: &'a SocketAccount) -> impl Iterator<Item = Taken<'a>> {
        let words = &self.words;
        words.arrows.iter().zip(&socket.arrows).map(|(arrow, count)| Taken {
            from: words.state(arrow.from),
            event: arrow.event,
            to: words.state(arrow.to),
            outcome: arrow.outcome.and_then(|outcome| words.outcome(outcome)).map(|outcome| &*outcome.name),
            count: *count,
        })
    }

    /// How long conversations at this socket stood in each state that an arrow leaves, once they had left it.
    pub fn stood<'a>(
        &'a self,
        socket: &'a SocketAccount,
    ) -> impl Iterator<Item = (&'static str, &'a Histogram)> {
        let states = self.words.states.iter().copied().zip(&socket.stood).enumerate();
        let is_left = |place| self.words.arrows.iter().any(|arrow| arrow.from == place);
        states.filter(move |(place, _)| is_left(*place)).map(|(_, state)| state)
    }

    #[inline]
    pub(super) fn began(&mut self, socket: u8) {
        let place = usize::from(socket);
        if place >= self.sockets.len() {
            self.grow(place);
        }
        if let Some(account) = self.sockets.get_mut(place) {
            account.began += 1;
        }
    }

    #[cold]
    fn grow(&mut self, place: usize) {
        let fresh = SocketAccount {
            began: 0,
            arrows: vec![0; self.words.arrows.len()].into(),
            streams: [0; stream::Machine::CELLS],
            stood: vec![Histogram::default(); self.words.states.len()].into(),
            lasted: Histogram::default(),
        };
        self.sockets.resize(place + 1, fresh);
    }

    /// A conversation took an arrow after so long in its state.
    #[inline]
    pub(super) fn moved(&mut self, socket: u8, led: u8, stood_micros: u64) {
        let account = self.sockets.get_mut(usize::from(socket));
        let (Some(arrow), Some(account)) = (self.words.arrow(led), account) else { return };
        if let Some(count) = account.arrows.get_mut(usize::from(led)) {
            *count += 1;
        }
        if self.words.has_streams
            && let Some(stood) = account.stood.get_mut(arrow.from)
        {
            stood.add(stood_micros);
        }
    }

    #[inline]
    pub(super) fn stream_moved(&mut self, socket: u8, arrow: stream::Arrow) {
        let account = self.sockets.get_mut(usize::from(socket));
        let cell = stream::Machine::cell(arrow.from, arrow.event);
        if let Some(count) = account.and_then(|account| account.streams.get_mut(cell)) {
            *count += 1;
        }
    }

    #[inline]
    pub(super) fn lasted(&mut self, socket: u8, micros: u64) {
        if let Some(account) = self.sockets.get_mut(usize::from(socket)) {
            account.lasted.add(micros);
        }
    }
}

impl SocketAccount {
    /// How many clients came to it, and were not refused for their source; or datagrams.
    #[must_use]
    pub fn began(&self) -> u64 {
        self.began
    }

    /// How often streams took this arrow of [their table](stream).
    #[must_use]
    pub fn stream(&self, arrow: stream::Arrow) -> u64 {
        self.streams.get(stream::Machine::cell(arrow.from, arrow.event)).copied().unwrap_or_default()
    }

    /// How long connections lasted as a whole, once they were closed.
    #[must_use]
    pub fn lasted(&self) -> &Histogram {
        &self.lasted
    }
}
