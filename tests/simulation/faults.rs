//! What can go wrong at every call: each error that the call's man page gives, and what else a kernel may do.

use std::time::Duration;

use rustix::io::Errno;

/// A call of the loop.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Call {
    Accept,
    Wait,
    Watch,
    Read,
    Write,
    Shut,
}

/// What happens at a call instead of what should.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// It fails.
    Error(Errno),
    /// It takes or gives one byte, and no more.
    Short,
    /// Events come for everybody and for keys that nobody has.
    Spurious,
    /// The process was stopped, and time has passed it by.
    Leap(Duration),
}

use Fault::{Error, Leap, Short, Spurious};

/// Longer than any deadline.
const LONG_LEAP: Fault = Leap(Duration::from_secs(100));

impl Call {
    pub(crate) const ALL: [Call; 6] =
        [Call::Accept, Call::Wait, Call::Watch, Call::Read, Call::Write, Call::Shut];

    /// Everything that can go wrong and that the loop has to survive.
    pub(crate) fn faults(self) -> &'static [Fault] {
        match self {
            Call::Accept => ACCEPT,
            Call::Wait => WAIT,
            Call::Watch => WATCH,
            Call::Read => READ,
            Call::Write => WRITE,
            Call::Shut => SHUT,
        }
    }

    /// One fault for each way in which the loop can take it: for where there are too many placements to
    /// try every error.
    pub(crate) fn kinds_of_faults(self) -> &'static [Fault] {
        match self {
            Call::Accept => &[
                Error(Errno::INTR),
                Error(Errno::AGAIN),
                Error(Errno::MFILE),
                Error(Errno::CONNABORTED),
                Error(Errno::BADF),
            ],
            Call::Wait => &[Error(Errno::INTR), Spurious, LONG_LEAP],
            Call::Watch => &[Error(Errno::NOSPC)],
            Call::Read => &[Error(Errno::INTR), Error(Errno::AGAIN), Error(Errno::CONNRESET), Short],
            Call::Write => &[Error(Errno::INTR), Error(Errno::AGAIN), Error(Errno::PIPE), Short],
            Call::Shut => &[Error(Errno::NOTCONN)],
        }
    }

    /// Errors after which the loop cannot go on, because its own descriptors are broken.
    pub(crate) fn deadly(self) -> &'static [Errno] {
        match self {
            Call::Accept => &[Errno::BADF, Errno::INVAL, Errno::NOTSOCK],
            Call::Wait => &[Errno::BADF, Errno::FAULT, Errno::INVAL],
            Call::Watch | Call::Read | Call::Write | Call::Shut => &[],
        }
    }
}

/// accept(2). With the network errors the client is gone that it would have been.
const ACCEPT: &[Fault] = &[
    Error(Errno::AGAIN),
    Error(Errno::CONNABORTED),
    Error(Errno::FAULT),
    Error(Errno::INTR),
    Error(Errno::MFILE),
    Error(Errno::NFILE),
    Error(Errno::NOBUFS),
    Error(Errno::NOMEM),
    Error(Errno::PERM),
    Error(Errno::PROTO),
    Error(Errno::NETDOWN),
    Error(Errno::NOPROTOOPT),
    Error(Errno::HOSTDOWN),
    Error(Errno::NONET),
    Error(Errno::HOSTUNREACH),
    Error(Errno::OPNOTSUPP),
    Error(Errno::NETUNREACH),
    Error(Errno::TIMEDOUT),
    Error(Errno::NOSR),
    Error(Errno::PROTONOSUPPORT),
    Error(Errno::SOCKTNOSUPPORT),
];

/// `epoll_wait`(2), and what a wait can tell without an error.
const WAIT: &[Fault] =
    &[Error(Errno::INTR), Spurious, Leap(Duration::from_millis(60)), Leap(Duration::from_secs(1)), LONG_LEAP];

/// `epoll_ctl`(2).
const WATCH: &[Fault] = &[
    Error(Errno::BADF),
    Error(Errno::EXIST),
    Error(Errno::INVAL),
    Error(Errno::LOOP),
    Error(Errno::NOENT),
    Error(Errno::NOMEM),
    Error(Errno::NOSPC),
    Error(Errno::PERM),
];

/// recv(2), tcp(7) and ip(7).
const READ: &[Fault] = &[
    Short,
    Short,
    Error(Errno::AGAIN),
    Error(Errno::BADF),
    Error(Errno::CONNREFUSED),
    Error(Errno::CONNRESET),
    Error(Errno::FAULT),
    Error(Errno::HOSTUNREACH),
    Error(Errno::INTR),
    Error(Errno::INVAL),
    Error(Errno::NOMEM),
    Error(Errno::NOTCONN),
    Error(Errno::NOTSOCK),
    Error(Errno::TIMEDOUT),
];

/// send(2), tcp(7) and ip(7).
const WRITE: &[Fault] = &[
    Short,
    Short,
    Error(Errno::ACCESS),
    Error(Errno::AGAIN),
    Error(Errno::ALREADY),
    Error(Errno::BADF),
    Error(Errno::CONNRESET),
    Error(Errno::DESTADDRREQ),
    Error(Errno::FAULT),
    Error(Errno::HOSTUNREACH),
    Error(Errno::INTR),
    Error(Errno::INVAL),
    Error(Errno::ISCONN),
    Error(Errno::MSGSIZE),
    Error(Errno::NOBUFS),
    Error(Errno::NOMEM),
    Error(Errno::NOTCONN),
    Error(Errno::NOTSOCK),
    Error(Errno::OPNOTSUPP),
    Error(Errno::PIPE),
    Error(Errno::TIMEDOUT),
];

/// shutdown(2).
const SHUT: &[Fault] =
    &[Error(Errno::BADF), Error(Errno::INVAL), Error(Errno::NOTCONN), Error(Errno::NOTSOCK)];

/// Whether an error of accept(2) leaves the client in the queue.
pub(crate) fn client_stays(errno: Errno) -> bool {
    [
        Errno::AGAIN,
        Errno::INTR,
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOBUFS,
        Errno::NOMEM,
        Errno::PERM,
        Errno::BADF,
        Errno::INVAL,
        Errno::NOTSOCK,
    ]
    .contains(&errno)
}
