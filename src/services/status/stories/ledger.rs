//! The ledger: the record of what conversations did of late, and the account of all there were.

#![allow(
    clippy::inline_always,
    reason = "each event is known where it is written: a visit costs 300 instructions less"
)]

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use super::account::Account;
use super::event::{Event, SERVICES};
use super::mark::{Mark, NUMBERS};
use super::record::Record;
use super::ring::Head;
use super::words::Words;
use crate::net::Peer;
use crate::reactor::tables::stream;

/// What is kept of the conversations of a loop. Its services share one.
#[derive(Debug)]
pub struct Ledger {
    pub(super) record: Record,
    accounts: Vec<Account>,
    /// The number of the next conversation.
    next: u64,
}

impl Ledger {
    /// A ledger with a record of so many bytes, of which 0 keeps no story, and
    /// [`RECORD_MAX_BYTES`](super::record::RECORD_MAX_BYTES) is the most.
    ///
    /// Names and addresses come from strangers. Unless they are to be kept they never are: neither a peer nor what it said.
    #[must_use]
    pub fn new(record_bytes: usize, keeps_names: bool) -> Rc<RefCell<Ledger>> {
        let record = Record::new(record_bytes, keeps_names);
        Rc::new(RefCell::new(Ledger { record, accounts: Vec::new(), next: 1 }))
    }

    /// The accounts of the services, in the order in which they were given this ledger.
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// Whether names and addresses of clients may be shown.
    #[must_use]
    pub fn keeps_names(&self) -> bool {
        self.record.keeps_names
    }

    /// How many bytes of the record are in use, and how many there are.
    #[must_use]
    pub fn record_bytes(&self) -> (usize, usize) {
        let (all, used) = self.record.bytes();
        (used, all)
    }

    /// A moment, in microseconds since the first conversation began.
    #[must_use]
    pub fn micros(&self, at: Instant) -> u64 {
        self.record.micros(at)
    }

    /// How many conversations there were.
    #[must_use]
    pub fn began(&self) -> u64 {
        self.next - 1
    }

    /// One more service. Gives its number. Of more than 16 services the last ones are told as if they were one.
    pub(super) fn add(&mut self, words: Words) -> u8 {
        self.accounts.push(Account::new(words));
        u8::try_from(self.accounts.len() - 1).unwrap_or(u8::MAX).min(SERVICES - 1)
    }

    /// A conversation begins.
    #[inline]
    pub(super) fn begin(&mut self, service: u8, socket: usize, peer: &Peer, at: Instant) -> Mark {
        let micros = self.record.look(at);
        let number = self.next % NUMBERS;
        self.next += 1;
        let socket = u8::try_from(socket).unwrap_or(u8::MAX);
        if let Some(account) = self.accounts.get_mut(usize::from(service)) {
            account.began(socket);
        }
        self.record.begin(service, Head { number, micros }, socket, peer);
        Mark::new(number, socket, micros)
    }

    /// A conversation takes a step, in the turn that began at this moment or, where none is told, at the last one.
    #[inline(always)]
    pub(super) fn step(&mut self, service: u8, mark: &mut Mark, event: &Event<'_>, now: Option<Instant>) {
        let micros = now.map_or(self.record.last_look(), |now| self.record.look(now));
        mark.set_waits(false);
        if let Some(led) = event.led()
            && let Some(account) = self.accounts.get_mut(usize::from(service))
        {
            let stood = micros.saturating_sub(mark.entered());
            if let Some(outcome) = account.moved(mark.socket(), led, stood) {
                mark.decide(outcome);
            }
            mark.enter(micros);
        }
        self.record.write(service, Head { number: mark.number(), micros }, event);
    }

    /// The loop turns to a conversation that waits.
    pub(super) fn woken(&mut self, service: u8, mark: &mut Mark, at: Instant) {
        mark.set_waits(false);
        let micros = self.record.look(at);
        self.record.write(service, Head { number: mark.number(), micros }, &Event::Woken);
    }

    /// A conversation has to wait.
    pub(super) fn waits(&mut self, service: u8, mark: &mut Mark, event: &Event<'_>, at: Instant) {
        mark.set_waits(true);
        let micros = self.record.look(at);
        self.record.write(service, Head { number: mark.number(), micros }, event);
    }

    /// A stream moves. That it closes is written when it is closed.
    #[inline]
    pub(super) fn stream_moved(&mut self, service: u8, mark: &mut Mark, arrow: stream::Arrow, at: Instant) {
        mark.stream_moved(arrow.event);
        mark.set_waits(false);
        if let Some(account) = self.accounts.get_mut(usize::from(service)) {
            account.stream_moved(mark.socket(), arrow);
        }
        if arrow.to != stream::State::Closed {
            let head = Head { number: mark.number(), micros: self.record.look(at) };
            self.record.write(service, head, &Event::Lingers { stream: arrow.event });
        }
    }

    /// A stream is closed.
    #[inline]
    pub(super) fn closed(&mut self, service: u8, mark: Mark, at: Instant) {
        let micros = self.record.look(at);
        let lasted = micros.saturating_sub(mark.began());
        if let Some(account) = self.accounts.get_mut(usize::from(service)) {
            account.lasted(mark.socket(), lasted);
        }
        let (stream, outcome, socket) = (mark.stream(), mark.outcome(), mark.socket());
        let event = Event::Closed { stream, outcome, socket, lasted };
        self.record.write(service, Head { number: mark.number(), micros }, &event);
    }
}
