//! The contract between the loop and a service: what the loop asks, what it tells, and what must hold.
//!
//! # The law
//!
//! 1. **Ask, do, tell.** The loop asks [`want`](StreamService::want), does just that, tells [`on`](StreamService::on)
//!    what came of it, and asks again. One input moves a session along one arrow at most. `want` and `timers` follow
//!    from the session alone and change nothing: the loop asks as often as it likes.
//! 2. **Input is the loop's until it is taken.** [`Input::Bytes`] has all that came and was not taken, oldest first. A
//!    session takes what it has a use for now. The rest is offered again when more has come or, with nothing read, when
//!    the session took something or moved and wants to read again. So pipelining needs no code of a service, and an
//!    idle session needs no buffer.
//! 3. **Back-pressure is a number.** At most `room` bytes lie untaken, and nothing is read while a session writes.
//! 4. **Output is offered until it has left.** `bytes` stay the same from the first [`Want::Write`] until
//!    [`Input::Sent`], however many calls that takes; the loop remembers how far it is. Only [`Want::Close`] takes
//!    output back, and then it is cut short.
//! 5. **What follows an output is kept.** After [`Then::More`] the session writes, after [`Then::Shut`] it only reads and
//!    closes, after [`Then::Close`] it closes. The kernel holds a segment back for it (`MSG_MORE`, send(2)), so a
//!    promise that is broken costs the client 200 ms or more.
//! 6. **Closing is the loop's.** When a session closes, the first case that holds says what the loop does:
//!     * The output was cut short: the stream ends in a reset.
//!     * The client got no output, or its end was read: the stream is closed at once.
//!     * The client sends more than was taken: the loop shuts the write side, and lingers until the client's end, for 2 s
//!       at most. A stream that is closed with unread input is reset, which can destroy output that has not reached the
//!       client (RFC 1122, 4.2.2.13).
//!     * The client is beyond the Unix domain, and got more than 1,024 bytes: the same. A part may wait for its window.
//!     * Else the loop ends the output and closes.
//!
//!    Not covered is a segment that comes late, together with input that comes after the last read. A session whose
//!    last answer must survive that says [`Then::Shut`], and reads to the end.
//! 7. **A timer is a fact, not a call.** [`timers`](StreamService::timers) says which waits run, and which generation of
//!    each. The loop looks when the session has to wait. A timer that was there at the last look goes on, another one
//!    starts, and one that is not there any more ends. So a session that comes back to a state, as one that answers again
//!    and again does, gives its timer another generation: a count of answers is a good one. The loop tells
//!    [`Input::Elapsed`] once for each, after a look at the stream. What has run out starts anew where it is there later. A
//!    wait can last longer on a long way: [`at_least`](StreamService::at_least).
//! 8. **Stopping** is told once, when the stream has been read dry, and so never while a session writes: begin nothing new.
//!    A session of a [watcher](super::Watched) is told as well when another client waits for its place.
//!    [`StreamService::ON_STOP`] says which sessions are told. [`Input::Stopped`] is the end.
//! 9. **What must lead somewhere.** `Sent` moves. After `End` nothing is read. `Elapsed` ends that timer or changes its
//!    generation. `Failed` and `Stopped` end in `Close`, and `Close` only follows an arrow that bears an outcome. A full
//!    room is taken from. No session takes more than it was offered, and none moves again and again over the same
//!    bytes without taking or writing any. An event for which the table has no row is not one that is ignored.
//!
//! A service that breaks the law is found out: with debug assertions the loop panics with the sentence that was broken
//! ([`Breach`](super::Breach)). Without, it ends that one connection, logs the sentence as an error, and counts the
//! connection as [broken](super::Counts::broken).

use std::time::{Duration, Instant};

use super::tables::stream;
use crate::kernel::Interest;
use crate::machine::{ArrowOf, Moved, Table};
use crate::net::{Cause, Peer};

/// What a session waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Want<'a> {
    /// Bytes, a record, or the end of input.
    Read {
        /// The most bytes that may lie untaken, at least 1. At most 64 KiB of them come at once. A record is cut to it,
        /// and to 64 KiB.
        room: usize,
    },
    /// To send an output.
    Write {
        /// All of it, also what has left already; less than 4 GiB. If it is empty, it has left at once.
        bytes: &'a [u8],
        /// What follows.
        then: Then,
    },
    /// Nothing more: the conversation is over.
    Close,
}

