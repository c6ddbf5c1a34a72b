//! The ledger: the record of what conversations did of late, and the account of all there were.

#![allow(
    clippy::inline_always,
    reason = "each event is known where it is written: a visit costs 300 instructions less"
)]

use std::cell::{Ref, RefCell, RefMut};
use std::rc::Rc;
use std::time::Instant;

use super::account::Account;
use super::event::{Event, SERVICES};
use super::mark::{Mark, NUMBERS};
use super::notes::Notes;
use super::record::Record;
use super::ring::Head;
use super::words::Words;
use crate::net::Peer;
use crate::reactor::tables::stream;

/// What is kept of the conversations of a loop.
///
/// What happens is noted at first, and entered with much else: so a ledger is read through [`SharedLedger::read`].
#[derive(Debug)]
pub struct Ledger {
    pub(super) record: Record,
    accounts: Vec<Account>,
    notes: Notes,
    /// The number of the next conversation.
    next: u64,
}

/// A ledger, which the services of a loop share with those that read it.
#[derive(Clone, Debug)]
pub struct SharedLedger(Rc<RefCell<Ledger>>);

impl SharedLedger {
    /// The ledger, with all that has happened.
    ///
    /// # Panics
    ///
    /// If it is read still, and something happens meanwhile.
    #[must_use]
    pub fn read(&self) -> Ref<'_, Ledger> {
        if let Ok(mut ledger) = self.0.try_borrow_mut() {
            ledger.enter_notes();
        }
        self.0.borrow()
    }

    #[inline]
    pub(super) fn write(&self) -> RefMut<'_, Ledger> {
        self.0.borrow_mut()
    }
}

impl Ledger {
    /// A ledger with a record of so many bytes, of which 0 keeps no story, and
    /// [`RECORD_MAX_BYTES`](super::record::RECORD_MAX_BYTES) is the most.
    ///
    /// Names and addresses come from strangers. Unless they are to be kept they never are: neither a peer nor what it said.
    #[must_use]
    #[expect(clippy::new_ret_no_self, reason = "a ledger is of use where it is shared")]
    pub fn new(record_bytes: usize, keeps_names: bool) -> SharedLedger {
        let record = Record::new(record_bytes, keeps_names);
        let ledger = Ledger { record, accounts: Vec::new(), notes: Notes::new(), next: 1 };
        SharedLedger(Rc::new(RefCell::new(ledger)))
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
        let mark = Mark::new(number, socket, micros);
        if self.record.keeps_names {
            peer.pack(|packed| self.notes.text(packed));
        }
        self.note(service, mark, micros, Event::Began { socket, peer: &[] });
        mark
    }

    /// A conversation takes a step, in the turn that began at this moment or, where none is told, at the last one.
    #[inline(always)]
    pub(super) fn step(&mut self, service: u8, mark: &mut Mark, event: Event<'_>, now: Option<Instant>) {
        let micros = now.map_or(self.record.last_look(), |now| self.record.look(now));
        let stood = *mark;
        mark.set_waits(false);
        if let Some(led) = event.led() {
            let account = self.accounts.get(usize::from(service));
            if let Some(outcome) = account.and_then(|account| account.words.arrow(led)?.outcome) {
                mark.decide(outcome);
            }
            mark.enter(micros);
        }
        self.note(service, stood, micros, event);
    }

    /// The loop turns to a conversation that waits.
    pub(super) fn woken(&mut self, service: u8, mark: &mut Mark, at: Instant) {
        mark.set_waits(false);
        let micros = self.record.look(at);
        self.note(service, *mark, micros, Event::Woken);
    }

    /// A conversation has to wait.
    pub(super) fn waits(&mut self, service: u8, mark: &mut Mark, event: Event<'_>, at: Instant) {
        mark.set_waits(true);
        let micros = self.record.look(at);
        self.note(service, *mark, micros, event);
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
            let micros = self.record.look(at);
            self.note(service, *mark, micros, Event::Lingers { stream: arrow.event });
        }
    }

    /// A stream is closed.
    #[inline]
    pub(super) fn closed(&mut self, service: u8, mark: Mark, at: Instant) {
        let micros = self.record.look(at);
        let lasted = micros.saturating_sub(mark.began());
        let (stream, outcome, socket) = (mark.stream(), mark.outcome(), mark.socket());
        self.note(service, mark, micros, Event::Closed { stream, outcome, socket, lasted });
    }

    /// Notes an event of a conversation, which stood where this mark is.
    #[inline(always)]
    fn note(&mut self, service: u8, stood: Mark, micros: u64, event: Event<'_>) {
        let head = Head { number: stood.number(), micros };
        let since = micros.saturating_sub(stood.entered());
        if self.notes.add(service, stood.socket(), head, since, event) {
            self.enter_notes();
        }
    }

    /// Enters what is noted in the record and in the accounts.
    #[inline(never)]
    fn enter_notes(&mut self) {
        let Ledger { record, accounts, notes, .. } = self;
        notes.take(|note, event| {
            if let Some(account) = accounts.get_mut(usize::from(note.service)) {
                if let Some(led) = event.led() {
                    account.moved(note.socket, led, note.stood);
                }
                if let Event::Closed { lasted, .. } = event {
                    account.lasted(note.socket, lasted);
                }
            }
            record.write(note.service, note.head, &event);
        });
    }
}
