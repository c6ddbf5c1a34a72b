//! One conversation from the client's side, without any input or output.

use super::error::Error;
use super::table::{Arrow, Event, Machine, State};
use super::terminator::Terminator;
use crate::net::Kind;
use crate::services::welcome::{NAME_MAX_BYTES, WELCOME_MAX_BYTES};

/// The bytes to send for `name` over a socket of `kind`. Where boundaries are kept, they are the name itself. Over a
/// stream `terminator` ends them, and an empty name is sent as an empty line.
///
/// Fails if the name has more than [`NAME_MAX_BYTES`] or, over a stream, a line feed in it.
pub fn request(name: &[u8], kind: Kind, terminator: Terminator) -> Result<Vec<u8>, Error> {
    if name.len() > NAME_MAX_BYTES {
        return Err(Error::NameTooLong);
    }
    if kind.semantics().boundaries {
        return Ok(name.to_vec());
    }
    if name.contains(&b'\n') {
        return Err(Error::NameNotOneLine);
    }
    Ok(terminator.after(name))
}

/// One conversation from the client's side, sans-IO: its methods report what happened, and it holds the bytes
/// to send and those that have come.
///
/// ```
/// use welcomed::client::{Terminator, Visit, request};
/// use welcomed::net::Kind;
/// use welcomed::client::table::State;
///
/// let mut visit = Visit::new(request(b"Rafatul", Kind::Udp, Terminator::None)?);
/// visit.connect();
/// visit.connected();
/// for _attempt in 0..2 {
///     visit.retry(); // does nothing before the first
///     visit.sent(visit.outgoing().len());
/// }
/// visit.receive_record(b"welcome ")?;
/// assert_eq!((visit.state(), visit.welcome()), (State::Closed, &b"welcome "[..]));
/// # Ok::<(), welcomed::client::Error>(())
/// ```
#[derive(Debug)]
pub struct Visit {
    machine: Machine,
    request: Vec<u8>,
    sent: usize,
    welcome: Vec<u8>,
}

impl Visit {
    /// A visit that will send `request`, as [`request()`] gives it.
    #[must_use]
    pub fn new(request: Vec<u8>) -> Visit {
        Visit { machine: Machine::new(), request, sent: 0, welcome: Vec::new() }
    }

    /// The state of the visit.
    #[must_use]
    pub fn state(&self) -> State {
        self.machine.state()
    }

    /// The whole request: every attempt sends it once.
    #[must_use]
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// The welcome as far as it has come.
    #[must_use]
    pub fn welcome(&self) -> &[u8] {
        &self.welcome
    }

    /// The welcome as far as it has come, at the end of the visit.
    #[must_use]
    pub fn into_welcome(self) -> Vec<u8> {
        self.welcome
    }

    /// The part of the request that is still to be sent.
    #[must_use]
    pub fn outgoing(&self) -> &[u8] {
        self.request.get(self.sent..).unwrap_or_default()
    }

    /// Connecting has begun.
    pub fn connect(&mut self) {
        self.on(Event::Connect);
    }

    /// Connecting has succeeded. Without connections: the socket can send.
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

    /// The welcome has not come, and delivery is not sure: the request is to be sent once more.
    pub fn retry(&mut self) {
        if self.on(Event::Retry).is_some() {
            self.sent = 0;
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

    /// A record has come: it is the welcome, and ends the visit. Fails if it is longer than a welcome.
    pub fn receive_record(&mut self, record: &[u8]) -> Result<(), Error> {
        self.receive(record)?;
        self.on(Event::Record);
        Ok(())
    }

    /// The visit ends, by the server's end of input, a deadline or a failure.
    pub fn end(&mut self, event: Event) {
        self.on(event);
    }

    fn on(&mut self, event: Event) -> Option<Arrow> {
        let moved = self.machine.on(event);
        debug_assert!(moved.is_ok(), "{moved:?}");
        let arrow = moved.ok().flatten()?;
        log::trace!("{arrow}");
        Some(arrow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connected(name: &[u8], kind: Kind) -> Visit {
        let mut visit = Visit::new(request(name, kind, Terminator::usual(kind)).unwrap());
        visit.connect();
        visit.connected();
        visit
    }

    #[test]
    fn a_request_over_a_stream_is_one_line_and_a_record_any_bytes() {
        for kind in Kind::ALL {
            let keeps = kind.semantics().boundaries;
            let request = |name: &[u8]| request(name, *kind, Terminator::usual(*kind));
            assert_eq!(request(b"Ada").unwrap(), if keeps { &b"Ada"[..] } else { b"Ada\n" });
            assert_eq!(request(b"").unwrap(), if keeps { &b""[..] } else { b"\n" });
            assert_eq!(request(b"a\nb").is_ok(), keeps);
            assert_eq!(request(&[b'x'; NAME_MAX_BYTES]).unwrap(), [b'x'; NAME_MAX_BYTES]);
            assert!(matches!(request(&[b'x'; NAME_MAX_BYTES + 1]), Err(Error::NameTooLong)));
        }
    }

    #[test]
    fn no_terminator_takes_a_byte_of_the_name() {
        let long = [b'x'; NAME_MAX_BYTES];
        for (name, lf, none) in [
            (&b"Ada\r"[..], &b"Ada\r\r\n"[..], &b"Ada\r"[..]),
            (b"\r", b"\r\r\n", b"\r"),
            (b"", b"\n", b"\n"),
            (&long[1..], &[&long[1..], b"\n"].concat(), &long[1..]),
            (&long, &long, &long),
        ] {
            let request = |terminator| request(name, Kind::Tcp, terminator).unwrap();
            assert_eq!(request(Terminator::Lf), lf);
            assert_eq!((request(Terminator::None), request(Terminator::Eof)), (none.to_vec(), none.to_vec()));
        }
        // The last two bytes of 1,024: the server cuts the name there, and drops one carriage return.
        let name = [&long[2..], b"\r"].concat();
        assert_eq!(request(&name, Kind::Tcp, Terminator::Lf).unwrap(), [&name[..], b"\r"].concat());
    }

    #[test]
    fn a_retry_resends_the_whole_request_once_it_was_sent() {
        for name in [&b"Ada"[..], b""] {
            let mut visit = connected(name, Kind::Udp);
            visit.retry();
            assert_eq!(visit.state(), State::SendingName);
            visit.sent(name.len());
            assert_eq!((visit.state(), visit.outgoing()), (State::ReadingWelcome, &b""[..]));
            visit.retry();
            assert_eq!((visit.state(), visit.outgoing()), (State::SendingName, name));
        }
    }

    #[test]
    fn a_record_ends_the_visit_unless_it_is_longer_than_a_welcome() {
        let mut visit = connected(b"Ada", Kind::UnixPacket);
        visit.sent(3);
        assert!(matches!(
            visit.receive_record(&vec![b'w'; WELCOME_MAX_BYTES + 1]),
            Err(Error::WelcomeTooLong)
        ));
        assert_eq!((visit.state(), visit.welcome()), (State::ReadingWelcome, &b""[..]));
        visit.receive_record(b"welcome ").unwrap();
        assert_eq!((visit.state(), visit.welcome()), (State::Closed, &b"welcome "[..]));
    }
}
