//! A service of streams whose conversations are recorded.

use std::time::{Duration, Instant};

use super::event::{Event, Told};
use super::ledger::SharedLedger;
use super::mark::Mark;
use super::words::Words;
use crate::machine::{ArrowOf, Table};
use crate::net::{Cause, Peer};
use crate::reactor::service::{
    AtLeast, Input, OnStop, Step, StreamService, TIMERS, Timer, Trace, Wait, Want,
};

/// Serves as `S` does, and keeps a [`Ledger`](super::Ledger) of its conversations.
///
/// A client that is served at once costs one look at the clock: when it is closed. Its steps have the moment at which it
/// was accepted, which is that of the last look. One more look at each step would cost as much again as all the rest.
#[derive(Debug)]
pub struct Recorded<S: StreamService> {
    service: S,
    ledger: SharedLedger,
    words: Words,
    /// Its number in the ledger.
    number: u8,
    keeps_names: bool,
}

/// A session, and what is remembered for its record.
#[derive(Default, Debug)]
pub struct RecordedSession<S> {
    mark: Mark,
    session: S,
}

impl<S: StreamService> Recorded<S> {
    /// The same service, recorded. These outcomes of its table are failures.
    pub fn new(service: S, ledger: &SharedLedger, failures: &[<S::Table as Table>::Outcome]) -> Self {
        let words = Words::of::<S::Table>(failures, service.waits(), true);
        let number = ledger.write().add(words.clone());
        let keeps_names = ledger.read().record.keeps_names;
        Recorded { service, ledger: ledger.clone(), words, number, keeps_names }
    }

    /// The service itself.
    pub fn service(&self) -> &S {
        &self.service
    }

    /// The ledger.
    pub fn ledger(&self) -> &SharedLedger {
        &self.ledger
    }

    /// How long the present output is.
    #[inline]
    fn output(&self, session: &S::Session) -> u64 {
        match self.service.want(session) {
            Want::Write { bytes, .. } => length(bytes),
            Want::Read { .. } | Want::Close => 0,
        }
    }
}

/// As much of what a client said as may be kept.
#[inline]
pub(super) fn kept(bytes: &[u8], keeps_names: bool) -> &[u8] {
    if keeps_names { bytes } else { &[] }
}

#[inline]
pub(super) fn length(bytes: &[u8]) -> u64 {
    bytes.len() as u64
}

/// Why a stream failed, as far as a story has words for it.
fn why(cause: Cause) -> Told {
    match cause {
        Cause::Reset => Told::Reset,
        Cause::TimedOut => Told::GaveUp,
        Cause::WouldBlock
        | Cause::Interrupted
        | Cause::Exhausted
        | Cause::NoBuffers
        | Cause::Socket
        | Cause::Refused
        | Cause::NoSuchSocket
        | Cause::OtherKind
        | Cause::Network
        | Cause::Denied
        | Cause::Other => Told::Failed,
    }
}

impl<S: StreamService> StreamService for Recorded<S> {
    type Session = RecordedSession<S::Session>;
    type Table = S::Table;
    const ON_STOP: OnStop = S::ON_STOP;
    const IS_TRACED: bool = true;

    fn waits(&self) -> Vec<Duration> {
        self.service.waits()
    }

    fn at_least(&self, wait: Wait) -> Option<AtLeast> {
        self.service.at_least(wait)
    }

    fn output_timeout(&self) -> Duration {
        self.service.output_timeout()
    }

    #[inline]
    fn open(&mut self, peer: &Peer, now: Instant) -> Self::Session {
        RecordedSession { mark: Mark::default(), session: self.service.open(peer, now) }
    }

    #[inline]
    fn want<'a>(&'a self, session: &'a Self::Session) -> Want<'a> {
        self.service.want(&session.session)
    }

    #[inline]
    fn timers(&self, session: &Self::Session) -> [Option<Timer>; TIMERS] {
        self.service.timers(&session.session)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "with the input known, little is left of it")]
    fn on(&mut self, session: &mut Self::Session, input: Input<'_>, now: Instant) -> Step<S::Table> {
        let RecordedSession { mark, session } = session;
        let sent = if input == Input::Sent { self.output(session) } else { 0 };
        let step = self.service.on(session, input, now);
        let led = self.words.led::<S::Table>(&step.moved);
        let event = match input {
            Input::Bytes(bytes) => {
                let taken = bytes.get(..step.taken).unwrap_or(bytes);
                let text = kept(taken, self.keeps_names);
                Event::Bytes { offered: length(bytes), taken: length(taken), text, led }
            }
            Input::Record { bytes, truncated } => {
                Event::Record { bytes: length(bytes), truncated, text: kept(bytes, self.keeps_names), led }
            }
            Input::End(bytes) => Event::End { untaken: length(bytes), led },
            Input::Sent => Event::Sent { bytes: sent, led },
            Input::Elapsed(wait) => Event::Elapsed { wait, led },
            Input::Stopping => Event::Told { what: Told::Stopping, led },
            Input::Stopped => Event::Told { what: Told::Stopped, led },
            Input::Failed(cause) => Event::Told { what: why(cause), led },
        };
        self.ledger.write().step(self.number, mark, event, Some(now));
        step
    }

    #[inline]
    fn on_transition(&mut self, session: &Self::Session, arrow: ArrowOf<S::Table>, peer: &Peer) {
        self.service.on_transition(&session.session, arrow, peer);
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above: what is traced is known")]
    fn trace(&mut self, session: &mut Self::Session, trace: Trace<'_>, at: Instant) {
        let RecordedSession { mark, session } = session;
        match trace {
            Trace::Accepted { peer, socket } => {
                *mark = self.ledger.write().begin(self.number, socket, peer, at);
            }
            Trace::Driven if mark.waits() => self.ledger.write().woken(self.number, mark, at),
            Trace::Driven => {}
            Trace::Waits { interest, sent } => {
                let event = Event::Waits { interest, sent: sent as u64, bytes: self.output(session) };
                self.ledger.write().waits(self.number, mark, event, at);
            }
            Trace::Moved(arrow) => self.ledger.write().stream_moved(self.number, mark, arrow, at),
            Trace::Closed => self.ledger.write().closed(self.number, *mark, at),
        }
        if S::IS_TRACED {
            self.service.trace(session, trace, at);
        }
    }
}
