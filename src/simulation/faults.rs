//! What can go wrong at every call: each error that the call's man page gives, and what else a kernel may do.

use std::fmt;
use std::time::Duration;

use crate::net::kind::Semantics;
use crate::net::{Cause, ErrorCode, Kind};

/// A call of the loop.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Call {
    /// accept(2).
    Accept,
    /// `epoll_wait`(2).
    Wait,
    /// `epoll_ctl`(2).
    Watch,
    /// recv(2).
    Read,
    /// recvmsg(2).
    ReadRecord,
    /// send(2).
    Write,
    /// shutdown(2).
    Shut,
    /// recvmsg(2) of a datagram.
    Receive,
    /// sendmsg(2) of a datagram.
    Send,
}

/// What happens at a call instead of what should.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It fails.
    Error(ErrorCode),
    /// It takes or gives so many bytes at most. A write can take none.
    Short(usize),
    /// Events come for every stream, and for keys and sockets that do not exist.
    Spurious,
    /// The process stands still for so long: it was stopped, or the machine slept.
    Leap(Duration),
}

/// Shown as `EAGAIN`, `short` for one byte, `short: 4 bytes`, `spurious events`, `stands still for 1s`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error(code) => code.fmt(f),
            Short(1) => f.write_str("short"),
            Short(most) => write!(f, "short: {most} bytes"),
            Spurious => f.write_str("spurious events"),
            Leap(length) => write!(f, "stands still for {length:?}"),
        }
    }
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
    pub(super) fn made_for(kinds: &[Kind]) -> Vec<Call> {
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

    /// Whether it is a call on the stream of a client, or sends a datagram to one. The others are calls on a socket of the
    /// server's, or on none.
    pub(super) fn is_for_a_client(self) -> bool {
        match self {
            Call::Watch | Call::Read | Call::ReadRecord | Call::Write | Call::Shut | Call::Send => true,
            Call::Accept | Call::Wait | Call::Receive => false,
        }
    }

    /// Everything that can go wrong and that the loop has to survive.
    pub(super) fn faults(self) -> &'static [Fault] {
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

    /// One fault for each way in which the loop can take it: for where there are too many placements to try every
    /// error.
    pub(super) fn kinds_of_faults(self) -> &'static [Fault] {
        match self {
            Call::Accept => &[
                Error(ErrorCode::Intr),
                Error(ErrorCode::Again),
                Error(ErrorCode::MFile),
                Error(ErrorCode::Perm),
                Error(ErrorCode::ConnAborted),
                Error(ErrorCode::BadF),
            ],
            Call::Wait => &[Error(ErrorCode::Intr), Spurious, LONG_LEAP],
            Call::Watch => &[Error(ErrorCode::NoSpc)],
            Call::Read => {
                &[Error(ErrorCode::Intr), Error(ErrorCode::Again), Error(ErrorCode::ConnReset), Short(1)]
            }
            Call::Write => {
                &[Error(ErrorCode::Intr), Error(ErrorCode::Again), Error(ErrorCode::Pipe), Short(1)]
            }
            Call::ReadRecord => {
                &[Error(ErrorCode::Intr), Error(ErrorCode::Again), Error(ErrorCode::ConnReset)]
            }
            Call::Shut => &[Error(ErrorCode::NotConn)],
            Call::Receive => &[
                Error(ErrorCode::Intr),
                Error(ErrorCode::Again),
                Error(ErrorCode::NoMem),
                Error(ErrorCode::ConnRefused),
                Error(ErrorCode::BadF),
            ],
            Call::Send => &[Error(ErrorCode::Intr), Error(ErrorCode::Again), Error(ErrorCode::Perm)],
        }
    }

    /// Errors after which the loop cannot go on, because its own descriptors are broken.
    pub(super) fn deadly(self) -> &'static [ErrorCode] {
        match self {
            Call::Accept | Call::Receive => &[ErrorCode::BadF, ErrorCode::Inval, ErrorCode::NotSock],
            Call::Wait => &[ErrorCode::BadF, ErrorCode::Fault, ErrorCode::Inval],
            Call::Watch | Call::Read | Call::ReadRecord | Call::Write | Call::Shut | Call::Send => &[],
        }
    }
}

/// accept(2), and how security modules forbid it. With the network errors the client is gone that it would have been.
const ACCEPT: &[Fault] = &[
    Error(ErrorCode::Access),
    Error(ErrorCode::Again),
    Error(ErrorCode::ConnAborted),
    Error(ErrorCode::Fault),
    Error(ErrorCode::Intr),
    Error(ErrorCode::MFile),
    Error(ErrorCode::NFile),
    Error(ErrorCode::NoBufs),
    Error(ErrorCode::NoMem),
    Error(ErrorCode::Perm),
    Error(ErrorCode::Proto),
    Error(ErrorCode::NetDown),
    Error(ErrorCode::NoProtoOpt),
    Error(ErrorCode::HostDown),
    Error(ErrorCode::NoNet),
    Error(ErrorCode::HostUnreach),
    Error(ErrorCode::OpNotSupp),
    Error(ErrorCode::NetUnreach),
    Error(ErrorCode::TimedOut),
    Error(ErrorCode::NoSr),
    Error(ErrorCode::ProtoNoSupport),
    Error(ErrorCode::SocktNoSupport),
];

