//! What the loop promises, whatever happens to it.

use std::fmt;

/// A promise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Promise {
    /// A client that sent a name in time and stayed gets one welcome, whole, and then a clean end of input. A
    /// datagram that came gets one welcome, unless there was no room for it: then it is counted as dropped.
    Welcome,
    /// Nobody gets anything but a part of its own welcome: the whole where boundaries are kept, and once. A
    /// welcome gets none.
    NothingElse,
    /// Every connection is gone by its last deadline, and the server by that of draining.
    Deadline,
    /// Every open stream belongs to a connection, no more are open than may be, and none is left when the clients are gone.
    NoLeak,
    /// With room and a client in the queue, accept follows within the back-off; a datagram needs no room; and
    /// nobody inside is forgotten who is ready.
    NoStall,
    /// The loop never turns without progress or a wait.
    NoSpin,
    /// No client, no signal and no errno of theirs ends the loop.
    Survival,
    /// The counts add up to the clients, and every change of state is an arrow of the table.
    Counts,
}

impl Promise {
    pub(crate) const ALL: [Promise; 8] = [
        Promise::Welcome,
        Promise::NothingElse,
        Promise::Deadline,
        Promise::NoLeak,
        Promise::NoStall,
        Promise::NoSpin,
        Promise::Survival,
        Promise::Counts,
    ];
}

/// A promise that was not kept.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) promise: Promise,
    pub(crate) how: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is broken: {}", self.promise, self.how)
    }
}

/// Ends the schedule at once, from wherever it is, because a promise is broken.
pub(crate) fn broken(promise: Promise, how: String) -> ! {
    // Unwinding without the panic's message: whoever plays the schedule catches it and says it better.
    std::panic::resume_unwind(Box::new(Broken { promise, how }))
}
