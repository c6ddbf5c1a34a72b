//! What can go wrong at every call: each error that the call's man page gives, and what else a kernel may do.

use std::time::Duration;

use rustix::io::Errno;
use welcomed::net::Kind;
use welcomed::net::kind::Semantics;

/// A call of the loop.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Call {
    Accept,
    Wait,
    Watch,
    Read,
    ReadRecord,
    Write,
    Shut,
    Receive,
    Send,
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
    const ALL: [Call; 9] = [
        Call::Accept,
        Call::Wait,
        Call::Watch,
        Call::Read,
        Call::ReadRecord,
        Call::Write,
        Call::Shut,
        Call::Receive,
        Call::Send,
    ];

    /// The calls that a loop makes that serves such sockets.
    pub(crate) fn made_for(kinds: &[Kind]) -> Vec<Call> {
        let made = |call: &Call| kinds.iter().any(|kind| call.is_made_for(*kind));
        Call::ALL.into_iter().filter(made).collect()
    }

    fn is_made_for(self, kind: Kind) -> bool {
        let Semantics { connections, boundaries, .. } = *kind.semantics();
        match self {
            Call::Wait => true,
            Call::Accept | Call::Watch | Call::Write | Call::Shut => connections,
            Call::Read => !boundaries,
            Call::ReadRecord => connections && boundaries,
            Call::Receive | Call::Send => !connections,
        }
    }

    /// Everything that can go wrong and that the loop has to survive.
    pub(crate) fn faults(self) -> &'static [Fault] {
        match self {
            Call::Accept => ACCEPT,
            Call::Wait => WAIT,
            Call::Watch => WATCH,
            Call::Read => READ,
            Call::ReadRecord => READ_RECORD,
            Call::Write => WRITE,
            Call::Shut => SHUT,
            Call::Receive => RECEIVE,
            Call::Send => SEND,
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
            Call::ReadRecord => &[Error(Errno::INTR), Error(Errno::AGAIN), Error(Errno::CONNRESET)],
            Call::Shut => &[Error(Errno::NOTCONN)],
            Call::Receive => &[
                Error(Errno::INTR),
                Error(Errno::AGAIN),
                Error(Errno::NOMEM),
                Error(Errno::CONNREFUSED),
                Error(Errno::BADF),
            ],
            Call::Send => &[Error(Errno::INTR), Error(Errno::AGAIN), Error(Errno::PERM)],
        }
    }

    /// Errors after which the loop cannot go on, because its own descriptors are broken.
    pub(crate) fn deadly(self) -> &'static [Errno] {
        match self {
            Call::Accept | Call::Receive => &[Errno::BADF, Errno::INVAL, Errno::NOTSOCK],
            Call::Wait => &[Errno::BADF, Errno::FAULT, Errno::INVAL],
            Call::Watch | Call::Read | Call::ReadRecord | Call::Write | Call::Shut | Call::Send => &[],
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

/// recvmsg(2) and unix(7).
const READ_RECORD: &[Fault] = &[
    Error(Errno::AGAIN),
    Error(Errno::BADF),
    Error(Errno::CONNREFUSED),
    Error(Errno::CONNRESET),
    Error(Errno::FAULT),
    Error(Errno::INTR),
    Error(Errno::INTR),
    Error(Errno::INVAL),
    Error(Errno::NOMEM),
    Error(Errno::NOTCONN),
    Error(Errno::NOTSOCK),
];

/// recvfrom(2), udp(7), ip(7) and unix(7). None of them takes a datagram away: what is told is what became of
/// an earlier one, or of the system.
const RECEIVE: &[Fault] = &[
    Error(Errno::AGAIN),
    Error(Errno::CONNREFUSED),
    Error(Errno::FAULT),
    Error(Errno::HOSTUNREACH),
    Error(Errno::INTR),
    Error(Errno::MSGSIZE),
    Error(Errno::NETUNREACH),
    Error(Errno::NOBUFS),
    Error(Errno::NOMEM),
    Error(Errno::NOTCONN),
    Error(Errno::PERM),
];

/// sendto(2), udp(7), ip(7) and unix(7).
const SEND: &[Fault] = &[
    Error(Errno::ACCESS),
    Error(Errno::AFNOSUPPORT),
    Error(Errno::AGAIN),
    Error(Errno::AGAIN),
    Error(Errno::BADF),
    Error(Errno::CONNREFUSED),
    Error(Errno::CONNRESET),
    Error(Errno::DESTADDRREQ),
    Error(Errno::FAULT),
    Error(Errno::HOSTUNREACH),
    Error(Errno::INTR),
    Error(Errno::INTR),
    Error(Errno::INVAL),
    Error(Errno::ISCONN),
    Error(Errno::MSGSIZE),
    Error(Errno::NETUNREACH),
    Error(Errno::NOBUFS),
    Error(Errno::NOENT),
    Error(Errno::NOMEM),
    Error(Errno::NOTCONN),
    Error(Errno::NOTSOCK),
    Error(Errno::OPNOTSUPP),
    Error(Errno::PERM),
    Error(Errno::PIPE),
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
