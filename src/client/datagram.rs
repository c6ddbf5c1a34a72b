//! A visit over datagrams: they can be lost, so the name is sent until it is answered.

use super::clock::Clock;
use super::error::Error;
use super::socket::{self, BUFFER_BYTES, Socket};
use super::table::State;
use super::visit::Visit;
use crate::net::{Address, Name, Names, UnixName};

/// Sends the name up to `attempts` times and gives the number of the attempt during which the welcome came. An error of
/// the network ends its own attempt alone.
pub(super) fn ask(
    visit: &mut Visit,
    addresses: &[Address],
    clock: Clock,
    attempts: u32,
) -> Result<u32, Error> {
    let mut exchange = Exchange { sockets: open(addresses)?, buffer: vec![0; BUFFER_BYTES], visit };
    exchange.visit.connected();
    let names = addresses.first().map_or(Names::Port, |address| address.kind.semantics().names);
    let mut failure = Error::TimedOut;
    for attempt in 1..=attempts {
        let part = clock.part(attempts - attempt + 1);
        failure = match exchange.attempt(attempt - 1, part) {
            Ok(()) => return Ok(attempt),
            Err(error) if error.may_pass(names) => error,
            Err(error) => return Err(error),
        };
        if attempt < attempts {
            // The rest of this attempt's time: a server may be up when the next begins, and an earlier attempt
            // may still be answered.
            match exchange.receive(None, part) {
                Ok(()) => return Ok(attempt),
                Err(Error::TimedOut) => {}
                Err(error) => return Err(error),
            }
        }
    }
    let is_silent = matches!(failure, Error::TimedOut);
    let last = (!is_silent).then(|| Box::new(failure));
    let not_answered = Error::NotAnswered { attempts, last };
    let has_file = |address: &Address| matches!(address.name, Name::Unix(UnixName::Path(_)));
    let may_be_elsewhere = is_silent && addresses.iter().any(has_file);
    Err(if may_be_elsewhere { Error::PerhapsOtherNetwork(Box::new(not_answered)) } else { not_answered })
}

/// A socket for each of `addresses`, where one can be opened; the error of the last if none can.
fn open(addresses: &[Address]) -> Result<Vec<Socket>, Error> {
    let mut sockets = Vec::new();
    let mut failure = None;
    for address in addresses {
        match Socket::open(address) {
            Ok(socket) => sockets.push(socket),
            Err(error) => failure = Some(error),
        }
    }
    failure.filter(|_| sockets.is_empty()).map_or(Ok(sockets), Err)
}

/// A visit and its sockets, one for each address.
struct Exchange<'a> {
    visit: &'a mut Visit,
    sockets: Vec<Socket>,
    buffer: Vec<u8>,
}

impl Exchange<'_> {
    /// Sends the name to one address after the other until one answers or is silent. Each attempt begins with
    /// another address.
    ///
    /// Fails with [`Error::TimedOut`] when the attempt's time is over. If every address gave an error, it fails
    /// with the first refusal among them, or else with the last error.
    fn attempt(&mut self, before: u32, clock: Clock) -> Result<(), Error> {
        let count = self.sockets.len();
        let first = usize::try_from(before).unwrap_or_default();
        let mut failure = Error::TimedOut;
        for index in (first..first + count).map(|index| index % count) {
            match self.send(index, clock).and_then(|()| self.receive(Some(index), clock)) {
                Ok(()) => return Ok(()),
                Err(Error::TimedOut) => return Err(Error::TimedOut),
                Err(_) if failure.is_refused() => {}
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Sends the name to one address.
    fn send(&mut self, index: usize, clock: Clock) -> Result<(), Error> {
        let Some(socket) = self.sockets.get_mut(index) else { return Ok(()) };
        // This sends nothing. At a path there can be another socket than at the attempt before.
        socket.connect(clock)?;
        socket.send_datagram(self.visit.request(), clock)?;
        // Only now: if sending fails, an earlier attempt may still be answered.
        self.visit.retry();
        self.visit.sent(self.visit.outgoing().len());
        Ok(())
    }

    /// Waits until the welcome has come, from any address. Only an error at the socket `asked` ends the wait.
    fn receive(&mut self, asked: Option<usize>, clock: Clock) -> Result<(), Error> {
        loop {
            socket::wait(&self.sockets, clock)?;
            for (index, socket) in self.sockets.iter_mut().enumerate() {
                match socket.receive_datagram(&mut self.buffer) {
                    Ok(Some(welcome @ [_, ..])) if self.visit.state() == State::ReadingWelcome => {
                        return self.visit.receive_record(welcome);
                    }
                    Err(error) if asked == Some(index) => return Err(error),
                    // An empty datagram is no welcome, nor is one that comes before the name was sent.
                    Ok(_) | Err(_) => {}
                }
            }
        }
    }
}
