//! A visit over a connection.

use super::clock::Clock;
use super::error::Error;
use super::socket::{self, BUFFER_BYTES, Socket};
use super::table::{Event, State};
use super::terminator::Terminator;
use super::visit::Visit;
use crate::net::Address;

/// Connects to one of `addresses`, sends the name, which `terminator` ends over a stream, and reads the welcome to its
/// end.
pub(super) fn converse(
    visit: &mut Visit,
    addresses: &[Address],
    terminator: Terminator,
    clock: Clock,
) -> Result<(), Error> {
    let socket = connect(addresses, clock)?;
    visit.connected();
    while visit.state() == State::SendingName {
        visit.sent(socket.send(visit.outgoing(), clock)?);
    }
    let keeps_boundaries = socket.kind().semantics().boundaries;
    if terminator == Terminator::Eof && !keeps_boundaries {
        socket.shutdown_write();
    }
    let mut buffer = vec![0; BUFFER_BYTES];
    while visit.state() == State::ReadingWelcome {
        socket::wait(std::slice::from_ref(&socket), clock)?;
        match socket.receive(&mut buffer)? {
            None => {}
            // Where boundaries are kept, this can be an empty record, which is no welcome either.
            Some([]) => visit.end(Event::EndOfInput),
            Some(record) if keeps_boundaries => visit.receive_record(record)?,
            Some(bytes) => visit.receive(bytes)?,
        }
    }
    Ok(())
}

/// A connection to the first of `addresses` that accepts; the error of the last if none does.
///
/// Each address has an equal part of the time that is left, so that a silent one leaves time for the others.
fn connect(addresses: &[Address], clock: Clock) -> Result<Socket, Error> {
    let mut failure = Error::TimedOut;
    for (address, untried) in addresses.iter().zip((1..=addresses.len()).rev()) {
        clock.left()?;
        let part = clock.part(u32::try_from(untried).unwrap_or(u32::MAX));
        let connected = Socket::open(address).and_then(|mut socket| socket.connect(part).map(|()| socket));
        match connected {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
