//! What is promised, whatever the kernel and the clients do.

use std::fmt;

/// A promise that every schedule is held to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Promise {
    /// Every connection is gone by its last deadline, and the server by that of draining.
    Deadline,
    /// Every open stream belongs to a connection, no more are open than there are places, and none is left when the
    /// clients are gone.
    NoLeak,
    /// With a free place and a client in the accept queue, accept follows within the back-off; a datagram needs no
    /// place; and no client that is ready is forgotten.
    NoStall,
    /// While a client waits at a socket and the loop has been told, no other socket of the same service is served twice. At a
    /// stop a socket has as many turns as clients can wait there, and those that come behind are served when no more are let in.
    Fairness,
    /// A client that had connected when the server was told to stop is accepted, and a datagram that had come is received.
    /// That holds while the handshake is on its way, too, for as long as the loop waits for it. Only a second request and
    /// a system that lets no client in excuse the server.
    NobodyLost,
    /// The loop never turns without progress or a wait.
    NoSpin,
    /// No client, no signal and no error of theirs ends the loop.
    Survival,
    /// Every accepted client is counted once, under an outcome that what happened to it explains.
    Counts,
    /// The service keeps [the law](crate::reactor::service), and no segment is held back while the loop waits.
    Law,
    /// No client gets anything but what it is owed, or a part of it.
    NothingElse,
    /// A service that shows the others is served until they are over, and gone 100 ms later. Its clients hold up no stop. No
    /// other service gets the descriptors that are kept back for it.
    Watching,
    /// A promise of a service's own, by its name.
    Own(&'static str),
}

impl Promise {
    /// A client that has a right to an answer gets it, whole.
    pub const ANSWER: Promise = Promise::Own("Answer");

    /// [`judge`](crate::simulation::Subject::judge) and [`audit`](crate::simulation::Subject::audit) come to a verdict. Where
    /// they panic, this is broken, and says nothing of the loop.
    pub const ORACLE: Promise = Promise::Own("Oracle");
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Promise::Deadline => f.write_str("Deadline"),
            Promise::NoLeak => f.write_str("NoLeak"),
            Promise::NoStall => f.write_str("NoStall"),
            Promise::NobodyLost => f.write_str("NobodyLost"),
            Promise::Fairness => f.write_str("Fairness"),
            Promise::NoSpin => f.write_str("NoSpin"),
            Promise::Survival => f.write_str("Survival"),
            Promise::Counts => f.write_str("Counts"),
            Promise::Law => f.write_str("Law"),
            Promise::NothingElse => f.write_str("NothingElse"),
            Promise::Watching => f.write_str("Watching"),
            Promise::Own(name) => f.write_str(name),
        }
    }
}

/// A promise that was not kept, and how. Shown as one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// Which.
    pub promise: Promise,
    /// What was seen.
    pub how: String,
}

impl Broken {
    /// `promise` was broken in this way.
    pub fn new(promise: Promise, how: impl Into<String>) -> Broken {
        Broken { promise, how: how.into() }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is broken: {}", self.promise, self.how)
    }
}

/// Ends the schedule at once, from wherever it is, because a promise is broken.
pub(super) fn broken(promise: Promise, how: String) -> ! {
    // Unwinding without the panic's message: `play` catches it and says it better.
    std::panic::resume_unwind(Box::new(Broken { promise, how }))
}
