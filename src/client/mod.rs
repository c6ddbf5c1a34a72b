//! The client: connect, send a name, read the welcome, close.
//!
//! [`Visit`] is its state machine without any input or output, for whoever drives many at once;
//! [`visit`] drives one on a blocking socket.
//!
//! ```no_run
//! use std::time::Duration;
//! use welcomed::client::visit;
//!
//! let endpoint = "tcp://127.0.0.1:9999".parse().unwrap();
//! let welcome = visit(&endpoint, b"Rafatul", Duration::from_secs(5))?;
//! assert_eq!(welcome, b"welcome ");
//! # Ok::<(), welcomed::client::Error>(())
//! ```

use std::fmt;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::endpoint::{Address, Endpoint};
use crate::protocol::state::client::{Arrow, Event, Machine, State};
use crate::protocol::{NAME_MAX_BYTES, WELCOME_MAX_BYTES};

/// Visits a server: sends `name` and gives the welcome, whatever bytes it has.
///
/// The name is sent without a terminator, and the write side shut behind it, so that the server need
/// not wait to know that it has ended; an empty name is sent as an empty line. Every address of the
/// endpoint is tried in turn. `timeout`, at most a day, bounds the whole visit, but for asking a name
/// server.
///
/// Fails with the [`Error`] that says what went wrong; a bad name before anything is sent.
pub fn visit(endpoint: &Endpoint, name: &[u8], timeout: Duration) -> Result<Vec<u8>, Error> {
    let mut visit = Visit::new(request(name)?);
    let clock = Clock::start(timeout);
    let addresses = endpoint.resolve().map_err(Error::Unresolved)?;
    let addresses: Vec<SocketAddr> = addresses.iter().filter_map(Address::inet).collect();
    visit.connect();
    let result = converse(&mut visit, &addresses, &clock);
    match &result {
        Ok(()) => {}
        Err(Error::TimedOut) => visit.end(Event::Deadline),
        Err(_) => visit.end(Event::Failed),
    }
    result?;
    if visit.welcome.is_empty() { Err(Error::NoWelcome) } else { Ok(visit.welcome) }
}

/// What is sent for `name`: the name itself, or an empty line for an empty one. Fails if the name has
/// more than [`NAME_MAX_BYTES`] or a line feed in it.
pub fn request(name: &[u8]) -> Result<Vec<u8>, Error> {
    if name.len() > NAME_MAX_BYTES {
        return Err(Error::NameTooLong);
    }
    if name.contains(&b'\n') {
        return Err(Error::NameNotOneLine);
    }
    Ok(if name.is_empty() { b"\n".to_vec() } else { name.to_vec() })
}

