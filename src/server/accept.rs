//! When the loop may accept: capacity, back-off, and what an error of accept(2) means.

use std::io;
use std::time::{Duration, Instant};

use rustix::io::Errno;

/// How many clients one listening socket may bring in one turn of the loop, so that a crowd at the door
/// does not keep those inside waiting.
pub(crate) const ACCEPT_BUDGET: usize = 64;

/// How long accepting pauses when the system is out of descriptors or memory, unless a connection closes
/// before.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What an error of accept(2) asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trouble {
    /// Nobody waits any more.
    NobodyWaits,
    /// None at all: a signal came, and whoever waited still does.
    Interrupted,
    /// The client that waited is gone, or its network is: on to the next.
    Peers,
    /// Out of descriptors or memory: the client goes on waiting, and so must the loop.
    Exhausted,
    /// The listening socket itself is broken.
    Listeners,
}

impl Trouble {
    /// Sorts an error by accept(2).
    pub(crate) fn of(error: &io::Error) -> Trouble {
        match Errno::from_io_error(error) {
            _ if error.kind() == io::ErrorKind::WouldBlock => Trouble::NobodyWaits,
            Some(Errno::INTR) => Trouble::Interrupted,
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => Trouble::Exhausted,
            Some(Errno::BADF | Errno::INVAL | Errno::NOTSOCK) => Trouble::Listeners,
            // Linux hands a network error that is already pending on the new socket to accept.
            _ => Trouble::Peers,
        }
    }
}

/// Decides whether a client may be accepted now. It knows numbers and moments, no sockets.
#[derive(Debug)]
pub(crate) struct Gate {
    capacity: usize,
    resume: Option<Instant>,
    /// Whether this episode of fullness or exhaustion has been said: it ends when nobody waits.
    said: bool,
}

impl Gate {
    /// An open gate with room for `capacity` connections.
    pub(crate) fn new(capacity: usize) -> Gate {
        Gate { capacity, resume: None, said: false }
    }

    /// Whether one more may come in while `open` are inside.
    pub(crate) fn admits(&self, open: usize, now: Instant) -> bool {
        open < self.capacity && self.resume.is_none_or(|resume| resume <= now)
    }

    /// When it is worth asking again although nothing else happens; `None` if only a closing connection
    /// can make room.
    pub(crate) fn asks_again(&self, open: usize, now: Instant) -> Option<Instant> {
        (open < self.capacity).then(|| self.resume.unwrap_or(now))
    }

    /// Accepting cannot go on: pause.
    pub(crate) fn pause(&mut self, now: Instant) {
        self.resume = Some(now + BACK_OFF);
    }

    /// A connection has closed, and with it a descriptor is free.
    pub(crate) fn connection_closed(&mut self) {
        self.resume = None;
    }

    /// Nobody waits at any socket: what comes next is another episode.
    pub(crate) fn nobody_waits(&mut self) {
        self.resume = None;
        self.said = false;
    }

    /// Whether `open` connections are all there may be.
    pub(crate) fn is_full(&self, open: usize) -> bool {
        open >= self.capacity
    }

    /// Whether that clients have to wait has not been said yet in this episode. It has, from now on.
    pub(crate) fn is_news(&mut self) -> bool {
        !std::mem::replace(&mut self.said, true)
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
    fn a_full_house_admits_nobody_until_someone_leaves() {
        let (gate, now) = (Gate::new(2), start());
        assert!(gate.admits(1, now));
        assert!(!gate.admits(2, now));
        assert!(gate.is_full(2) && !gate.is_full(1));
        assert_eq!(gate.asks_again(2, now), None, "time alone makes no room");
        assert_eq!(gate.asks_again(1, now), Some(now));
    }

    #[test]
    fn a_pause_ends_by_itself_or_when_a_connection_closes() {
        let (mut gate, now) = (Gate::new(2), start());
        gate.pause(now);
        assert!(!gate.admits(0, now));
        assert_eq!(gate.asks_again(0, now), Some(now + BACK_OFF));
        assert!(gate.admits(0, now + BACK_OFF));
        gate.connection_closed();
        assert!(gate.admits(0, now));
    }

    #[test]
    fn an_episode_is_news_once() {
        let (mut gate, now) = (Gate::new(2), start());
        gate.pause(now);
        assert!(gate.is_news());
        gate.connection_closed();
        gate.pause(now);
        assert!(!gate.is_news(), "the same clients still wait");
        gate.nobody_waits();
        assert!(gate.is_news());
    }

    #[test]
    fn errors_are_sorted_as_accept_2_has_them() {
        let trouble = |errno: Errno| Trouble::of(&errno.into());
        assert_eq!(trouble(Errno::AGAIN), Trouble::NobodyWaits);
        assert_eq!(trouble(Errno::INTR), Trouble::Interrupted);
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            assert_eq!(trouble(errno), Trouble::Exhausted, "{errno}");
        }
        for errno in [Errno::BADF, Errno::INVAL, Errno::NOTSOCK] {
            assert_eq!(trouble(errno), Trouble::Listeners, "{errno}");
        }
        for errno in [
            Errno::CONNABORTED,
            Errno::PROTO,
            Errno::PERM,
            Errno::NETDOWN,
            Errno::NETUNREACH,
            Errno::HOSTDOWN,
            Errno::HOSTUNREACH,
            Errno::NONET,
            Errno::NOPROTOOPT,
            Errno::OPNOTSUPP,
            Errno::TIMEDOUT,
        ] {
            assert_eq!(trouble(errno), Trouble::Peers, "{errno}");
        }
    }
}