/// What follows an output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    /// More output, at once: a segment that is not full is held back for it. It is not empty, unless the end follows it.
    More,
    /// Reading, as a rule: the output leaves now. A session that closes all the same pays with a segment for its FIN.
    Read,
    /// The end of output, and reading.
    Shut,
    /// The end.
    Close,
}

/// What a session is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input<'a> {
    /// All that came and was not taken, at least one byte.
    Bytes(&'a [u8]),
    /// A record, of a socket that keeps boundaries, cut to the room there was. It is never offered again.
    Record {
        /// Its bytes; there may be none.
        bytes: &'a [u8],
        /// Whether it had more, which are lost.
        truncated: bool,
    },
    /// No more input comes; these bytes were never taken.
    End(&'a [u8]),
    /// The whole output was handed to the kernel.
    Sent,
    /// The timer over this wait has run out.
    Elapsed(Wait),
    /// The server stops: begin nothing new.
    Stopping,
    /// The server does not wait any longer.
    Stopped,
    /// Reading, writing or watching the stream failed. [`Cause::Reset`] is the client's doing.
    Failed(Cause),
}

/// What a session made of an input.
#[must_use]
pub struct Step<T: Table> {
    /// How many bytes of [`Input::Bytes`] were taken, the oldest first.
    pub taken: usize,
    /// The arrow that the session moved along, if it did, or the event that the table has no row for.
    pub moved: Moved<T>,
}

impl<T: Table> Step<T> {
    /// The session took `taken` bytes and stays where it is.
    pub fn took(taken: usize) -> Self {
        Step { taken, moved: Ok(None) }
    }

    /// The session told its machine of an event, and this came of it.
    pub fn moved(moved: Moved<T>) -> Self {
        Step { taken: 0, moved }
    }
}

/// A wait, by its place in [`StreamService::waits`].
pub type Wait = u8;

/// A timer that runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timer {
    /// The wait that it runs over.
    pub wait: Wait,
    /// Which timer over this wait it is: with another number it starts anew.
    pub generation: u32,
}

/// What a wait lasts at least for a client that is far away: so many round trips, and so much beside.
///
/// What a client sends in two pieces can be a round trip apart, as its system may hold the second one back until the first
/// is acknowledged (RFC 896).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AtLeast {
    /// How many round trips of the client's way.
    pub round_trips: u32,
    /// How much beside.
    pub beside: Duration,
}

impl AtLeast {
    /// How much longer than `length` that is on a way of this round trip.
    #[must_use]
    pub fn rest(&self, round_trip: Duration, length: Duration) -> Duration {
        round_trip.saturating_mul(self.round_trips).saturating_add(self.beside).saturating_sub(length)
    }
}

/// Which sessions are told that the server stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnStop {
    /// All of them, at once. It costs a look at each stream.
    TellAll,
    /// As many as there have to be, so that clients that have connected get a place, once half of the time to drain is over.
    /// Conversations are to be finished, and one that has not begun gives way, after 100 ms or a tenth of that time.
    TellForPlaces,
}

/// How many timers a session can have at a time, each over a wait of its own.
pub const TIMERS: usize = 2;

/// A service whose clients connect: over streams, or over sequenced packets.
pub trait StreamService {
    /// One conversation, sans-IO. A new one is the default.
    type Session: Default;
    /// The table that sessions move along. Its outcomes say what became of a client.
    type Table: Table;
    /// Which sessions are told [`Input::Stopping`].
    const ON_STOP: OnStop = OnStop::TellAll;

    /// The waits there are, constant from the first call on; of more than 254 the rest is unknown. Of timers that are due
    /// at the same moment that of the first wait comes first.
    fn waits(&self) -> Vec<Duration>;

    /// What this wait lasts at least on a long way, if it has to; constant from the first call on.
    ///
    /// When a timer over such a wait has run out, the loop asks the kernel for the round trip, once. A timer that has to last
    /// longer goes on for the rest. In the Unix domain, and where the round trip is not known, the wait is as long as ever.
    fn at_least(&self, _wait: Wait) -> Option<AtLeast> {
        None
    }

    /// The longest that a session lets an output take, by its timers: as a default, the longest wait, and without waits there
    /// is no limit. It is asked when a socket is opened.
    ///
    /// The kernel takes an output before its client does. TCP gives up what a client has not acknowledged 5 s after this
    /// time, and not before 30 s, also when the stream is closed by then. So a client that reads nothing holds no memory
    /// for longer. Beyond 5 minutes the system's own limits hold.
    fn output_timeout(&self) -> Duration {
        self.waits().into_iter().max().unwrap_or(Duration::MAX)
    }

