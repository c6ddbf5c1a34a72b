//! Accepting a client, or receiving a datagram: the same for both.

use std::io;
use std::time::Instant;

use super::admission::AcceptError;
use super::listener::Listener;
use super::services::Turn;
use crate::kernel::Kernel;

/// What is done at a socket, in words.
pub(crate) struct Words {
    pub(crate) accept: &'static str,
    pub(crate) accepted: &'static str,
}

/// A service that accepts clients, or receives datagrams.
pub(crate) trait Accepts<K: Kernel> {
    const WORDS: Words;

    /// Whether one more may come in now.
    fn admits(&self, turn: &Turn<K>) -> bool;

    /// Accepts and serves the client, or the datagram, that has waited longest.
    fn accept_one(&mut self, listener: &mut Listener<K::Listener>, turn: &mut Turn<K>) -> io::Result<()>;

    /// No client can be served now: pauses, logs it once an episode, and counts it.
    fn pause(&mut self, error: &io::Error, now: Instant, closed: u64);

    /// A client was lost before it was accepted.
    fn peer_lost(&mut self);
}

/// Accepts the next client of `listener`, if one waits and is admitted. Gives whether another one may be, now.
///
/// Fails if the socket itself is broken.
pub(crate) fn accept_next<K: Kernel, A: Accepts<K>>(
    service: &mut A,
    listener: &mut Listener<K::Listener>,
    turn: &mut Turn<K>,
) -> io::Result<bool> {
    if !listener.is_ready() || !service.admits(turn) {
        return Ok(false);
    }
    let Err(error) = service.accept_one(listener, turn) else {
        turn.served += 1;
        listener.served(turn.served, turn.now);
        return Ok(service.admits(turn));
    };
    match AcceptError::of(&error) {
        AcceptError::Empty => {
            listener.clear_ready();
            return Ok(false);
        }
        AcceptError::Interrupted => {}
        AcceptError::System => {
            service.pause(&error, turn.now, turn.closed);
            return Ok(service.admits(turn));
        }
        AcceptError::Peer => {
            service.peer_lost();
            log::debug!("a client was lost before it was {}: {error}", A::WORDS.accepted);
        }
        AcceptError::Fatal => {
            log::error!("cannot {} any more: {error}", A::WORDS.accept);
            return Err(error);
        }
    }
    if listener.is_asked_in_vain() {
        // Nothing but errors: whatever they are, this is an outage, and the loop does not spin on them.
        service.pause(&error, turn.now, turn.closed);
    }
    Ok(service.admits(turn))
}
