//! The client: connect, send a name, read the welcome, close.
//!
//! [`Visit`] is its state machine without input or output, for a program that drives many at once.
//! [`visit()`] drives one visit on a blocking socket of the endpoint's kind. What it does follows from the
//! semantics of that kind, see [`kind`](crate::net::kind).
//!
//! ```no_run
//! use welcomed::client::{Options, visit};
//!
//! let endpoint = "udp://127.0.0.1:9999".parse().unwrap();
//! let answer = visit(&endpoint, b"Rafatul", &Options::default())?;
//! assert_eq!(answer.welcome, b"welcome ");
//! println!("answered at attempt {} of {}", answer.attempt, answer.attempts);
//! # Ok::<(), welcomed::client::Error>(())
//! ```

mod clock;
mod connection;
mod datagram;
mod error;
mod socket;
pub mod table;
mod terminator;
mod visit;

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use self::clock::Clock;
pub use self::error::Error;
use self::table::{Event, State};
pub use self::terminator::Terminator;
pub use self::visit::{Visit, request};
use crate::net::{Address, Endpoint};

/// The most attempts that may follow the first.
pub const RETRIES_MAX: u32 = 100;

/// How patient a visit is, and how it ends a name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Options {
    /// How long the whole visit may take, at most a day. Time that a name server takes does not count.
    pub timeout: Duration,
    /// How many more attempts are made when no answer comes, at most [`RETRIES_MAX`]. Where delivery is sure
    /// there is always one attempt.
    pub retries: u32,
    /// What ends the name over a stream.
    pub terminator: Terminator,
}

/// Five seconds, three more attempts, and a line feed.
impl Default for Options {
    fn default() -> Self {
        Options { timeout: Duration::from_secs(5), retries: 3, terminator: Terminator::default() }
    }
}

/// What came of a visit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The bytes of the welcome, at least one.
    pub welcome: Vec<u8>,
    /// The attempt during which it came, counted from 1. It can be the answer to an earlier one.
    pub attempt: u32,
    /// How many attempts were allowed.
    pub attempts: u32,
}

/// Visits a server: sends `name` and gives the welcome.
///
/// * Over a stream a line feed ends the name, and the write side stays open: some servers and proxies hang up once the
///   client has shut it. Another [`Terminator`] can be chosen. An empty name is sent as an empty line. The welcome ends
///   with the input.
/// * Where boundaries are kept, the name is one record, and the welcome another.
/// * Where there are connections, the addresses of the endpoint are tried in turn until one accepts. Each has
///   an equal part of the time.
/// * Where delivery is not sure, there are `1 + retries` attempts, each with an equal part of the time that is
///   left. Each begins with another address. If an address refuses, the same attempt tries the next one. If all
///   refuse, or the network cannot be reached, the next attempt still waits for its time, so that a server that restarts
///   meanwhile is reached.
///   A late answer to an earlier attempt counts. Only answers from the server's address count.
///
/// Raw sockets have no ports: two visits of one host at a time receive each other's packets, and take them for
/// the welcome.
///
/// Fails with the [`Error`] that says what went wrong. A bad name fails before anything is sent.
pub fn visit(endpoint: &Endpoint, name: &[u8], options: &Options) -> Result<Answer, Error> {
    let semantics = endpoint.kind().semantics();
    let mut visit = Visit::new(request(name, endpoint.kind(), options.terminator)?);
    let clock = Clock::start(options.timeout);
    let addresses = resolve(endpoint, clock)?;
    let attempts = if semantics.delivery { 1 } else { 1 + options.retries.min(RETRIES_MAX) };
    visit.connect();
    let result = if semantics.connections {
        connection::converse(&mut visit, &addresses, options.terminator, clock).map(|()| 1)
    } else {
        datagram::ask(&mut visit, &addresses, clock, attempts)
    };
    let state = visit.state();
    match &result {
        Ok(_) => {}
        Err(Error::TimedOut | Error::NotAnswered { .. } | Error::PerhapsOtherNetwork(_)) => {
            visit.end(Event::Deadline);
        }
        Err(_) => visit.end(Event::Failed),
    }
    let welcome = visit.into_welcome();
    let failure = match result {
        Ok(attempt) if !welcome.is_empty() => return Ok(Answer { welcome, attempt, attempts }),
        Ok(_) => Error::NoWelcome,
        Err(error) if state != State::ReadingWelcome => return Err(error),
        Err(error) => error,
    };
    Err(if semantics.boundaries { failure } else { failure.once_sent(options.terminator, welcome) })
}

/// The addresses of `endpoint`. A name server can take longer than the visit may, so it is asked on a thread, which is left to itself
/// then.
fn resolve(endpoint: &Endpoint, clock: Clock) -> Result<Vec<Address>, Error> {
    if !endpoint.has_name() {
        return endpoint.resolve().map_err(Error::Unresolved);
    }
    let (done, is_done) = mpsc::channel();
    let endpoint = endpoint.clone();
    let resolving = thread::Builder::new().spawn(move || done.send(endpoint.resolve()));
    resolving.map_err(Error::Unresolved)?;
    let resolved = is_done.recv_timeout(clock.left()?);
    resolved.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(Error::Unresolved)
}
