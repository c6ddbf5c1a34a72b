//! A crowd of receivers on a model of the kernel, and a server that looks as often as it may.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::*;

pub(super) const SIZE: usize = 212_992;
pub(super) const DATAGRAM: usize = 768;

/// As many datagrams as the queue of a receiver has room for; and where the system allows more.
pub(super) const LONG_QUEUE: usize = 513;
pub(super) const QUEUE: usize = 11;

/// How long a datagram, and a look, takes the server; and the time from one look to the next.
const TURN: Duration = Duration::from_micros(10);
const LOOK: Duration = Duration::from_micros(100);
pub(super) const NEXT_LOOK: Duration = Duration::from_millis(2);
const NEXT_LOOK_FOR_NEW: Duration = Duration::from_micros(300);

/// What waits at an address: the server's datagrams, or empty ones of its own.
#[derive(PartialEq, Eq, Clone, Copy)]
pub(super) enum Waiting {
    Answer,
    Empty,
}

pub(super) struct Crowd {
    pub(super) looks: u32,
    /// How often the kernel was asked for a single socket.
    pub(super) questions: u32,
    pub(super) queue: usize,
    /// How many answers wait in all.
    answers: usize,
    pub(super) queues: HashMap<u32, VecDeque<Waiting>>,
    users: HashMap<u32, u32>,
    pub(super) held: Held,
    pub(super) now: Instant,
    next_look: Option<Instant>,
    next_look_for_new: Option<Instant>,
    /// Whether receivers read what they get before the server goes on.
    pub(super) reads_at_once: bool,
    /// Whether what they read is still held then.
    pub(super) reads_late: bool,
    /// Addresses from this one on are in another network namespace.
    pub(super) foreign_from: u32,
}

impl Crowd {
    #[expect(clippy::disallowed_methods, reason = "there is no other way to a point in time")]
    pub(super) fn new() -> Crowd {
        let now = Instant::now();
        Crowd {
            looks: 0,
            questions: 0,
            queue: QUEUE,
            answers: 0,
            queues: HashMap::new(),
            users: HashMap::new(),
            held: Held::default(),
            now,
            next_look: Some(now),
            next_look_for_new: Some(now),
            reads_at_once: false,
            reads_late: false,
            foreign_from: u32::MAX,
        }
    }

    /// Where the kernel has no list of sockets.
    pub(super) fn without_looks() -> Crowd {
        Crowd { next_look: None, next_look_for_new: None, ..Crowd::new() }
    }

    fn buffer(&self) -> SendBuffer {
        SendBuffer { held: self.answers * DATAGRAM, size: SIZE }
    }

    pub(super) fn free(&self) -> usize {
        SIZE - self.buffer().held
    }

    /// Sends as a server does: whether the client gets an answer.
    pub(super) fn ask(&mut self, address: u32, user: u32) -> bool {
        self.now += TURN;
        self.users.insert(address, user);
        let name = name(address);
        let now = self.buffer();
        self.queues.entry(address).or_default();
        let mut opinion = self.held.opinion(&name, Some(user), now);
        if opinion != Opinion::Yes && self.held.worth_asking(&name).is_some() {
            self.questions += 1;
            self.held.answered(&name, Some(self.has_unread(address)));
            opinion = self.held.opinion(&name, Some(user), now);
        }
        if opinion != Opinion::Yes && self.look_if_due(self.held.is_new(&name)) {
            opinion = self.held.opinion(&name, Some(user), now);
        }
        // The kernel itself has room as long as the buffer is not full.
        let queue = self.queues.get_mut(&address).unwrap();
        if opinion == Opinion::No || now.held >= SIZE || queue.len() == self.queue {
            return false;
        }
        queue.push_back(Waiting::Answer);
        self.answers += 1;
        if self.reads_at_once {
            self.read_all(address);
        }
        if self.held.notes() {
            let has_unread = self.held.in_doubt(&name).map(|_| self.has_unread(address));
            let mut after = self.buffer();
            after.held += if self.reads_late { DATAGRAM } else { 0 };
            let sent = Sent { bytes: 8, at: self.now, after, has_unread };
            self.held.sent(&name, Some(user), sent);
        }
        self.check();
        true
    }

    fn has_unread(&self, address: u32) -> bool {
        self.queues[&address].front() == Some(&Waiting::Answer)
    }

    pub(super) fn read(&mut self, address: u32) {
        let read = self.queues.get_mut(&address).and_then(VecDeque::pop_front);
        self.answers -= usize::from(read == Some(Waiting::Answer));
    }

    pub(super) fn read_all(&mut self, address: u32) {
        while self.queues.get(&address).is_some_and(|queue| !queue.is_empty()) {
            self.read(address);
        }
    }

    /// Asks, and reads what comes.
    pub(super) fn visit(&mut self, address: u32, user: u32) -> bool {
        let is_answered = self.ask(address, user);
        self.read_all(address);
        is_answered
    }

    pub(super) fn close(&mut self, address: u32) {
        self.read_all(address);
        self.queues.remove(&address);
    }

    fn look_if_due(&mut self, for_new: bool) -> bool {
        let next = if for_new { self.next_look_for_new } else { self.next_look };
        let is_due = next.is_some_and(|next| next <= self.now);
        if is_due {
            self.look();
        }
        is_due
    }

    pub(super) fn look(&mut self) {
        self.looks += 1;
        self.held.look_begins();
        for address in self.queues.keys().copied().filter(|address| *address < self.foreign_from) {
            let id = SocketId { inode: address, cookie: [0; 2] };
            let (name, user) = (key(&name(address)), Some(self.users[&address]));
            self.held.see(&Shown { id, name: &name, user, has_unread: self.has_unread(address) });
        }
        self.held.look_ends();
        self.now += LOOK;
        self.next_look = Some(self.now + NEXT_LOOK);
        self.next_look_for_new = Some(self.now + NEXT_LOOK_FOR_NEW);
    }

    /// What always is so.
    fn check(&self) {
        let charged: usize = self.held.accounts.values().map(|account| account.charged).sum();
        assert!(charged <= self.buffer().held && (charged == self.held.charged || charged == 0));
        assert!(self.held.accounts.values().all(|account| account.charged <= account.sent));
        assert!(self.held.accounts.len() <= ADDRESSES_MAX);
    }
}

pub(super) fn name(address: u32) -> UnixName {
    UnixName::Abstract(address.to_string().into_bytes())
}
