//! What a schedule says of a service: its sockets, and how long it waits.

use std::time::Duration;

use crate::net::Kind;
use crate::reactor::service::AtLeast;

/// A socket that the server opens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerSocket {
    /// Its kind.
    pub kind: Kind,
    /// The number of the service that listens there.
    pub service: u8,
}

impl ServerSocket {
    /// A socket of this kind, of the service of this number.
    #[must_use]
    pub fn new(kind: Kind, service: u8) -> ServerSocket {
        ServerSocket { kind, service }
    }
}

/// How long a service lets a client wait, and itself for a client; and how much of it one source can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// A connection is gone, or has begun an output, so long after it was accepted or its last output had left, whatever
    /// comes in.
    pub input: Duration,
    /// If something was read of it by then, it can have so much longer, counted from the last such read if that came late.
    pub rest: Duration,
    /// How long this lasts at least on a long way, unless it is nothing.
    pub rest_at_least: AtLeast,
    /// A connection is gone, or an output has left whole, so long after it began.
    pub output: Duration,
    /// A connection is gone so long after its write side was shut. Lingering takes 2 s at most.
    pub shut: Duration,
    /// The most places of one [`Source`](crate::net::Source), as `Streams::with_most_per_source` has it; 0 is no such limit.
    pub most_per_source: usize,
    /// Whether it shows the others, as the [`Watcher`](crate::reactor::Watcher) of [`Watched`](crate::reactor::Watched) does.
    /// Then it goes on until they are over, and its clients have 100 ms from then on.
    pub watches: bool,
}

impl Limits {
    /// These limits, and 2 s once the write side is shut.
    #[must_use]
    pub fn new(input: Duration, output: Duration) -> Limits {
        Limits {
            input,
            rest: Duration::ZERO,
            rest_at_least: AtLeast { round_trips: 0, beside: Duration::ZERO },
            output,
            shut: Duration::from_secs(2),
            most_per_source: 0,
            watches: false,
        }
    }

    /// The same for a service that waits so much longer for an input that has begun in time, and on a long way at least so long.
    #[must_use]
    pub fn with_rest(self, rest: Duration, rest_at_least: AtLeast) -> Limits {
        Limits { rest, rest_at_least, ..self }
    }

    /// How much longer an input that has begun can take on a way of this round trip.
    pub(super) fn rest(&self, round_trip: Duration) -> Duration {
        let is_near = round_trip.is_zero() || self.rest.is_zero();
        self.rest + if is_near { Duration::ZERO } else { self.rest_at_least.rest(round_trip, self.rest) }
    }

    /// The same for a service where one source has at most so many places.
    #[must_use]
    pub fn with_most_per_source(self, most: usize) -> Limits {
        Limits { most_per_source: most, ..self }
    }

    /// The same for a service that shows the others.
    #[must_use]
    pub fn of_a_watcher(self) -> Limits {
        Limits { watches: true, ..self }
    }
}