fn converse(visit: &mut Visit, addresses: &[SocketAddr], clock: &Clock) -> Result<(), Error> {
    let mut stream = connect(addresses, clock)?;
    visit.connected();
    while visit.state() == State::SendingName {
        stream.set_write_timeout(Some(clock.left()?)).map_err(Error::Other)?;
        match stream.write(visit.outgoing()) {
            Ok(bytes) => visit.sent(bytes),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    // If the connection is broken by now, reading tells.
    let _ = stream.shutdown(Shutdown::Write);
    let mut buffer = [0; 4096];
    while visit.state() == State::ReadingWelcome {
        stream.set_read_timeout(Some(clock.left()?)).map_err(Error::Other)?;
        match stream.read(&mut buffer) {
            Ok(0) => visit.end(Event::EndOfInput),
            Ok(bytes) => visit.receive(buffer.get(..bytes).unwrap_or_default())?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The first of `addresses` that answers; the error of the last if none does. Each has its equal part of
/// what is left of the time, so that one that never answers does not keep the others from being tried.
fn connect(addresses: &[SocketAddr], clock: &Clock) -> Result<TcpStream, Error> {
    let mut failure = Error::TimedOut;
    for (address, untried) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let part = clock.left()? / u32::try_from(untried).unwrap_or(u32::MAX);
        match TcpStream::connect_timeout(address, part.max(Duration::from_millis(1))) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error.into(),
        }
    }
    Err(failure)
}

/// One conversation from the client's side, sans-IO: it is told what happened, and holds what is to be
/// sent and what has come.
#[derive(Debug)]
pub struct Visit {
    machine: Machine,
    request: Vec<u8>,
    sent: usize,
    welcome: Vec<u8>,
}

impl Visit {
    /// A visit that will send the bytes of `request`, see [`request`].
    #[must_use]
    pub fn new(request: Vec<u8>) -> Visit {
        Visit { machine: Machine::new(), request, sent: 0, welcome: Vec::new() }
    }

    /// Where the visit stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.machine.state()
    }

    /// The welcome as far as it has come.
    #[must_use]
    pub fn welcome(&self) -> &[u8] {
        &self.welcome
    }

    /// What of the request is still to be sent.
    #[must_use]
    pub fn outgoing(&self) -> &[u8] {
        self.request.get(self.sent..).unwrap_or_default()
    }

    /// Connecting has begun.
    pub fn connect(&mut self) {
        self.on(Event::Connect);
    }

    /// Connecting has succeeded.
    pub fn connected(&mut self) {
        self.on(Event::Connected);
    }

    /// The first `bytes` of [`Visit::outgoing`] have been handed to the kernel.
    pub fn sent(&mut self, bytes: usize) {
        self.sent = self.request.len().min(self.sent + bytes);
        if self.sent == self.request.len() {
            self.on(Event::NameSent);
        }
    }

    /// Bytes have come. Fails if there are more of them than a welcome has.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.welcome.len() + bytes.len() > WELCOME_MAX_BYTES {
            return Err(Error::WelcomeTooLong);
        }
        self.welcome.extend_from_slice(bytes);
        Ok(())
    }

    /// The visit ends, by the server's end of input, a deadline or a failure.
    pub fn end(&mut self, event: Event) {
        self.on(event);
    }

    fn on(&mut self, event: Event) -> Option<Arrow> {
        let arrow = self.machine.on(event)?;
        log::trace!("{arrow}");
        Some(arrow)
    }
}

/// Why there is no welcome. Shown as one line.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The name has more than [`NAME_MAX_BYTES`].
    NameTooLong,
    /// The name has a line feed in it.
    NameNotOneLine,
    /// The endpoint's host has no address.
    Unresolved(io::Error),
    /// Nobody listens there.
    Refused,
    /// It took too long.
    TimedOut,
    /// The server, or something on the way, broke the connection off.
    Reset,
    /// The server closed its side and had sent nothing.
    NoWelcome,
    /// The server sent more than [`WELCOME_MAX_BYTES`].
    WelcomeTooLong,
    /// Anything else that the system says.
    Other(io::Error),
}

impl From<io::Error> for Error {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the standard library adds kinds of errors")]
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Error::Refused,
            // A socket's own timeout is EAGAIN (socket(7), SO_RCVTIMEO).
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Error::TimedOut,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => Error::Reset,
            _ => Error::Other(error),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NameTooLong => {
                write!(f, "the name is too long: at most {NAME_MAX_BYTES} bytes are accepted")
            }
            Error::NameNotOneLine => write!(f, "the name has a line feed in it; a name is one line"),
            Error::Unresolved(error) => write!(f, "the host cannot be resolved: {error}"),
            Error::Refused => write!(f, "connection refused: nobody listens there; is the server running?"),
            Error::TimedOut => write!(f, "timed out: no whole welcome came in time"),
            Error::Reset => write!(f, "connection reset before the welcome had ended"),
            Error::NoWelcome => write!(f, "closed without a welcome"),
            Error::WelcomeTooLong => {
                write!(f, "more than {WELCOME_MAX_BYTES} bytes came: that is no welcome server")
            }
            Error::Other(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

/// How much of a visit's time is left.
struct Clock {
    end: Instant,
}

#[expect(clippy::disallowed_methods, reason = "a blocking client has no loop that could pass it the time")]
impl Clock {
    fn start(timeout: Duration) -> Clock {
        Clock { end: Instant::now() + timeout.min(Duration::from_secs(24 * 60 * 60)) }
    }

    fn left(&self) -> Result<Duration, Error> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(Error::TimedOut) } else { Ok(left) }
    }
}