/// `epoll_wait`(2), and what a wait can tell without an error.
const WAIT: &[Fault] = &[
    Error(ErrorCode::Intr),
    Spurious,
    Leap(Duration::from_millis(60)),
    Leap(Duration::from_secs(1)),
    LONG_LEAP,
];

/// `epoll_ctl`(2).
const WATCH: &[Fault] = &[
    Error(ErrorCode::BadF),
    Error(ErrorCode::Exist),
    Error(ErrorCode::Inval),
    Error(ErrorCode::Loop),
    Error(ErrorCode::NoEnt),
    Error(ErrorCode::NoMem),
    Error(ErrorCode::NoSpc),
    Error(ErrorCode::Perm),
];

/// recv(2), tcp(7) and ip(7).
const READ: &[Fault] = &[
    Short(1),
    Short(1),
    Error(ErrorCode::Again),
    Error(ErrorCode::BadF),
    Error(ErrorCode::ConnRefused),
    Error(ErrorCode::ConnReset),
    Error(ErrorCode::Fault),
    Error(ErrorCode::HostUnreach),
    Error(ErrorCode::Intr),
    Error(ErrorCode::Inval),
    Error(ErrorCode::NoMem),
    Error(ErrorCode::NotConn),
    Error(ErrorCode::NotSock),
    Error(ErrorCode::TimedOut),
];

/// recvmsg(2) and unix(7).
const READ_RECORD: &[Fault] = &[
    Error(ErrorCode::Again),
    Error(ErrorCode::BadF),
    Error(ErrorCode::ConnRefused),
    Error(ErrorCode::ConnReset),
    Error(ErrorCode::Fault),
    Error(ErrorCode::Intr),
    Error(ErrorCode::Intr),
    Error(ErrorCode::Inval),
    Error(ErrorCode::NoMem),
    Error(ErrorCode::NotConn),
    Error(ErrorCode::NotSock),
];

/// recvfrom(2), udp(7), ip(7) and unix(7). None of them takes a datagram away: they tell of an earlier one, or of
/// the system.
const RECEIVE: &[Fault] = &[
    Error(ErrorCode::Again),
    Error(ErrorCode::ConnRefused),
    Error(ErrorCode::Fault),
    Error(ErrorCode::HostUnreach),
    Error(ErrorCode::Intr),
    Error(ErrorCode::MsgSize),
    Error(ErrorCode::NetUnreach),
    Error(ErrorCode::NoBufs),
    Error(ErrorCode::NoMem),
    Error(ErrorCode::NotConn),
    Error(ErrorCode::Perm),
];

/// sendto(2), udp(7), ip(7) and unix(7).
const SEND: &[Fault] = &[
    Error(ErrorCode::Access),
    Error(ErrorCode::AfNoSupport),
    Error(ErrorCode::Again),
    Error(ErrorCode::Again),
    Error(ErrorCode::BadF),
    Error(ErrorCode::ConnRefused),
    Error(ErrorCode::ConnReset),
    Error(ErrorCode::DestAddrReq),
    Error(ErrorCode::Fault),
    Error(ErrorCode::HostUnreach),
    Error(ErrorCode::Intr),
    Error(ErrorCode::Intr),
    Error(ErrorCode::Inval),
    Error(ErrorCode::IsConn),
    Error(ErrorCode::MsgSize),
    Error(ErrorCode::NetUnreach),
    Error(ErrorCode::NoBufs),
    Error(ErrorCode::NoEnt),
    Error(ErrorCode::NoMem),
    Error(ErrorCode::NotConn),
    Error(ErrorCode::NotSock),
    Error(ErrorCode::OpNotSupp),
    Error(ErrorCode::Perm),
    Error(ErrorCode::Pipe),
];

/// send(2), tcp(7) and ip(7).
const WRITE: &[Fault] = &[
    Short(1),
    Short(1),
    Error(ErrorCode::Access),
    Error(ErrorCode::Again),
    Error(ErrorCode::Already),
    Error(ErrorCode::BadF),
    Error(ErrorCode::ConnReset),
    Error(ErrorCode::DestAddrReq),
    Error(ErrorCode::Fault),
    Error(ErrorCode::HostUnreach),
    Error(ErrorCode::Intr),
    Error(ErrorCode::Inval),
    Error(ErrorCode::IsConn),
    Error(ErrorCode::MsgSize),
    Error(ErrorCode::NoBufs),
    Error(ErrorCode::NoMem),
    Error(ErrorCode::NotConn),
    Error(ErrorCode::NotSock),
    Error(ErrorCode::OpNotSupp),
    Error(ErrorCode::Pipe),
    Error(ErrorCode::TimedOut),
];

/// shutdown(2).
const SHUT: &[Fault] =
    &[Error(ErrorCode::BadF), Error(ErrorCode::Inval), Error(ErrorCode::NotConn), Error(ErrorCode::NotSock)];

/// Whether an error of accept(2) leaves the client in the accept queue. Linux asks the security modules before it takes one.
pub(super) fn client_stays(code: ErrorCode) -> bool {
    match Cause::of(&code.into()) {
        Cause::WouldBlock
        | Cause::Interrupted
        | Cause::Exhausted
        | Cause::NoBuffers
        | Cause::Socket
        | Cause::Denied => true,
        Cause::Refused
        | Cause::NoSuchSocket
        | Cause::OtherKind
        | Cause::TimedOut
        | Cause::Reset
        | Cause::Network
        | Cause::Other => false,
    }
}
