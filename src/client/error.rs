//! Why there is no welcome.

use std::fmt;
use std::io;

use super::terminator::Terminator;
use crate::net::{Cause, Kind, Names};
use crate::services::welcome::{NAME_MAX_BYTES, WELCOME_MAX_BYTES};
use crate::text::Quoted;

/// Why there is no welcome. Shown as one line.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The name has more than [`NAME_MAX_BYTES`].
    NameTooLong,
    /// The name has a line feed in it, which ends a name over a stream.
    NameNotOneLine,
    /// The endpoint's host has no address.
    Unresolved(io::Error),
    /// No server listens there.
    Refused,
    /// There is no socket of that name.
    NoSuchSocket,
    /// The socket of that name is of another kind.
    OtherKind,
    /// This process lacks a right.
    NotPermitted {
        /// The system's error.
        error: io::Error,
        /// The right that is needed.
        takes: &'static str,
    },
    /// It took too long.
    TimedOut,
    /// Delivery is not sure, and no attempt was answered.
    NotAnswered {
        /// How many attempts were made.
        attempts: u32,
        /// Why the last of them failed, if it was not by silence.
        last: Option<Box<Error>>,
    },
    /// The server, or a device on the way, reset the connection.
    Reset,
    /// Nothing came, and the server may need another end of the name.
    OtherTerminator {
        /// What ended the visit.
        why: Box<Error>,
        /// What may be the right one.
        other: Terminator,
    },
    /// No answer came from a socket's file, whose server may have another network namespace than this process. The name of a
    /// client's socket is abstract, and means nothing there.
    PerhapsOtherNetwork(Box<Error>),
    /// Bytes came, and the visit failed before their end.
    Unended {
        /// What ended the visit.
        why: Box<Error>,
        /// The bytes that came.
        came: Vec<u8>,
    },
    /// The server closed its side without having sent a byte.
    NoWelcome,
    /// The server sent more than [`WELCOME_MAX_BYTES`].
    WelcomeTooLong,
    /// Any other error of the system.
    Other(io::Error),
}

impl Error {
    /// What `error` means where it comes from a socket of `kind`.
    pub(super) fn of(error: io::Error, kind: Kind) -> Error {
        let semantics = kind.semantics();
        match Cause::of(&error) {
            Cause::Refused => Error::Refused,
            Cause::NoSuchSocket => Error::NoSuchSocket,
            Cause::OtherKind => Error::OtherKind,
            // A socket's own timeout comes as `EAGAIN` from send(2) (socket(7), SO_SNDTIMEO).
            Cause::TimedOut | Cause::WouldBlock => Error::TimedOut,
            Cause::Reset => Error::Reset,
            Cause::Denied => match semantics.names {
                Names::Path => Error::NotPermitted { error, takes: "the right to write to the socket" },
                Names::Protocol => Error::NotPermitted { error, takes: semantics.privilege },
                Names::Port => {
                    Error::NotPermitted { error, takes: "a firewall and routes that let it through" }
                }
            },
            Cause::Interrupted
            | Cause::Exhausted
            | Cause::NoBuffers
            | Cause::Socket
            | Cause::Network
            | Cause::Other => Error::Other(error),
        }
    }

    /// The error of a visit over a stream that has sent its name, ended by `terminator`, and whose welcome came as far as
    /// `came`.
    pub(super) fn once_sent(self, terminator: Terminator, came: Vec<u8>) -> Error {
        let other = match (&self, terminator) {
            (Error::TimedOut | Error::Reset | Error::Other(_), _) if !came.is_empty() => {
                return Error::Unended { why: Box::new(self), came };
            }
            // A peer that hangs up has read the name, and closes in good order. A reset has another cause, as a source that
            // has its share of the connections.
            (Error::TimedOut, Terminator::None) | (Error::NoWelcome, Terminator::Eof) => Terminator::Lf,
            (Error::TimedOut, Terminator::Lf) => Terminator::Eof,
            _ => return self,
        };
        Error::OtherTerminator { why: Box::new(self), other }
    }

    /// Whether a later attempt over datagrams may be answered, though one has failed like this at a socket whose names are
    /// `names`. On the way to a host all can change: routes, links, neighbours, firewalls. At a path there is a socket or none.
    pub(super) fn may_pass(&self, names: Names) -> bool {
        match self {
            Error::TimedOut | Error::Refused | Error::NoSuchSocket | Error::Reset => true,
            Error::NotPermitted { .. } => names != Names::Path,
            Error::Other(error) => {
                names != Names::Path || matches!(Cause::of(error), Cause::Exhausted | Cause::NoBuffers)
            }
            Error::NameTooLong
            | Error::NameNotOneLine
            | Error::Unresolved(_)
            | Error::OtherKind
            | Error::NotAnswered { .. }
            | Error::OtherTerminator { .. }
            | Error::PerhapsOtherNetwork(_)
            | Error::Unended { .. }
            | Error::NoWelcome
            | Error::WelcomeTooLong => false,
        }
    }

    /// Whether no server listens there, which can change.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self, Error::Refused | Error::NoSuchSocket)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NameTooLong => {
                write!(f, "the name is too long: at most {NAME_MAX_BYTES} bytes are accepted")
            }
            Error::NameNotOneLine => {
                write!(f, "the name has a line feed in it; over a stream a name is one line")
            }
            Error::Unresolved(error) => write!(f, "the host cannot be resolved: {error}"),
            Error::Refused => write!(f, "connection refused: nobody listens there; is the server running?"),
            Error::NoSuchSocket => write!(f, "no such socket: nobody listens there; is the server running?"),
            Error::OtherKind => write!(f, "the socket there is of another kind"),
            Error::NotPermitted { error, takes } => write!(f, "{error}; it takes {takes}"),
            Error::TimedOut => write!(f, "timed out: no whole welcome came in time"),
            Error::NotAnswered { attempts, last } => {
                match attempts {
                    1 => write!(f, "the one attempt was not answered")?,
                    _ => write!(f, "none of {attempts} attempts was answered")?,
                }
                match last {
                    None => write!(f, " in time"),
                    Some(error) if error.is_refused() => {
                        write!(f, ": nobody listens there; is the server running?")
                    }
                    Some(error) => write!(f, ": {error}"),
                }
            }
            Error::Reset => write!(f, "connection reset before the welcome had ended"),
            Error::OtherTerminator { why, other } => write!(f, "{why}; {}", hint(why, *other)),
            Error::PerhapsOtherNetwork(why) => {
                write!(f, "{why}; a server in another network namespace cannot answer this client")
            }
            Error::Unended { why, came } => {
                write!(f, "{why}; what came is {}", Quoted(came))
            }
            Error::NoWelcome => write!(f, "closed without a welcome"),
            Error::WelcomeTooLong => {
                write!(f, "more than {WELCOME_MAX_BYTES} bytes came: that is no welcome server")
            }
            Error::Other(error) => error.fmt(f),
        }
    }
}

/// Which servers would have answered a name with another terminator.
fn hint(why: &Error, other: Terminator) -> String {
    let server = match (why, other) {
        (Error::TimedOut, Terminator::Eof) => "reads to the end of input",
        (Error::TimedOut, _) => "waits for a line",
        _ => "hangs up when the client's side is shut",
    };
    format!("a server that {server} needs the terminator {other}")
}

impl std::error::Error for Error {}