    /// A client was accepted at the moment `now`.
    fn open(&mut self, _peer: &Peer, _now: Instant) -> Self::Session {
        Self::Session::default()
    }

    /// What the session waits for.
    fn want<'a>(&'a self, session: &'a Self::Session) -> Want<'a>;

    /// Which timers run.
    fn timers(&self, session: &Self::Session) -> [Option<Timer>; TIMERS];

    /// Takes an input. `now` is the moment at which the turn began.
    fn on(&mut self, session: &mut Self::Session, input: Input<'_>, now: Instant) -> Step<Self::Table>;

    /// Says what follows from an arrow that the session took and the loop has counted, as a line of the log. The only
    /// place where a service logs.
    fn on_transition(&mut self, _session: &Self::Session, _arrow: ArrowOf<Self::Table>, _peer: &Peer) {}

    /// Whether this session of a watcher keeps its place as long as there is another one that has to give way before it. See
    /// [`Watched::giving_way`](super::Watched::giving_way).
    fn gives_way_last(&self, _session: &Self::Session) -> bool {
        false
    }

    /// Whether [`trace`](StreamService::trace) is told. It costs a look at the clock for each client that is served at once.
    const IS_TRACED: bool = false;

    /// What the loop does on the stream of this session, `at` the moment at which it last looked at the clock. A service that
    /// keeps account of its clients needs it, and no other.
    fn trace(&mut self, _session: &mut Self::Session, _trace: Trace<'_>, _at: Instant) {}
}

/// What the loop does on a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trace<'a> {
    /// Its client was accepted.
    Accepted {
        /// The client.
        peer: &'a Peer,
        /// The number of the socket that it came to: they count from 0, in the order in which the server began to listen.
        socket: usize,
    },
    /// The loop turns to it, because the kernel has reported something, a timer has run out, or the server stops.
    Driven,
    /// It has to wait.
    Waits {
        /// For input, or for room.
        interest: Interest,
        /// How much of the present output has left.
        sent: usize,
    },
    /// It went along an arrow of [its own table](stream).
    Moved(stream::Arrow),
    /// It is closed.
    Closed,
}

/// What a service is told of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum News<'a> {
    /// It came.
    Received {
        /// Its bytes, cut to [`DatagramService::room`].
        bytes: &'a [u8],
        /// Whether it had more, which are lost.
        truncated: bool,
        /// The sender.
        peer: &'a Peer,
        /// The number of the socket that it came to: they count from 0, in the order in which the server began to listen.
        socket: usize,
        /// The moment at which the turn began.
        now: Instant,
    },
    /// The answer was handed to the kernel, whole.
    Sent,
    /// The kernel had no room for the answer. It is not tried again: delivery is not sure anyway.
    NoRoom,
    /// The sender has no name that an answer could be sent to, or one that only a forger gives
    /// ([`Destination::refuses`](crate::net::Destination::refuses)).
    NoReturnAddress,
    /// It was sent to a broadcast or multicast address: every server of the link would answer it.
    ForMany,
    /// Sending failed.
    Failed,
}

/// A service that receives datagrams. One datagram is one conversation, with one answer at most.
///
/// The law: [`News::Received`] moves. If there is an answer then, it is sent once, and what came of that moves as well. The
/// loop sends it to one return address alone, from the address that was asked, and else says why not.
/// Then an arrow has borne an outcome. An answer that another service could answer again, and so for ever, is the service's to prevent.
pub trait DatagramService {
    /// One conversation. A new one is the default.
    type Session: Default;
    /// The table that it moves along.
    type Table: Table;

    /// The most bytes of a datagram that are of use; those beyond 64 KiB never come.
    fn room(&self) -> usize;

    /// What is to be sent back, if anything.
    fn answer<'a>(&'a self, session: &'a Self::Session) -> Option<&'a [u8]>;

    /// Takes the news.
    fn on(&mut self, session: &mut Self::Session, news: News<'_>) -> Moved<Self::Table>;

    /// As [`StreamService::on_transition`].
    fn on_transition(&mut self, _session: &Self::Session, _arrow: ArrowOf<Self::Table>, _peer: &Peer) {}
}
