//! When the loop may accept: capacity, back-off, and what an error of accept(2) means.

use std::io;
use std::time::{Duration, Instant};

use crate::net::Cause;

/// How many clients one listening socket may bring in one turn of the loop, so that a crowd in the accept queue
/// does not keep open connections waiting.
pub(crate) const ACCEPT_BUDGET: usize = 64;

/// How long accepting pauses when the system lets no client in, unless a connection closes before.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What an error of accept(2) asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AcceptError {
    /// The accept queue is empty.
    Empty,
    /// A signal came, and a client that waited still does: transient.
    Interrupted,
    /// The client that waited is gone, or its network is: on to the next. The peer's.
    Peer,
    /// No client's: out of descriptors or memory, forbidden by a security module or a firewall's program, or nothing that a
    /// client can cause. The next one would meet it too: clients go on waiting, and so must the loop.
    System,
    /// The listening socket itself is broken.
    Fatal,
}

impl AcceptError {
    /// Sorts an error by accept(2).
    #[inline]
    pub(crate) fn of(error: &io::Error) -> AcceptError {
        match Cause::of(error) {
            Cause::WouldBlock => AcceptError::Empty,
            Cause::Interrupted => AcceptError::Interrupted,
            Cause::Socket => AcceptError::Fatal,
            // accept(2): Linux hands a network error that is already pending on the new socket to accept.
            Cause::Refused | Cause::TimedOut | Cause::Reset | Cause::Network => AcceptError::Peer,
            // Linux asks the security modules before it takes a client from the queue. ICMPv6's EACCES comes only to sockets
            // with IPV6_RECVERR.
            Cause::Exhausted
            | Cause::NoBuffers
            | Cause::Denied
            | Cause::NoSuchSocket
            | Cause::OtherKind
            | Cause::Other => AcceptError::System,
        }
    }
}

/// Decides whether a client may be accepted now. It knows numbers and moments, no sockets.
///
/// `closed` is how many connections have closed so far, of all services: descriptors belong to the process, so a
/// closed connection ends every pause that began before.
#[derive(Debug)]
pub(crate) struct Admission {
    capacity: usize,
    resume: Option<Instant>,
    /// How many connections had closed when the pause began.
    closed: u64,
    /// Whether this episode of fullness or exhaustion has been logged: it ends when the accept queues are empty.
    logged: bool,
}

impl Admission {
    /// Room for `capacity` connections.
    pub(crate) fn new(capacity: usize) -> Admission {
        Admission { capacity, resume: None, closed: 0, logged: false }
    }

    /// The most connections at a time.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Whether one more may come in while `open` are open.
    pub(crate) fn admits(&self, open: usize, now: Instant, closed: u64) -> bool {
        !self.is_full(open) && self.resume(closed).is_none_or(|resume| resume <= now)
    }

    /// When it is worth asking again although nothing else happens; `None` if only a closing connection
    /// can make room.
    pub(crate) fn asks_again(&self, open: usize, now: Instant, closed: u64) -> Option<Instant> {
        (!self.is_full(open)).then(|| self.resume(closed).unwrap_or(now))
    }

    /// Accepting cannot go on: pause, until another connection closes, or for 100 ms.
    pub(crate) fn pause(&mut self, now: Instant, closed: u64) {
        (self.resume, self.closed) = (Some(now + BACK_OFF), closed);
    }

    /// Accepting is to be tried again now.
    pub(crate) fn end_pause(&mut self) {
        self.resume = None;
    }

    /// The accept queues are empty: what comes next is another episode.
    pub(crate) fn queues_are_empty(&mut self) {
        self.end_pause();
        self.logged = false;
    }

    /// Whether `open` connections are all there may be.
    pub(crate) fn is_full(&self, open: usize) -> bool {
        open >= self.capacity
    }

    /// Whether this is the first time in this episode that clients have to wait, so that it is to be logged. From now
    /// on it is not.
    pub(crate) fn take_first_of_episode(&mut self) -> bool {
        !std::mem::replace(&mut self.logged, true)
    }

    fn resume(&self, closed: u64) -> Option<Instant> {
        self.resume.filter(|_| closed == self.closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_full_house_admits_no_client_until_one_leaves() {
        let (admission, now) = (Admission::new(2), start());
        assert!(admission.admits(1, now, 0));
        assert!(!admission.admits(2, now, 0));
        assert!(admission.is_full(2) && !admission.is_full(1));
        assert_eq!(admission.asks_again(2, now, 0), None, "time alone makes no room");
        assert_eq!(admission.asks_again(1, now, 0), Some(now));
    }

    #[test]
    fn a_pause_ends_by_itself_or_when_a_connection_closes() {
        let (mut admission, now) = (Admission::new(2), start());
        admission.pause(now, 7);
        assert!(!admission.admits(0, now, 7));
        assert_eq!(admission.asks_again(0, now, 7), Some(now + BACK_OFF));
        assert!(admission.admits(0, now + BACK_OFF, 7));
        assert!(admission.admits(0, now, 8));
    }

    #[test]
    fn a_close_before_the_pause_does_not_end_it() {
        let (mut admission, now) = (Admission::new(2), start());
        admission.pause(now, 8);
        assert!(!admission.admits(0, now, 8));
    }

    #[test]
    fn an_episode_is_logged_once() {
        let (mut admission, now) = (Admission::new(2), start());
        admission.pause(now, 0);
        assert!(admission.take_first_of_episode());
        admission.pause(now, 1);
        assert!(!admission.take_first_of_episode(), "the same clients still wait");
        admission.queues_are_empty();
        assert!(admission.take_first_of_episode());
    }

    #[test]
    fn an_error_that_is_no_clients_is_the_systems() {
        assert_eq!(AcceptError::of(&io::ErrorKind::InvalidData.into()), AcceptError::System);
        assert_eq!(AcceptError::of(&io::ErrorKind::PermissionDenied.into()), AcceptError::System);
        assert_eq!(AcceptError::of(&io::ErrorKind::WouldBlock.into()), AcceptError::Empty);
        assert_eq!(AcceptError::of(&io::ErrorKind::Interrupted.into()), AcceptError::Interrupted);
    }
}
