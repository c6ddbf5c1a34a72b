//! A visit over datagrams: nobody has promised that they arrive, so the name is sent until it is answered.

use super::socket::{self, Socket};
use super::{BUFFER_BYTES, Clock, Error, Visit};
use crate::client::table::State;
use crate::net::Address;

/// Sends the name up to `attempts` times and gives the number of the attempt during which the welcome came.
pub(super) fn ask(
    visit: &mut Visit,
    addresses: &[Address],
    clock: Clock,
    attempts: u32,
) -> Result<u32, Error> {
    let mut asking = Asking { sockets: open(addresses)?, buffer: vec![0; BUFFER_BYTES], visit };
    asking.visit.connected();
    let mut failure = Error::TimedOut;
    for attempt in 1..=attempts {
        let part = clock.part(attempts - attempt + 1);
        failure = match asking.attempt(attempt - 1, part) {
            Ok(()) => return Ok(attempt),
            Err(error @ (Error::TimedOut | Error::Refused | Error::NoSuchSocket)) => error,
            Err(error) => return Err(error),
        };
        if attempt < attempts {
            // What is left of this attempt's time: somebody may listen when the next begins, and an earlier
            // one may still be answered.
            match asking.hear(None, part) {
                Ok(()) => return Ok(attempt),
                Err(Error::TimedOut) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Err(Error::NotAnswered { attempts, nobody_listens: failure.says_that_nobody_listens() })
}

/// A socket for each of `addresses` that one can be had for; the error of the last if there is none.
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
struct Asking<'a> {
    visit: &'a mut Visit,
    sockets: Vec<Socket>,
    buffer: Vec<u8>,
}

impl Asking<'_> {
    /// Sends the name to one address after the other, a different one first at every attempt, until one is
    /// silent or answers.
    ///
    /// Fails with [`Error::TimedOut`] when the attempt is over, and else with what the addresses say: that
    /// nobody listens, if one of them says so.
    fn attempt(&mut self, before: u32, clock: Clock) -> Result<(), Error> {
        let count = self.sockets.len();
        let first = usize::try_from(before).unwrap_or_default();
        let mut failure = Error::TimedOut;
        for index in (first..first + count).map(|index| index % count) {
            match self.send(index, clock).and_then(|()| self.hear(Some(index), clock)) {
                Ok(()) => return Ok(()),
                Err(Error::TimedOut) => return Err(Error::TimedOut),
                Err(_) if failure.says_that_nobody_listens() => {}
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Sends the name to one address.
    fn send(&mut self, index: usize, clock: Clock) -> Result<(), Error> {
        let Some(socket) = self.sockets.get_mut(index) else { return Ok(()) };
        // Nothing is sent by this. But whoever listens at a path now need not be who did so before.
        socket.connect(clock)?;
        socket.send_datagram(self.visit.request(), clock)?;
        // Only now: as long as it cannot be sent again, what was sent before may be answered.
        self.visit.retry();
        self.visit.sent(self.visit.outgoing().len());
        Ok(())
    }

    /// Waits until the welcome has come, from whichever address. What goes wrong ends the waiting if it does
    /// so at the socket `asked`.
    fn hear(&mut self, asked: Option<usize>, clock: Clock) -> Result<(), Error> {
        loop {
            socket::wait(&self.sockets, clock)?;
            for (index, socket) in self.sockets.iter_mut().enumerate() {
                match socket.receive_datagram(&mut self.buffer) {
                    Ok(Some(welcome @ [_, ..])) if self.visit.state() == State::ReadingWelcome => {
                        return self.visit.receive_record(welcome);
                    }
                    Err(error) if asked == Some(index) => return Err(error),
                    // An empty one is no welcome, and neither is one that comes before the name was sent.
                    Ok(_) | Err(_) => {}
                }
            }
        }
    }
}
